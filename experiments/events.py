"""One list of a trial's events: what the trial did and what the controller saw."""

from __future__ import annotations

import json
from typing import Any

from experiments.control import controller_events, events_file
from experiments.run_folder import TrialFolder
from experiments.trial_job import TrialResult

NS_PER_S = 1_000_000_000


def merge_events(trial: TrialFolder, result: TrialResult) -> None:
    """Write events.jsonl, in order of time, and remove the controller's own files.

    `t_s` is the time after the start of the workloads; `source` is who tells.
    """
    start_ns = result.start_ns or 0
    told = controller_events(trial.path)
    events = [_event("controller", record, start_ns) for record in told]
    events += [
        _event("trial", {"event": f"fault-{step['step']}", **step}, start_ns)
        for step in result.faults
    ]
    events.sort(key=lambda event: event["t_ns"])
    lines = "".join(json.dumps(event) + "\n" for event in events)
    (trial.path / "events.jsonl").write_text(lines, encoding="utf-8")
    for file in trial.path.glob(events_file(0).replace(".", "*.")):
        file.unlink()


def _event(source: str, record: dict[str, Any], start_ns: int) -> dict[str, Any]:
    t_ns = record["t_ns"]
    return {"t_s": round((t_ns - start_ns) / NS_PER_S, 9), "source": source, **record}
