"""One table of a trial's events: what the trial did and what the controller saw."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from experiments.control import controller_events, events_file
from experiments.measurements.storing import parquet_writer
from experiments.run_folder import TrialFolder
from experiments.trial_job import TrialResult
from traffic.clock import NS_PER_S

CONTROLLER, TRIAL = "controller", "trial"
# What most of them have; all else is in `details`.
_COLUMNS = pa.schema(
    [
        ("t_s", pa.float64()),
        ("t_ns", pa.int64()),
        ("source", pa.string()),
        ("event", pa.string()),
        ("switch", pa.string()),
        ("span", pa.string()),
        ("details", pa.string()),
    ]
)
_DETAILS = "details"


def merge_events(trial: TrialFolder, result: TrialResult) -> None:
    """Write the trial's events in order of time, and remove the controller's own files.

    Their times count from the start of the workloads; `source` is who tells.
    """
    start_ns = result.start_ns or 0
    events = [_event(CONTROLLER, told, start_ns) for told in controller_events(trial.path)]
    for taken in (*result.steps_since(start_ns), *result.by_hand_since(start_ns)):
        event = {"event": f"fault-{taken['step']}", **taken}
        events.append(_event(TRIAL, event, 0))
    events.sort(key=lambda event: event["t_ns"])
    columns = {name: [event.get(name) for event in events] for name in _COLUMNS.names}
    with parquet_writer(trial.events, _COLUMNS) as writer:
        writer.write_table(pa.table(columns, schema=_COLUMNS))
    for file in trial.path.glob(events_file(0).replace(".", "*.")):
        file.unlink()


def read_events(path: Path) -> list[dict[str, Any]]:
    """A trial's events in order, as the controller told them but for their times.

    Raises OSError, or ValueError if the file is damaged.
    """
    try:
        rows = parquet.read_table(path).to_pylist()
        return [_told(row) for row in rows]
    except (pa.ArrowException, KeyError) as error:
        raise ValueError(f"{path} is damaged: {error}") from None


def _event(source: str, told: Mapping[str, Any], start_ns: int) -> dict[str, Any]:
    t_ns = told["t_ns"] - start_ns
    event = {**told, "t_s": round(t_ns / NS_PER_S, 9), "t_ns": t_ns, "source": source}
    more = {name: value for name, value in event.items() if name not in _COLUMNS.names}
    return {**event, _DETAILS: json.dumps(more)}


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in row.items() if value is not None}
    told |= json.loads(told.pop(_DETAILS))
    return told
