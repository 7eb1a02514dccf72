"""A host's part of a traffic matrix: large packets to many others, each at its own rate.

    python -m traffic.matrix receive --port 9000 --out received.json
    python -m traffic.matrix send --flows 1@10.0.0.2:9000=3.5,2@10.0.0.3:9000=0.8 --out sent.json

A flow is FLOW@HOST:PORT=MBPS, and its rate counts the whole frame, as links do. The receiver
counts each flow's packets by when they were sent, between the moments given as --borders-ns.
"""

from __future__ import annotations

from argparse import ArgumentTypeError, Namespace

from traffic.clock import wake_exactly
from traffic.command import MAX_PORT, Parser, add_window, address, listed, number, run, whole
from traffic.matrix_receive import receive
from traffic.matrix_send import Flow, send
from traffic.probe_packet import MAX_FLOW, MIN_PAYLOAD_BYTES
from traffic.schedule import add_schedule

PROGRAM = "traffic.matrix"
MAX_FLOWS = 4096
MAX_BORDERS = 64
_LARGEST_MBPS = 1e6
_CLOCK_NS = whole(0, 2**62)


def main(arguments: list[str]) -> int:
    """Run the program. Raises Failure when it cannot do its work."""
    args = parse(arguments)
    wake_exactly()
    return send(args) if args.role == "send" else receive(args)


def parse(arguments: list[str]) -> Namespace:
    """The checked arguments; ends the process with status 2 when they are wrong."""
    parser = Parser(prog=PROGRAM, description=__doc__)
    roles = parser.add_subparsers(dest="role", required=True, metavar="send|receive")
    sender = roles.add_parser("send", help="send all flows of one host")
    sender.add_argument(
        "--flows", type=_flows, required=True, metavar="FLOW@HOST:PORT=MBPS,...",
        help="ids, where they go, and their rates in whole frames",
    )  # fmt: skip
    sender.add_argument(
        "--payload-bytes", type=whole(MIN_PAYLOAD_BYTES, 65_507), default=1400,
        help="UDP payload (1400)",
    )  # fmt: skip
    sender.add_argument("--dscp", type=whole(0, 63), default=0, help="traffic class (0)")
    sender.add_argument(
        "--seed", type=whole(0, 2**63 - 1), default=0, help="of the flows' phases (0)"
    )
    add_schedule(sender)
    receiver = roles.add_parser("receive", help="count what arrives, flow by flow")
    receiver.add_argument("--bind", default="", metavar="ADDRESS", help="(all addresses)")
    receiver.add_argument("--port", type=whole(1, MAX_PORT), required=True)
    receiver.add_argument(
        "--borders-ns", type=listed(_CLOCK_NS, MAX_BORDERS), default=[], metavar="NS,...",
        help="count apart what was sent before, between and after these (CLOCK_MONOTONIC)",
    )  # fmt: skip
    for role in (sender, receiver):
        role.add_argument("--out", required=True, metavar="FILE", help="counts, JSON")
        add_window(role)
    return parser.parse_args(arguments)


def _flows(text: str) -> list[Flow]:
    flows = [_flow(item) for item in text.split(",")]
    if len({flow.number for flow in flows}) < len(flows) or len(flows) > MAX_FLOWS:
        raise ArgumentTypeError(f"flow ids are unique, and there are at most {MAX_FLOWS}")
    return flows


def _flow(text: str) -> Flow:
    name, at, rest = text.partition("@")
    where, equals, rate = rest.rpartition("=")
    if not at or not equals:
        raise ArgumentTypeError(f"{text!r} is not FLOW@HOST:PORT=MBPS")
    rate_mbps = number(1e-6, _LARGEST_MBPS)(rate)
    return Flow(whole(0, MAX_FLOW)(name), address(where), round(rate_mbps * 1e6))


if __name__ == "__main__":
    run(PROGRAM, main)
