r"""One rank of a training loop: compute, and exchange real bytes with the other ranks.

    python -m traffic.training --rank 0 --peers 10.0.0.1:7000,10.0.0.2:7000 \
        --bytes 1000000 --buckets 4 --compute-ms 50 --steps 10 --out rank0.jsonl

Start one for each rank. All make the same number of steps: rank 0 decides, and its word
travels with the data.
"""

from __future__ import annotations

from argparse import Namespace

from traffic.clock import wake_exactly
from traffic.collectives.arguments import (
    add_ranks,
    algorithm_of,
    open_engine,
    rank_problem,
    size_problem,
)
from traffic.collectives.unfinished import Unfinished
from traffic.command import Failure, Parser, number, run, whole, window
from traffic.event_loop import EventLoop
from traffic.loops.data_parallel import DataParallel
from traffic.loops.diloco import DiLoCo
from traffic.loops.pipeline import Pipeline
from traffic.loops.step import Steps
from traffic.output import JsonLines

PROGRAM = "traffic.training"

LOOPS: dict[str, type[DataParallel | DiLoCo | Pipeline]] = {
    "data-parallel": DataParallel,
    "diloco": DiLoCo,
    "streaming-diloco": DiLoCo,
    "pipeline": Pipeline,
}


def main(arguments: list[str]) -> int:
    """Run the program: 0 if all went well or the run was ended, 1 if a peer failed."""
    args = parse(arguments)
    wake_exactly()
    with JsonLines(args.out) as log, EventLoop() as loop:
        start_ns, stop_ns = window(args)
        steps = Steps(args, log, stop_ns)
        try:
            _train(args, steps, loop, start_ns)
        except Unfinished as error:
            log.write(steps.record("unfinished", str(error)))
            if error.failed:
                raise Failure(f"rank {args.rank}, step {steps.step}: {error}") from None
    return 0


def _train(args: Namespace, steps: Steps, loop: EventLoop, start_ns: int) -> None:
    training = LOOPS[args.loop](args, steps)
    same = (args.loop, args.bytes, args.algorithm, args.connections, args.groups, args.buckets,
            args.piece_bytes, args.inner_steps, args.fragments, args.overlap_steps,
            args.microbatches, args.seed, args.verify)  # fmt: skip
    engine = open_engine(args, training.partners, loop, steps.stop_ns, repr(same))
    try:
        steps.engine = engine
        engine.compute(start_ns)
        steps.start_ns = max(start_ns, steps.start_ns)
        while not training.one_step(engine):
            pass
    finally:
        engine.close()


def parse(arguments: list[str]) -> Namespace:
    """The checked arguments; ends the process with status 2 when they are wrong."""
    parser = Parser(prog=PROGRAM, description=__doc__)
    parser.add_argument(
        "--loop", choices=LOOPS, default="data-parallel",
        help=f"{', '.join(LOOPS)} (data-parallel)", metavar="NAME",
    )  # fmt: skip
    parser.add_argument(
        "--bytes", type=whole(8, 2**40), required=True,
        help="gradients of a step, or outer gradients of a synchronisation; of a pipeline: what "
        "goes from stage to stage for a microbatch (32-bit numbers)",
    )  # fmt: skip
    parser.add_argument("--algorithm", metavar="NAME", help="of the all-reduce (ring)")
    parser.add_argument("--compute-ms", type=number(0, 1e7), default=0.0, help="per step (0)")
    parser.add_argument(
        "--compute-jitter", type=number(0, 1), default=0.0,
        help="largest deviation of the compute time, as a fraction of it (0)",
    )  # fmt: skip
    parser.add_argument(
        "--buckets", type=whole(1, 1024), default=1,
        help="parts of the gradients, reduced while the backward pass goes on (1: after it)",
    )  # fmt: skip
    _add_loops(parser)
    add_ranks(parser)
    args = parser.parse_args(arguments)
    try:
        args.algorithm = algorithm_of("all-reduce", args.algorithm)
    except ValueError as error:
        parser.error(str(error))
    problem = rank_problem(args) or _problem(args)
    if problem:
        parser.error(problem)
    return args


def _add_loops(parser: Parser) -> None:
    """What single loops have of their own, and the end."""
    for name, default, what in (
        ("--inner-steps", 100, "steps between two synchronisations of DiLoCo"),
        ("--fragments", 1, "parts of the model that streaming DiLoCo sends in turn"),
        ("--overlap-steps", 0, "steps after which streaming DiLoCo needs a fragment's result"),
        ("--microbatches", 8, "of a step of a pipeline"),
    ):
        low = 0 if name == "--overlap-steps" else 1
        parser.add_argument(
            name, type=whole(low, 10**6), default=default, metavar="N", help=f"{what} ({default})"
        )
    parser.add_argument("--steps", type=whole(1, 10**9), help="end after so many steps")
    parser.add_argument("--out", required=True, metavar="FILE", help="one JSON line per step")


def _problem(args: Namespace) -> str | None:
    if args.loop == "pipeline":
        return size_problem(args.bytes, 1)
    if args.loop == "diloco" and (args.fragments, args.overlap_steps) != (1, 0):
        return "--fragments and --overlap-steps belong to --loop streaming-diloco"
    if args.fragments > args.inner_steps:
        return f"--fragments {args.fragments} have no turn each in --inner-steps {args.inner_steps}"
    pieces = args.buckets if args.loop == "data-parallel" else args.fragments
    if args.bytes // pieces < 4 * len(args.peers):
        return size_problem(args.bytes, len(args.peers) * pieces)
    return size_problem(args.bytes, len(args.peers))


if __name__ == "__main__":
    run(PROGRAM, main)
