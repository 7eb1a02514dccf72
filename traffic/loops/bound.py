"""The least time of a training step, from what its communication takes at least.

Times in seconds. What a rank computes and what it sends can overlap only where the loop lets
them; the sources are those of `timeline`.
"""

from __future__ import annotations

from collections.abc import Sequence

from traffic.loops.timeline import FORWARD_SHARE, bucket_ready_ns, pipeline_order

_SCALE = 1e9


def data_parallel_s(compute_s: float, buckets_s: Sequence[float]) -> float:
    """The buckets are reduced one after the other, each after its gradients are complete."""
    done_s = 0.0
    for number, bucket_s in enumerate(buckets_s):
        ready_ns = bucket_ready_ns(round(compute_s * _SCALE), number, len(buckets_s))
        done_s = max(done_s, ready_ns / _SCALE) + bucket_s
    return max(done_s, compute_s)


def diloco_s(
    compute_s: float, fragments_s: Sequence[float], inner_steps: int, overlap_steps: int
) -> float:
    """The mean step: each fragment waits once in all inner steps, less what it overlaps."""
    waits_s = (max(0.0, took_s - overlap_steps * compute_s) for took_s in fragments_s)
    return compute_s + sum(waits_s) / inner_steps


def pipeline_s(
    compute_s: float, microbatches: int, forward_s: Sequence[float], back_s: Sequence[float]
) -> float:
    """A step of 1F1B, from its start to the last gradient at the first stage.

    forward_s: what a message from stage i to stage i + 1 takes; back_s: from i + 1 to i.
    """
    stages = len(forward_s) + 1
    share_s = {True: compute_s * FORWARD_SHARE / microbatches}
    share_s[False] = compute_s / microbatches - share_s[True]
    orders = [pipeline_order(stage, stages, microbatches) for stage in range(stages)]
    free_s, done_s = [0.0] * stages, dict[tuple[int, bool, int], float]()
    left = [list(order) for order in orders]
    while any(left):
        for stage in range(stages):
            while left[stage]:
                forward, number = left[stage][0]
                source = stage - 1 if forward else stage + 1
                needed_s = 0.0
                if 0 <= source < stages:
                    if (source, forward, number) not in done_s:
                        break
                    message_s = forward_s[source] if forward else back_s[stage]
                    needed_s = done_s[source, forward, number] + message_s
                free_s[stage] = max(free_s[stage], needed_s) + share_s[forward]
                done_s[stage, forward, number] = free_s[stage]
                left[stage].pop(0)
    return max(free_s)
