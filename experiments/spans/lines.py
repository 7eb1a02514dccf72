"""What the sampler is started with, and where its rows lie."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from experiments.processes import Program
from topologies.builder.span_lines import span_lines
from topologies.plan import NetworkPlan

NAME = "spans"
ROWS = "spans.i64x6"
"""Among the samples, until the trial has ended."""


def sampler(plan: NetworkPlan, start_ns: int, stop_ns: int, every_ms: int, out: Path) -> Program:
    """The program that samples a trial's spans; out: the trial's folder."""
    lines = out / "prepared" / "span-lines.json"
    lines.parent.mkdir(parents=True, exist_ok=True)
    lines.write_text(json.dumps([asdict(one) for one in span_lines(plan)]), encoding="utf-8")
    command = (
        sys.executable, "-m", "experiments.spans.sampler",
        "--lines", str(lines), "--every-ms", str(every_ms),
        "--start-at-ns", str(start_ns), "--stop-at-ns", str(stop_ns),
        "--out", str(out / "samples" / ROWS),
    )  # fmt: skip
    # All switches, and so all ends of spans, are in one network namespace.
    return Program(NAME, plan.switches[0].name, command)
