"""The probe's receiver: writes each arrival as it comes; memory does not grow with time."""

from __future__ import annotations

import socket
import sys
from argparse import Namespace
from array import array
from io import FileIO

from traffic.batch_receive import BatchReceiver
from traffic.clock import NS_PER_MS, AbsoluteSleep, now_ns, realtime_offset_ns, wait_until
from traffic.command import Failure, window
from traffic.output import cannot_write, write_json
from traffic.probe_packet import HEADER, MAGIC
from traffic.stopping import Stop

# The kernel stamps arrivals, so reading them late costs no exactness.
_WAKE_EVERY_NS = 20 * NS_PER_MS


class _Recorder:
    def __init__(self, receiver: BatchReceiver, flow: int, file: FileIO) -> None:
        self.receiver = receiver
        self.flow = flow
        self.file = file
        self.offset_ns = realtime_offset_ns()
        self.received = self.foreign = self.malformed = 0
        self.first_ns: int | None = None
        self.last_ns: int | None = None

    def take(self) -> None:
        """Record everything that has arrived since the last call."""
        rows = array("q")
        for length, realtime_ns, (magic, flow, sequence, sent_ns) in self.receiver.take():
            if length < HEADER.size or magic != MAGIC:
                self.malformed += 1
            elif flow != self.flow:
                self.foreign += 1
            else:
                rows.extend((sequence, sent_ns, realtime_ns - self.offset_ns))
        if rows:
            self.write(rows)

    def write(self, rows: array[int]) -> None:
        self.received += len(rows) // 3
        self.first_ns = rows[2] if self.first_ns is None else self.first_ns
        self.last_ns = rows[-1]
        if sys.byteorder == "big":
            rows.byteswap()
        self.file.write(rows.tobytes())

    def summary(self, interrupted: bool) -> dict[str, object]:
        return {
            "program": "probe-receive",
            "format": "little-endian int64 rows: sequence, sent_ns, received_ns",
            "flow": self.flow,
            "received": self.received,
            "foreign": self.foreign,
            "malformed": self.malformed,
            "kernel_drops": self.receiver.kernel_drops(),
            "first_received_ns": self.first_ns,
            "last_received_ns": self.last_ns,
            "clock_offset_drift_ns": realtime_offset_ns() - self.offset_ns,
            "interrupted": interrupted,
        }


def receive(args: Namespace) -> int:
    """Record as the arguments say, then write the summary. Raises Failure."""
    stop = Stop().on_signals()
    start_ns, stop_ns = window(args)
    with _bound(args) as sock:
        receiver = BatchReceiver(sock, HEADER)
        try:
            with open(args.out, "wb", buffering=0) as file:
                recorder = _Recorder(receiver, args.flow, file)
                _record(recorder, start_ns, stop_ns, stop)
        except OSError as error:
            raise cannot_write(args.out, error) from None
        ended_early = stop.requested and stop_ns is not None
        write_json(f"{args.out}.json", recorder.summary(interrupted=ended_early))
    return 0


def _record(recorder: _Recorder, start_ns: int, stop_ns: int | None, stop: Stop) -> None:
    wait_until(start_ns, stop)
    sleep, wake_ns = AbsoluteSleep(), max(start_ns, now_ns())
    while not stop.requested and (stop_ns is None or wake_ns < stop_ns):
        wake_ns += _WAKE_EVERY_NS
        sleep(wake_ns if stop_ns is None else min(wake_ns, stop_ns))
        recorder.take()
    recorder.take()


def _bound(args: Namespace) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.bind((args.bind, args.port))
    except OSError as error:
        sock.close()
        where = f"{args.bind or '*'}:{args.port}"
        raise Failure(f"cannot listen on {where}: {error.strerror}") from None
    return sock
