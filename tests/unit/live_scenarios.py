"""Small scenarios for the tests of the live page."""

from __future__ import annotations

from pathlib import Path

from experiments.live.open_run import far_pairs
from experiments.scenario import Scenario
from experiments.scenario_load import LoadedScenario
from topologies.load import load_topology
from topologies.problems import validated


def loaded(topology: str) -> LoadedScenario:
    """A scenario with one probe between far hosts, as if read from a file."""
    found = load_topology(topology)
    hosts = far_pairs(found)[0]
    probe = {"name": "probe", "kind": "probe", "from": hosts[0], "to": hosts[1]}
    fields = {"name": "t", "topology": topology, "duration_s": 9, "workloads": [probe]}
    return LoadedScenario(Path("t.yaml"), validated(Scenario, fields), found)
