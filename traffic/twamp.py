"""Two-way probe: a TWAMP Light and STAMP reflector for any peer, and a sender for any reflector.

    python -m traffic.twamp reflect --port 862 --out reflected.json
    python -m traffic.twamp send --to 10.0.0.2:862 --rate-pps 100 --duration-s 60 --out rtt.json

Packets are those of RFC 5357 (appendix I) and RFC 8762, without authentication. The round trip
leaves out the reflector's own time and needs no common clock; the one-way delays need one.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from traffic.clock import wake_exactly
from traffic.command import MAX_PORT, Parser, add_window, address, run, whole
from traffic.schedule import add_schedule
from traffic.twamp_packet import STAMP_BYTES
from traffic.twamp_reflect import reflect
from traffic.twamp_send import send

PROGRAM = "traffic.twamp"
MAX_RATE_PPS = 20_000


def main(arguments: list[str]) -> int:
    """Run the program. Raises Failure when it cannot do its work."""
    args = parse(arguments)
    wake_exactly()
    return send(args) if args.role == "send" else reflect(args)


def parse(arguments: list[str]) -> Namespace:
    """The checked arguments; ends the process with status 2 when they are wrong."""
    parser = Parser(prog=PROGRAM, description=__doc__)
    roles = parser.add_subparsers(dest="role", required=True, metavar="send|reflect")
    reflector = roles.add_parser("reflect", help="answer test packets")
    reflector.add_argument("--bind", default="", metavar="ADDRESS", help="(all addresses)")
    reflector.add_argument(
        "--port", type=whole(1, MAX_PORT), required=True, help="862 is the standard one"
    )
    reflector.add_argument(
        "--stateless", action="store_true",
        help="copy the sender's sequence number, as the standard's simplest reflectors do",
    )  # fmt: skip
    sender = roles.add_parser("send", help="send test packets and time the answers")
    _add_send(sender)
    for role in (sender, reflector):
        role.add_argument("--out", required=True, metavar="FILE", help="figures, JSON")
        add_window(role)
    return parser.parse_args(arguments)


def _add_send(sender: ArgumentParser) -> None:
    sender.add_argument("--to", type=address, required=True, metavar="HOST:PORT")
    sender.add_argument("--rate-pps", type=whole(1, MAX_RATE_PPS), default=100, help="(100)")
    sender.add_argument(
        "--payload-bytes", type=whole(STAMP_BYTES, 65_507), default=STAMP_BYTES,
        help=f"UDP payload both ways ({STAMP_BYTES})",
    )  # fmt: skip
    sender.add_argument("--dscp", type=whole(0, 63), default=0, help="traffic class (0)")
    sender.add_argument("--session", type=whole(0, 65_535), default=0, help="RFC 8972's id (0)")
    sender.add_argument(
        "--wait-ms", type=whole(0, 60_000), default=1000,
        help="for how long an answer may come after the last packet (1000)",
    )  # fmt: skip
    sender.add_argument(
        "--count-from-ns", type=whole(0, 2**62), default=0, metavar="NS",
        help="leave packets that were due before out of the figures (CLOCK_MONOTONIC)",
    )  # fmt: skip
    sender.add_argument(
        "--stateless", action="store_true",
        help="the reflector copies sequence numbers: how many packets reached it is not known",
    )  # fmt: skip
    add_schedule(sender)


if __name__ == "__main__":
    run(PROGRAM, main)
