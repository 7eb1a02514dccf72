"""`import fibercut`: scenarios in code, and data frames of what is there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import fibercut
from experiments.run_folder import SCHEMA_VERSION
from experiments.study.results import TABLE_VERSION
from topologies.files import parse_document, plain

CUT: dict[str, Any] = {
    "name": "my-cut",
    "topology": "ring:4",
    "duration_s": 3,
    "policies": ["none", "restoration"],
    "workloads": [{"name": "probe", "kind": "probe", "from": "n1-host1", "to": "n3-host1"}],
    "faults": [{"kind": "span-cut", "span": "n1-n2", "at_s": 1.5, "visibility": "silent"}],
}


def test_a_shipped_scenario_with_changes_by_path() -> None:
    loaded = fibercut.scenario(
        "fiber-cut", {"bfd.interval_ms": 1, "workloads[chat].rate_rps": 50, "policies": ["none"]}
    )
    assert loaded.scenario.bfd.interval_ms == 1
    assert loaded.scenario.policies == ("none",)
    [chat] = [one for one in loaded.scenario.workloads if one.name == "chat"]
    assert chat.model_dump()["rate_rps"] == 50


def test_a_mapping_is_a_scenario_and_what_is_kept_makes_the_same_one() -> None:
    loaded = fibercut.scenario(CUT, {"faults[0].at_s": 2})
    assert loaded.text is not None
    again = fibercut.scenario(plain(parse_document("again.yaml", loaded.text).data))
    assert again.scenario == loaded.scenario
    assert fibercut.scenario(loaded, {"seed": 9}).scenario.seed == 9


def test_a_topology_may_be_an_object() -> None:
    ring = fibercut.topology("ring:5,span_km=70")
    loaded = fibercut.scenario(CUT, topology=ring)
    assert loaded.topology is ring
    assert loaded.scenario.topology == ring.name


def test_every_problem_is_told_with_its_place() -> None:
    wrong = {**CUT, "topology": "ring:4,nodes=3", "duration_s": -1}
    problems = fibercut.validate(wrong)
    assert len(problems) > 1
    assert any("duration_s" in one.place for one in problems)
    assert fibercut.validate(CUT) == ()


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("workloads[prob].rate_pps", "'prob' names no item of the scenario's list"),
        ("bfd..interval", "not a path such as bfd.interval_ms"),
        ("faults[3].at_s", "there is no item 3"),
    ],
)
def test_a_change_that_leads_nowhere_is_told(place: str, told: str) -> None:
    with pytest.raises(fibercut.InputError) as caught:
        fibercut.scenario(CUT, {place: 1})
    assert f"changes: {place}" in str(caught.value)
    assert told in str(caught.value)


def test_a_study_as_a_mapping_is_checked_like_a_file() -> None:
    grid = {"name": "mine", "scenario": CUT, "grid": {"bfd.intervall_ms": [1, 2]}}
    with pytest.raises(fibercut.InputError, match="unknown field 'intervall_ms'"):
        fibercut.study(grid)


def run_folder(tmp_path: Path) -> Path:
    trial = tmp_path / "trials" / "none-seed1"
    (trial / "samples" / "probe").mkdir(parents=True)
    (trial / "trial.json").write_text(json.dumps({"start_ns": 10**9}))
    rows = np.array([[0, 10**9, 10**9 + 5], [2, 3 * 10**9, 3 * 10**9 + 5]], dtype="<i8")
    rows.tofile(trial / "samples" / "probe" / "received.i64x3")
    summary = {
        "schema_version": SCHEMA_VERSION,
        "status": "failed",
        "seed": 1,
        "policies": {
            "none": {"status": "ok", "reason": None, "digest": "d", "virtual_s": 3.0,
                     "wall_s": 2.0, "probes": {"probe": {"lost": 1, "from": "n1-host1"}}},
            "restoration": {"status": "failed", "reason": "void: busy", "digest": None,
                            "virtual_s": 3.0, "wall_s": 2.0, "probes": {}},
        },
    }  # fmt: skip
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    return tmp_path


def test_a_run_s_trials_are_rows_and_what_was_not_measured_is_missing(tmp_path: Path) -> None:
    run = fibercut.load_run(run_folder(tmp_path))
    assert not run.ok
    frame = run.trials.set_index("policy")
    assert frame.loc["none", "probes.probe.lost"] == 1
    assert np.isnan(frame.loc["restoration", "probes.probe.lost"])
    assert frame.loc["restoration", "reason"] == "void: busy"
    with pytest.raises(ValueError, match="one trial has no statistics"):
        run.statistics()


def test_samples_are_in_the_scenario_s_time(tmp_path: Path) -> None:
    frame = fibercut.load_run(run_folder(tmp_path)).samples("probe")
    assert list(frame["sequence"]) == [0, 2]
    assert list(frame["t_s"]) == [0.0, 2.0]


def test_tables_are_read_for_the_workload_alone(tmp_path: Path) -> None:
    run = fibercut.load_run(run_folder(tmp_path))
    samples = tmp_path / "trials" / "none-seed1" / "samples"
    rows = {"workload": ["probe", "other"], "sequence": [0, 7], "transmit_ns": [5 * 10**8, 0]}
    pd.DataFrame(rows).to_parquet(samples / "probes.parquet")
    pd.DataFrame({"span": ["n1-n2"]}).to_parquet(samples / "spans.parquet")
    frame = run.samples("probe")
    assert frame[["t_s", "sequence"]].to_dict("records") == [{"t_s": 0.5, "sequence": 0}]


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    run = fibercut.load_run(run_folder(tmp_path))
    with pytest.raises(fibercut.InputError, match=r"policy 'nome'.*none-seed1"):
        run.samples("probe", policy="nome")
    with pytest.raises(FileNotFoundError, match="no measurements"):
        run.samples("chat")


@pytest.mark.parametrize("text", ["", "[]", '{"schema_version": 99}'])
def test_what_is_no_run_or_another_version_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "summary.json").write_text(text)
    with pytest.raises(fibercut.InputError, match=str(tmp_path)):
        fibercut.load_run(tmp_path)


def test_a_study_s_statistics_are_rows(tmp_path: Path) -> None:
    found = {"n": 3, "missing": 0, "median": 2.0, "median_ci": [1.0, 3.0], "p95": 3.0,
             "p95_ci": None, "p99": 3.0, "p99_ci": None, "max": 3.0}  # fmt: skip
    sample = {"point": {"scale": 10}, "policy": "none", "trials": 3, "figures": {"a.lost": found}}
    table = {"schema_version": TABLE_VERSION, "study": "s", "samples": [sample]}
    (tmp_path / "table.json").write_text(json.dumps(table))
    [row] = fibercut.load_study_run(tmp_path).statistics(["**.lost"]).to_dict("records")
    assert (row["scale"], row["figure"], row["median_low"], row["median_high"]) == (
        10, "a.lost", 1.0, 3.0,
    )  # fmt: skip
    with pytest.raises(fibercut.InputError, match="no finished study"):
        fibercut.load_study_run(tmp_path / "nowhere")


def test_all_names_are_there() -> None:
    assert all(hasattr(fibercut, name) for name in fibercut.__all__)
    assert "fiber-cut" in fibercut.shipped()["scenarios"]
