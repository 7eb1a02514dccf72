"""Scenarios from end to end, through the command line, in the guest."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.events import read_events
from experiments.measurements.reading import arrivals
from experiments.one_trial import SOURCE

pytestmark = pytest.mark.on_host

ROOT = Path(__file__).parent.parent.parent
SCENARIOS = ROOT / "tests" / "data" / "scenarios"
PROBE_INTERVAL_MS = 0.1


def command(*arguments: str) -> list[str]:
    """A Fibercut command line."""
    return [sys.executable, "-m", "experiments.cli", *arguments]


def run_scenario(
    name: str, out: Path, *arguments: str, source: Path = ROOT, **variables: str
) -> dict[str, Any]:
    """Run a test scenario, perhaps with a copy of the source, and return what `--json` printed."""
    done = subprocess.run(
        command("run", str(SCENARIOS / name), "--out", str(out), "--json", *arguments),
        capture_output=True,
        text=True,
        check=False,
        cwd=source,
        env=os.environ | {"PYTHONPATH": str(source)} | variables,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One run of a silent cut under both policies."""
    return run_scenario("cut.yaml", tmp_path_factory.mktemp("cut"))


def test_fast_reroute_heals_within_detection_and_what_was_in_flight(cut: dict[str, Any]) -> None:
    failover = cut["policies"]["fast-reroute"]["probes"]["probe"]["failover"]
    detection_limit_ms = 10 * 3
    in_flight_ms = failover["cut_span_delay_ms"]
    assert failover["lost"] > 0
    assert failover["recovery_ms"] <= detection_limit_ms + 1
    assert failover["plbm_ms"] <= detection_limit_ms + in_flight_ms + 1
    assert failover["tbm_ms"] == pytest.approx(failover["plbm_ms"] + PROBE_INTERVAL_MS)
    # The new path is longer, so the receiver waits longer than the sender's clock tells.
    assert failover["tblm_ms"] > failover["tbm_ms"]


def test_fast_reroute_switches_at_once_and_restoration_when_the_answer_has_come(
    cut: dict[str, Any],
) -> None:
    figures = {
        policy: cut["policies"][policy]["probes"]["probe"]["failover"] for policy in cut["policies"]
    }
    assert figures["fast-reroute"]["switchover_ms"] < 1
    trial = ROOT / cut["folder"] / "trials" / "restoration-seed1"
    job = json.loads((trial / "job.json").read_text(encoding="utf-8"))
    [control_us] = [
        switch["control_delay_us"] for switch in job["plan"]["switches"] if switch["site"] == "a"
    ]
    events = read_events(trial / "events.parquet")
    [cut_ns] = [event["t_ns"] for event in events if event["event"] == "fault-cut"]
    sent_ns = min(
        event["t_ns"]
        for event in events
        if event["event"] == "update-sent" and event["switch"] == "a" and event["t_ns"] > cut_ns
    )
    answer_ms = (sent_ns - cut_ns) / 1e6 + control_us / 1000
    assert control_us > 4000
    assert answer_ms <= figures["restoration"]["recovery_ms"] < answer_ms + 1


def test_a_flow_far_away_loses_nothing(cut: dict[str, Any]) -> None:
    for policy in cut["policies"].values():
        assert policy["probes"]["bystander"]["total"]["lost"] == 0
        assert policy["probes"]["bystander"]["failover"]["crosses_cut"] is False


def counted(cut: dict[str, Any], policy: str) -> dict[tuple[str, str, str], int]:
    """Packets where they must not be, by phase, workload and the site towards which they went."""
    found = cut["policies"][policy]["forbidden"]
    places = [place for told in found.values() for place in told["places"]]
    # BFD alone sees to that, where nothing is cut.
    assert min(place["seen_packets"] for place in places if place["span"] == "ea") > 0
    return {
        (phase, place["workload"], place["towards"]): place["packets"]
        for phase, told in found.items()
        for place in told["places"]
    }


def test_packets_on_a_span_that_they_must_not_use_are_all_counted(cut: dict[str, Any]) -> None:
    found = counted(cut, "fast-reroute")
    samples = ROOT / cut["folder"] / "trials" / "fast-reroute-seed1" / "samples"
    delays_ns = np.diff(arrivals(samples, "probe", 0)[:, 1:])
    around = int((delays_ns > delays_ns.min() + 2_000_000).sum())
    on_their_way = [found[phase, "probe", "e"] for phase in ("before", "during", "after")]
    assert on_their_way[0] == 0
    # Each packet that went around, labels and all, but those of the last 2.5 ms, which were not
    # there yet at the end; and no other.
    assert around - 26 <= sum(on_their_way) <= around
    assert sum(found.values()) == sum(on_their_way) > 1000
    # The controller's way around is another one.
    assert set(counted(cut, "restoration").values()) == {0}


def test_each_span_and_each_pair_of_sites_is_told(cut: dict[str, Any]) -> None:
    policy = cut["policies"]["fast-reroute"]
    # The probe's frames of 106 bytes on 100 Mbit/s.
    assert policy["spans"]["before"]["utilisation_max"] == pytest.approx(0.0848, rel=0.02)
    assert policy["spans"]["before"]["utilisation_max_span"] == "ab"
    ways = {(one["span"], one["to_site"]): one for one in policy["spans"]["during"]["directions"]}
    assert len(ways) == 12
    assert ways["ea", "e"]["utilisation_max"] == pytest.approx(0.0848, rel=0.1)
    assert policy["availability"]["d/e"]["time_share"] == 1
    probe = policy["probes"]["probe"]["total"]
    assert policy["availability"]["a/b"]["packet_share"] == probe["received"] / probe["sent"] < 1


def test_the_stages_of_healing_follow_each_other(cut: dict[str, Any]) -> None:
    probe = cut["policies"]["fast-reroute"]["probes"]["probe"]
    stages = probe["stages"]
    assert list(stages) == ["in_flight", "detection", "local_repair"]
    assert stages["detection"]["from_s"] == pytest.approx(0.6, abs=1e-4)
    assert stages["in_flight"]["until_s"] == stages["detection"]["from_s"]
    assert stages["detection"]["until_s"] == stages["local_repair"]["from_s"]
    lost = sum(stages[name]["lost"] for name in ("in_flight", "detection", "local_repair"))
    assert lost == probe["failover"]["lost"]


def test_nothing_is_lost_at_the_mend_under_fast_reroute(cut: dict[str, Any]) -> None:
    probe = cut["policies"]["fast-reroute"]["probes"]["probe"]
    assert probe["phases"]["after"]["lost"] == probe["reversion"]["lost"] == 0


def test_json_carries_what_is_promised(cut: dict[str, Any]) -> None:
    assert cut["clock"] == "virtual"
    assert cut["virtual_s"] > 0
    assert cut["wall_s"] > 0
    assert len(cut["digest"]) == 64
    folder = ROOT / cut["folder"]
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "http://" not in page.partition("<script")[0]  # nothing is fetched
    for policy in cut["policies"]:
        assert (folder / "trials" / f"{policy}-seed1" / "events.parquet").exists()


def test_same_seed_same_bytes_idle_or_loaded_and_another_seed_another_sample(
    tmp_path: Path,
) -> None:
    idle = run_scenario("replay.yaml", tmp_path, "--seed", "7")
    spin = "import time; end = time.time() + 300\nwhile time.time() < end: pass"
    load = [subprocess.Popen([sys.executable, "-c", spin]) for _ in range(3)]
    try:
        loaded = run_scenario("replay.yaml", tmp_path, "--seed", "7")
    finally:
        for process in load:
            process.kill()
            process.wait()
    other = run_scenario("replay.yaml", tmp_path, "--seed", "8")
    assert idle["digest"] == loaded["digest"]
    assert idle["digest"] != other["digest"]
    assert idle["policies"]["fast-reroute"]["probes"]["probe"]["total"]["lost"] > 0


def samples_of(result: dict[str, Any]) -> dict[str, bytes]:
    """All that was measured in a run, by file."""
    folder = ROOT / result["folder"]
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.glob("trials/*/samples/**/*"))
        if file.is_file()
    }


def test_same_seed_same_samples_wherever_it_runs(tmp_path: Path) -> None:
    """In another folder, which has no bytecode yet, and with other variables."""
    copy = tmp_path / "some" / "other folder" / "with" / "a" / "copy"
    for package in SOURCE.packages:
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("*.pyc"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    here = run_scenario("replay.yaml", tmp_path, "--seed", "7")
    there = run_scenario(
        "replay.yaml", tmp_path, "--seed", "7", source=copy, LC_TIME="C", TERM="vt100", TZ="UTC"
    )
    assert len(samples_of(here)) > 2
    assert samples_of(here) == samples_of(there)


def test_an_outage_is_split_and_the_moves_after_it_cost_nothing(tmp_path: Path) -> None:
    result = run_scenario("heal.yaml", tmp_path)
    probe = result["policies"]["fast-reroute-reoptimise"]["probes"]["probe"]
    stages = probe["failover"]["lost_by_stage"]
    assert sum(stages.values()) == probe["failover"]["lost"] == probe["total"]["lost"]
    # The span has a faster BFD of its own: 2 ms x 3, counted in whole milliseconds.
    assert 3 <= probe["failover"]["detection_ms"] <= 6.5
    assert stages["detection"] <= 6.5 * 5
    assert stages["local_repair"] <= 5
    for move in ("reoptimisation", "move_back"):
        assert probe[move]["lost"] == 0
        assert probe[move]["switched_ms"] > 0
    assert probe["reoptimisation"]["begun_ms"] > 50
    assert probe["reversion"]["lost"] == 0
    healing = probe["stages"]
    assert list(healing) == [
        "in_flight",
        "detection",
        "local_repair",
        "reoptimisation",
        "reversion",
    ]
    times = [time for one in healing.values() for time in (one["from_s"], one["until_s"])]
    assert times == sorted(times)
    assert sum(one["lost"] for one in healing.values()) == probe["total"]["lost"]
    # Back on the shorter way, new packets overtake those on the longer one.
    assert healing["reversion"]["reordered"] == probe["move_back"]["reordered"] > 0


def test_ctrl_c_keeps_what_was_measured(tmp_path: Path) -> None:
    with subprocess.Popen(
        command("run", "fiber-cut", "--out", str(tmp_path), "--policy", "fast-reroute"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "running 25 %" in line:
                break
        os.kill(process.pid, signal.SIGINT)
        rest = process.stdout.read()
    assert process.returncode == 130, rest
    assert "Traceback" not in rest
    summary = json.loads((tmp_path / "latest" / "summary.json").read_text(encoding="utf-8"))
    policy = summary["policies"]["fast-reroute"]
    assert policy["status"] == "interrupted"
    assert policy["probes"]["probe-training"]["total"]["received"] > 0


def test_a_real_network_builds_and_heals(tmp_path: Path) -> None:
    scenario = tmp_path / "attmpls.yaml"
    scenario.write_text(
        """
name: attmpls
topology: topozoo/AttMpls
scale: 1000
duration_s: 1.5
warmup_s: 0.2
workloads:
  - {name: probe, kind: probe, from: ny54-host1, to: snfn-host1, rate_pps: 5000}
faults:
  - {kind: span-cut, span: chcg-snfn, at_s: 0.5, visibility: carrier}
""",
        encoding="utf-8",
    )
    result = run_scenario(str(scenario), tmp_path / "runs")
    failover = result["policies"]["fast-reroute-reoptimise"]["probes"]["probe"]["failover"]
    assert result["topology"]["sites"] == 25
    assert result["topology"]["spans"] == 56
    assert failover["recovered"]
    # With a loss of carrier only the packets in flight are lost, and those of the time that one
    # ovs-vswitchd (all 25 switches, 112 ports) needs to read its clock so often: about 1 ms. The
    # probe tells to within one packet.
    assert failover["plbm_ms"] <= failover["cut_span_delay_ms"] + 1.2 + 1000 / 5000


def test_a_controller_may_die_be_slow_and_hang_without_a_packet_lost_but_the_cuts_own(
    tmp_path: Path,
) -> None:
    result = run_scenario("controller-lost.yaml", tmp_path)
    probe = result["policies"]["fast-reroute-reoptimise"]["probes"]["probe"]
    in_flight_ms = probe["failover"]["cut_span_delay_ms"]
    assert probe["failover"]["plbm_ms"] <= 30 + in_flight_ms + 1
    assert probe["total"]["lost"] == probe["failover"]["lost"]
    files = (Path(result["folder"]) / "trials").glob("*/events.parquet")
    events = [event for file in files for event in read_events(file)]
    told = [event["event"] for event in events if event["source"] == "trial"]
    assert told == [
        "fault-controller-down", "fault-cut", "fault-controller-up", "fault-control-slow",
        "fault-mend", "fault-control-normal", "fault-control-cut", "fault-control-mend",
        "fault-controller-down", "fault-controller-up",
    ]  # fmt: skip
    # The second controller takes over what the first one left, and finds the cut span; cut off
    # from a switch, and hung, it ends what it began.
    done = [(event["reason"], event["t_s"]) for event in events if event["event"] == "update-done"]
    assert [reason for reason, t_s in done if t_s > 0] == ["take-over", "reversion"]
    assert all(2.5 < t_s < 9 for _, t_s in done if t_s > 0)
