"""Phases, impact, digests and tables, on records made by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from experiments.evaluate import evaluate, no_figures
from experiments.impact import setback, training_impact
from experiments.measurements.collecting import collect
from experiments.phases import NS_PER_S, Phase, phases
from experiments.run_folder import TrialFolder, new_run_folder
from experiments.scenario_load import load_scenario
from experiments.spans.lines import ROWS
from experiments.table import render, sections
from experiments.trial_job import Job, TrialResult
from topologies.plan import make_plan
from topologies.problems import InputError
from traffic.clock import NS_PER_MS
from traffic.logs import Step

SCENARIOS = Path(__file__).parent.parent / "data" / "scenarios"
BEFORE, DURING, AFTER = phases(0, 1, 10, [(4, 7)])


def step(number: int, start_ms: int, end_ms: int | None, rank: int = 0, ranks: int = 1) -> Step:
    """A step that computes for 10 ms."""
    return Step(
        rank=rank,
        ranks=ranks,
        step=number,
        status="unfinished" if end_ms is None else "ok",
        reason=None,
        start_ns=start_ms * NS_PER_MS,
        compute_ns=10 * NS_PER_MS,
        exposed_ns=None if end_ms is None else (end_ms - start_ms - 10) * NS_PER_MS,
        compute_end_ns=(start_ms + 10) * NS_PER_MS,
        end_ns=None if end_ms is None else end_ms * NS_PER_MS,
        bytes=8,
        sent_bytes=8,
        received_bytes=8,
        algbw_mbps=None,
        busbw_mbps=None,
        wrong=0,
    )


def test_phases_leave_out_the_warm_up_and_follow_the_faults() -> None:
    assert (BEFORE.from_ns, DURING.from_ns, AFTER.until_ns) == (NS_PER_S, 4 * NS_PER_S, 10**10)
    assert [p.name for p in phases(0, 1, 10, [])] == ["before"]
    assert [p.name for p in phases(0, 1, 10, [(4, None)])] == ["before", "during"]
    assert [p.name for p in phases(0, 5, 10, [(2, 4)])] == ["after"]


def test_a_step_that_the_fault_touches_counts_as_during() -> None:
    steps = [step(0, 2000, 2100), step(1, 3950, 4600), step(2, 5000, 5060), step(3, 8000, None)]
    found = training_impact(steps, (BEFORE, DURING, AFTER))
    assert (found["before"].finished, found["before"].allreduce_p50_ms) == (1, 90)
    assert (found["during"].finished, found["during"].allreduce_max_ms) == (2, 640)
    assert (found["after"].finished, found["after"].unfinished) == (0, 1)
    assert found["after"].allreduce_p50_ms is None


def test_a_step_ends_with_its_last_rank() -> None:
    ranks = [step(0, 2000, 2100, rank=0, ranks=2), step(0, 2020, 2150, rank=1, ranks=2)]
    assert training_impact(ranks, (BEFORE,))["before"].allreduce_p50_ms == 140
    alone = training_impact(ranks[:1], (BEFORE,))["before"]
    assert (alone.finished, alone.unfinished) == (0, 1)


def test_a_fault_costs_steps_that_are_longer_than_any_before() -> None:
    before = [step(n, 1000 + 100 * n, 1100 + 100 * n) for n in range(29)]
    # One is under way at the fault (4 s), one is longer, then three as before.
    hit = [step(29, 3900, 4300), step(30, 4300, 4550)]
    steady = [step(31 + n, 4550 + 100 * n, 4650 + 100 * n) for n in range(3)]
    found = setback([*before, *hit, *steady], (BEFORE, DURING, AFTER))
    assert found is not None
    assert (found.usual_step_ms, found.steps_stretched) == (100, 2)
    assert found.steps_lost == pytest.approx(4.5)
    assert found.recovery_ms == 550
    unfinished = setback([*before, hit[0], step(30, 4300, None)], (BEFORE, DURING, AFTER))
    assert unfinished is not None
    assert unfinished.recovery_ms is None
    assert unfinished.steps_lost == pytest.approx(3 + (10_000 - 4300 - 100) / 100)
    same = [step(29 + n, 3900 + 100 * n, 4000 + 100 * n) for n in range(60)]
    untouched = setback([*before, *same, step(90, 9900, None)], (BEFORE, DURING, AFTER))
    assert untouched is not None
    assert (untouched.steps_stretched, untouched.steps_lost, untouched.recovery_ms) == (0, 0, 0)
    assert setback(before, (BEFORE,)) is None
    assert setback(hit, (BEFORE, DURING, AFTER)) is None


def test_digest_is_of_the_measurements_only(tmp_path: Path) -> None:
    digests = []
    for name, sample, log in (("one", "a", "x"), ("two", "a", "y"), ("three", "b", "x")):
        folder = tmp_path / name
        (folder / "samples" / "probe").mkdir(parents=True)
        (folder / "samples" / "probe" / "received").write_text(sample)
        (folder / "guest.log").write_text(log)
        digests.append(TrialFolder(folder).digest())
    assert digests[0] == digests[1] != digests[2]


def test_run_folders_do_not_meet_and_are_whole_at_the_end(tmp_path: Path) -> None:
    first, second = (new_run_folder(tmp_path, "x") for _ in range(2))
    assert first.path != second.path
    assert first.path.name.endswith(".partial")
    final = first.finish()
    assert (tmp_path / "latest").resolve() == final.resolve()
    assert not first.path.exists()


def test_results_that_cannot_be_written_are_bad_input(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="choose --out"):
        new_run_folder(tmp_path / "file", "x")


def probe(lost: int, tbm_ms: float | None) -> dict[str, object]:
    """A probe's figures, as evaluate makes them."""
    failover = {
        "crosses_cut": True,
        "recovered": tbm_ms is not None,
        "tbm_ms": tbm_ms,
        "tblm_ms": tbm_ms,
        "plbm_ms": tbm_ms,
        **dict.fromkeys(("tbm_resolution_ms", "tblm_resolution_ms", "plbm_resolution_ms"), 0.2),
        "warnings": ("TBLM is 2.000 ms more than TBM: why",) if tbm_ms else (),
        "recovery_ms": tbm_ms,
        "detection_ms": None,
        "switchover_ms": None,
        "lost_by_stage": None if tbm_ms is None else {"a": 3, "b": 4, "c": lost - 7},
    }
    figures = {
        "total": {"lost": lost},
        "failover": failover,
        "reoptimisation": None if tbm_ms is None else {"lost": 1},
        "reversion": {"lost": 0},
        "move_back": None,
    }
    return {"from": "a", "to": "b", "rate_pps": 1000, **figures, "classes": {"0": figures}}


def policy(status: str, probes: dict[str, object]) -> dict[str, object]:
    """A policy's entry of the summary with nothing but probes."""
    return {**no_figures(), "status": status, "probes": probes}


def test_table_shows_failures_as_failures() -> None:
    policies = {
        "good": policy("ok", {"p": probe(12, 34.56)}),
        "dead": policy("ok", {"p": probe(900, None)}),
        "broken": policy("failed", {}),
    }
    rows = {row.label: row.values for row in sections(policies)[0].rows}
    assert rows["packets lost"] == ("12", "900", "failed")
    assert rows["failover by timestamps (TBM), ms"] == ("34.6 − 0.2", "not recovered", "failed")
    assert rows["  the methods disagree"] == ("TBLM is 2.000 ms more than TBM", "–", "failed")
    assert rows["lost in flight / detection / local repair"] == ("3 / 4 / 5", "–", "failed")
    assert rows["lost at the move to the best paths left"] == ("1", "–", "failed")
    assert "lost at the move back" not in rows
    console = Console(width=120, record=True)
    console.print(render(policies))
    assert "broken (failed)" in console.export_text()


def test_phase_borders() -> None:
    phase = Phase("during", 10, 20)
    assert phase.holds(10)
    assert not phase.holds(20)
    assert phase.overlaps(5, 11)
    assert not phase.overlaps(20, 30)


def test_a_flow_that_never_arrived_is_no_measurement(tmp_path: Path) -> None:
    loaded = load_scenario(str(SCENARIOS / "cut.yaml"))
    plan = make_plan(loaded.topology, loaded.scenario.scale)
    job = Job(plan=plan, scenario=loaded.scenario, policy="restoration", seed=1)
    result = TrialResult(status="ok", reason=None, start_ns=0, end_ns=2 * NS_PER_S, faults=())
    for workload in loaded.scenario.workloads:
        folder = tmp_path / "samples" / workload.name
        folder.mkdir(parents=True)
        (folder / "received.i64x3").write_bytes(b"")
    (tmp_path / "samples" / ROWS).write_bytes(b"")
    collect(TrialFolder(tmp_path), job, result)
    with pytest.raises(ValueError, match="probe: no packet arrived before any fault"):
        evaluate(TrialFolder(tmp_path), job, result)
