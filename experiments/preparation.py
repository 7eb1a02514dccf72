"""What workloads need before their trial, made on the machine that has the scenario's files."""

from __future__ import annotations

from experiments.run_folder import TrialFolder
from experiments.scenario_load import LoadedScenario
from experiments.trial_job import Job
from experiments.workloads import kind_of
from experiments.workloads.kind import Preparation
from topologies.problems import InputError, Problem


def prepare_workloads(job: Job, loaded: LoadedScenario, trial: TrialFolder) -> None:
    """Put each workload's files into the trial's folder.

    Raises InputError when one cannot be made, such as from a file that is gone by now.
    """
    for index, workload in enumerate(job.scenario.workloads):
        folder = trial.prepared(workload.name)
        folder.mkdir(parents=True, exist_ok=True)
        given = Preparation(
            topology=loaded.topology,
            base=loaded.path.parent,
            folder=folder,
            seed=job.workload_seed(index),
            duration_s=job.scenario.duration_s,
        )
        try:
            kind_of(workload).prepare(workload, given)
        except (OSError, ValueError) as error:
            raise InputError([Problem(workload.name, str(error))]) from None
