"""What a policy is. The policies themselves are in `controller.policies`, a file each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from controller.by_destination import ByDestination
from controller.network import Design, Network
from controller.repair import Protection

DesignMaker = Callable[[Network, Protection], Design]


@dataclass(frozen=True, slots=True)
class Policy:
    """How the network forwards and heals.

    protection: against what the switches themselves repair, without the controller.
    restores: whether the controller sends new rules when a span fails or returns.
    reoptimises: whether that is a move without loss behind local repair, not one at once.
    design: computes the rules; by default the shortest paths, repaired as `protection` says.
    app: the name of a Ryu application that runs in place of the controller, unmodified;
    the fields above mean nothing then.
    """

    name: str
    summary: str
    protection: Protection = Protection.NONE
    restores: bool = False
    reoptimises: bool = False
    design: DesignMaker = ByDestination
    app: str | None = None
