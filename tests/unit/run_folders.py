"""Run folders made by hand, as a run leaves them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from experiments.events import merge_events
from experiments.measurements.catalogue import PROBES, REQUESTS, STEPS, Log
from experiments.measurements.converting import Source, convert
from experiments.run_folder import (
    SCHEMA_VERSION,
    RunFolder,
    TrialFolder,
    new_run_folder,
    write_json,
)
from experiments.trial_job import TrialResult

START_NS = 15_000_000_000
STEP = {
    "rank": 0, "ranks": 1, "step": 3, "status": "ok", "reason": None, "start_ns": START_NS + 5,
    "compute_ns": 2, "compute_end_ns": START_NS + 7, "end_ns": START_NS + 9, "exposed_ns": 2,
    "bytes": 8, "sent_bytes": 8, "received_bytes": 8, "algbw_mbps": 0.5, "busbw_mbps": None,
    "wrong": 0,
}  # fmt: skip
REQUEST = {
    "id": 0, "status": "failed", "reason": "timeout, «late»", "due_ns": START_NS + 1,
    "sent_ns": None, "first_token_ns": None, "end_ns": START_NS + 4, "prompt_tokens": 1,
    "tokens_expected": 2, "tokens": 0, "sent_bytes": 3, "received_bytes": 0, "connection": "new",
    "server": None, "failures": ["10.0.0.1:1: refused"], "tools": 0, "tool_ns": 0,
}  # fmt: skip


def write_probe(folder: Path, rows: Any, name: str = "received.i64x3") -> None:
    """What a probe's receiver writes; rows: sequence, transmit and receive time after the start."""
    folder.mkdir(parents=True, exist_ok=True)
    record = np.array(rows, dtype="<i8").reshape(-1, 3)
    record += np.array([0, START_NS, START_NS])
    (folder / name).write_bytes(record.astype("<i8").tobytes())


def write_lines(path: Path, *records: dict[str, Any]) -> None:
    """What a program logs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")


def raw_trial(samples: Path) -> list[Source]:
    """The logs of a trial with a probe, a training rank and a user."""
    write_probe(samples / "p", [(0, 0, 50), (2, 20, 69), (1, 10, 70)])
    write_lines(samples / "t" / "rank-0.jsonl", STEP)
    write_lines(samples / "chat" / "u.jsonl", REQUEST)
    return [
        ("p", samples / "p", Log("received.i64x3", PROBES, {"class": 46})),
        ("t", samples / "t", Log("rank-0.jsonl", STEPS)),
        ("chat", samples / "chat", Log("u.jsonl", REQUESTS, {"user": "u"})),
    ]


def make_trial(folder: RunFolder, policy: str, seed: int = 1) -> TrialFolder:
    """A whole trial in a run's folder."""
    trial = folder.new_trial(policy, seed)
    convert(raw_trial(trial.samples), trial.samples, START_NS)
    cut = {
        "step": "cut", "fault": 0, "spans": ["ab"], "t_ns": START_NS + 30, "done_ns": START_NS + 31
    }  # fmt: skip
    result = TrialResult(status="ok", reason=None, start_ns=START_NS, end_ns=1, faults=(cut,))
    merge_events(trial, result)
    return trial.finish()


def make_run(base: Path, *policies: str) -> Path:
    """A whole run of a trial for each policy."""
    folder = new_run_folder(base, "x")
    for policy in policies:
        make_trial(folder, policy)
    told = {"status": "ok", "reason": None, "probes": {"p": {"total": {"lost": 2}}}}
    summary = {
        "schema_version": SCHEMA_VERSION, "seed": 1, "policies": dict.fromkeys(policies, told)
    }  # fmt: skip
    write_json(folder.path / "summary.json", summary)
    return folder.finish()
