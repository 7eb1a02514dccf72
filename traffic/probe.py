"""One-way probe: numbered UDP packets on an exact schedule, and their receiver.

    python -m traffic.probe receive --port 9000 --out flow.i64x3
    python -m traffic.probe send --to 10.0.0.2:9000 --rate-pps 10000 --duration-s 60 --out s.json

    python -m traffic.probe send --to 10.0.0.2:9000 --dscp 46,0 …   # two classes at once

The receiver records what arrives and needs nobody's word on what was sent.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from traffic.clock import wake_exactly
from traffic.command import MAX_PORT, Parser, add_window, address, listed, run, whole
from traffic.probe_packet import (
    MAX_FLOW,
    MAX_FLOWS,
    MAX_PAYLOAD_BYTES,
    MAX_RATE_PPS,
    MIN_PAYLOAD_BYTES,
)
from traffic.probe_receive import receive
from traffic.probe_send import send
from traffic.schedule import add_schedule

PROGRAM = "traffic.probe"


def main(arguments: list[str]) -> int:
    """Run the program. Raises Failure when it cannot do its work."""
    args = parse(arguments)
    wake_exactly()
    return send(args) if args.role == "send" else receive(args)


def parse(arguments: list[str]) -> Namespace:
    """The checked arguments; ends the process with status 2 when they are wrong."""
    parser = Parser(prog=PROGRAM, description=__doc__)
    roles = parser.add_subparsers(dest="role", required=True, metavar="send|receive")
    sender = roles.add_parser("send", help="send numbered packets on an exact schedule")
    receiver = roles.add_parser("receive", help="record what arrives")
    _add_send(sender)
    _add_receive(receiver)
    for role in (sender, receiver):
        role.add_argument("--flow", type=whole(0, MAX_FLOW), default=0, help="flow id (0)")
        add_window(role)
    return parser.parse_args(arguments)


def _add_send(sender: ArgumentParser) -> None:
    sender.add_argument("--to", type=address, required=True, metavar="HOST:PORT")
    sender.add_argument(
        "--rate-pps", type=whole(1, MAX_RATE_PPS), default=1000, help="packets per second (1000)"
    )
    sender.add_argument(
        "--payload-bytes", type=whole(MIN_PAYLOAD_BYTES, MAX_PAYLOAD_BYTES), default=64,
        help="UDP payload (64)",
    )  # fmt: skip
    sender.add_argument(
        "--dscp", type=listed(whole(0, 63), MAX_FLOWS), default=[0], metavar="DSCP,...",
        help="traffic classes; each is a flow of its own, at the full rate (0)",
    )  # fmt: skip
    add_schedule(sender)
    sender.add_argument(
        "--stamp", choices=("schedule", "clock"), default="schedule",
        help="transmit time in the packet: when it was due (exact in virtual time, saves a"
        " clock reading for each packet), or read from the clock (default: schedule)",
    )  # fmt: skip
    sender.add_argument("--out", required=True, metavar="FILE", help="summary, JSON")


def _add_receive(receiver: ArgumentParser) -> None:
    receiver.add_argument("--bind", default="", metavar="ADDRESS", help="(all addresses)")
    receiver.add_argument("--port", type=whole(1, MAX_PORT), required=True)
    receiver.add_argument(
        "--flows", type=whole(1, MAX_FLOWS), default=1,
        help="flows that are recorded, from --flow on (1); the next ones go to FILE.1, FILE.2, …",
    )  # fmt: skip
    receiver.add_argument(
        "--no-rows", action="store_true",
        help="keep figures and gaps only, computed as packets come (for runs without an end)",
    )  # fmt: skip
    receiver.add_argument(
        "--out", required=True, metavar="FILE",
        help="little-endian int64 rows: sequence, sent ns, received ns, or with --no-rows the"
        " gaps, a line of JSON each; FILE.json sums up",
    )  # fmt: skip


if __name__ == "__main__":
    run(PROGRAM, main)
