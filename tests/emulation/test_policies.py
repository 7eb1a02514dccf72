"""Policies that are compared with: what their healing takes, seen on packets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from experiments.events import read_events
from tests.emulation.test_experiments import ROOT, run_scenario

pytestmark = pytest.mark.on_host


def trial_of(result: dict[str, Any], policy: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The events and the job of a run's one trial."""
    folder = ROOT / result["folder"] / "trials" / f"{policy}-seed1"
    job: dict[str, Any] = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    return read_events(folder / "events.parquet"), job


def test_path_protection_heals_when_the_controller_has_told_the_ingress(tmp_path: Path) -> None:
    result = run_scenario("protect.yaml", tmp_path)
    probe = result["policies"]["path-protection"]["probes"]["probe"]
    events, job = trial_of(result, "path-protection")
    control_ms = {s["site"]: s["control_delay_us"] / 1000 for s in job["plan"]["switches"]}
    spans_ms = {s["id"]: s["delay_us"] / 1000 for s in job["plan"]["spans"]}
    assert probe["failover"]["recovered"]
    assert probe["failover"]["lost"] == probe["total"]["lost"]
    # One of the cut's ends tells the controller, which tells the ingress; lost is also what is
    # on the way from the ingress to the cut when it happens.
    told_ms = min(control_ms["d"], control_ms["e"]) + control_ms["a"]
    on_the_way_ms = spans_ms["ea"] + spans_ms["de"]
    assert told_ms < probe["failover"]["plbm_ms"] <= told_ms + on_the_way_ms + 1
    assert "span-down" in {event["event"] for event in events}


def test_a_spanning_tree_heals_when_its_timers_have_run_out(tmp_path: Path) -> None:
    result = run_scenario("bridges.yaml", tmp_path)
    failover = result["policies"]["spanning-tree"]["probes"]["probe"]["failover"]
    assert failover["recovered"]
    # Listening and learning take 15 s each, after at most 20 s without a message (802.1D, 8.10).
    assert 30_000 < failover["tbm_ms"] < 52_000
