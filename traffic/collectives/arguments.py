"""The arguments that all programs with ranks share, and what they come to."""

from __future__ import annotations

import zlib
from argparse import ArgumentTypeError, Namespace
from collections.abc import Iterable

from traffic.clock import NS_PER_S
from traffic.collectives.catalogue import COLLECTIVES
from traffic.collectives.connections import Opening, open_connections
from traffic.collectives.engine import Engine, Patience
from traffic.collectives.schedule import ELEMENT_BYTES, Shape
from traffic.command import Parser, add_window, address, number, whole
from traffic.event_loop import EventLoop
from traffic.stopping import Stop

MAX_RANKS = 4096
_TIMES = (
    ("--connect-timeout-s", 30.0, "how long to wait for the other ranks"),
    ("--stall-timeout-s", 300.0, "how long nothing may move"),
    ("--grace-s", 5.0, "how long the last operation may last beyond the end"),
)


def add_ranks(parser: Parser) -> None:
    """Who takes part, how they are connected, and for how long."""
    parser.add_argument("--rank", type=whole(0, MAX_RANKS - 1), required=True)
    parser.add_argument(
        "--peers", type=_peers, required=True, metavar="HOST:PORT,...",
        help="all ranks' addresses in order, one's own included",
    )  # fmt: skip
    parser.add_argument(
        "--connections", type=whole(1, 64), default=1, metavar="N",
        help="TCP connections between two ranks that share each message (qps_per_connection) (1)",
    )  # fmt: skip
    parser.add_argument(
        "--groups", type=groups, default=(), metavar="0,1;2,3",
        help="the ranks of each site, for hierarchical algorithms (one site)",
    )  # fmt: skip
    parser.add_argument(
        "--piece-bytes", type=whole(ELEMENT_BYTES, 2**30), default=16_384, metavar="BYTES",
        help="size of the pieces in trees and chains; 64 pieces at most (16384)",
    )  # fmt: skip
    parser.add_argument("--verify", action="store_true", help="move real numbers, check the result")
    parser.add_argument("--seed", type=whole(0, 2**32 - 1), default=0, help="(0)")
    for name, default, what in _TIMES:
        parser.add_argument(
            name, type=number(0.001, 1e6), default=default, help=f"{what} ({default:g})"
        )
    add_window(parser)


def algorithm_of(collective: str, name: str | None) -> str:
    """The algorithm's name, or the collective's first one. Raises ValueError if unknown."""
    known = COLLECTIVES[collective].algorithms
    if name is None:
        return next(iter(known))
    if name in known:
        return name
    raise ValueError(f"unknown algorithm {name!r} of {collective}{_hint(name, known)}")


def collective_name(text: str) -> str:
    """An argument type: the name of a collective."""
    if text in COLLECTIVES:
        return text
    raise ArgumentTypeError(f"unknown collective {text!r}{_hint(text, COLLECTIVES)}")


def _hint(name: str, known: Iterable[str]) -> str:
    import difflib  # noqa: PLC0415  only when it is needed

    close = difflib.get_close_matches(name, list(known), n=1)
    meant = f"; did you mean {close[0]!r}?" if close else ""
    return f"{meant} (there are: {', '.join(known)})" if not close else meant


def rank_problem(args: Namespace) -> str | None:
    """What the shared arguments say together that cannot be."""
    ranks = len(args.peers)
    if args.rank >= ranks:
        return f"--rank {args.rank}: --peers names {ranks} ranks, 0 to {ranks - 1}"
    listed = sorted(rank for group in args.groups for rank in group)
    if args.groups and listed != list(range(ranks)):
        return f"--groups has to name each of the ranks 0 to {ranks - 1} once"
    return None


def size_problem(bytes_: int, ranks: int) -> str | None:
    """Why a vector cannot have that size."""
    if bytes_ % ELEMENT_BYTES:
        return f"--bytes {bytes_} is not a multiple of {ELEMENT_BYTES} (32-bit numbers)"
    if bytes_ < ranks * ELEMENT_BYTES:
        return f"--bytes {bytes_} leaves some of {ranks} ranks without a number"
    return None


def shape_of(args: Namespace, bytes_: int, root: int = 0) -> Shape:
    """What to make a schedule for."""
    return Shape(
        len(args.peers), bytes_ // ELEMENT_BYTES,
        piece_elements=args.piece_bytes // ELEMENT_BYTES, groups=args.groups, root=root,
    )  # fmt: skip


def open_engine(
    args: Namespace, partners: Iterable[int], loop: EventLoop, stop_ns: int | None, purpose: str
) -> Engine:
    """Connect with the partners. purpose: what all ranks have to agree on. Raises Unfinished."""
    stop = Stop().on_signals()
    opening = Opening(
        args.peers, args.rank, connections=args.connections, purpose=zlib.crc32(purpose.encode()),
        timeout_s=args.connect_timeout_s, stop=stop,
    )  # fmt: skip
    sockets = open_connections(opening, partners)
    loop.stop_on_signals()
    loop.interrupted |= stop.requested
    give_up_ns = None if stop_ns is None else stop_ns + round(args.grace_s * NS_PER_S)
    return Engine(sockets, args.connections, loop, Patience(args.stall_timeout_s, give_up_ns))


def groups(text: str) -> tuple[tuple[int, ...], ...]:
    """An argument type: groups of ranks, such as `0,1;2,3`."""
    try:
        return tuple(tuple(map(int, part.split(","))) for part in text.split(";"))
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not groups of ranks such as 0,1;2,3") from None


def _peers(text: str) -> list[tuple[str, int]]:
    peers = [address(item) for item in text.split(",")]
    if len(peers) < 2:
        raise ArgumentTypeError(f"{text!r} names one rank; a collective needs at least two")
    if len(set(peers)) < len(peers):
        raise ArgumentTypeError(f"{text!r} names an address twice")
    return peers
