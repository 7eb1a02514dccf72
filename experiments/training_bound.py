"""What a step of a training workload takes at least on a planned network."""

from __future__ import annotations

from experiments.collective_bound import Ways, collective_s, message_s
from experiments.workloads.ranks import algorithm_of, shape
from experiments.workloads.training import TrainingFields, loop_options, training_bytes
from topologies.plan import NetworkPlan
from traffic.collectives.schedule import ELEMENT_BYTES, parts
from traffic.loops.bound import data_parallel_s, diloco_s, pipeline_s


def step_bound_s(plan: NetworkPlan, workload: TrainingFields) -> float:
    """The mean step, with the declared compute time; see traffic.loops.bound."""
    ways = Ways(plan, workload.hosts)
    options = loop_options(workload)
    loop = options.get("loop", "data-parallel")
    compute_s, size = workload.compute_ms / 1000, training_bytes(workload, plan)
    connections = workload.qps_per_connection
    if loop == "pipeline":
        pairs = range(len(workload.hosts) - 1)
        return pipeline_s(
            compute_s,
            options["microbatches"],
            [message_s(ways, stage, stage + 1, size, connections) for stage in pairs],
            [message_s(ways, stage + 1, stage, size, connections) for stage in pairs],
        )
    count = options["buckets"] if loop == "data-parallel" else options["fragments"]
    times_s = [
        collective_s(
            ways, "all-reduce", algorithm_of(workload),
            shape(plan, workload.hosts, (end - at) * ELEMENT_BYTES), connections,
        )
        for at, end in parts((0, size // ELEMENT_BYTES), count)
    ]  # fmt: skip
    if loop == "data-parallel":
        return data_parallel_s(compute_s, times_s)
    return diloco_s(compute_s, times_s, options["inner_steps"], options["overlap_steps"])
