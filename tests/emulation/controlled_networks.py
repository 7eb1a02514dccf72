"""A built network with its controller, and an eye on every span."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.bfd_pace import without_pace
from tests.emulation.built_networks import eventually
from tests.unit.controller_plans import one_host_per_switch
from topologies.build import BfdTimers, Network, build_network
from topologies.plan import NetworkPlan, PlannedHost, PlannedSpan

_DEADLINE_S = 30.0
_SO_RCVBUFFORCE = 33
_PACKET_OUTGOING = 4
_ETH_P_ALL = 3
UDP_PORT = 9000

Event = Mapping[str, Any]


@dataclass
class Controlled:
    """A network under a controller that has said that it is ready."""

    network: Network
    plan: NetworkPlan
    policy: str
    folder: Path
    process: subprocess.Popen[bytes] = field(init=False)
    options: tuple[str, ...] = ()
    may_refuse: bool = False
    """Whether the test makes switches refuse rules."""
    starts: int = 0
    _read: dict[Path, tuple[list[Event], int]] = field(default_factory=dict)
    """The events read so far, and where the next one begins."""

    @property
    def events(self) -> list[Event]:
        """The events of the controller that runs now."""
        path = self.events_path
        if path not in self._read:
            self._read = {path: ([], 0)}
        events, offset = self._read[path]
        if path.exists():
            with path.open("rb") as file:
                file.seek(offset)
                *whole, _unfinished = file.read().split(b"\n")
            events = events + [json.loads(line) for line in whole]
            self._read = {path: (events, offset + sum(len(line) + 1 for line in whole))}
        return events

    def start(self, ready: Callable[[list[Event]], bool] | None = None) -> None:
        """Start a controller and wait until it is ready, by its own word if not by another."""
        self.launch()
        self.wait_for(ready or (lambda events: any(e["event"] == "ready" for e in events)))

    def launch(self) -> None:
        """Start a controller."""
        self.starts += 1
        plan_file = self.folder / "plan.json"
        plan_file.write_text(self.plan.model_dump_json())
        self.process = self.network["controller"].popen(
            [
                sys.executable, "-m", "controller.launch", "--listen", "0.0.0.0",
                "--plan", str(plan_file), "--policy", self.policy,
                "--events", str(self.events_path), *self.options,
            ],
            stdout=None,
            stderr=None,
        )  # fmt: skip

    def stop(self) -> int:
        """Ask the controller to end; returns its exit code."""
        self.process.terminate()
        return self.process.wait(_DEADLINE_S)

    def wait_for(self, holds: Callable[[list[Event]], bool]) -> None:
        """Wait until the events fulfil something."""
        give_up_at_s = time.monotonic() + _DEADLINE_S
        while not holds(self.events):
            assert time.monotonic() < give_up_at_s, [e["event"] for e in self.events]
            time.sleep(0.005)

    def wait_for_ends(self, spans: list[PlannedSpan], live: bool) -> None:
        """Wait until both switches of each span have said how it is."""
        ends = {(port.switch, span.id) for span in spans for port in (span.a, span.b)}

        def all_say_so(events: list[Event]) -> bool:
            last = {
                (event["switch"], event["span"]): event["event"] == "port-live"
                for event in events
                if event["event"] in ("port-live", "port-not-live") and "span" in event
            }
            return all(last.get(end) is live for end in ends)

        self.wait_for(all_say_so)

    @property
    def events_path(self) -> Path:
        """The file of events of the controller that runs now."""
        return self.folder / f"events-{self.starts}.jsonl"


@contextmanager
def controlled(
    plan: NetworkPlan,
    policy: str,
    folder: Path,
    bfd: BfdTimers | Mapping[str, BfdTimers] | None = None,
    options: tuple[str, ...] = (),
    told: NetworkPlan | None = None,
    ready: Callable[[list[Event]], bool] | None = None,
) -> Iterator[Controlled]:
    """Build the network, start the controller, and end both. told: what the controller reads.

    Spans have BFD at its pace by then. ready: what to wait for, if not the controller's word.
    """
    with build_network(plan, bfd=bfd) as network:
        running = Controlled(network, told or plan, policy, folder, options)
        running.start(ready)
        _wait_for_pace(plan, bfd)
        yield running
        if running.process.poll() is None:
            assert running.stop() == 0
        refused = [event for event in running.events if event["event"] == "switch-error"]
        assert refused == [] or running.may_refuse


def _wait_for_pace(plan: NetworkPlan, bfd: BfdTimers | Mapping[str, BfdTimers] | None) -> None:
    """Wait until a failure of any span with BFD would be noticed in time."""
    if bfd is None:
        return
    by_span = bfd if isinstance(bfd, Mapping) else {span.id: bfd for span in plan.spans}
    ends = {
        port.interface: by_span[span.id]
        for span in plan.spans
        for port in (span.a, span.b)
        if span.id in by_span
    }
    assert eventually(lambda: not without_pace(ends), _DEADLINE_S)


def set_carrier(spans: list[PlannedSpan], up: bool) -> None:
    """Take the light off both ends of some spans, or bring it back."""
    ports = [port.interface for span in spans for port in (span.a, span.b)]
    batch = "\n".join(f"link set dev {port} {'up' if up else 'down'}" for port in ports)
    subprocess.run(["ip", "-batch", "-"], input=batch, text=True, check=True)


def cut_silently(spans: list[PlannedSpan]) -> int:
    """Spans swallow everything from now on; returns now (CLOCK_MONOTONIC, ns)."""
    ports = [port.interface for span in spans for port in (span.a, span.b)]
    batch = "\n".join(f"qdisc add dev {port} clsact" for port in ports)
    subprocess.run(["tc", "-batch", "-"], input=batch, text=True, check=True)
    swallow = "\n".join(f"filter add dev {port} ingress matchall action drop" for port in ports)
    subprocess.run(["tc", "-batch", "-"], input=swallow, text=True, check=True)
    return time.monotonic_ns()


def mend(spans: list[PlannedSpan]) -> None:
    """Undo `cut_silently`."""
    ports = [port.interface for span in spans for port in (span.a, span.b)]
    batch = "\n".join(f"qdisc del dev {port} clsact" for port in ports)
    subprocess.run(["tc", "-batch", "-"], input=batch, text=True, check=True)


class Hosts:
    """A datagram socket in one host of each switch."""

    def __init__(self, network: Network, plan: NetworkPlan) -> None:
        self.by_switch = {host.port.switch: host for host in one_host_per_switch(plan)}
        self._sockets: dict[str, socket.socket] = {}
        for host in self.by_switch.values():
            with network.get(host.name).namespace.entered():
                end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                end.bind((host.ip, UDP_PORT))
            end.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 64 << 20)
            end.setblocking(False)
            self._sockets[host.name] = end

    def send(
        self, source: PlannedHost, target: PlannedHost, payload: bytes, dscp: int | None = None
    ) -> None:
        """Send one datagram, marked with a code point (RFC 2474) if one is given."""
        end = self._sockets[source.name]
        if dscp is not None:
            end.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, dscp << 2)
        end.sendto(payload, (target.ip, UDP_PORT))

    def received(self, target: PlannedHost) -> list[tuple[str, bytes]]:
        """(sender's address, payload) of all that has come."""
        found: list[tuple[str, bytes]] = []
        while True:
            try:
                payload, (address, _) = self._sockets[target.name].recvfrom(2048)
            except BlockingIOError:
                return found
            found.append((address, payload))

    def close(self) -> None:
        for end in self._sockets.values():
            end.close()


class SpanWatch:
    """Sees every packet that a switch sends into a span, with its labels."""

    def __init__(self, plan: NetworkPlan) -> None:
        self._spans = {port.interface: span.id for span in plan.spans for port in (span.a, span.b)}
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 256 << 20)
        self._socket.setblocking(False)

    def ways(self) -> dict[tuple[str, str], list[tuple[str, tuple[int, ...]]]]:
        """(span, labels) of each hop, by the addresses of sender and receiver; forgets them."""
        found: dict[tuple[str, str], list[tuple[str, tuple[int, ...]]]] = {}
        while True:
            try:
                frame, (interface, _, kind, *_) = self._socket.recvfrom(2048)
            except BlockingIOError:
                return found
            if kind == _PACKET_OUTGOING and interface in self._spans:
                labels, packet = _unlabelled(frame)
                if packet[9:10] == b"\x11" and packet[22:24] == UDP_PORT.to_bytes(2):
                    ends = (socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20]))
                    found.setdefault(ends, []).append((self._spans[interface], labels))

    def close(self) -> None:
        self._socket.close()


def _unlabelled(frame: bytes) -> tuple[tuple[int, ...], bytes]:
    labels: list[int] = []
    kind, rest = frame[12:14], frame[14:]
    while kind == b"\x88\x47":
        entry = int.from_bytes(rest[:4])
        labels.append(entry >> 12)
        rest = rest[4:]
        if entry >> 8 & 1:
            break
    return tuple(labels), rest if labels or kind == b"\x08\x00" else b""
