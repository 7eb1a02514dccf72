"""Replay a pcap file with its own timing, to another host.

    python -m traffic.replay --pcap recorded.pcap --to 10.0.0.2 --out replayed.json

IPv4 packets (bare, or in Ethernet) are sent with this host's address as source and --to as
destination; checksums, and RoCEv2's invariant CRC, are made anew. Everything else is counted
and left out. The file is read as it is sent, so that its size does not matter.
"""

from __future__ import annotations

import logging
import socket
from argparse import ArgumentTypeError, Namespace
from collections.abc import Iterator
from decimal import Decimal
from itertools import chain, islice
from typing import Any

from traffic.clock import NS_PER_S, now_ns, run_first, wait_until, wake_exactly
from traffic.command import Failure, Parser, add_window, number, run, window
from traffic.output import write_json
from traffic.raw_packets import RawSender, source_of, unstamped_packets
from traffic.stopping import Stop

PROGRAM = "traffic.replay"

_ANY_PORT = 9


class Recording:
    """The file's IPv4 packets, each with its time after the first one."""

    def __init__(self, path: str, source: str, target: str) -> None:
        self._path, self._source, self._target = path, source, target
        self.read = self.left_out = self.cut_short = 0

    def packets(self) -> Iterator[tuple[int, bytes]]:
        """(ns after the first packet, the packet with its new addresses). Raises Failure."""
        from scapy.layers.inet import IP  # noqa: PLC0415  --help must not wait for Scapy

        first_ns = before_ns = None
        for packet in self._all():
            self.read += 1
            at_ns = int(Decimal(packet.time) * NS_PER_S)
            first_ns = at_ns if first_ns is None else first_ns
            if before_ns is not None and at_ns < before_ns:
                early_s = (before_ns - at_ns) / NS_PER_S
                raise Failure(
                    f"{self._path}: packet {self.read} is {early_s:.6f} s earlier than the one "
                    "before it; sort the file (reordercap)"
                )
            before_ns = at_ns
            if packet.wirelen is not None and packet.wirelen > len(packet.original):
                self.cut_short += 1
            elif IP in packet:
                yield at_ns - first_ns, self._redirected(packet[IP])
            else:
                self.left_out += 1
        if not self.read:
            raise Failure(f"{self._path} holds no packets")

    def _all(self) -> Iterator[Any]:
        from scapy.contrib import roce  # noqa: F401, PLC0415  RoCEv2's CRC is made anew
        from scapy.error import Scapy_Exception  # noqa: PLC0415
        from scapy.utils import PcapReader  # noqa: PLC0415

        logging.getLogger("scapy").setLevel(logging.ERROR)  # what is cut short is counted here
        try:
            with PcapReader(self._path) as reader:
                yield from reader
        except OSError as error:
            raise Failure(f"cannot read {self._path}: {error.strerror}") from None
        except (Scapy_Exception, EOFError) as error:
            raise Failure(f"{self._path} is no pcap file that can be read: {error}") from None

    def _redirected(self, network: Any) -> bytes:
        from scapy.contrib.roce import BTH  # noqa: PLC0415

        network.src, network.dst = self._source, self._target
        for layer in ("IP", "UDP", "TCP"):
            if network.haslayer(layer):
                del network.getlayer(layer).chksum
        if BTH in network:
            network[BTH].icrc = None
        return bytes(network)


def main(arguments: list[str]) -> int:
    """Replay the file. Raises Failure."""
    args = parse(arguments)
    wake_exactly()
    stop = Stop().on_signals()
    unstamped_packets()
    recording = Recording(args.pcap, source_of((args.to, _ANY_PORT)), args.to)
    with RawSender() as sender:
        replay = _Replay(args, recording, sender)
        write_json(args.out, replay.summary(interrupted=True))  # fails before the run, not after
        replay.open()
        start_ns, stop_ns = window(args)
        run_first()
        replay.run(start_ns, stop_ns, stop)
    write_json(args.out, replay.summary(interrupted=stop.requested))
    return 0


class _Replay:
    def __init__(self, args: Namespace, recording: Recording, sender: RawSender) -> None:
        self.args, self.recording, self.sender = args, recording, sender
        self.packets: Iterator[tuple[int, bytes]] = iter(())
        self.due = self.worst_late_ns = 0

    def open(self) -> None:
        """Load Scapy and read the first packet: what is wrong shows, and costs no time later."""
        packets = self.recording.packets()
        self.packets = chain([*islice(packets, 1)], packets)

    def run(self, start_ns: int, stop_ns: int | None, stop: Stop) -> None:
        """Send every packet at its time."""
        for after_ns, packet in self.packets:
            at_ns = start_ns + round(after_ns / self.args.speed)
            if stop_ns is not None and at_ns >= stop_ns:
                return
            if not wait_until(at_ns, stop):
                return
            self.worst_late_ns = max(self.worst_late_ns, now_ns() - at_ns)
            self.sender.send(packet, self.args.to)
            self.due += 1

    def summary(self, interrupted: bool) -> dict[str, object]:
        return {
            "program": "replay",
            "pcap": self.args.pcap,
            "to": self.args.to,
            "speed": self.args.speed,
            "read": self.recording.read,
            "left_out": self.recording.left_out,
            "cut_short": self.recording.cut_short,
            "due": self.due,
            "sent": self.due - sum(self.sender.not_sent.values()),
            "not_sent": self.sender.not_sent,
            "worst_late_ns": self.worst_late_ns,
            "interrupted": interrupted,
        }


def parse(arguments: list[str]) -> Namespace:
    """The checked arguments; ends the process with status 2 when they are wrong."""
    parser = Parser(prog=PROGRAM, description=__doc__)
    parser.add_argument("--pcap", required=True, metavar="FILE", help="what to replay")
    parser.add_argument("--to", type=_host, required=True, metavar="ADDRESS", help="IPv4")
    parser.add_argument(
        "--speed", type=number(0.001, 1000), default=1.0, help="so many times as fast (1)"
    )
    parser.add_argument("--out", required=True, metavar="FILE", help="summary, JSON")
    add_window(parser)
    return parser.parse_args(arguments)


def _host(text: str) -> str:
    try:
        socket.inet_aton(text)
    except OSError:
        raise ArgumentTypeError(f"{text!r} is no IPv4 address") from None
    return text


if __name__ == "__main__":
    run(PROGRAM, main)
