"""An outage is split at the moments that the controller's events tell."""

from __future__ import annotations

import numpy as np

from experiments.failover import ProbeFlow, outage
from experiments.healing import CutSeen, lost_by_stage, move
from traffic.schedule import Schedule

MS = 1_000_000
RATE_PPS = 1000


def flow(lost: set[int], count: int = 1000) -> ProbeFlow:
    """A packet each ms from 0 ms on, each 5 ms on its way; some are lost."""
    rows = [(n, n * MS, (n + 5) * MS) for n in range(count) if n not in lost]
    return ProbeFlow(np.array(rows, dtype=np.int64), Schedule(0), RATE_PPS, count)


def test_losses_belong_to_the_stage_in_which_the_packet_met_the_cut() -> None:
    # The cut is at 100 ms, 2 ms from the source, on a span of 3 ms; known after 20 ms, healed
    # 4 ms later.
    missing = set(range(95, 122))
    probed = flow(missing)
    seen = CutSeen(100 * MS, 2 * MS, 3 * MS, 120 * MS)
    stages = lost_by_stage(probed, seen, outage(probed, 95 * MS, 900 * MS))
    assert stages == {"in_flight": 3, "detection": 20, "switchover": 4}
    assert sum(stages.values()) == len(missing)


def test_what_was_not_seen_or_did_not_end_is_not_split() -> None:
    probed = flow(set(range(95, 122)))
    found = outage(probed, 95 * MS, 900 * MS)
    assert lost_by_stage(probed, CutSeen(100 * MS, 0, 0, None), found) is None
    never = flow(set(range(95, 1000)))
    unended = outage(never, 95 * MS, 900 * MS)
    assert lost_by_stage(never, CutSeen(100 * MS, 0, 0, 120 * MS), unended) is None


def test_a_move_is_measured_from_its_beginning_to_its_end() -> None:
    events = [
        {"event": "update-begun", "update": 1, "reason": "start", "t_ns": 0},
        {"event": "update-switched", "update": 1, "t_ns": 1 * MS},
        {"event": "update-begun", "update": 2, "reason": "failure", "t_ns": 200 * MS},
        {"event": "update-switched", "update": 2, "t_ns": 260 * MS},
        {"event": "update-done", "update": 2, "reason": "failure", "t_ns": 400 * MS},
    ]
    found = move(flow({250, 399, 400}), events, "failure", 100 * MS, 900 * MS)
    assert found is not None
    assert (found.begun_ms, found.switched_ms, found.lost) == (100, 60, 2)
    assert move(flow(set()), events, "reversion", 100 * MS, 900 * MS) is None
    assert move(flow(set()), events, "failure", 300 * MS, 900 * MS) is None
