"""Fibercut for scripts and notebooks: everything that the command line does.

    import fibercut

    run = fibercut.run("fiber-cut", {"bfd.interval_ms": 3}, seed=7)
    run.trials[["policy", "probes.probe-training.failover.tbm_ms"]]

See docs/reference/python-api.md. (The file `fibercut` beside this one, without an ending, is the
launcher of the command line.)
"""

from __future__ import annotations

from controller.policies import POLICIES, policy_named
from experiments.api.runs import Run, load_run, run
from experiments.api.scenarios import scenario, shipped, validate
from experiments.api.scenarios import topology_of as topology
from experiments.api.studies import StudyRun, load_study_run, study
from experiments.coverage import coverage, failures
from experiments.doctor import examine_machine
from experiments.failure import FailedRunError
from experiments.scenario_load import LoadedScenario
from experiments.schemas import schema_text
from experiments.versions import fibercut_version
from guest import GuestError, GuestResult, GuestSettings, SetupError, provide_kernel
from guest import run as run_in_guest
from topologies.builder.leftovers import leftovers, sweep
from topologies.lint import lint
from topologies.maps import write_map
from topologies.plan import make_plan
from topologies.problems import InputError, Problem
from topologies.spec import Topology
from topologies.write import topology_text

__all__ = [
    "POLICIES",
    "FailedRunError",
    "GuestError",
    "GuestResult",
    "GuestSettings",
    "InputError",
    "LoadedScenario",
    "Problem",
    "Run",
    "SetupError",
    "StudyRun",
    "Topology",
    "coverage",
    "examine_machine",
    "failures",
    "fibercut_version",
    "leftovers",
    "lint",
    "load_run",
    "load_study_run",
    "make_plan",
    "policy_named",
    "provide_kernel",
    "run",
    "run_in_guest",
    "scenario",
    "schema_text",
    "shipped",
    "study",
    "sweep",
    "topology",
    "topology_text",
    "validate",
    "write_map",
]
