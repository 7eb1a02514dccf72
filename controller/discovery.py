"""Does the topology file say what is really connected? Link discovery (IEEE 802.1AB, LLDP).

Paths are computed from the plan alone; discovery only confirms it and says what
differs. Frames are sent when the network is ready and when a port comes up, three
times at most, and never in steady state.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from controller.effects import Announce, Effect, Log, Wake
from controller.liveness import PortState
from controller.rules import Flow, FlowKey, Match, Output, SwitchRules, Table
from topologies.plan import NetworkPlan

ETH_LLDP = 0x88CC
TO_CONTROLLER = 0xFFFFFFFD
_RESERVED_PORTS = 0xFFFFFF00
_NEAREST_BRIDGE = bytes.fromhex("0180c200000e")
_SENDER = bytes.fromhex("020000000003")
_PRIORITY = 300
_TRIES, _EVERY_S = 3, 1.0
_CHASSIS, _PORT, _TTL, _LOCAL = 1, 2, 3, 7

End = tuple[str, int]


_KEY = FlowKey(Table.LABELS, _PRIORITY, Match(eth_type=ETH_LLDP))
_FLOW = Flow(_KEY, (Output(TO_CONTROLLER),))


class WithDiscovery:
    """Rules, and that discovery's frames go to the controller: the only ones that do.

    Rules that are the same as the last time give the same object, so that it is seen at once.
    """

    def __init__(self) -> None:
        self._last: dict[str, tuple[SwitchRules, SwitchRules]] = {}

    def __call__(self, rules: Mapping[str, SwitchRules]) -> dict[str, SwitchRules]:
        """All switches' rules with discovery's."""
        for switch, held in rules.items():
            if switch not in self._last or self._last[switch][0] is not held:
                more = SwitchRules({**held.flows, _KEY: _FLOW}, held.groups)
                self._last[switch] = held, more
        return {switch: self._last[switch][1] for switch in rules}


def frame_of(dpid: int, port: int) -> bytes:
    """The frame that a switch sends out of a port."""
    chassis = _tlv(_CHASSIS, bytes([_LOCAL]) + f"{dpid:016x}".encode())
    number = _tlv(_PORT, bytes([_LOCAL]) + str(port).encode())
    body = chassis + number + _tlv(_TTL, struct.pack("!H", 120)) + _tlv(0, b"")
    return _NEAREST_BRIDGE + _SENDER + struct.pack("!H", ETH_LLDP) + body


def sender_of(frame: bytes) -> tuple[int, int] | None:
    """Datapath id and port that a frame of `frame_of` names, None if it is no such frame."""
    fields, at = {}, 14
    try:
        while at + 2 <= len(frame):
            (head,) = struct.unpack_from("!H", frame, at)
            kind, length = head >> 9, head & 0x1FF
            fields[kind] = frame[at + 2 : at + 2 + length]
            at += 2 + length
        return int(fields[_CHASSIS][1:], 16), int(fields[_PORT][1:])
    except (KeyError, ValueError):
        return None


def _tlv(kind: int, value: bytes) -> bytes:
    return struct.pack("!H", kind << 9 | len(value)) + value


@dataclass
class _Waiting:
    tries: int
    due_s: float


class Discovery:
    """Compares what is heard with a plan."""

    def __init__(self, plan: NetworkPlan) -> None:
        self._switch_of = {switch.dpid: switch.name for switch in plan.switches}
        self._far: dict[End, End] = {}
        self._span: dict[End, str] = {}
        for span in plan.spans:
            for near, far in ((span.a, span.b), (span.b, span.a)):
                self._far[near.switch, near.number] = (far.switch, far.number)
                self._span[near.switch, near.number] = span.id
        self._hosts = {(host.port.switch, host.port.number) for host in plan.hosts}
        self._ports: dict[End, PortState] = {}
        self._confirmed: set[End] = set()
        self._told: dict[End, str] = {}
        self._waiting: dict[End, _Waiting] = {}
        # Ports that the plan does not know: nothing is expected there, so all tries are made.
        self._strange: dict[End, _Waiting] = {}
        self._running = False

    @property
    def differences(self) -> dict[str, str]:
        """What has been found to differ, by switch and port."""
        return {f"{switch} port {port}": what for (switch, port), what in self._told.items()}

    @property
    def confirmed(self) -> int:
        """How many of the spans' ends have heard the right sender."""
        return len(self._confirmed)

    def begin(self, now_s: float) -> Iterator[Effect]:
        """The switches have their rules: ask all ports. A second call does nothing."""
        if self._running:
            return
        self._running = True
        yield from self._ask(list(self._ports), now_s)

    def switch_connected(
        self, switch: str, ports: Mapping[int, PortState], now_s: float
    ) -> Iterator[Effect]:
        """Compare a switch's ports with the plan's."""
        there = {(switch, port): state for port, state in ports.items() if port < _RESERVED_PORTS}
        self._ports |= there
        planned = {end for end in self._far.keys() | self._hosts if end[0] == switch}
        for end in sorted(planned - there.keys()):
            yield from self._differs(end, "port-missing")
        for end in sorted(there.keys() - planned):
            yield from self._differs(end, "port-extra")
        if self._running:
            yield from self._ask(list(there), now_s)

    def is_strange(self, switch: str, port: int) -> bool:
        """Whether the plan does not know a port."""
        end = (switch, port)
        return port < _RESERVED_PORTS and end not in self._far and end not in self._hosts

    def port_changed(self, switch: str, port: int, live: bool, now_s: float) -> Iterator[Effect]:
        """A port has come up or gone down."""
        end, state = (switch, port), PortState.LIVE if live else PortState.NOT_HEARD
        if self.is_strange(switch, port) and self._ports.get(end) is state:
            return
        self._ports[end] = state
        self._confirmed.discard(end)
        self._waiting.pop(end, None)
        if live and self._running:
            far = self._far.get(end)
            yield from self._ask([end, far] if far else [end], now_s)

    def heard(self, switch: str, port: int, frame: bytes, now_s: float) -> Iterator[Effect]:
        """A frame has come in: from whom, and is that right?"""
        sender = sender_of(frame)
        if sender is None:
            return
        far = (self._switch_of.get(sender[0], f"dpid {sender[0]}"), sender[1])
        end = (switch, port)
        self._waiting.pop(end, None)
        if self._far.get(end) != far:
            expected = self._far.get(end)
            named = None if expected is None else f"{expected[0]} port {expected[1]}"
            found = {"expected": named, "found": f"{far[0]} port {far[1]}"}
            yield from self._differs(end, "link-extra" if named is None else "link-miswired", found)
            return
        self._told.pop(end, None)
        if end not in self._confirmed:
            self._confirmed.add(end)
            if len(self._confirmed) == len(self._far):
                yield Log("topology-confirmed", {"spans": len(self._far) // 2})

    def woken(self, now_s: float) -> Iterator[Effect]:
        """Ask again where nothing was heard, and say so in the end."""
        due = [end for end, wait in self._waiting.items() if wait.due_s <= now_s]
        again = []
        for end in due:
            if self._waiting[end].tries < _TRIES:
                again.append(end)
            else:
                del self._waiting[end]
                yield from self._differs(end, "link-missing", {"span": self._span[end]})
        strange = self._strange_due(now_s)
        yield from self._announce([*(self._far[end] for end in again), *strange])
        for wait in (*(self._waiting[end] for end in again), *map(self._strange.get, strange)):
            assert wait
            wait.tries += 1
            wait.due_s = now_s + _EVERY_S
        if again or strange:
            yield Wake(now_s + _EVERY_S)

    def _strange_due(self, now_s: float) -> list[End]:
        """The ports nobody knows that have to be asked again."""
        done = [end for end, wait in self._strange.items() if wait.tries >= _TRIES]
        for end in done:
            del self._strange[end]
        return [end for end, wait in self._strange.items() if wait.due_s <= now_s]

    def _ask(self, ends: list[End], now_s: float) -> Iterator[Effect]:
        live = [end for end in ends if self._ports.get(end) is PortState.LIVE]
        yield from self._announce([end for end in live if end not in self._hosts])
        heard_at = [self._far[end] for end in live if end in self._far]
        for end in heard_at:
            if self._ports.get(end) is PortState.LIVE and end not in self._confirmed:
                self._waiting[end] = _Waiting(1, now_s + _EVERY_S)
        for end in live:
            if self.is_strange(*end):
                self._strange[end] = _Waiting(1, now_s + _EVERY_S)
        if heard_at or self._strange:
            yield Wake(now_s + _EVERY_S)

    def _announce(self, ends: list[End]) -> Iterator[Effect]:
        by_switch: dict[str, list[int]] = {}
        for switch, port in ends:
            by_switch.setdefault(switch, []).append(port)
        for switch, ports in by_switch.items():
            yield Announce(switch, tuple(ports))

    def _differs(
        self, end: End, what: str, fields: Mapping[str, object] | None = None
    ) -> Iterator[Effect]:
        said = f"{what} {dict(fields or {})}"
        if self._told.get(end) != said:
            self._told[end] = said
            yield Log(what, {"switch": end[0], "port": end[1], **(fields or {})}, warning=True)
