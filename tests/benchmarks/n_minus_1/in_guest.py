"""One part of the study, in a guest: a line of JSON for each trial, into trials.jsonl.

Trials that the file has already are not done again.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from tests.benchmarks.n_minus_1.failures import failures
from tests.benchmarks.n_minus_1.interference import (
    FLAPPING_TIMERS,
    ControllerKilled,
    Flapping,
)
from tests.benchmarks.n_minus_1.parts import MOMENTS, TRIALS, Chunk
from tests.benchmarks.n_minus_1.study import TIMERS, Result, Study, running_study

Trial = tuple[str, Callable[[], Result]]


def trials(study: Study, chunk: Chunk) -> Iterator[Trial]:
    """The trials of a chunk by their names."""
    silent, bfd_ms = chunk.silent, chunk.bfd_ms
    for failure in failures(study.plan, chunk.part):
        once = partial(study.trial, chunk.part, failure, silent, bfd_ms)
        if chunk.part == "flapping":
            yield failure.name, partial(once, Flapping(failure, silent))
        elif chunk.part == "controller":
            for moment in MOMENTS:
                yield f"{failure.name}, {moment}", partial(once, ControllerKilled(moment))
        else:
            yield failure.name, once


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what is left of a chunk."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("chunk", type=Chunk.named)
    parser.add_argument("--failure", action="append", help="the trial of this name, and no other")
    options = parser.parse_args(arguments)
    chunk: Chunk = options.chunk
    file = Path(os.environ["FIBERCUT_OUT"]) / TRIALS
    done = (
        {json.loads(line)["trial"] for line in file.read_text().splitlines()}
        if file.exists()
        else set()
    )
    timers = FLAPPING_TIMERS if chunk.part == "flapping" else TIMERS
    with running_study(Path(tempfile.mkdtemp()), timers) as study:
        chosen = [t for t in trials(study, chunk) if not options.failure or t[0] in options.failure]
        for number, (name, run) in enumerate(chosen, 1):
            if name in done:
                continue
            result = run()
            with file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps({"trial": name, **asdict(result)}) + "\n")
            verdict = "" if result.good else "   NOT AS PROMISED"
            print(
                f"{chunk.name} {number} of {len(chosen)}: {name}: {result.worst_ms:.1f} of "
                f"{result.limit_ms:.1f} ms{verdict}",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
