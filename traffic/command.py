"""What the programs' command lines have in common.

Exit status: 0 done (also when ended by a signal), 1 the run failed, 2 wrong arguments.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from traffic.clock import NS_PER_MS, NS_PER_S, now_ns

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing would cost each program 5 ms
    from typing import Any

MAX_PORT = 65_535
# What is left to do between reading the arguments and the start.
_SET_UP_NS = 5 * NS_PER_MS


class Failure(Exception):
    """The run cannot go on; the message is for the user."""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line instead of repeating the whole usage.

    Descriptions keep their lines: they are the programs' docstrings, with examples.
    """

    def __init__(self, **options: Any) -> None:
        """As of ArgumentParser, by keyword."""
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(**options)

    def error(self, message: str) -> None:  # type: ignore[override]
        """End with status 2."""
        self.exit(2, f"{self.prog}: {message} (see --help)\n")


def run(program: str, main: Callable[[list[str]], int]) -> None:
    """Call main with the command line and end the process with its status."""
    try:
        status = main(sys.argv[1:])
    except Failure as failure:
        print(f"{program}: {failure}", file=sys.stderr)
        status = 1
    sys.exit(status)


def whole(low: int, high: int) -> Callable[[str], int]:
    """An argument type: a whole number from low to high."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {low} to {high}")
        return value

    return parse


def number(low: float, high: float) -> Callable[[str], float]:
    """An argument type: a number from low to high."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:  # also refuses NaN
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {low:g} to {high:g}")
        return value

    return parse


def listed(item: Callable[[str], int], most: int) -> Callable[[str], list[int]]:
    """An argument type: different items with commas between them."""

    def parse(text: str) -> list[int]:
        items = [item(part) for part in text.split(",")]
        if len(items) > most or len(set(items)) < len(items):
            message = f"{text!r} is no list of at most {most} values, each there once"
            raise argparse.ArgumentTypeError(message)
        return items

    return parse


def address(text: str) -> tuple[str, int]:
    """An argument type: HOST:PORT."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 1 <= int(port) <= MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT with a port from 1 to 65535")
    try:
        host.encode("idna")  # as the socket functions do
    except UnicodeError:
        raise argparse.ArgumentTypeError(f"{host!r} in {text!r} is no host's name") from None
    return host, int(port)


def add_window(parser: argparse.ArgumentParser) -> None:
    """Add --start-at-ns, --stop-at-ns and --duration-s."""
    clock = whole(0, 2**62)
    parser.add_argument(
        "--start-at-ns", type=clock, metavar="NS",
        help="when to begin, in CLOCK_MONOTONIC ns (default: now)",
    )  # fmt: skip
    end = parser.add_mutually_exclusive_group()
    end.add_argument(
        "--stop-at-ns", type=clock, metavar="NS", help="when to end, in CLOCK_MONOTONIC ns"
    )
    end.add_argument(
        "--duration-s", type=number(0.001, 1e9), metavar="S",
        help="how long to run; with neither, until SIGTERM or SIGINT",
    )  # fmt: skip


def window(args: argparse.Namespace) -> tuple[int, int | None]:
    """The (start_ns, stop_ns) that the arguments of add_window ask for.

    Raises Failure for a start that is past: programs would no longer run in step.
    """
    present_ns = now_ns()
    at_once_ns = present_ns + _SET_UP_NS
    start_ns = at_once_ns if args.start_at_ns is None else int(args.start_at_ns)
    if start_ns < present_ns:
        late_s = (present_ns - start_ns) / NS_PER_S
        raise Failure(f"--start-at-ns lies {late_s:.6f} s in the past; give a later time")
    if args.duration_s is not None:
        return start_ns, start_ns + round(args.duration_s * NS_PER_S)
    if args.stop_at_ns is not None and args.stop_at_ns <= start_ns:
        raise Failure(f"--stop-at-ns {args.stop_at_ns} is not after the start ({start_ns})")
    return start_ns, args.stop_at_ns
