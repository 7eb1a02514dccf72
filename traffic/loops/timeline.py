"""The order of things in a training step, as pure functions.

Sources: S. Li et al., "PyTorch Distributed", VLDB 2020 (gradient buckets that are reduced
while the backward pass goes on); D. Narayanan et al., "Efficient large-scale language model
training on GPU clusters using Megatron-LM", SC 2021 (1F1B); A. Douillard et al., "DiLoCo",
arXiv 2311.08105, and "Streaming DiLoCo", arXiv 2501.18512 (fragments, overlap).
"""

from __future__ import annotations

# A backward pass costs twice the forward pass (J. Kaplan et al., arXiv 2001.08361, 2.1).
FORWARD_SHARE = 1 / 3


def bucket_ready_ns(compute_ns: int, bucket: int, buckets: int) -> int:
    """When a bucket's gradients are complete, after the step's start; the last one at its end."""
    forward_ns = compute_ns * FORWARD_SHARE
    return round(forward_ns + (compute_ns - forward_ns) * (bucket + 1) / buckets)


def pipeline_order(stage: int, stages: int, microbatches: int) -> list[tuple[bool, int]]:
    """What a stage computes, in order: (forward?, microbatch); one forward, one backward."""
    ahead = min(stages - stage - 1, microbatches)
    order = [(True, number) for number in range(ahead)]
    for number in range(microbatches - ahead):
        order += [(True, ahead + number), (False, number)]
    return order + [(False, number) for number in range(microbatches - ahead, microbatches)]


def fragment_begun(step: int, inner_steps: int, fragments: int) -> int | None:
    """The fragment whose outer gradients are sent at the end of a step; None: none.

    The fragments' turns are spread evenly over the inner steps; the last one's is at the end.
    """
    turn = step % inner_steps + 1
    for fragment in range(fragments):
        if turn == inner_steps * (fragment + 1) // fragments:
            return fragment
    return None
