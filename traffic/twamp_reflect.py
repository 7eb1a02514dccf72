"""The reflector: answers each test packet at once, in its class, with the kernel's arrival time."""

from __future__ import annotations

import select
import socket
import struct
from argparse import Namespace
from collections import OrderedDict

from traffic.clock import NS_PER_MS, NS_PER_S, now_ns, realtime_ns, run_first, wait_until
from traffic.command import window
from traffic.output import write_json
from traffic.stopping import Stop
from traffic.twamp_packet import LEAST_REQUEST_BYTES, TTL, reply, session_of
from traffic.udp import listening

_LARGEST_BYTES = 65_535
_SO_TIMESTAMPNS = 35
_IP_RECVTTL = 12
_TIMESPEC = struct.Struct("@qq")
_INT = struct.Struct("@i")
_ANCILLARY_BYTES = 256
_POLL_MS = 100
# A session is a sender's address and its id; the ones that were silent longest are forgotten.
_MOST_SESSIONS = 4096

_Session = tuple[str, int, int]


class Reflector:
    """Answers what comes to one socket and counts it."""

    def __init__(self, sock: socket.socket, stateless: bool) -> None:
        self._sock, self._stateless = sock, stateless
        self._next: OrderedDict[_Session, int] = OrderedDict()
        self.sessions = self.reflected = self.malformed = self.not_sent = 0
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, TTL)
        sock.setsockopt(socket.IPPROTO_IP, _IP_RECVTTL, 1)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)

    def answer_all(self) -> None:
        """Answer everything that waits."""
        while True:
            try:
                packet, told, _, peer = self._sock.recvmsg(_LARGEST_BYTES, _ANCILLARY_BYTES)
            except BlockingIOError:
                return
            except ConnectionRefusedError:
                continue  # tells of an answer to a sender that is gone
            self._answer(packet, told, peer)

    def _answer(
        self, packet: bytes, told: list[tuple[int, int, bytes]], peer: tuple[str, int]
    ) -> None:
        present_ns = realtime_ns()
        ttl, tos, arrived_ns = _ancillary(told, present_ns)
        if len(packet) < LEAST_REQUEST_BYTES:
            self.malformed += 1
            return
        number = None if self._stateless else self._count((*peer, session_of(packet)))
        answer = reply(packet, ttl, arrived_ns, present_ns, number)
        try:
            ancillary = [(socket.IPPROTO_IP, socket.IP_TOS, _INT.pack(tos))]
            self._sock.sendmsg([answer], ancillary, 0, peer)
            self.reflected += 1
        except OSError:
            self.not_sent += 1

    def _count(self, session: _Session) -> int:
        if session not in self._next:
            self.sessions += 1
            if len(self._next) >= _MOST_SESSIONS:
                self._next.popitem(last=False)
        number = self._next.get(session, 0)
        self._next[session] = number + 1
        self._next.move_to_end(session)
        return number

    def summary(self, interrupted: bool) -> dict[str, object]:
        """What it did, as it is written."""
        return {
            "program": "twamp-reflect",
            "mode": "stateless" if self._stateless else "stateful",
            "reflected": self.reflected,
            "malformed": self.malformed,
            "not_sent": self.not_sent,
            "sessions": None if self._stateless else self.sessions,
            "interrupted": interrupted,
        }


def _ancillary(told: list[tuple[int, int, bytes]], present_ns: int) -> tuple[int, int, int]:
    """TTL (255: unknown, as RFC 5357 says), TOS and arrival time of a packet."""
    ttl, tos, arrived_ns = 255, 0, present_ns
    for level, kind, data in told:
        if (level, kind) == (socket.IPPROTO_IP, socket.IP_TTL):
            ttl = _INT.unpack(data)[0]
        elif (level, kind) == (socket.IPPROTO_IP, socket.IP_TOS):
            tos = data[0]
        elif (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
            seconds, rest_ns = _TIMESPEC.unpack(data)
            arrived_ns = seconds * NS_PER_S + rest_ns
    return ttl, tos, arrived_ns


def reflect(args: Namespace) -> int:
    """Reflect as the arguments say, then write the summary. Raises Failure."""
    stop = Stop().on_signals()
    start_ns, stop_ns = window(args)
    with listening(args.bind, args.port) as sock:
        sock.setblocking(False)
        reflector = Reflector(sock, args.stateless)
        write_json(args.out, reflector.summary(interrupted=True))  # fails before the run
        run_first()
        wait_until(start_ns, stop)
        _serve(reflector, sock, stop_ns, stop)
    ended_early = stop.requested and stop_ns is not None
    write_json(args.out, reflector.summary(interrupted=ended_early))
    return 0


def _serve(reflector: Reflector, sock: socket.socket, stop_ns: int | None, stop: Stop) -> None:
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    while not stop.requested:
        left_ms = _POLL_MS if stop_ns is None else (stop_ns - now_ns()) // NS_PER_MS
        if left_ms < 0:
            return
        if poll.poll(min(_POLL_MS, left_ms + 1)):
            reflector.answer_all()
