r"""A training loop's all-reduce: compute, then a ring all-reduce with real bytes, repeated.

    python -m traffic.allreduce --rank 0 --peers 10.0.0.1:7000,10.0.0.2:7000 \
        --bytes 1000000 --compute-ms 50 --steps 10 --out rank0.jsonl

Start one for each rank. All make the same number of steps: rank 0 decides and its word
travels around the ring with the data.
"""

from __future__ import annotations

import random
import struct
from argparse import ArgumentTypeError, Namespace

from traffic.clock import NS_PER_MS, NS_PER_S, now_ns, wait_until, wake_exactly
from traffic.command import Failure, Parser, add_window, address, number, run, whole, window
from traffic.output import JsonLines
from traffic.ring_links import Patience, RingLinks, Unfinished, open_ring
from traffic.ring_schedule import ELEMENT_BYTES, bus_factor, chunk_bounds, owned_chunk, ring_phases
from traffic.stopping import Stop
from traffic.vector import Numbers, add, count_wrong

PROGRAM = "traffic.allreduce"
MAX_RANKS = 4096

_HEADER = struct.Struct("<III")  # step, chunk, whether this is the last step


class Ring:
    """One rank's buffers and links, and the steps it makes."""

    def __init__(self, args: Namespace, links: RingLinks, patience: Patience) -> None:
        self.links, self.patience = links, patience
        self.rank, self.ranks = args.rank, len(args.peers)
        self.phases = ring_phases(self.rank, self.ranks)
        bounds = chunk_bounds(args.bytes, self.ranks)
        self.bounds = bounds
        # A message is a header and a chunk, in one piece of memory: one send.
        self.messages = [memoryview(bytearray(_HEADER.size + end - at)) for at, end in bounds]
        self.arrival = memoryview(bytearray(max(map(len, self.messages))))
        self.numbers: Numbers | None = None
        if args.verify:
            self.numbers = Numbers(args.seed, self.rank, self.ranks, args.bytes)
        self.sent_bytes = self.received_bytes = 0

    def load(self, step: int) -> None:
        """Put this rank's numbers for the step into the buffers."""
        self.sent_bytes = self.received_bytes = 0
        for chunk, message in enumerate(self.messages):
            _HEADER.pack_into(message, 0, step, chunk, 0)
        if self.numbers:
            values = memoryview(self.numbers.contribution(step))
            for (at, end), message in zip(self.bounds, self.messages, strict=True):
                message[_HEADER.size :] = values[at:end]

    def reduce_scatter(self, step: int) -> None:
        """The first half. Raises Unfinished."""
        for phase in self.phases[: self.ranks - 1]:
            own = self.messages[phase.receive]
            arrival = self.arrival[: len(own)]
            self._exchange(step, phase.send, phase.receive, arrival)
            if self.numbers:
                own[_HEADER.size :] = add(own[_HEADER.size :], arrival[_HEADER.size :])

    def all_gather(self, step: int, last: bool) -> bool:
        """The second half; `last` is rank 0's word, the result what all agree on."""
        decisive = owned_chunk(0, self.ranks)
        if self.rank == 0:
            _HEADER.pack_into(self.messages[decisive], 0, step, decisive, last)
        for phase in self.phases[self.ranks - 1 :]:
            self._exchange(step, phase.send, phase.receive, self.messages[phase.receive])
        return bool(_HEADER.unpack_from(self.messages[decisive])[2])

    def _exchange(self, step: int, send: int, receive: int, arrival: memoryview) -> None:
        outgoing = self.messages[send]
        self.links.exchange(outgoing, arrival, self.patience)
        self.sent_bytes += len(outgoing) - _HEADER.size
        self.received_bytes += len(arrival) - _HEADER.size
        if _HEADER.unpack_from(arrival)[:2] != (step, receive):
            raise Unfinished("the previous rank sent something else than this step's chunk")

    def wrong(self, step: int) -> int | None:
        """How many numbers of the result are wrong; None without --verify."""
        if not self.numbers:
            return None
        right = memoryview(self.numbers.expected(step))
        return sum(
            count_wrong(message[_HEADER.size :], right[at:end])
            for (at, end), message in zip(self.bounds, self.messages, strict=True)
        )


class Training:
    """The loop around the ring, and its log."""

    def __init__(self, args: Namespace, log: JsonLines, stop: Stop) -> None:
        self.args, self.log, self.stop = args, log, stop
        self.start_ns, self.stop_ns = window(args)
        give_up_ns = None if self.stop_ns is None else self.stop_ns + round(args.grace_s * NS_PER_S)
        self.patience = Patience(stop, args.stall_timeout_s, give_up_ns)
        self.random = random.Random(args.seed * MAX_RANKS + args.rank)
        self.step, self.step_start_ns = 0, self.start_ns
        self.compute_end_ns: int | None = None
        self.ring: Ring | None = None

    def run(self) -> None:
        """Connect and make all steps. Raises Unfinished."""
        args = self.args
        links = open_ring(args.peers, args.rank, args.bytes, args.connect_timeout_s, self.stop)
        try:
            ring = self.ring = Ring(args, links, self.patience)
            wait_until(self.start_ns, self.stop)
            while not self.one_step(ring):
                self.step += 1
        finally:
            links.close()

    def one_step(self, ring: Ring) -> bool:
        """Compute, then all-reduce; True if this was the last step for all."""
        self.compute_end_ns = None
        self.step_start_ns = now_ns()
        ring.load(self.step)
        if not wait_until(self.step_start_ns + self.compute_ns(), self.stop):
            raise Unfinished("ended by a signal", failed=False)
        self.compute_end_ns = now_ns()
        ring.reduce_scatter(self.step)
        last = ring.all_gather(self.step, self.is_last(now_ns()))
        self.finished(ring, now_ns())
        return last

    def compute_ns(self) -> int:
        """This step's compute time, with jitter from the seed."""
        spread: float = self.args.compute_jitter * self.random.uniform(-1, 1)
        compute_ms: float = self.args.compute_ms * (1 + spread)
        return round(compute_ms * NS_PER_MS)

    def is_last(self, half_time_ns: int) -> bool:
        """Rank 0's decision, half way through: the second half takes as long as the first."""
        if self.args.steps is not None and self.step + 1 >= self.args.steps:
            return True
        half_ns = half_time_ns - (self.compute_end_ns or half_time_ns)
        return self.stop_ns is not None and half_time_ns + half_ns >= self.stop_ns

    def finished(self, ring: Ring, end_ns: int) -> None:
        """Log a step that all ranks have made."""
        took_s = max(end_ns - (self.compute_end_ns or end_ns), 1) / NS_PER_S
        algbw_mbps = self.args.bytes * 8 / took_s / 1e6
        self.log.write(
            self.record("ok", None)
            | {
                "end_ns": end_ns,
                "algbw_mbps": round(algbw_mbps, 6),
                "busbw_mbps": round(algbw_mbps * bus_factor(ring.ranks), 6),
                "wrong": ring.wrong(self.step),
            }
        )

    def record(self, status: str, reason: str | None) -> dict[str, object]:
        """The step's line in the log; what is not known is null."""
        return {
            "rank": self.args.rank,
            "ranks": len(self.args.peers),
            "step": self.step,
            "status": status,
            "reason": reason,
            "start_ns": self.step_start_ns,
            "compute_end_ns": self.compute_end_ns,
            "end_ns": None,
            "bytes": self.args.bytes,
            "sent_bytes": self.ring.sent_bytes if self.ring else 0,
            "received_bytes": self.ring.received_bytes if self.ring else 0,
            "algbw_mbps": None,
            "busbw_mbps": None,
            "wrong": None,
        }


def main(arguments: list[str]) -> int:
    """Run the program: 0 if all went well or the run was ended, 1 if a peer failed."""
    args = parse(arguments)
    wake_exactly()
    stop = Stop().on_signals()
    with JsonLines(args.out) as log:
        training = Training(args, log, stop)
        try:
            training.run()
        except Unfinished as error:
            log.write(training.record("unfinished", str(error)))
            if error.failed:
                raise Failure(f"rank {args.rank}, step {training.step}: {error}") from None
    return 0


def parse(arguments: list[str]) -> Namespace:
    """The checked arguments; ends the process with status 2 when they are wrong."""
    parser = Parser(prog=PROGRAM, description="One rank of a training loop with all-reduce.")
    parser.add_argument("--rank", type=whole(0, MAX_RANKS - 1), required=True)
    parser.add_argument(
        "--peers", type=_peers, required=True, metavar="HOST:PORT,...",
        help="all ranks' addresses in order, one's own included",
    )  # fmt: skip
    parser.add_argument(
        "--bytes", type=whole(8, 2**40), required=True, help="size of the vector (32-bit numbers)"
    )
    parser.add_argument("--compute-ms", type=number(0, 1e7), default=0.0, help="per step (0)")
    parser.add_argument(
        "--compute-jitter", type=number(0, 1), default=0.0,
        help="largest deviation of the compute time, as a fraction of it (0)",
    )  # fmt: skip
    parser.add_argument("--steps", type=whole(1, 10**9), help="end after so many steps")
    parser.add_argument("--verify", action="store_true", help="add real numbers, check the sum")
    parser.add_argument("--seed", type=whole(0, 2**32 - 1), default=0, help="(0)")
    for name, default, what in (
        ("--connect-timeout-s", 30.0, "how long to wait for the neighbours"),
        ("--stall-timeout-s", 300.0, "how long a step may stand still"),
        ("--grace-s", 5.0, "how long the last step may last beyond the end"),
    ):
        parser.add_argument(
            name, type=number(0.001, 1e6), default=default, help=f"{what} ({default:g})"
        )
    parser.add_argument("--out", required=True, metavar="FILE", help="one JSON line per step")
    add_window(parser)
    args = parser.parse_args(arguments)
    problem = _problem(args)
    if problem:
        parser.error(problem)
    return args


def _peers(text: str) -> list[tuple[str, int]]:
    peers = [address(item) for item in text.split(",")]
    if len(peers) < 2:
        raise ArgumentTypeError(f"{text!r} names one rank; a ring needs at least two")
    if len(set(peers)) < len(peers):
        raise ArgumentTypeError(f"{text!r} names an address twice")
    return peers


def _problem(args: Namespace) -> str | None:
    ranks = len(args.peers)
    if args.rank >= ranks:
        return f"--rank {args.rank}: --peers names {ranks} ranks, 0 to {ranks - 1}"
    if args.bytes % ELEMENT_BYTES:
        return f"--bytes {args.bytes} is not a multiple of {ELEMENT_BYTES} (32-bit numbers)"
    if args.bytes < ranks * ELEMENT_BYTES:
        return f"--bytes {args.bytes} leaves some of {ranks} ranks without a number"
    return None


if __name__ == "__main__":
    run(PROGRAM, main)
