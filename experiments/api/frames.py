"""Measurements as pandas data frames."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet

from experiments.flat import chosen, flat
from experiments.run_folder import read_jsonl
from traffic.clock import NS_PER_S
from traffic.probe_log import read_rows

_ROWS = ("sequence", "transmit_ns", "receive_ns")
_NOT_FIGURES = ("status", "reason", "digest", "virtual_s", "wall_s", "policy", "seed")
_BEGUN = ("transmit_ns", "due_ns", "start_ns")
_QUANTILES = ("median", "p95", "p99")


def trial_frame(trials: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """A row a trial: policy, seed, status, reason, digest, times, and every figure.

    A figure that a trial did not give is missing (NaN), never 0.
    """
    rows = []
    for trial in trials:
        figures = {name: part for name, part in trial.items() if name not in _NOT_FIGURES}
        rows.append({name: trial[name] for name in _NOT_FIGURES if name in trial} | flat(figures))
    return pd.DataFrame(rows)


def statistics_frame(statistics: Mapping[str, Any], figures: Iterable[str]) -> pd.DataFrame:
    """A row for each figure of each sample: its point, policy, n, missing, quantiles and limits.

    figures: patterns, as of `fibercut run --figure`.
    """
    names = chosen((n for one in statistics["samples"] for n in one["figures"]), list(figures))
    rows = []
    for sample in statistics["samples"]:
        head = {**sample["point"], "policy": sample["policy"], "trials": sample["trials"]}
        for name in names:
            found = sample["figures"].get(name)
            if found is not None:
                rows.append(head | {"figure": name} | _estimate(found))
    return pd.DataFrame(rows)


def _estimate(found: Mapping[str, Any]) -> dict[str, Any]:
    cells = {key: found[key] for key in ("n", "missing", "max")}
    for quantile in _QUANTILES:
        low, high = found[f"{quantile}_ci"] or (None, None)
        cells |= {quantile: found[quantile], f"{quantile}_low": low, f"{quantile}_high": high}
    return cells


def event_frame(trial: Path, start_ns: int | None) -> pd.DataFrame:
    """The events of a trial in the order of their times; `t_s` is the scenario's time."""
    table = trial / "events.parquet"
    if table.exists():
        return pd.DataFrame(pd.read_parquet(table))
    frame = pd.DataFrame(read_jsonl(trial / "events.jsonl"))
    return _with_seconds(frame, start_ns or 0, ("t_ns",))


def sample_frame(samples: Path, workload: str, start_ns: int | None) -> pd.DataFrame:
    """A workload's measurements in a trial's folder of samples.

    `t_s` is the scenario's time at which a packet or request was due, or a step began. Of a
    trial that failed there are no tables, but what the programs wrote; `file` says which one.
    Raises FileNotFoundError if there is nothing.
    """
    tables = [
        frame
        for path in sorted(samples.glob("*.parquet"))
        if len(frame := _of_workload(path, workload))
    ]
    if tables:
        return _with_seconds(pd.concat(tables, ignore_index=True), 0, _BEGUN)
    return _with_seconds(_as_written(samples / workload), start_ns or 0, _BEGUN)


def _of_workload(path: Path, workload: str) -> pd.DataFrame:
    if "workload" not in pyarrow.parquet.read_schema(path).names:
        return pd.DataFrame()
    return pd.DataFrame(pd.read_parquet(path, filters=[("workload", "==", workload)]))


def _with_seconds(frame: pd.DataFrame, start_ns: int, columns: Iterable[str]) -> pd.DataFrame:
    """With the scenario's time of the first of some columns that is there."""
    begun = next((column for column in columns if column in frame), None)
    if begun is not None and "t_s" not in frame:
        frame.insert(0, "t_s", (frame[begun] - start_ns) / NS_PER_S)
    return frame


def _as_written(folder: Path) -> pd.DataFrame:
    """What a workload's programs wrote, of all their files."""
    frames = []
    for path in sorted(folder.glob("*")):
        reader = _reader(path.name)
        if reader is not None and path.stat().st_size:
            frames.append(reader(path).assign(file=path.name))
    if not frames:
        raise FileNotFoundError(f"no measurements in {folder}")
    return pd.concat(frames, ignore_index=True)


def _reader(name: str) -> Callable[[Path], pd.DataFrame] | None:
    if name.endswith(".jsonl"):
        return lambda path: pd.DataFrame(read_jsonl(path))
    if ".i64x3" in name and not name.endswith(".json"):
        return lambda path: pd.DataFrame(read_rows(path), columns=list(_ROWS))
    return None
