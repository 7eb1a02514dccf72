"""Reports and comparisons, from run folders made by hand."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from experiments.cli.compare import compare
from experiments.cli.report import report
from experiments.probe_points import Window, read_probe
from experiments.report.answer import answer, headlines
from experiments.report.charts import charts
from experiments.report.columns import joined
from experiments.report.comparison import compared
from experiments.report.flows import flows
from experiments.report.page import write_report
from experiments.report.playback import playback
from experiments.report.read import RunData, TrialData, read_run
from experiments.report.table import Columns
from experiments.report.thinning import thinned
from experiments.report.utilisation import read_frames
from experiments.report.ways import ways
from experiments.workloads.probe import ProbeWorkload
from tests.unit.cut_runs import CUT_S, MEND_S, NOTICED_MS, damaged, make_cut_run
from topologies.problems import InputError

BEFORE = [
    "quincy-chicago", "chicago-newyork", "newyork-london", "london-amsterdam", "amsterdam-oslo",
    "oslo-lulea",
]  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_cut_run(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def found(run: Path) -> RunData:
    return read_run(run)


def trial_of(found: RunData, policy: str) -> TrialData:
    return next(trial for trial in found.trials if trial.policy == policy)


def probe_of(trial: TrialData) -> ProbeWorkload:
    workload = trial.scenario.workloads[0]
    assert isinstance(workload, ProbeWorkload)
    return workload


def test_a_flow_is_broken_repaired_and_back(found: RunData) -> None:
    trial = trial_of(found, "fast-reroute")
    pairs = flows(trial.measured, trial.scenario.workloads)
    first = ways(trial.measured.plan, trial.policy, trial.events, 0, pairs)[0]
    assert pairs[0].workload == "probe-training"
    assert [way.kind for way in first] == ["usual", "broken", "repair", "usual"]
    assert [round(way.at_s, 6) for way in first] == [
        0, CUT_S, CUT_S + NOTICED_MS / 1000, MEND_S + 0.5
    ]  # fmt: skip
    assert [span for span, _ in first[0].spans] == BEFORE
    assert first[1].lost_at == "quincy-chicago"
    assert "quincy-chicago" not in [span for span, _ in first[2].spans]


def test_the_controllers_rules_count_from_when_a_switch_has_them(found: RunData) -> None:
    trial = trial_of(found, "restoration")
    pairs = flows(trial.measured, trial.scenario.workloads)
    first = ways(trial.measured.plan, trial.policy, trial.events, 0, pairs)[0]
    moved = next(way for way in first if way.kind == "moved")
    assert moved.at_s == pytest.approx(CUT_S + 0.05)
    assert [way.kind for way in first] == ["usual", "broken", "moved", "usual"]


def test_flows_of_every_kind_of_workload(found: RunData) -> None:
    trial = found.trials[0]
    pairs = flows(trial.measured, trial.scenario.workloads)
    assert [(flow.workload, flow.source.site, flow.target.site) for flow in pairs] == [
        ("probe-training", "quincy", "lulea"),
        ("probe-bystander", "london", "edge-hoechst"),
        ("training", "quincy", "lulea"),
        ("training", "lulea", "quincy"),
        ("chat", "seattle", "edge-aurora"),
    ]


def test_losses_in_bins_are_all_losses(found: RunData) -> None:
    trial = trial_of(found, "fast-reroute")
    points = read_probe(trial.measured, probe_of(trial), 600)
    assert points.lost.sum() == trial.figures["probes"]["probe-training"]["total"]["lost"] == 39
    assert points.due.sum() == 6000
    assert points.lost.argmax() // 100 in (1, 2)  # just before 2 s


def test_the_zoom_has_each_packet_with_its_fate(found: RunData) -> None:
    trial = trial_of(found, "fast-reroute")
    window = Window(round(CUT_S * 1e9), before_ms=20, after_ms=60, most=1000)
    zoom = read_probe(trial.measured, probe_of(trial), 1, window).zoom
    assert zoom is not None
    assert zoom.t_ms.tolist() == [float(ms) for ms in range(-20, 60)]
    assert zoom.t_ms[np.isnan(zoom.delay_ms)].tolist() == [float(ms) for ms in range(-11, 28)]
    assert zoom.delay_ms[0] == pytest.approx(60.35)
    assert zoom.delay_ms[-1] == pytest.approx(70.35)


def test_frames_are_means_of_their_samples(found: RunData) -> None:
    measured = found.trials[0].measured
    frames = read_frames(measured.samples, 6.0, 60, most=6)
    assert frames is not None
    means = frames.means()["quincy-denver", "quincy"]
    assert means == pytest.approx([0.1, 0.1, 0.5, 0.5, 0.1, 0.1])


def test_a_long_run_plays_as_many_frames_as_a_short_one(tmp_path: Path) -> None:
    path = make_cut_run(tmp_path, ["fast-reroute"], duration_s=90, pps=100)
    found = read_run(path)
    assert found.topology is not None
    played = playback(found.trials[0], found.topology)
    assert played["utilisation"]["frames"] == 600
    assert sum(count for _, count in played["losses"][0]["at"]) == 4


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=400), st.integers(4, 60))
def test_thinning_keeps_the_extremes_and_the_order(values: list[float], most: int) -> None:
    points = [{"at": at, "y": value} for at, value in enumerate(values)]
    kept = thinned(iter(points), "y", most)
    assert len(kept) <= max(most, 1)
    assert {max(values), min(values)} <= {point["y"] for point in kept}
    assert [point["at"] for point in kept] == sorted(point["at"] for point in kept)


def test_the_answer_of_one_trial_has_its_resolution(found: RunData) -> None:
    columns = joined([found]).columns
    failover, lost, available, training, first_token, failed = answer(columns)
    (row,) = failover.rows
    assert (row.workload, row.note) == (
        "probe-training", "quincy-storage1 → lulea-storage1, 1,000/s ± 1 ms"
    )  # fmt: skip
    assert [cell.text for cell in row.cells] == ["40.0", "63.0"]
    assert [cell.share for cell in row.cells] == [pytest.approx(40 / 63), 1.0]
    assert [row.workload for row in lost.rows] == ["probe-training", "probe-bystander"]
    assert [row.workload for row in available.rows] == ["lulea/quincy", "edge-hoechst/london"][::-1]
    assert training.rows[0].cells[0].note == "+20 % on before"
    assert first_token.rows[0].cells[0].text == "never"
    assert failed.rows[0].cells[0].text == "1"
    assert [card.longest for card in headlines(columns)] == ["40.0 ms", "63.0 ms"]


def test_several_seeds_have_intervals_and_several_runs_are_put_together(tmp_path: Path) -> None:
    runs = [make_cut_run(tmp_path, ["fast-reroute"], seed=seed, trials=3) for seed in (1, 4)]
    both = joined([read_run(path) for path in runs])
    (column,) = both.columns
    assert [trial.seed for trial in column.sample.trials] == [1, 2, 3, 4, 5, 6]
    assert [trial.seed for trial in both.drawn] == [1]
    cell = answer(both.columns)[0].rows[0].cells[0]
    assert cell.text == "40.0"
    assert cell.interval == "39.0 to 41.0"


def test_runs_that_are_not_one_sample_stand_side_by_side(tmp_path: Path) -> None:
    runs = [make_cut_run(tmp_path / name, ["fast-reroute"]) for name in ("a", "b")]
    runs[1] = runs[1].rename(runs[1].with_name("newer"))
    labels = [column.label for column in joined([read_run(path) for path in runs]).columns]
    assert labels == [f"fast-reroute ({runs[0].name})", "fast-reroute (newer)"]


def test_a_failed_trial_is_told_and_is_no_number(tmp_path: Path) -> None:
    path = make_cut_run(tmp_path)
    summary = json.loads((path / "summary.json").read_text())
    summary["policies"]["restoration"] |= {
        "status": "failed", "reason": "the controller <ended>", "digest": None, "probes": {},
        "training": {}, "inference": {},
    }  # fmt: skip
    (path / "summary.json").write_text(json.dumps(summary))
    done = CliRunner().invoke(report, [str(path)])
    assert done.exit_code == 0, done.output
    page = (path / "report.html").read_text()
    assert "the controller &lt;ended&gt;" in page
    assert answer(joined([read_run(path)]).columns)[0].rows[0].cells[1].text == "failed"


def test_a_run_that_measured_nothing_has_its_page_and_its_reason(tmp_path: Path) -> None:
    path = make_cut_run(tmp_path)
    summary = json.loads((path / "summary.json").read_text())
    nothing: dict[str, object] = {
        name: {} for name, part in summary["policies"]["restoration"].items()
        if isinstance(part, dict)
    }  # fmt: skip
    for told in summary["policies"].values():
        told |= {"status": "failed", "reason": "no space left", "digest": None, **nothing}
    (path / "summary.json").write_text(json.dumps(summary))
    write_report(tmp_path / "page.html", [path])
    page = (tmp_path / "page.html").read_text()
    assert page.count("<strong>fast-reroute: failed.</strong> no space left") == 1
    assert "nothing was measured" in page


def test_a_comparison_pairs_seeds(tmp_path: Path) -> None:
    runs = [make_cut_run(tmp_path / name, ["fast-reroute"], trials=3, worse_ms=worse)
            for name, worse in (("old", 0.0), ("new", 5.0))]  # fmt: skip
    # Of the same second, and so of the same name.
    runs = [run.rename(run.parent / "same") for run in runs]
    (told,) = compared(str(runs[0]), str(runs[1]), ["probes.*.failover.tbm_ms"]).differences
    row = next(row for row in told.rows if "training" in row.figure)
    assert told.seeds == 3
    assert row.paired is not None
    assert row.paired.median == pytest.approx(5)
    assert row.paired.median_ci == pytest.approx((5, 5))
    assert row.clear


def test_two_policies_of_a_run_are_compared(run: Path) -> None:
    done = CliRunner().invoke(
        compare, [f"{run}:fast-reroute", f"{run}:restoration", "--figure", "**.tbm_ms"]
    )
    assert done.exit_code == 0
    assert "restoration less fast-reroute" in done.output
    assert re.search(r"probe-training.failover.tbm_ms\W+40\W+63\W+23\W+1", done.output)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ("{run}:fats-reroute", "{run}:restoration", "unknown policy 'fats-reroute'"),
        ("{run}", "{run}", "write RUN:POLICY for both"),
        ("{run}:restoration", "{run}:restoration", "are the same trials"),
        ("{run}/nowhere", "{run}", "there is no such folder"),
    ],
)
def test_a_comparison_that_is_not_clear_is_refused(
    run: Path, first: str, second: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        compared(first.format(run=run), second.format(run=run), ["**"])


@pytest.mark.parametrize("file", ["samples/probes.parquet", "job.json", "events.parquet"])
def test_a_damaged_trial_is_told_with_its_place(tmp_path: Path, file: str) -> None:
    path = damaged(make_cut_run(tmp_path, ["fast-reroute"]), file)
    with pytest.raises(InputError, match="fast-reroute-seed1") as told:
        CliRunner().invoke(report, [str(path)], catch_exceptions=False)
    assert len(str(told.value).splitlines()) == 1


def test_all_damaged_trials_are_told_at_once(tmp_path: Path) -> None:
    path = make_cut_run(tmp_path)
    for trial in (path / "trials").iterdir():
        (trial / "trial.json").unlink()
    with pytest.raises(InputError) as told:
        read_run(path)
    lines = str(told.value).splitlines()
    assert len(lines) == 2
    assert all(
        "trial.json is missing" in line and "run its scenario again" in line for line in lines
    )


def test_all_folders_that_are_no_runs_are_told_at_once(run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError) as told:
        write_report(tmp_path / "page.html", [tmp_path / "a", run, tmp_path / "b"])
    assert [line.partition(":")[0] for line in str(told.value).splitlines()] == [
        str(tmp_path / "a"), str(tmp_path / "b")
    ]  # fmt: skip
    assert not (tmp_path / "page.html").exists()


def test_a_page_has_nothing_from_elsewhere(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    assert CliRunner().invoke(report, [str(run), "--out", str(path)]).exit_code == 0
    page = path.read_text(encoding="utf-8")
    assert not re.search(r'(src|href)="(https?:)?//', page)
    assert not re.search(r"<(link|script[^>]* src|img [^>]*src=.?http)", page)
    assert "@import" not in page


def test_figures_for_papers_are_svg_pdf_and_csv(run: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(report, [str(run), "--figures", str(tmp_path / "figures")])
    assert done.exit_code == 0, done.output
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert {"around-the-cut.svg", "around-the-cut.pdf", "around-the-cut.csv", "map.pdf"} <= names
    assert (tmp_path / "figures" / "probe.pdf").read_bytes().startswith(b"%PDF")
    drawn = (tmp_path / "figures" / "around-the-cut.svg").read_text()
    assert "probe-training, restoration: 62 lost, out for 63.0 ms" in drawn
    assert "@" not in re.sub(r"[\w.]+@[\w.]+", "", drawn)  # no colour is left by name


def test_charts_share_the_points_that_a_page_can_hold(found: RunData) -> None:
    for drawn in charts(found.trials):
        assert 0 < len(drawn.data) <= 45_000
        assert all(any(drawn.data.rows(panel.where)) for panel in drawn.panels)


def test_a_table_is_csv() -> None:
    table = Columns(("policy", "what"))
    table.add([{"what": 'a, "b"'}, {"what": None}], policy="p")
    assert table.csv() == 'policy,what\r\np,"a, ""b"""\r\np,\r\n'


def test_what_cannot_be_written_is_bad_input(run: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(report, [str(run), "--out", str(tmp_path / "no" / "page.html")])
    assert done.exit_code == 2
    assert "cannot write" in done.output
