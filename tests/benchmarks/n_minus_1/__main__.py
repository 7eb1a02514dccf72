"""The proof in the guest: everything in ai-backbone fails, one after the other, under probes.

  python -m tests.benchmarks.n_minus_1 --out n1                  # all of it; again: what is left
  python -m tests.benchmarks.n_minus_1 --out n1 --only spans,conduits
  python -m tests.benchmarks.n_minus_1 --out n1 --jobs 1 --write-page

Pairs of sites whose path crosses what fails are probed with 10,000 packets/s around the
failure and with 1,000 through both moves, all others with 1,000 around it. Guests run side by
side, one on each core. Ends with 1 if a promise was broken, with a table in any case;
docs/explanation/n-minus-1.md says how to read it, and --write-page renews the tables there.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from queue import SimpleQueue

from experiments.one_trial import SOURCE
from guest import GUEST_PYTHON, GuestError, GuestSettings, Source, provide_kernel, run
from tests.benchmarks.n_minus_1.parts import PARTS, TRIALS, Chunk, chunks, planned_trials
from tests.benchmarks.n_minus_1.tables import (
    PAGE,
    Trial,
    broken,
    by_span,
    machine_line,
    summary,
    with_tables,
)

_SOURCE = Source(SOURCE.folder, (*SOURCE.packages, "tests"))
_MEMORY_MB = 2048


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is left of the study. Returns the exit status."""
    options = _parser().parse_args(arguments)
    chosen = chunks(options.only)
    failed = [] if options.tables else _run_all(chosen, options)
    for one in failed:
        print(one, file=sys.stderr)
    trials = [trial for chunk in chosen for trial in _read(options.out / chunk.name)]
    print(summary(trials), by_span(trials), sep="\n")
    wrong = [trial for trial in trials if broken(trial)]
    for trial in wrong:
        print(json.dumps(trial))
    if options.write_page:
        line = machine_line(options.seed)
        PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8"), trials, line), "utf-8")
    return 1 if wrong or failed else 0


def _run_all(chosen: Sequence[Chunk], options: argparse.Namespace) -> list[str]:
    """Run chunks side by side. Returns what kept some from their ends."""
    provide_kernel()
    cores: SimpleQueue[int] = SimpleQueue()
    for core in itertools.islice(itertools.cycle(sorted(os.sched_getaffinity(0))), options.jobs):
        cores.put(core)
    with ThreadPoolExecutor(options.jobs) as pool:
        said = list(pool.map(partial(_run, options.out, options.seed, cores), chosen))
    return [one for one in said if one]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.n_minus_1",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the trials' results")
    parser.add_argument("--only", type=_parts, default=PARTS, help=f"some of {','.join(PARTS)}")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="guests at a time")
    parser.add_argument("--seed", type=int, default=1, help="of the guests")
    parser.add_argument("--write-page", action="store_true", help=f"renew {PAGE.name}")
    parser.add_argument("--tables", action="store_true", help="run nothing, show what there is")
    return parser


def _parts(text: str) -> tuple[str, ...]:
    unknown = set(text.split(",")) - set(PARTS)
    if unknown:
        listed = ", ".join(sorted(unknown))
        raise argparse.ArgumentTypeError(f"no such part: {listed}; there are {', '.join(PARTS)}")
    return tuple(part for part in PARTS if part in text.split(","))


def _run(out: Path, seed: int, cores: SimpleQueue[int], chunk: Chunk) -> str | None:
    """Run a chunk in a guest of its own. Returns what kept it from its end."""
    if len(_read(out / chunk.name)) >= planned_trials(chunk.part):
        return None
    core = cores.get()
    try:
        return _run_on(core, out, seed, chunk)
    finally:
        cores.put(core)


def _run_on(core: int, out: Path, seed: int, chunk: Chunk) -> str | None:
    command = [GUEST_PYTHON, "-m", "tests.benchmarks.n_minus_1.in_guest", chunk.name]
    settings = GuestSettings(
        seed=seed, memory_mb=_MEMORY_MB, source=_SOURCE, core=core, stall_limit_s=600
    )
    try:
        done = run(
            command,
            out_dir=out / chunk.name,
            settings=settings,
            stdout=sys.stdout.buffer,
            stderr=sys.stderr.buffer,
        )
    except GuestError as error:
        return f"{chunk.name}: {error}"
    return f"{chunk.name}: exit status {done.exit_status}" if done.exit_status else None


def _read(folder: Path) -> list[Trial]:
    file = folder / TRIALS
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


if __name__ == "__main__":
    sys.exit(main())
