"""Inference over the network: a server's model and open-loop users.

python -m traffic.inference serve --port 8000 --out server.json
python -m traffic.inference load --server 10.0.0.2:8000 --rate-rps 20 --out requests.jsonl
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from traffic.clock import wake_exactly
from traffic.command import MAX_PORT, Parser, add_window, address, number, run, whole
from traffic.inference_load import load
from traffic.inference_server import serve
from traffic.inference_wire import MAX_TOKEN_BYTES, TOKEN
from traffic.tokens import TokenCount, token_count

PROGRAM = "traffic.inference"


def main(arguments: list[str]) -> int:
    """Run the program. Raises Failure when it cannot do its work."""
    args = parse(arguments)
    wake_exactly()
    return serve(args) if args.role == "serve" else load(args)


def parse(arguments: list[str]) -> Namespace:
    """The checked arguments; ends the process with status 2 when they are wrong."""
    parser = Parser(prog=PROGRAM, description="Serve or load inference requests.")
    roles = parser.add_subparsers(dest="role", required=True, metavar="serve|load")
    _add_server(roles.add_parser("serve", help="answer requests, token by token"))
    _add_load(roles.add_parser("load", help="send requests at random times"))
    return parser.parse_args(arguments)


def _add_server(parser: ArgumentParser) -> None:
    parser.add_argument("--bind", default="", metavar="ADDRESS", help="(all addresses)")
    parser.add_argument("--port", type=whole(1, MAX_PORT), required=True)
    parser.add_argument(
        "--slots", type=whole(1, 100_000), default=8, help="requests served at once (8)"
    )
    for name, default, what in (
        ("--prefill-ms", 20.0, "before the first token"),
        ("--prefill-per-token-ms", 0.05, "added for each token of the prompt"),
        ("--decode-ms", 20.0, "from one token of the answer to the next"),
    ):
        parser.add_argument(
            name, type=number(0.001, 1e6), default=default, help=f"{what} ({default:g})"
        )
    parser.add_argument(
        "--token-bytes", type=whole(TOKEN.size, MAX_TOKEN_BYTES), default=128,
        help="size of one token's message (128)",
    )  # fmt: skip
    parser.add_argument("--out", required=True, metavar="FILE", help="counts, JSON")
    add_window(parser)


def _add_load(parser: ArgumentParser) -> None:
    parser.add_argument("--server", type=address, required=True, metavar="HOST:PORT")
    parser.add_argument(
        "--rate-rps", type=number(0.001, 1e5), required=True, help="mean requests per second"
    )
    for name, default in (("--prompt-tokens", 512), ("--answer-tokens", 64)):
        parser.add_argument(
            name, type=token_count, default=TokenCount(default), metavar="COUNT",
            help=f"N or lognormal:MEDIAN:SIGMA[:MAXIMUM] ({default})",
        )  # fmt: skip
    parser.add_argument(
        "--bytes-per-token", type=whole(0, 1024), default=4, help="of the prompt (4)"
    )
    parser.add_argument(
        "--connections", choices=("pool", "new"), default="pool",
        help="keep connections for later requests, or a new one for each (pool)",
    )  # fmt: skip
    parser.add_argument(
        "--warm", type=whole(0, 10_000), default=4, help="connections opened beforehand (4)"
    )
    parser.add_argument(
        "--timeout-s", type=number(0.001, 1e6), default=10.0, help="a request fails after (10)"
    )
    parser.add_argument(
        "--drain-s", type=number(0, 1e6), default=10.0,
        help="how long to wait for answers after the last request (10)",
    )  # fmt: skip
    parser.add_argument("--seed", type=whole(0, 2**32 - 1), default=0, help="(0)")
    parser.add_argument("--out", required=True, metavar="FILE", help="one JSON line per request")
    add_window(parser)


if __name__ == "__main__":
    run(PROGRAM, main)
