"""The bridges of a plan as rows of Open vSwitch's database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from topologies.builder.daemon import can_renew, daemon_pid, renewed
from topologies.builder.errors import BuildError
from topologies.builder.ovsdb import Database, Operation, ovs_map, ovs_set

_TABLE = "Open_vSwitch"
OWNER_KEY = "fibercut"
_TAKE_UP_S = 120.0
_MAX_BACKOFF_MS = 1000  # the least that Open vSwitch allows
_INACTIVITY_PROBE_MS = 5000
# From about here on a daemon that starts anew is quicker than one that takes bridges down.
_MANY_BRIDGES = 40


@dataclass(frozen=True, slots=True)
class BfdTimers:
    """Bidirectional Forwarding Detection (RFC 5880) on every span, in both directions.

    A span counts as down after `multiplier` intervals without a BFD packet.
    """

    interval_ms: int
    multiplier: int


@dataclass(frozen=True, slots=True)
class BridgePort:
    """A port with its fixed OpenFlow number; bfd: with which timers BFD runs on it, if it does."""

    interface: str
    number: int
    bfd: BfdTimers | None


@dataclass(frozen=True, slots=True)
class Bridge:
    """A site's bridge with its ports; `controller` as in `tcp:172.16.0.3:6653`."""

    name: str
    dpid: int
    controller: str
    ports: tuple[BridgePort, ...]


def add_bridges(database: Database, owner: str, bridges: Sequence[Bridge]) -> None:
    """Make all bridges and wait until every port has its number.

    Two transactions: with the first bridge ovs-vswitchd opens its datapath, and then looks
    for each port there through all its bridges. At that moment there should be only one.
    """
    for part in (bridges[:1], bridges[1:]):
        if part:
            database.configure(_creation(owner, part), _TAKE_UP_S)
    wanted = {port.interface: port.number for bridge in bridges for port in bridge.ports}
    rows = database.select("Interface", ["name", "ofport", "error"])
    wrong = [_complaint(row, wanted) for row in rows if _is_wrong(row, wanted)]
    if wrong:
        raise BuildError(f"Open vSwitch did not add {wrong[0]} ({len(wrong)} such ports)")


def remove_bridges(database: Database, owner: str, names: Iterable[str] | None = None) -> None:
    """Remove the bridges of an owner (or those of `names`) and nothing else."""
    where = [["external_ids", "includes", ovs_map({OWNER_KEY: owner})]]
    found = database.select("Bridge", ["_uuid", "name"], where)
    chosen = None if names is None else set(names)
    gone = [row["_uuid"] for row in found if chosen is None or row["name"] in chosen]
    delete = ["bridges", "delete", ovs_set(gone)]
    unlink = {"op": "mutate", "table": _TABLE, "where": [], "mutations": [delete]}
    if chosen is None and _daemon_is_ours(database, len(gone)):
        with renewed():
            database.transact([unlink])
    elif gone:
        _unlink(database, unlink)
    if chosen is None:
        # Not before the ports are gone that refer to it.
        database.transact([{"op": "delete", "table": "QoS", "where": where}])


def _unlink(database: Database, unlink: Operation) -> None:
    """Delete bridges, and wait until the kernel has no port of them, if anybody is to do that."""
    try:
        daemon_pid()
    except BuildError:
        database.transact([unlink])
    else:
        database.configure([unlink], _TAKE_UP_S)


def bridges_by_owner(database: Database) -> dict[str, list[str]]:
    """The names of the bridges that builds of ours have made; some may have left only queues."""
    found: dict[str, list[str]] = {}
    for table, column in (("Bridge", "name"), ("QoS", "type")):
        for row in database.select(table, ["external_ids", column]):
            owner = dict(row["external_ids"][1]).get(OWNER_KEY)
            if owner is not None:
                names = found.setdefault(owner, [])
                names += [row["name"]] if table == "Bridge" else []
    return found


def _daemon_is_ours(database: Database, bridges: int) -> bool:
    """Whether to end ovs-vswitchd with our bridges; or it was ended, and not started again."""
    if not can_renew() or len(database.select("Bridge", ["_uuid"])) > bridges:
        return False
    try:
        daemon_pid()
    except BuildError:
        return True
    return bridges >= _MANY_BRIDGES


def existing_names(database: Database) -> set[str]:
    """The names of all bridges and of all their interfaces."""
    return {
        row["name"] for table in ("Bridge", "Interface") for row in database.select(table, ["name"])
    }


def _creation(owner: str, bridges: Sequence[Bridge]) -> list[Operation]:
    mark = ovs_map({OWNER_KEY: owner})
    # Without this type, Open vSwitch takes each port's queueing discipline for its own.
    hands_off = {"type": "linux-noop", "external_ids": mark}
    operations = [_insert("QoS", "hands_off", hands_off)]
    for number, bridge in enumerate(bridges):
        operations += _bridge_rows(f"b{number}", bridge, mark)
    names = [["named-uuid", f"b{number}"] for number in range(len(bridges))]
    insert = ["bridges", "insert", ovs_set(names)]
    operations.append({"op": "mutate", "table": _TABLE, "where": [], "mutations": [insert]})
    return operations


def _bridge_rows(key: str, bridge: Bridge, mark: list[object]) -> list[Operation]:
    local = {"name": bridge.name, "type": "internal"}
    rows = [
        _insert("Interface", f"{key}i", local),
        _insert("Port", f"{key}p", {"name": bridge.name, "interfaces": _reference(f"{key}i")}),
    ]
    for number, port in enumerate(bridge.ports):
        name = f"{key}_{number}"
        interface: dict[str, object] = {"name": port.interface, "ofport_request": port.number}
        if port.bfd:
            interface["bfd"] = ovs_map(_bfd_settings(port.bfd))
        port_row = {
            "name": port.interface,
            "interfaces": _reference(f"{name}i"),
            "qos": _reference("hands_off"),
        }
        rows += [_insert("Interface", f"{name}i", interface), _insert("Port", name, port_row)]
    controller = {
        "target": bridge.controller,
        "max_backoff": _MAX_BACKOFF_MS,
        "inactivity_probe": _INACTIVITY_PROBE_MS,
    }
    rows.append(_insert("Controller", f"{key}c", controller))
    ports = [f"{key}p", *(f"{key}_{number}" for number in range(len(bridge.ports)))]
    settings: dict[str, object] = {
        "name": bridge.name,
        "ports": ovs_set(_reference(port) for port in ports),
        "controller": _reference(f"{key}c"),
        "fail_mode": "secure",
        "protocols": "OpenFlow13",
        "other_config": ovs_map({"datapath-id": f"{bridge.dpid:016x}", "disable-in-band": "true"}),
        "external_ids": mark,
    }
    return [*rows, _insert("Bridge", key, settings)]


def _bfd_settings(bfd: BfdTimers) -> dict[str, str]:
    interval = str(bfd.interval_ms)
    return {
        "enable": "true", "min_rx": interval, "min_tx": interval, "mult": str(bfd.multiplier),
    }  # fmt: skip


def _insert(table: str, name: str, row: Mapping[str, object]) -> Operation:
    return {"op": "insert", "table": table, "uuid-name": name, "row": dict(row)}


def _reference(name: str) -> list[str]:
    return ["named-uuid", name]


def _is_wrong(row: Mapping[str, object], wanted: Mapping[str, int]) -> bool:
    name = str(row["name"])
    return name in wanted and row["ofport"] != wanted[name]


def _complaint(row: Mapping[str, object], wanted: Mapping[str, int]) -> str:
    if isinstance(row["error"], str):
        reason = row["error"]
    elif isinstance(row["ofport"], int):
        reason = f"it became port {row['ofport']}"
    else:
        reason = "it has no number; does this kernel have the openvswitch module?"
    name = str(row["name"])
    return f"{name} as port {wanted[name]}: {reason}"
