"""The network of a trial: built, and seen to work before anything is measured."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from controller.policies import POLICIES
from experiments.bfd_pace import without_pace
from experiments.scenario import Bfd
from experiments.trial_job import TrialFailed
from topologies.build import BfdTimers, build_network
from topologies.plan import NetworkPlan
from traffic.clock import NS_PER_S, now_ns

_BFD_DEADLINE_NS = 60 * NS_PER_S
_POLL_S = 0.1


@contextmanager
def built_network(plan: NetworkPlan, bfd: Bfd, policy: str) -> Iterator[Any]:
    """The Mininet network of a plan, as a policy needs it.

    With BFD on every span and hosts that know a gateway; for a Ryu application that runs
    in the controller's place without BFD, which it knows nothing of, and with hosts that
    ask for each other's addresses.
    """
    if POLICIES[policy].app:
        plan, timers = plan.with_learning_hosts(), None
    else:
        timers = _timers(plan, bfd)
    with build_network(plan, bfd=timers) as net:
        yield net


def wait_for_bfd(plan: NetworkPlan, bfd: Bfd, policy: str) -> None:
    """Wait until BFD, where the policy has it, is up at both ends of every span, at its pace.

    A session keeps a slow pace for up to a second after it is up: a failure in that time would
    be noticed late. Raises TrialFailed if it stays so.
    """
    if POLICIES[policy].app:
        return
    by_span = _timers(plan, bfd)
    ends = {end.interface: by_span[span.id] for span in plan.spans for end in (span.a, span.b)}
    deadline_ns = now_ns() + _BFD_DEADLINE_NS
    while missing := without_pace(ends):
        if now_ns() > deadline_ns:
            raise TrialFailed(f"BFD did not come up on {', '.join(sorted(missing)[:5])}")
        time.sleep(_POLL_S)


def _timers(plan: NetworkPlan, bfd: Bfd) -> dict[str, BfdTimers]:
    paces = {span.id: bfd.spans.get(span.id, bfd) for span in plan.spans}
    return {name: BfdTimers(pace.interval_ms, pace.multiplier) for name, pace in paces.items()}
