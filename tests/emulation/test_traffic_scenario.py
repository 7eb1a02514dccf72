"""Probes, loads, crafted packets and captures in a scenario, through the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from experiments.pcap_frames import pcap_frames, sent_from

pytestmark = pytest.mark.on_host

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Any:
    """The scenario's one trial: its figures, and its folder."""
    seed = request.config.getoption("--guest-seed")
    command = [sys.executable, "-m", "experiments.cli", "run", "tests/data/scenarios/traffic.yaml"]
    command += ["--out", str(tmp_path_factory.mktemp("runs")), "--json", "--seed", str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    trial = ROOT / told["folder"] / "trials" / f"fast-reroute-seed{seed}"
    return told["policies"]["fast-reroute"], trial


def test_each_class_has_figures_and_each_kind_conserves_packets(run: Any) -> None:
    figures, _ = run
    classes = figures["probes"]["classes"]["classes"]
    assert list(classes) == ["46", "0"]
    flows = [*(one["total"] for one in classes.values())]
    flows += [one["total"] for one in figures["crafted"].values()]
    flows.append(figures["probes"]["pulses"]["total"])
    for flow in flows:
        assert flow["sent"] == flow["received"] + flow["lost"]
        assert flow["received"] > 0
    # 2 s at 1,000/s, on for 0.2 s of each 0.5 s, of which the first falls into the warm-up.
    assert figures["probes"]["pulses"]["total"]["sent"] == 600
    assert classes["46"]["total"]["lost"] == classes["46"]["longest_gaps"][0]["missing"]
    assert figures["round_trips"]["round-trip"]["sent"] == 300


def test_a_matrix_falls_short_only_because_of_the_cut(run: Any) -> None:
    load = run[0]["matrices"]["load"]
    assert load["fullest_link"]["load"] == pytest.approx(0.2)
    before, during, after = (load["phases"][name] for name in ("before", "during", "after"))
    # What was due before the cut, and lost, was in flight: 1 ms of the 700 ms.
    assert before["shortfall"] < 0.01
    assert during["offered"] > during["received"] > 0
    assert 0 < during["short_pairs"] < load["pairs"] == 20
    assert during["worst_pairs"][0]["shortfall"] > during["shortfall"]
    assert after["offered"] == after["received"] > 0


def test_bulk_is_paced_from_its_own_start(run: Any) -> None:
    figures, trial = run
    # 1 s of 2 Mbit/s, of 1.5 s that are measured.
    assert figures["bulk"]["bulk"]["goodput_mbps"] == pytest.approx(2 / 1.5, rel=0.1)
    report = json.loads((trial / "samples" / "bulk" / "client.json").read_text(encoding="utf-8"))
    assert report["end"]["sender_tcp_congestion"] == "bbr"


def test_captures_hold_what_the_workloads_saw(run: Any) -> None:
    figures, trial = run
    captures = trial / "samples" / "captures"
    job = json.loads((trial / "job.json").read_text(encoding="utf-8"))
    source = next(host["ip"] for host in job["plan"]["hosts"] if host["name"] == "b-host1")
    here = list(sent_from(captures / "at-c.pcap", source))
    there = list(sent_from(trial / "samples" / "roce" / "received.pcap", source))
    assert [at_ns for at_ns, _ in here] == [at_ns for at_ns, _ in there]
    assert [frame[:128] for _, frame in here] == [frame for _, frame in there]
    span = list(pcap_frames(captures / "span.pcap"))
    assert len(span) == figures["captures"]["span"]["packets"] > 1000
    assert max(len(frame) for _, frame in span) == 64
