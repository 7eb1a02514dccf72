"""The arguments that say which requests a user sends, and the list made of them."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator

from traffic.clock import NS_PER_S
from traffic.command import Failure, number, whole
from traffic.file_problems import BadFile
from traffic.output import cannot_write
from traffic.request_plan import (
    MAX_TOOLS,
    Agents,
    Draw,
    PlannedRequest,
    check_plan,
    drawn,
    drawn_lengths,
    read_plan,
    replayed,
    traced_lengths,
    write_plan,
)
from traffic.tokens import TokenCount, token_count

TYPE_CHECKING = False
if TYPE_CHECKING:
    from traffic.request_trace import RequestTrace

MAX_CV = 20.0


def add_plan(parser: ArgumentParser) -> None:
    """Add the arguments of arrivals, lengths and agents."""
    parser.add_argument("--rate-rps", type=number(0.001, 1e5), help="mean requests per second")
    parser.add_argument(
        "--arrival-cv", type=number(0, MAX_CV), default=1.0,
        help="coefficient of variation of the gaps, Gamma: 1 is exponential, 0 a fixed pace (1)",
    )  # fmt: skip
    parser.add_argument(
        "--trace", type=_trace, metavar="FILE",
        help="replay a trace's times and lengths instead: CSV as of Azure or BurstGPT",
    )  # fmt: skip
    parser.add_argument("--speed-up", type=number(1e-6, 1e6), default=1.0, help="of the trace (1)")
    parser.add_argument(
        "--skip-s", type=number(0, 1e9), default=0.0, help="of the trace's time, at its start (0)"
    )
    for name, default in (("--prompt-tokens", 512), ("--answer-tokens", 64)):
        parser.add_argument(
            name, type=token_count, default=TokenCount(default), metavar="COUNT",
            help=f"N or lognormal:MEDIAN:SIGMA[:MAXIMUM] ({default})",
        )  # fmt: skip
    parser.add_argument(
        "--lengths", type=_trace, metavar="FILE",
        help="draw both lengths from a trace's requests instead",
    )  # fmt: skip
    parser.add_argument(
        "--agent-share", type=number(0, 1), default=0.0, help="of requests that call tools (0)"
    )
    parser.add_argument(
        "--agent-calls", type=_calls, default=(1, 3), metavar="FEWEST:MOST",
        help="calls to tools of such a request (1:3)",
    )  # fmt: skip
    parser.add_argument("--seed", type=whole(0, 2**63), default=0, help="(0)")


def _trace(path: str) -> RequestTrace:
    from traffic.request_trace import read_trace  # noqa: PLC0415  most programs read none

    try:
        return read_trace(path)
    except OSError as error:
        raise ArgumentTypeError(f"cannot read {path}: {error.strerror}") from None
    except BadFile as problems:
        raise ArgumentTypeError("\n".join(problems.lines())) from None


def _calls(text: str) -> tuple[int, int]:
    fewest, _, most = text.partition(":")
    if not (fewest.isdecimal() and most.isdecimal() and 1 <= int(fewest) <= int(most) <= MAX_TOOLS):
        raise ArgumentTypeError(f"{text!r} is not FEWEST:MOST, whole numbers from 1 to {MAX_TOOLS}")
    return int(fewest), int(most)


def check_plan_role(args: Namespace) -> str | None:
    """What is wrong with the arguments of `plan` together; None if nothing."""
    endless = args.trace is None and args.duration_s is None and args.stop_at_ns is None
    if endless:
        return "a list of random requests needs an end; give --duration-s"
    return _check_arrivals(args)


def _check_arrivals(args: Namespace) -> str | None:
    if (args.rate_rps is None) == (args.trace is None):
        return "give either --rate-rps or --trace"
    if args.agent_share and not args.tools:
        return "--agent-share needs tool servers; give --tools"
    return None


def check_load(args: Namespace) -> str | None:
    """What is wrong with the arguments of `load` together; None if nothing."""
    for name, addresses in (("--servers", args.servers), ("--tools", args.tools)):
        if len(set(addresses)) < len(addresses):
            return f"{name} names an address twice"
    if args.requests is None:
        return _check_arrivals(args)
    if args.rate_rps is not None or args.trace is not None:
        return "--requests already says when requests come; leave out --rate-rps and --trace"
    try:
        check_plan(args.requests, len(args.tools))
    except OSError as error:
        return f"cannot read {args.requests}: {error.strerror}"
    except BadFile as problems:
        return "\n".join(problems.lines())
    return None


def planned(args: Namespace) -> Iterator[PlannedRequest]:
    """The requests that the arguments describe; without end where nothing ends them."""
    if getattr(args, "requests", None) is not None:
        return read_plan(args.requests)
    agents = Agents(args.agent_share, args.agent_calls, len(args.tools), args.seed)
    until_ns = _until_ns(args)
    if args.trace is not None:
        options = {"speed_up": args.speed_up, "skip_s": args.skip_s}
        return replayed(args.trace, agents, until_ns, **options)
    return drawn(args.rate_rps, args.arrival_cv, _lengths(args), agents, args.seed, until_ns)


def _lengths(args: Namespace) -> Draw:
    if args.lengths is not None:
        return traced_lengths(args.lengths, args.seed)
    return drawn_lengths(args.prompt_tokens, args.answer_tokens, args.seed)


def _until_ns(args: Namespace) -> int | None:
    duration_s: float | None = args.duration_s
    if duration_s is not None:
        return round(duration_s * NS_PER_S)
    start_ns: int | None = args.start_at_ns
    stop_ns: int | None = args.stop_at_ns
    return None if start_ns is None or stop_ns is None else stop_ns - start_ns


def make_plan(args: Namespace) -> int:
    """Write the list of requests. Raises Failure."""
    try:
        count = write_plan(args.out, planned(args))
    except OSError as error:
        raise cannot_write(args.out, error) from None
    if not count:
        raise Failure("no request is due in this time; look at --duration-s, --skip-s, --speed-up")
    print(f"{count} requests")
    return 0
