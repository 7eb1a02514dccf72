"""What every kind of workload keeps to."""

from __future__ import annotations

import subprocess
import sys

from pydantic import TypeAdapter

from experiments.scenario import Scenario
from experiments.workloads import KINDS
from topologies.problems import fields_of

REQUIRED = ("name", "kind")


def test_names_and_groups_are_each_kind_s_own() -> None:
    assert list(KINDS) == [kind.name for kind in KINDS.values()]
    groups = [kind.group for kind in KINDS.values()]
    assert len(set(groups)) == len(groups)


def test_the_fields_that_name_hosts_exist() -> None:
    for name, kind in KINDS.items():
        known = fields_of(Scenario, ("workloads", 0, name))
        assert {*REQUIRED, *kind.hosts} <= set(known), name


def test_a_scenario_takes_every_kind_and_no_other() -> None:
    schema = TypeAdapter(Scenario).json_schema(by_alias=True)
    assert set(schema["properties"]["workloads"]["items"]["discriminator"]["mapping"]) == set(KINDS)


def test_the_trial_starts_without_numpy() -> None:
    code = "import sys, experiments.trial; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
