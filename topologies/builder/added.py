"""What Mininet's own classes add to a network that was built."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from mininet.link import Intf
from mininet.node import Node, OVSSwitch

from topologies.builder.errors import BuildError
from topologies.builder.switches import OWNER_KEY


class AddedSwitch(OVSSwitch):
    """A switch that was added to a built network; its bridge has the network's owner."""

    def __init__(self, name: str, owner: str, **params: Any) -> None:
        self._owner = owner
        super().__init__(name, **params)

    def bridgeOpts(self) -> str:  # noqa: N802
        """Mininet's words for ovs-vsctl, and the owner."""
        return f"{super().bridgeOpts()} external_ids:{OWNER_KEY}='\"{self._owner}\"'"


def set_added(interface: Intf, *, up: bool) -> None:
    """Bring a device of Mininet's own up or down. Raises BuildError if it does not get there."""
    status = "up" if up else "down"
    _, said, failed = interface.node.pexec("ip", "link", "set", "dev", interface.name, status)
    if failed:
        raise BuildError(said.strip())
    told, _, _ = interface.node.pexec("ip", "-json", "link", "show", "dev", interface.name)
    if ("UP" in json.loads(told)[0]["flags"]) != up:
        raise BuildError(f"it did not go {status}")


def forget_added(node: Node, before: Collection[Intf]) -> None:
    """Delete the devices of a node that were not there before."""
    for interface in set(node.intfs.values()) - set(before):
        node.pexec("ip", "link", "delete", interface.name)
        node.delIntf(interface)
