"""Inference over the network: servers' models, tools, weights, and open-loop users.

    python -m traffic.inference serve --port 8000 --out server.json
    python -m traffic.inference load --servers 10.0.0.2:8000 --rate-rps 20 --out requests.jsonl
    python -m traffic.inference summary requests.jsonl --objective llama2-70b-interactive

A list of requests made beforehand, here from a trace replayed ten times as fast:

    python -m traffic.inference plan --trace azure.csv --speed-up 10 --duration-s 60 --out plan.csv
    python -m traffic.inference load --requests plan.csv --servers 10.0.0.2:8000 --out r.jsonl
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from traffic.batching import PREFILL, SEPARATE
from traffic.clock import wake_exactly
from traffic.command import MAX_PORT, Parser, add_window, address, number, run, whole
from traffic.inference_load import load
from traffic.inference_plan import add_plan, check_load, check_plan_role, make_plan, planned
from traffic.inference_server import serve, serve_tool
from traffic.inference_wire import MAX_TOKEN_BYTES, TOKEN
from traffic.weights import serve_weights

PROGRAM = "traffic.inference"


def main(arguments: list[str]) -> int:
    """Run the program. Raises Failure when it cannot do its work."""
    args = parse(arguments)
    wake_exactly()
    match args.role:
        case "serve":
            return serve(args)
        case "tool":
            return serve_tool(args)
        case "store":
            return serve_weights(args)
        case "plan":
            return make_plan(args)
        case "summary":
            from traffic.inference_summary import summarise  # noqa: PLC0415  slow to import

            return summarise(args)
    return load(args, planned(args))


def parse(arguments: list[str]) -> Namespace:
    """The checked arguments; ends the process with status 2 when they are wrong."""
    parser = Parser(prog=PROGRAM, description=__doc__)
    roles = parser.add_subparsers(dest="role", required=True, metavar="ROLE")
    _add_server(roles.add_parser("serve", help="answer requests, token by token"))
    _add_tool(roles.add_parser("tool", help="answer an agent's calls"))
    _add_store(roles.add_parser("store", help="send model weights to servers"))
    plan = roles.add_parser("plan", help="make a list of requests for `load`")
    add_plan(plan)
    _add_agents(plan)
    plan.add_argument("--out", required=True, metavar="FILE", help="the list, CSV")
    add_window(plan)
    _add_load(roles.add_parser("load", help="send requests, planned or at random times"))
    _add_summary(roles.add_parser("summary", help="figures of logs that `load` wrote"))
    args = parser.parse_args(arguments)
    check = {"load": check_load, "plan": check_plan_role, "serve": _check_server}.get(args.role)
    problem = check(args) if check else None
    if problem:
        parser.error(problem)
    return args


def _add_listener(parser: ArgumentParser) -> None:
    parser.add_argument("--bind", default="", metavar="ADDRESS", help="(all addresses)")
    parser.add_argument("--port", type=whole(1, MAX_PORT), required=True)
    parser.add_argument("--out", required=True, metavar="FILE", help="counts, JSON")
    _add_class(parser)
    add_window(parser)


def _add_class(parser: ArgumentParser) -> None:
    parser.add_argument("--dscp", type=whole(0, 63), default=0, help="traffic class (0)")


def _add_server(parser: ArgumentParser) -> None:
    _add_listener(parser)
    parser.add_argument(
        "--slots", type=whole(1, 100_000), default=8, help="most requests in the batch (8)"
    )
    for name, low, default, what in (
        ("--prefill-ms", 0.001, 20.0, "to read any prompt"),
        ("--prefill-per-token-ms", 0, 0.05, "added for each token of the prompt"),
        ("--decode-ms", 0.001, 20.0, "a step that makes one token for each in the batch"),
        ("--decode-per-request-ms", 0, 0.0, "added for each further request in the batch"),
    ):
        parser.add_argument(
            name, type=number(low, 1e6), default=default, help=f"{what} ({default:g})"
        )
    parser.add_argument(
        "--prefill", choices=PREFILL, default=SEPARATE,
        help="prompts are read on machines of their own, between the steps, or along with them "
        "(separate)",
    )  # fmt: skip
    parser.add_argument(
        "--chunk-tokens", type=whole(1, 1_000_000), default=512,
        help="prompt tokens read along with one step of `chunked` (512)",
    )  # fmt: skip
    parser.add_argument(
        "--kv-tokens", type=whole(1, 2**31), help="tokens that the batch's memory holds (any)"
    )
    parser.add_argument(
        "--queue", type=whole(0, 10**9), help="how many may wait; more are refused (any)"
    )
    parser.add_argument(
        "--token-bytes", type=whole(TOKEN.size, MAX_TOKEN_BYTES), default=128,
        help="size of one token's message (128)",
    )  # fmt: skip
    _add_weights(parser)


def _add_weights(parser: ArgumentParser) -> None:
    weights = parser.add_argument_group("weights", "refuse requests until they are there")
    weights.add_argument("--weights-from", type=address, metavar="HOST:PORT", help="a `store`")
    weights.add_argument("--weights-bytes", type=whole(1, 2**62), help="how many to fetch")
    weights.add_argument(
        "--weights-after-s", type=number(0, 1e9), default=0.0, help="when to begin (0)"
    )
    weights.add_argument(
        "--connections", type=whole(1, 1024), default=4, help="that share the bytes (4)"
    )


def _check_server(args: Namespace) -> str | None:
    if (args.weights_from is None) != (args.weights_bytes is None):
        return "--weights-from and --weights-bytes go together"
    return None


def _add_tool(parser: ArgumentParser) -> None:
    _add_listener(parser)
    parser.set_defaults(weights_from=None)
    parser.add_argument(
        "--slots", type=whole(1, 100_000), default=8, help="calls served at once (8)"
    )
    parser.add_argument(
        "--tool-ms", type=number(0, 1e6), default=50.0, help="computing for one call (50)"
    )
    parser.add_argument(
        "--answer-bytes", type=whole(TOKEN.size, MAX_TOKEN_BYTES), default=4096,
        help="size of an answer (4096)",
    )  # fmt: skip


def _add_store(parser: ArgumentParser) -> None:
    _add_listener(parser)


def _addresses(text: str) -> list[tuple[str, int]]:
    return [address(part) for part in text.split(",")]


def _add_agents(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--tools", type=_addresses, default=[], metavar="HOST:PORT,…",
        help="tool servers for agents (none)",
    )  # fmt: skip


def _add_turns(parser: ArgumentParser) -> None:
    for name, default, what in (
        ("--tool-call-tokens", 50, "answer tokens in which the model asks for a tool"),
        ("--tool-result-tokens", 500, "that a tool's answer adds to the next prompt"),
    ):
        parser.add_argument(
            name, type=whole(1, 1_000_000), default=default, help=f"{what} ({default})"
        )
    parser.add_argument(
        "--tool-request-bytes", type=whole(0, 1 << 24), default=1024, help="of a call (1024)"
    )


def _add_load(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--servers", type=_addresses, required=True, metavar="HOST:PORT,…",
        help="asked in this order: the next when one fails",
    )  # fmt: skip
    parser.add_argument("--requests", metavar="FILE", help="a list made by `plan`; else:")
    add_plan(parser)
    _add_agents(parser)
    _add_turns(parser)
    parser.add_argument(
        "--bytes-per-token", type=whole(0, 1024), default=4, help="of the prompt (4)"
    )
    parser.add_argument(
        "--connections", choices=("pool", "new"), default="pool",
        help="keep connections for later requests, or a new one for each (pool)",
    )  # fmt: skip
    parser.add_argument(
        "--warm", type=whole(0, 10_000), default=4,
        help="connections opened beforehand, to each server (4)",
    )  # fmt: skip
    parser.add_argument(
        "--timeout-s", type=number(0.001, 1e6), default=10.0, help="a request fails after (10)"
    )
    parser.add_argument(
        "--failover-ms", type=number(0.001, 1e9), default=1000.0,
        help="without a token for so long, the next server is asked (1000)",
    )  # fmt: skip
    parser.add_argument(
        "--drain-s", type=number(0, 1e6), default=10.0,
        help="how long to wait for answers after the last request (10)",
    )  # fmt: skip
    parser.add_argument("--out", required=True, metavar="FILE", help="one JSON line per request")
    _add_class(parser)
    add_window(parser)


def _objective(text: str) -> object:
    from traffic.objectives import objective  # noqa: PLC0415  slow to import

    return objective(text)


def _add_summary(parser: ArgumentParser) -> None:
    parser.add_argument("logs", nargs="+", metavar="FILE", help="what `load` wrote")
    parser.add_argument(
        "--objective", type=_objective, default="llama2-70b", metavar="NAME|TTFT:TPOT",
        help="MLPerf's limits by a model's name, or two limits in ms, such as 450:40 (llama2-70b)",
    )  # fmt: skip


if __name__ == "__main__":
    run(PROGRAM, main)
