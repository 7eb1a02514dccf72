"""Small networks for the tests of the builder, and sockets inside their hosts."""

from __future__ import annotations

import socket
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from topologies.build import Network
from topologies.builder.nodes import BuiltHost
from topologies.plan import NetworkPlan, make_plan
from topologies.spec import HostGroup, HostRole, Site, SiteKind, Span, Topology

_SO_TIMESTAMPNS = 35
PORT = 9000


def two_sites(
    *,
    length_km: float = 1000,
    rate_gbps: float = 100,
    scale: float = 1000,
    buffer_ms: float = 20,
    buffer_bytes: float | None = None,
    classes: bool = False,
    ecn_mark_ms: float | None = None,
    base_loss: float = 0.0,
    delays_us: tuple[float, float] | None = None,
) -> NetworkPlan:
    """Two sites with a host each, joined by one span; the hosts' links are four times as fast."""
    group = HostGroup(role=HostRole.HOST, rate_gbps=rate_gbps * 4)
    sites = tuple(
        Site(id=name, name=name, kind=SiteKind.POP, lat_deg=0, lon_deg=0, hosts=(group,))
        for name in ("west", "east")
    )
    there_us, back_us = delays_us or (None, None)
    span = Span(
        id="west-east", a="west", b="east", length_km=length_km, rate_gbps=rate_gbps,
        base_loss=base_loss, delay_us=there_us, delay_back_us=back_us,
    )  # fmt: skip
    topology = Topology(name="two", sites=sites, spans=(span,), controller_site="west")
    return make_plan(
        topology, scale, buffer_ms,
        buffer_bytes=buffer_bytes, classes=classes, ecn_mark_ms=ecn_mark_ms,
    )  # fmt: skip


def connect(plan: NetworkPlan) -> None:
    """Static rules between the hosts of a two-site plan, in place of a controller."""
    for switch in plan.switches:
        out = plan.spans[0].port_at(switch.name).number
        rules = [
            f"ip,nw_dst={host.ip},actions=mod_dl_dst:{host.mac},"
            f"output:{host.port.number if host.site == switch.name else out}"
            for host in plan.hosts
        ]
        subprocess.run(
            ["ovs-ofctl", "-O", "OpenFlow13", "add-flows", switch.name, "-"],
            input="\n".join(rules),
            text=True,
            check=True,
        )


def put_in_queue(plan: NetworkPlan, port: int, queue: int) -> None:
    """What goes over the plan's one span to a UDP port is put in a queue, at both ends."""
    for switch in plan.switches:
        out = plan.spans[0].port_at(switch.name).number
        for host in plan.hosts:
            if host.site != switch.name:
                rule = f"priority=40000,udp,nw_dst={host.ip},tp_dst={port},actions="
                rule += f"mod_dl_dst:{host.mac},set_queue:{queue},output:{out}"
                command = ["ovs-ofctl", "-O", "OpenFlow13", "add-flow", switch.name, rule]
                subprocess.run(command, check=True)


class Datagrams:
    """UDP from one host to another, with the kernel's receive times."""

    def __init__(self, source: BuiltHost, target: BuiltHost, port: int = PORT) -> None:
        self._to = (target.IP(), port)
        self._source, self._target = _udp_socket(source), _udp_socket(target)
        self._target.bind(self._to)
        for end, option in ((self._source, socket.SO_SNDBUF), (self._target, socket.SO_RCVBUF)):
            # Beyond what the machine allows everyone (SO_SNDBUFFORCE and SO_RCVBUFFORCE).
            force = {socket.SO_SNDBUF: 32, socket.SO_RCVBUF: 33}[option]
            end.setsockopt(socket.SOL_SOCKET, force, 64 << 20)
        self._target.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._target.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
        self._target.settimeout(1)

    def send(self, payload_bytes: int) -> int:
        """Send one datagram; the time (CLOCK_REALTIME, ns) just before."""
        now = time.clock_gettime_ns(time.CLOCK_REALTIME)
        self._source.sendto(bytes(payload_bytes), self._to)
        return now

    def send_many(self, payload_bytes: int, count: int) -> None:
        """Send so many at once: nobody reads the clock, which costs 256 ns of virtual time."""
        payload = bytes(payload_bytes)
        for _ in range(count):
            self._source.sendto(payload, self._to)

    def send_numbered(self, payload_bytes: int, first: int, count: int, every_ns: int) -> list[int]:
        """Send datagrams that bear their numbers, at least so far apart; their send times."""
        times_ns = []
        due_ns = 0
        for number in range(first, first + count):
            payload = number.to_bytes(8, "big").ljust(payload_bytes, b"\0")
            while (now_ns := time.clock_gettime_ns(time.CLOCK_REALTIME)) < due_ns:
                pass
            self._source.sendto(payload, self._to)
            times_ns.append(now_ns)
            due_ns = now_ns + every_ns
        return times_ns

    def numbers_so_far(self) -> list[tuple[int, int]]:
        """Number and receive time of each datagram that has come, without waiting."""
        self._target.setblocking(False)
        found = []
        try:
            while True:
                data, ancillary, _, _ = self._target.recvmsg(2048, 64)
                found.append((int.from_bytes(data[:8], "big"), _time_ns(ancillary)))
        except BlockingIOError:
            return found
        finally:
            self._target.settimeout(1)

    def set_dscp(self, dscp: int) -> None:
        """Mark what is sent from now on (RFC 2474)."""
        self._source.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, dscp << 2)

    def set_ecn(self, ecn: int) -> None:
        """The ECN field of what is sent from now on (RFC 3168)."""
        self._source.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, ecn)

    def ecn_received(self) -> list[int]:
        """The ECN field of all until one second of silence."""
        found: list[int] = []
        while True:
            try:
                _, ancillary, _, _ = self._target.recvmsg(2048, 128)
            except TimeoutError:
                return found
            fields = {(level, kind): data for level, kind, data in ancillary}
            found.append(fields[socket.IPPROTO_IP, socket.IP_TOS][0] & 3)

    def received(self) -> list[tuple[int, int]]:
        """Size and receive time (CLOCK_REALTIME, ns) of all until one second of silence."""
        found: list[tuple[int, int]] = []
        while True:
            try:
                found.append(self._next())
            except TimeoutError:
                return found

    def fill_caches(self, payload_bytes: int) -> None:
        """Send some, a second apart: whatever the switches' daemon still does to its flows after
        a change of its rules is over then, and no later datagram has to ask it for its way.
        Ends away from whole seconds, at which the daemon's timers fire and read the clock.
        """
        for _ in range(3):
            self.send(payload_bytes)
            self.received()
        time.sleep(0.0371)

    def delay_ns(self, payload_bytes: int) -> int:
        """The one-way delay of one datagram.

        Nobody reads the clock while it is on its way: in virtual time each reading costs
        256 ns, and a timer that is due meanwhile fires after it.
        """
        self._target.settimeout(None)
        sent_ns = self.send(payload_bytes)
        _, received_ns = self._next()
        self._target.settimeout(1)
        return received_ns - sent_ns

    def _next(self) -> tuple[int, int]:
        data, ancillary, _, _ = self._target.recvmsg(2048, 64)
        return len(data), _time_ns(ancillary)

    def close(self) -> None:
        self._source.close()
        self._target.close()


def _time_ns(ancillary: list[tuple[int, int, bytes]]) -> int:
    seconds, nanoseconds = struct.unpack("=qq", ancillary[0][2])
    return int(seconds) * 1_000_000_000 + int(nanoseconds)


def _udp_socket(host: BuiltHost) -> socket.socket:
    """A socket stays in the namespace in which it was made."""
    assert host.namespace
    with host.namespace.entered():
        return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def datagrams(network: Network, source: str, target: str, port: int = PORT) -> Datagrams:
    return Datagrams(network.get(source), network.get(target), port)


def lines(*command: str) -> list[str]:
    """What a command prints, by lines."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def left_over() -> dict[str, list[str]]:
    """What stands on this machine, to be compared before and after."""
    return {
        "interfaces": sorted(path.name for path in Path("/sys/class/net").iterdir()),
        "namespaces": sorted(lines("ip", "netns", "list")),
        "bridges": sorted(lines("ovs-vsctl", "list-br")),
        "queueing rows": lines("ovs-vsctl", "--bare", "--columns=_uuid", "list", "QoS"),
        "controller rows": lines("ovs-vsctl", "--bare", "--columns=_uuid", "list", "Controller"),
    }


def eventually(holds: Callable[[], bool], deadline_s: float = 10.0) -> bool:
    end_s = time.monotonic() + deadline_s
    while not holds():
        if time.monotonic() > end_s:
            return False
        time.sleep(0.2)
    return True
