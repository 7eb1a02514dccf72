"""Grids, messages about them, and the folder of a study; no guest."""

from __future__ import annotations

import io
import json
import math
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.failure import FailedRunError
from experiments.study.grid import Axis, count, path_steps, points
from experiments.study.load import LoadedStudy, load_study, shipped_studies
from experiments.study.results import samples, trial_table
from experiments.study.store import opened_folder, write_bytes
from experiments.study.tasks import Task, tasks
from experiments.study.worker import RESULT_VERSION, Done
from topologies.problems import InputError

BAD = Path(__file__).parent.parent / "data" / "bad-input" / "studies"
VERSIONS = {"fibercut": "1"}


@pytest.mark.parametrize("file", sorted(BAD.glob("*.yaml")), ids=lambda file: file.name)
def test_messages_of_bad_study(file: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_study(str(file)).checked_points()
    shipped = Path(__file__).parent.parent.parent / "experiments" / "scenarios"
    said = str(caught.value).replace(f"{BAD}/", "").replace(f"{shipped}/", "")
    assert said + "\n" == file.with_suffix(".txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", list(shipped_studies()))
def test_shipped_studies_are_valid(name: str) -> None:
    study = load_study(name)
    checked = study.checked_points()
    assert study.trial_count() == len(checked) * len(study.policies) * len(study.seeds)


def test_all_spans_is_every_span_once() -> None:
    checked = load_study("n-minus-1").checked_points()
    spans = [dict(one.point.label)["faults[0].span"] for one in checked]
    assert sorted(spans) == sorted(span.id for span in checked[0].loaded.topology.spans)


@given(
    st.lists(st.lists(st.integers(), min_size=1, max_size=4, unique=True), min_size=1, max_size=3)
)
def test_a_grid_is_every_combination_once(values: list[list[int]]) -> None:
    axes = [Axis(f"f{i}", (f"f{i}",), one) for i, one in enumerate(values)]
    found = [tuple(point.data.values()) for point in points({}, axes, None)]
    assert len(set(found)) == len(found) == count(axes, None) == math.prod(map(len, values))


def test_paths_lead_into_lists_by_number_and_by_name() -> None:
    data: dict[str, Any] = {"workloads": [{"name": "a"}, {"name": "b", "rate": 1}]}
    axes = [
        Axis("workloads[b].rate", path_steps("workloads[b].rate"), [5]),
        Axis("workloads[0].size", path_steps("workloads[0].size"), [6]),
        Axis("bfd.interval_ms", path_steps("bfd.interval_ms"), [7]),
    ]
    [point] = points(data, axes, None)
    assert point.data == {
        "workloads": [{"name": "a", "size": 6}, {"name": "b", "rate": 5}],
        "bfd": {"interval_ms": 7},
    }
    assert data["workloads"][1]["rate"] == 1  # the scenario itself stays as it is


def all_tasks(study: LoadedStudy, versions: dict[str, str | None] | None = None) -> list[Task]:
    """Every trial of a study."""
    return list(tasks(study.checked_points(), study.seeds, versions or dict(VERSIONS)))


def test_a_trial_is_known_again_and_no_other_is_taken_for_it() -> None:
    study = load_study("policies")
    first = [task.identity for task in all_tasks(study)]
    assert first == [task.identity for task in all_tasks(load_study("policies"))]
    assert len(set(first)) == len(first) == 25
    assert not set(first) & {task.identity for task in all_tasks(study, {"fibercut": "2"})}


def test_a_changed_topology_or_trace_is_another_trial(tmp_path: Path) -> None:
    ring = Path(__file__).parent.parent / "data" / "scenarios" / "ring.topology.yaml"
    (tmp_path / "ring.topology.yaml").write_text(ring.read_text())
    study = tmp_path / "s.yaml"
    study.write_text(
        "name: s\nscenario: {name: s, topology: ring.topology.yaml, duration_s: 2, workloads: ["
        "{name: p, kind: probe, from: a-host1, to: b-host1, rate_pps: 10}]}\n"
    )
    [before] = all_tasks(load_study(str(study)))
    text = ring.read_text()
    changed = text.replace("length_km: ", "length_km: 1", 1)
    assert changed != text
    (tmp_path / "ring.topology.yaml").write_text(changed)
    [after] = all_tasks(load_study(str(study)))
    assert before.identity != after.identity


def done(identity: str, **fields: object) -> Done:
    """A worker's answer."""
    result = {"schema_version": RESULT_VERSION, "status": "ok", **fields}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("result.json", json.dumps(result))
    return Done(identity, "ok", buffer.getvalue())


def test_a_trial_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    with opened_folder(tmp_path / "s") as folder:
        folder.write(done("one"))
        half = Done("two", "ok", done("two").archive[:-30])
        with pytest.raises(zipfile.BadZipFile):
            folder.write(half)
        assert folder.has("one")
        assert not folder.has("two")
    with opened_folder(tmp_path / "s") as folder:
        assert [path.name for path in (folder.path / "trials").iterdir()] == ["one"]


def test_a_full_disk_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with opened_folder(tmp_path / "s") as folder:
        folder.write(done("one"))
        monkeypatch.setattr("experiments.disk.os.fsync", full)
        with pytest.raises(FailedRunError, match=r"no space left.*kept"):
            folder.write(done("two"))
        with pytest.raises(FailedRunError, match="no space left"):
            write_bytes(folder.path / "table.json", b"x")
        assert [path.name for path in (folder.path / "trials").iterdir()] == ["one"]
        assert not (folder.path / "table.json").exists()


def test_two_studies_do_not_write_one_folder(tmp_path: Path) -> None:
    with (
        opened_folder(tmp_path),
        pytest.raises(InputError, match="another run"),
        opened_folder(tmp_path),
    ):
        pass


def test_damaged_and_other_results_are_refused_by_name(tmp_path: Path) -> None:
    with opened_folder(tmp_path) as folder:
        folder.write(done("old", schema_version=RESULT_VERSION + 1))
        with pytest.raises(InputError, match=r"old/result\.json: has schema_version"):
            folder.read("old")
        (folder.trial("old") / "result.json").write_text("{")
        with pytest.raises(InputError, match="damaged"):
            folder.read("old")


def test_a_failed_trial_is_a_row_with_its_reason_and_no_figure() -> None:
    two = [task for task in all_tasks(load_study("policies")) if task.policy == "none"][:2]
    good: dict[str, Any] = {"status": "ok", "reason": None, "digest": "d", "virtual_s": 1.5,
            "figures": {"probes": {"p": {"lost": 4, "recovered": True, "name": "x"}}}}  # fmt: skip
    bad: dict[str, Any] = {
        "status": "failed",
        "reason": "no",
        "digest": None,
        "virtual_s": 0.5,
        "figures": None,
    }
    pairs = list(zip(two, [good, bad], strict=True))
    rows = trial_table(pairs).to_pylist()
    assert [row["probes.p.lost"] for row in rows] == [4, None]
    assert [row["reason"] for row in rows] == [None, "no"]
    [sample] = samples(pairs)
    assert sample.values("probes.p.lost") == [4, None]


def test_a_scheduler_that_cannot_be_reached_is_one_clear_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from experiments.study import engine

    monkeypatch.setattr(engine, "_CONNECT_S", 1)
    task = all_tasks(load_study("policies"))[0]
    for address in ("tcp://127.0.0.1:1", "nonsense://x"):
        with pytest.raises(InputError, match=r"cannot be reached.*leave out --scheduler"):
            engine.run_tasks([task], address, None, False, lambda _task, _done: None)


def test_a_grid_that_explodes_is_asked_for_before_it_is_built(tmp_path: Path) -> None:
    values = list(range(1, 200))
    study = tmp_path / "huge.yaml"
    study.write_text(
        "name: huge\nscenario: fiber-cut\ngrid:\n"
        f"  bfd.interval_ms: {values}\n  bfd.multiplier: {values}\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "experiments.cli", "study", str(study), "--check"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "79,202 trials" in done.stderr
    assert "--yes" in done.stderr
