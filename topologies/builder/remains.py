"""What a number's network consists of on this machine, and its removal by somebody else.

The builder knows what it has made. Its guard, and whoever comes after both were killed, find
it: the devices by their group, the bridges and the processes by their owner, and further
processes by the namespaces that the devices lead into.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Collection, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from topologies.builder.claim import Owner, number_of
from topologies.builder.errors import BuildError
from topologies.builder.netlink import RouteSocket, attributes, u32
from topologies.builder.ovsdb import Database
from topologies.builder.precedence import precedence
from topologies.builder.processes import (
    end_processes,
    marked_processes,
    namespaces_of_processes,
)
from topologies.builder.requests import delete_group
from topologies.builder.switches import bridges_by_owner, remove_bridges

FIRST_INDEX = 1_000_000
_GETLINK, _GETNSID = 18, 90
_IFINFO = struct.Struct("=BxHiII")
_IFNAME, _LINKINFO, _GROUP, _LINK_NETNSID = 3, 18, 27, 37
_INFO_KIND = 1
_NETNSA_NSID, _NETNSA_PID = 1, 2
_OUR_NAMES = re.compile(r"s\d+-(ctl|eth\d+m?)")


@dataclass(frozen=True, slots=True)
class Device:
    """A device of this network namespace; leads_to: the id of its peer's namespace."""

    name: str
    index: int
    group: int
    kind: str
    leads_to: int | None


@dataclass(frozen=True, slots=True)
class Remains:
    """What there is of one network, by names and process ids."""

    owner: Owner
    bridges: tuple[str, ...]
    devices: tuple[str, ...]
    processes: tuple[int, ...]

    def __str__(self) -> str:
        parts = [
            _counted(len(self.bridges), "bridge", "bridges"),
            _counted(len(self.devices), "interface", "interfaces"),
            _counted(len(self.processes), "process", "processes"),
        ]
        return f"a network with {', '.join(parts)} (build {self.owner.number})"


def networks(route: RouteSocket, database: Database) -> list[Remains]:
    """All networks that builds of ours have made here, those of living builders among them."""
    devices = _devices_by_number(route)
    bridges: dict[Owner, list[str]] = {Owner.here(number): [] for number in devices}
    processes: dict[Owner, list[int]] = {}
    for text, names in bridges_by_owner(database).items():
        if owner := Owner.read(text):
            bridges[owner] = names
    for pid, text in marked_processes():
        if owner := Owner.read(text):
            processes.setdefault(owner, []).append(pid)
    return [_remains(owner, bridges, devices, processes) for owner in {**bridges, **processes}]


def _remains(
    owner: Owner,
    bridges: dict[Owner, list[str]],
    devices: dict[int, list[Device]],
    processes: dict[Owner, list[int]],
) -> Remains:
    names = [device.name for device in devices.get(owner.number, []) if owner.is_here]
    return Remains(
        owner,
        tuple(sorted(bridges.get(owner, []))),
        tuple(sorted(names)),
        tuple(sorted(processes.get(owner, []))),
    )


def remove(owner: Owner) -> None:
    """Remove all of a network that is there: processes, bridges and links.

    Raises BuildError, after having tried all, if any of it could not be removed.
    """
    with ExitStack() as steps:
        if owner.is_here:
            steps.callback(remove_links, owner)
        steps.callback(remove_bridges_of, owner)
        if owner.is_here:
            with RouteSocket() as route:
                steps.callback(end_processes, str(owner), _namespaces(route, owner.group))


def remove_links(owner: Owner) -> None:
    """Remove the links of a network, at once."""
    with precedence(), RouteSocket() as route:
        route.run([delete_group(owner.group)])


def remove_bridges_of(owner: Owner, names: Collection[str] | None = None) -> None:
    """Remove the bridges of a network, or those of `names`."""
    with Database() as database:
        remove_bridges(database, str(owner), names)


def _devices_by_number(route: RouteSocket) -> dict[int, list[Device]]:
    """The devices of each number; none of a group in which any cannot be ours."""
    found: dict[int, list[Device]] = {}
    for device in _devices(route):
        number = number_of(device.group)
        if number is not None:
            found.setdefault(number, []).append(device)
    return {number: devices for number, devices in found.items() if _are_ours(devices)}


def _are_ours(devices: Collection[Device]) -> bool:
    return all(device.kind == "veth" for device in devices) and any(
        device.index >= FIRST_INDEX and _OUR_NAMES.fullmatch(device.name) for device in devices
    )


def _devices(route: RouteSocket) -> Iterator[Device]:
    for payload in route.dump(_GETLINK, bytes(_IFINFO.size)):
        _, _, index, _, _ = _IFINFO.unpack_from(payload)
        known = attributes(payload[_IFINFO.size :])
        info = attributes(known.get(_LINKINFO, b""))
        leads_to = known.get(_LINK_NETNSID)
        yield Device(
            name=known[_IFNAME].rstrip(b"\0").decode(errors="replace"),
            index=index,
            group=struct.unpack("=I", known.get(_GROUP, bytes(4)))[0],
            kind=info.get(_INFO_KIND, b"").rstrip(b"\0").decode(errors="replace"),
            leads_to=struct.unpack("=i", leads_to)[0] if leads_to else None,
        )


def _namespaces(route: RouteSocket, group: int) -> frozenset[int]:
    """The namespaces (inodes), with processes in them, into which a group's devices lead."""
    wanted = {device.leads_to for device in _devices(route) if device.group == group} - {None}
    pids = {inode: pid for pid, inode in namespaces_of_processes()} if wanted else {}
    return frozenset(inode for inode, pid in pids.items() if _namespace_id(route, pid) in wanted)


def _namespace_id(route: RouteSocket, pid: int) -> int | None:
    """The number that this namespace has for a process's one."""
    with suppress(BuildError):  # the process ended meanwhile
        answer = route.ask(_GETNSID, bytes(4) + u32(_NETNSA_PID, pid))
        number: int = struct.unpack("=i", attributes(answer[4:])[_NETNSA_NSID])[0]
        return number
    return None


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
