"""The TCP connections between a rank and its peers: several for each pair, both ways.

All ranks listen; the one with the higher number connects. Each end says who it is and what
it is about to do, so that ranks of different runs, and strangers, are told apart.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable

from traffic.clock import NS_PER_MS, NS_PER_S, now_ns, wait_until
from traffic.collectives.unfinished import Unfinished
from traffic.stopping import Stop

Address = tuple[str, int]
Connections = dict[tuple[int, int], socket.socket]
"""By peer and by number among the connections of the pair."""

HELLO = struct.Struct("<IIIIQ")
_MAGIC = 0x46434332  # "FCC2"
_RETRY_NS = 20 * NS_PER_MS
_ATTEMPT_S = 1.0


class Opening:
    """What a rank has to know to find the others.

    purpose: a number that all ranks of one run share and that others hardly have.
    """

    __slots__ = ("connections", "deadline_ns", "peers", "purpose", "rank", "stop")

    def __init__(
        self,
        peers: list[Address],
        rank: int,
        *,
        connections: int,
        purpose: int,
        timeout_s: float,
        stop: Stop,
    ) -> None:
        self.peers, self.rank, self.connections = peers, rank, connections
        self.purpose, self.stop = purpose, stop
        self.deadline_ns = now_ns() + round(timeout_s * NS_PER_S)

    def hello(self, rank: int, number: int) -> bytes:
        """What a rank says first on one of its connections."""
        return HELLO.pack(_MAGIC, rank, len(self.peers), number, self.purpose)


def open_connections(opening: Opening, partners: Iterable[int]) -> Connections:
    """Connect with all partners. Raises Unfinished; then nothing stays open."""
    wanted = sorted(partners)
    found: Connections = {}
    try:
        with _listener(opening.peers[opening.rank]) as listener:
            for peer in (peer for peer in wanted if peer < opening.rank):
                for number in range(opening.connections):
                    found[peer, number] = _connect(opening, peer, number)
            missing = {
                (peer, number)
                for peer in wanted
                if peer > opening.rank
                for number in range(opening.connections)
            }
            while missing:
                key, sock = _accept(opening, listener, missing)
                found[key] = sock
                missing.discard(key)
        for (peer, number), sock in found.items():
            if peer < opening.rank:
                _await_answer(opening, sock, peer, number)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setblocking(False)
    except (OSError, Unfinished) as error:
        for sock in found.values():
            sock.close()
        raise Unfinished(str(error), getattr(error, "failed", True)) from None
    return found


def _listener(own: Address) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(own)
        sock.listen(socket.SOMAXCONN)
    except OSError as error:
        sock.close()
        raise Unfinished("cannot listen on {}:{}: {}".format(*own, error.strerror)) from None
    return sock


def _connect(opening: Opening, peer: int, number: int) -> socket.socket:
    address, reason = opening.peers[peer], "did not answer"
    while now_ns() < opening.deadline_ns and not opening.stop.requested:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.settimeout(_ATTEMPT_S)
        try:
            sock.connect(address)
            sock.sendall(opening.hello(opening.rank, number))
        except OSError as error:
            sock.close()
            reason = error.strerror or "did not answer"
            wait_until(now_ns() + _RETRY_NS, opening.stop)
        else:
            return sock
    _check_stop(opening.stop)
    raise Unfinished("rank {} at {}:{}: {}".format(peer, *address, reason))


def _accept(
    opening: Opening, listener: socket.socket, missing: set[tuple[int, int]]
) -> tuple[tuple[int, int], socket.socket]:
    listener.settimeout(_ATTEMPT_S)
    while now_ns() < opening.deadline_ns and not opening.stop.requested:
        try:
            sock, _ = listener.accept()
        except TimeoutError:
            continue
        said = _heard(sock, opening.deadline_ns, opening.stop)
        key = said and _identified(opening, sock, said)
        if key and key in missing:
            sock.sendall(opening.hello(opening.rank, key[1]))
            return key, sock
        sock.close()
    _check_stop(opening.stop)
    ranks = ", ".join(map(str, sorted({peer for peer, _ in missing})))
    raise Unfinished(f"did not connect: rank {ranks}")


def _identified(opening: Opening, sock: socket.socket, said: bytes) -> tuple[int, int] | None:
    """As _identify; a rank of another run hears whom it met, so that both ends can say it."""
    try:
        return _identify(opening, said)
    except Unfinished:
        sock.sendall(opening.hello(opening.rank, 0))
        sock.close()
        raise


def _await_answer(opening: Opening, sock: socket.socket, peer: int, number: int) -> None:
    said = _heard(sock, opening.deadline_ns, opening.stop, until_deadline=True)
    if _identify(opening, said) != (peer, number):
        address = "{}:{}".format(*opening.peers[peer])
        raise Unfinished(f"rank {peer} at {address}: what answers there is not this rank")


def _heard(
    sock: socket.socket, deadline_ns: int, stop: Stop, until_deadline: bool = False
) -> bytes:
    """The other's hello, or less if it says less; strangers get one attempt's time."""
    said = b""
    sock.settimeout(_ATTEMPT_S)
    while len(said) < HELLO.size and not stop.requested:
        try:
            more = sock.recv(HELLO.size - len(said))
        except TimeoutError:
            if until_deadline and now_ns() < deadline_ns:
                continue
            break
        except OSError:
            break
        if not more:
            break
        said += more
    _check_stop(stop)
    return said


def _identify(opening: Opening, said: bytes) -> tuple[int, int] | None:
    """Peer and number, or None for a stranger. Raises Unfinished for a rank of another run."""
    if len(said) < HELLO.size:
        return None
    magic, rank, ranks, number, purpose = HELLO.unpack(said)
    if magic != _MAGIC:
        return None
    if (ranks, purpose) != (len(opening.peers), opening.purpose):
        raise Unfinished(
            f"rank {rank} has other parameters (it knows of {ranks} ranks); start all ranks with "
            "the same sizes, algorithm, connections and seed"
        )
    return rank, number


def _check_stop(stop: Stop) -> None:
    if stop.requested:
        raise Unfinished("ended by a signal", failed=False)
