r"""One rank of a collective operation over TCP, measured as nccl-tests measures it.

    python -m traffic.collective --rank 0 --peers 10.0.0.1:7000,10.0.0.2:7000 \
        --collective all-reduce --algorithm ring --bytes 100000,1000000 --verify --out 0.jsonl

Start one for each rank, with the same arguments but for --rank and --out. Rank 0 prints the
table of nccl-tests. Each operation begins when all ranks have finished the one before.
"""

from __future__ import annotations

from argparse import ArgumentTypeError, Namespace

from traffic.clock import NS_PER_S, now_ns, wake_exactly
from traffic.collectives.arguments import (
    MAX_RANKS,
    add_ranks,
    algorithm_of,
    collective_name,
    open_engine,
    rank_problem,
    shape_of,
    size_problem,
)
from traffic.collectives.catalogue import COLLECTIVES, peers_of
from traffic.collectives.control import END, NO_REPORT, Control, Report
from traffic.collectives.engine import Engine
from traffic.collectives.model import schedule_s, wire_bytes
from traffic.collectives.operation import Operation
from traffic.collectives.schedule import ELEMENT_BYTES
from traffic.collectives.table import Result, heading, joint_ns, joint_wrong, row
from traffic.collectives.unfinished import Unfinished
from traffic.command import Failure, Parser, number, run, whole, window
from traffic.event_loop import EventLoop
from traffic.output import JsonLines
from traffic.vector import Numbers

PROGRAM = "traffic.collective"


class Rank:
    """One rank's operations, one size after the other, and its log."""

    def __init__(self, args: Namespace, log: JsonLines) -> None:
        self.args, self.log = args, log
        self.start_ns, self.stop_ns = window(args)
        self.ranks = len(args.peers)
        numbers = Numbers(args.seed, self.ranks) if args.verify else None
        self.operations = [
            Operation(args.collective, args.algorithm, shape_of(args, size, args.root), args.rank,
                      numbers)
            for size in args.bytes
        ]  # fmt: skip
        self.control = Control(args.rank, self.ranks)
        self.results = [Result() for _ in self.operations]
        self.iteration, self.due_ns = 0, self.start_ns
        self.finished = 0
        self.began_ns: int | None = None
        self.engine: Engine | None = None

    def run(self, loop: EventLoop) -> None:
        """Connect and carry out all operations. Raises Unfinished."""
        args = self.args
        partners = self.control.partners.union(*(peers_of(o.rounds) for o in self.operations))
        same = (args.collective, args.algorithm, args.bytes, args.root, args.connections,
                args.groups, args.piece_bytes, args.seed, args.verify)  # fmt: skip
        engine = self.engine = open_engine(args, partners, loop, self.stop_ns, repr(same))
        try:
            self.control.meet(engine)
            engine.compute(self.start_ns)
            report = NO_REPORT
            while True:
                reports = self.control.gather(engine, report)
                word = self.lead(engine, reports) if args.rank == 0 else (END, 0)
                self.iteration, at_ns = self.control.announce(engine, *word)
                if self.iteration == END:
                    return
                if args.one_clock:
                    engine.compute(at_ns)
                report = self.one(engine)
        finally:
            engine.close()
            self.print_rows()

    def lead(self, engine: Engine, reports: list[Report]) -> tuple[int, int]:
        """Rank 0: take in how the last operation went; what comes next (or END), and when."""
        if reports[0].end_ns:
            self.note(reports)
        # All ranks have the word by then.
        soonest_ns = now_ns() + self.control.round_trip_ns
        due_ns = max(soonest_ns, self.due_ns)
        over = self.stop_ns is not None and due_ns >= self.stop_ns
        if over or (self.each and self.finished >= self.each * len(self.operations)):
            return END, 0
        engine.compute(due_ns - self.control.round_trip_ns)
        self.due_ns = due_ns + round(self.args.period_s * NS_PER_S)
        return self.finished, due_ns

    def one(self, engine: Engine) -> Report:
        """Carry out one operation and log it."""
        operation = self.operations[self.size_index]
        operation.load(self.iteration)
        self.began_ns = now_ns()
        operation.start(engine)
        engine.finish()
        end_ns = now_ns()
        wrong = operation.wrong()
        sent, received = operation.moved_bytes(engine)
        self.log.write(self.record("ok", None) | {"end_ns": end_ns, "wrong": wrong})
        began_ns, self.began_ns, self.finished = self.began_ns, None, self.iteration + 1
        return Report(began_ns, end_ns, sent, received, -1 if wrong is None else wrong)

    @property
    def each(self) -> int:
        """How many operations of each size there are; 0: they take turns until the end."""
        iterations: int | None = self.args.iterations
        return iterations + self.args.warm_up if iterations else 0

    @property
    def size_index(self) -> int:
        """Which of the sizes is made now."""
        if not self.each:
            return self.iteration % len(self.operations)
        return min(max(self.iteration, 0) // self.each, len(self.operations) - 1)

    @property
    def warms_up(self) -> bool:
        """Whether the operation of now is one of those that do not count."""
        turn = self.iteration % self.each if self.each else self.iteration
        return turn < int(self.args.warm_up)

    def note(self, reports: list[Report]) -> None:
        """Rank 0: keep how long the operation took all ranks."""
        if not self.warms_up:
            found = self.results[self.size_index]
            found.times_ns.append(joint_ns(reports, self.args.one_clock))
            found.wrong.append(joint_wrong(reports))

    def print_rows(self) -> None:
        """Rank 0: nccl-tests' table of what was measured."""
        measured = [pair for pair in zip(self.operations, self.results, strict=True)
                    if pair[1].times_ns]  # fmt: skip
        if measured:
            print(heading(), end="")
        for operation, result in measured:
            print(self.row(operation, result), end="", flush=True)

    def row(self, operation: Operation, result: Result) -> str:
        """One size's line."""
        args, collective = self.args, COLLECTIVES[self.args.collective]
        return row(
            operation.shape.elements * ELEMENT_BYTES,
            operation.shape.elements,
            "sum" if collective.reduces else "none",
            args.root if collective.rooted else -1,
            result.times_ns,
            collective.bus_factor(self.ranks),
            result.total_wrong,
            self.bound_s(operation),
        )

    def bound_s(self, operation: Operation) -> float | None:
        """The time on the network that --rate-mbps and --delay-ms describe."""
        args = self.args
        if args.rate_mbps is None:
            return None
        algorithm = COLLECTIVES[args.collective].algorithms[args.algorithm]
        programs = [algorithm(operation.shape, rank) for rank in range(self.ranks)]
        bits_per_s = args.rate_mbps * 1e6
        return schedule_s(
            programs,
            lambda _from, _to, size: wire_bytes(size, args.connections) * 8 / bits_per_s,
            lambda _from, _to, _size: args.delay_ms / 1000,
        )

    def ended(self, error: Unfinished) -> None:
        """Log the operation that is not finished, or that failed before it could begin."""
        if self.began_ns is None:
            if not error.failed:
                return  # the run was over between two operations
            self.iteration = self.finished
        self.log.write(self.record("unfinished", str(error)))

    def record(self, status: str, reason: str | None) -> dict[str, object]:
        """An operation's line in the log; what is not known is null."""
        operation = self.operations[self.size_index]
        sent = received = 0
        if self.engine and self.began_ns is not None:
            sent, received = operation.moved_bytes(self.engine)
        return {
            "rank": self.args.rank,
            "ranks": self.ranks,
            "collective": self.args.collective,
            "algorithm": self.args.algorithm,
            "bytes": operation.shape.elements * ELEMENT_BYTES,
            "iteration": self.iteration,
            "warm_up": self.warms_up,
            "status": status,
            "reason": reason,
            "start_ns": self.began_ns,
            "end_ns": None,
            "sent_bytes": sent,
            "received_bytes": received,
            "wrong": None,
        }


def main(arguments: list[str]) -> int:
    """Run the program: 0 if all went well or the run was ended, 1 if a peer failed."""
    args = parse(arguments)
    wake_exactly()
    with JsonLines(args.out) as log, EventLoop() as loop:
        rank = Rank(args, log)
        try:
            rank.run(loop)
        except Unfinished as error:
            rank.ended(error)
            if error.failed:
                where = f"rank {args.rank}, operation {rank.iteration}"
                raise Failure(f"{where}: {error}") from None
    return 0


def parse(arguments: list[str]) -> Namespace:
    """The checked arguments; ends the process with status 2 when they are wrong."""
    parser = Parser(prog=PROGRAM, description=__doc__)
    parser.add_argument(
        "--collective", type=collective_name, default="all-reduce", metavar="NAME",
        help=f"{', '.join(COLLECTIVES)} (all-reduce)",
    )  # fmt: skip
    algorithms = "; ".join(f"{n}: {', '.join(c.algorithms)}" for n, c in COLLECTIVES.items())
    parser.add_argument("--algorithm", metavar="NAME", help=f"{algorithms} (the first one)")
    parser.add_argument(
        "--bytes", type=_sizes, required=True, metavar="BYTES,...",
        help="sizes of the whole vector (32-bit numbers), one after the other",
    )  # fmt: skip
    parser.add_argument("--root", type=whole(0, MAX_RANKS - 1), default=0, metavar="RANK",
                        help="(0)")  # fmt: skip
    parser.add_argument("--out", required=True, metavar="FILE", help="one JSON line per operation")
    _add_times(parser)
    add_ranks(parser)
    args = parser.parse_args(arguments)
    _check(parser, args)
    return args


def _add_times(parser: Parser) -> None:
    """How often and when, and what it is compared with."""
    for name, low, default, what in (
        ("--iterations", 1, None, "operations of each size that count (take turns until the end)"),
        ("--warm-up", 0, 5, "operations before them that do not (5)"),
    ):
        parser.add_argument(name, type=whole(low, 10**9), default=default, metavar="N", help=what)
    parser.add_argument(
        "--period-s", type=number(0, 1e6), default=0.0, metavar="S",
        help="from one start to the next, at least (0)",
    )  # fmt: skip
    parser.add_argument(
        "--one-clock", action="store_true",
        help="all ranks share CLOCK_MONOTONIC (one machine): they start at the same instant",
    )  # fmt: skip
    parser.add_argument(
        "--rate-mbps", type=number(0.001, 1e7), metavar="MBPS",
        help="each host's line rate: print how long the algorithm takes at least, and the ratio",
    )  # fmt: skip
    parser.add_argument(
        "--delay-ms", type=number(0, 1e6), default=0.0, metavar="MS",
        help="one-way delay between any two hosts, for the same (0)",
    )  # fmt: skip


def _check(parser: Parser, args: Namespace) -> None:
    ranks = len(args.peers)
    problem = rank_problem(args) or next(filter(None, (size_problem(s, ranks) for s in args.bytes)),
                                         None)  # fmt: skip
    if problem is None and args.root >= ranks:
        problem = f"--root {args.root}: --peers names {ranks} ranks, 0 to {ranks - 1}"
    try:
        args.algorithm = algorithm_of(args.collective, args.algorithm)
    except ValueError as error:
        problem = problem or str(error)
    if problem:
        parser.error(problem)


def _sizes(text: str) -> list[int]:
    size = whole(ELEMENT_BYTES, 2**40)
    found = [size(item) for item in text.split(",")]
    if len(set(found)) < len(found):
        raise ArgumentTypeError(f"{text!r} names a size twice")
    return found


if __name__ == "__main__":
    run(PROGRAM, main)
