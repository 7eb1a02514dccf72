"""Packets that ordinary sockets do not send, made with Scapy (see frames.py for the forms).

    python -m traffic.crafted --to 10.0.0.2:4791 --kind rocev2 --count 1000 --out sent.json
    python -m traffic.crafted --to 10.0.0.2:4789 --kind vxlan --flows 8 --duration-s 5 --out s.json

Each packet is made just before it is due, so that memory does not grow with their number.
"""

from __future__ import annotations

from argparse import Namespace

from traffic.clock import realtime_ns, run_first, wait_until, wake_exactly
from traffic.command import Parser, add_window, address, run, whole, window
from traffic.frames import FORMS, MAX_QUEUE_PAIR, MAX_VNI, NUMBER, build
from traffic.output import write_json
from traffic.pcap_file import LINKTYPE_RAW, PcapWriter
from traffic.probe_packet import MAX_RATE_PPS
from traffic.raw_packets import RawSender, source_of, unstamped_packets
from traffic.schedule import Schedule, add_schedule, schedule_of
from traffic.stopping import Stop

PROGRAM = "traffic.crafted"
MAX_COUNT = 10**9
MAX_FLOWS = 4096


def main(arguments: list[str]) -> int:
    """Send the packets, or write them to a file. Raises Failure."""
    args = parse(arguments)
    wake_exactly()
    stop = Stop().on_signals()
    source = source_of(args.to)
    unstamped_packets()
    if args.pcap:
        _write_pcap(args, source)
        write_json(args.out, _summary(args, source, 0, None, interrupted=False))
        return 0
    start_ns, stop_ns = window(args)
    schedule = schedule_of(args, start_ns)
    count = args.count
    if stop_ns is not None:
        due = schedule.packets_before(args.rate_pps, stop_ns)
        count = due if count is None else min(count, due)
    with RawSender() as sender:
        write_json(args.out, _summary(args, source, 0, sender, interrupted=True))
        run_first()
        due = _send(args, sender, source, schedule, count, stop)
    write_json(args.out, _summary(args, source, due, sender, interrupted=stop.requested))
    return 0


def _send(
    args: Namespace,
    sender: RawSender,
    source: str,
    schedule: Schedule,
    count: int | None,
    stop: Stop,
) -> int:
    """Send until the count or a stop; how many were due."""
    sequence = 0
    while sequence != count and not stop.requested:
        packet = build(args, source, sequence)
        if not wait_until(schedule.due_ns(args.rate_pps, sequence), stop):
            break
        sender.send(packet, args.to[0])
        sequence += 1
    return sequence


def _write_pcap(args: Namespace, source: str) -> None:
    """The packets as they would be sent, with their times, from now on."""
    begin_ns, schedule = realtime_ns(), Schedule(0)
    with PcapWriter(args.pcap, LINKTYPE_RAW) as file:
        for sequence in range(1 if args.count is None else args.count):
            at_ns = begin_ns + schedule.due_ns(args.rate_pps, sequence)
            file.write(at_ns, build(args, source, sequence))


def _summary(
    args: Namespace, source: str, due: int, sender: RawSender | None, *, interrupted: bool
) -> dict[str, object]:
    not_sent = sender.not_sent if sender else {}
    return {
        "program": "crafted",
        "kind": args.kind,
        "from": source,
        "to": "{}:{}".format(*args.to),
        "due": due,
        "sent": due - sum(not_sent.values()),
        "not_sent": not_sent,
        "interrupted": interrupted,
    }


def parse(arguments: list[str]) -> Namespace:
    """The checked arguments; ends the process with status 2 when they are wrong."""
    parser = Parser(prog=PROGRAM, description=__doc__)
    parser.add_argument("--to", type=address, required=True, metavar="HOST:PORT")
    parser.add_argument("--kind", choices=FORMS, default="udp", help="(udp)")
    parser.add_argument(
        "--count", type=whole(1, MAX_COUNT), help="end after so many (with --pcap: 1)"
    )
    parser.add_argument("--rate-pps", type=whole(1, MAX_RATE_PPS), default=1000, help="(1000)")
    parser.add_argument(
        "--payload-bytes", type=whole(NUMBER.size, 65_000), default=64,
        help="the innermost payload (64)",
    )  # fmt: skip
    parser.add_argument("--dscp", type=whole(0, 63), default=0, help="traffic class (0)")
    parser.add_argument("--ecn", type=whole(0, 3), default=0, help="ECN field (0)")
    parser.add_argument(
        "--flows", type=whole(1, MAX_FLOWS), default=1,
        help="flows that packets take in turn, each with a UDP source port of its own (1)",
    )  # fmt: skip
    parser.add_argument(
        "--queue-pair", type=whole(0, MAX_QUEUE_PAIR), default=1,
        help="of the first flow, at both ends of a rocev2 connection; the next ones follow (1)",
    )  # fmt: skip
    parser.add_argument(
        "--message-packets", type=whole(1, 2**20), default=1,
        help="packets of one rocev2 message: first, middle, last (1: send-only)",
    )  # fmt: skip
    parser.add_argument("--vni", type=whole(0, MAX_VNI), default=1, help="of vxlan (1)")
    parser.add_argument("--pcap", metavar="FILE", help="write the packets there, send nothing")
    parser.add_argument("--out", required=True, metavar="FILE", help="summary, JSON")
    add_schedule(parser)
    add_window(parser)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run(PROGRAM, main)
