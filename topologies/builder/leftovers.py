"""What builds have left behind that were killed together with their guards: told, removed."""

from __future__ import annotations

import time

from topologies.builder.claim import Holder
from topologies.builder.errors import BuildError
from topologies.builder.netlink import RouteSocket
from topologies.builder.ovsdb import Database
from topologies.builder.remains import Remains, networks, remove
from topologies.builder.signals import held_signals

_GUARDS_S = 120.0
_POLL_S = 0.05


def leftovers() -> list[Remains]:
    """The networks on this machine of which neither the builder nor its guard lives.

    Raises BuildError where that cannot be seen: without root, or without Open vSwitch.
    """
    return [found for found in _networks() if found.owner.holder() is Holder.NOBODY]


def sweep() -> list[Remains]:
    """Remove all leftovers, and wait for guards that are at work. Returns what was there.

    What belongs to a living builder, or to nobody of ours, stays. Raises BuildError when
    something cannot be removed.
    """
    end_s = time.monotonic() + _GUARDS_S
    while any(found.owner.holder() is Holder.GUARD for found in _networks()):
        if time.monotonic() > end_s:
            raise BuildError(f"the guard of an ended build was not done within {_GUARDS_S:g} s")
        time.sleep(_POLL_S)
    found = leftovers()
    for network in found:
        with held_signals():
            remove(network.owner)
    return found


def make_room() -> set[int]:
    """Remove all leftovers; the numbers of the networks that stay, of living builders."""
    present = _networks()
    if any(found.owner.holder() in (Holder.GUARD, Holder.NOBODY) for found in present):
        sweep()
        present = _networks()
    return {found.owner.number for found in present}


def _networks() -> list[Remains]:
    with Database() as database, RouteSocket() as route:
        return networks(route, database)
