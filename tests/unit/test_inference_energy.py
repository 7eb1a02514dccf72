"""What answers cost in electricity, by where they were computed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from experiments.inference_energy import energy_figures, prepare_energy
from experiments.scenario_load import load_scenario
from experiments.workloads.inference import InferenceWorkload
from experiments.workloads.kind import Measured, Preparation
from tests.unit.test_inference_workload import BACKBONE, request, workload
from topologies.problems import InputError


@dataclass(frozen=True)
class Prepared:
    """What energy_figures asks of a measured trial."""

    folder: Path

    def prepared(self, _workload: InferenceWorkload) -> Path:
        return self.folder


def measured(tmp_path: Path, made: InferenceWorkload) -> Measured:
    prepare_energy(made, Preparation(BACKBONE, tmp_path, tmp_path, 1, duration_s=20.0))
    return Prepared(tmp_path)  # type: ignore[return-value]


def test_a_token_costs_what_the_site_pays_that_made_it(tmp_path: Path) -> None:
    """3.6 J for a token are 1 kWh for a million: Quincy pays 64 $/MWh and has 120 g/kWh."""
    made = workload(joules_per_token=3.6)
    answers = [request(0, 1, 5, server="quincy-gpu1"), request(1, 1, None)]
    found = energy_figures(measured(tmp_path, made), made, answers)
    assert found is not None
    assert found.tokens == 2
    assert found.energy_kwh == pytest.approx(2e-6)
    assert found.usd_per_million_tokens == pytest.approx(0.064)
    assert found.co2_g_per_million_tokens == pytest.approx(120)


def test_sites_count_by_their_tokens(tmp_path: Path) -> None:
    made = workload(joules_per_token=3.6)
    answers = [
        request(0, 1, 5, server="quincy-gpu1", tokens=30),
        request(1, 1, 5, server="edge-slough-inference1", tokens=10),
    ]
    found = energy_figures(measured(tmp_path, made), made, answers)
    assert found is not None
    assert found.usd_per_million_tokens == pytest.approx((3 * 0.064 + 0.120) / 4)


def test_without_answers_there_is_no_price_and_without_joules_no_figure(tmp_path: Path) -> None:
    made = workload(joules_per_token=1)
    found = energy_figures(measured(tmp_path, made), made, [request(0, 1, None)])
    assert found is not None
    assert (found.tokens, found.usd_per_million_tokens) == (0, None)
    assert energy_figures(measured(tmp_path, workload()), workload(), []) is None


def test_a_site_without_a_price_is_told(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(
        "name: x\ntopology: ring:4\nduration_s: 5\nworkloads:\n"
        "  - {name: chat, kind: inference, users: [n1-host1], server: n2-host1, rate_rps: 1,\n"
        "     joules_per_token: 4}\n"
    )
    with pytest.raises(InputError) as caught:
        load_scenario(str(path))
    assert "joules_per_token: the site 'n2' of 'n2-host1' has no power_price_usd_per_mwh" in str(
        caught.value
    )
