"""An outage is split at the moments that the controller's events tell."""

from __future__ import annotations

import numpy as np

from experiments.failover import ProbeFlow, outage
from experiments.healing import CutSeen, move, repair_stages, reversion_ns, stage
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
    stages = repair_stages(probed, seen, outage(probed, 95 * MS, 900 * MS))
    lost = {name: one.lost for name, one in stages.items()}
    assert lost == {"in_flight": 3, "detection": 20, "local_repair": 4}
    assert sum(lost.values()) == len(missing)
    # Their times are those at the point of local repair, where packets come 2 ms after being sent.
    times = [(one.from_s, one.until_s) for one in stages.values()]
    assert times == [(0.097, 0.1), (0.1, 0.12), (0.12, 0.124)]


def test_what_was_not_seen_or_did_not_end_is_not_split() -> None:
    probed = flow(set(range(95, 122)))
    found = outage(probed, 95 * MS, 900 * MS)
    assert repair_stages(probed, CutSeen(100 * MS, 0, 0, None), found) == {}
    never = flow(set(range(95, 1000)))
    unended = outage(never, 95 * MS, 900 * MS)
    assert repair_stages(never, CutSeen(100 * MS, 0, 0, 120 * MS), unended) == {}


def test_a_stage_counts_what_was_due_in_it() -> None:
    probed = flow({105})
    rows = np.concatenate((probed.rows[:104], probed.rows[105:106], probed.rows[103:105],
                           probed.rows[106:]))  # fmt: skip
    found = stage(ProbeFlow(rows, Schedule(0), RATE_PPS, 1000), 100 * MS, 110 * MS)
    assert (found.sent, found.lost, found.duplicated, found.reordered) == (10, 1, 1, 1)
    assert (found.from_s, found.until_s) == (0.1, 0.11)


def test_a_reversion_ends_with_its_update_or_else_with_the_spans_return() -> None:
    up = [
        {"event": "span-up", "span": span, "t_ns": at_ms * MS}
        for span, at_ms in (("other", 900), ("ab", 150), ("ac", 170), ("ab", 90))
    ]
    assert reversion_ns(up, {"ab", "ac"}, 100 * MS, 950 * MS) == (100 * MS, 170 * MS)
    update = [
        {"event": "update-begun", "reason": "reversion", "update": 2, "t_ns": 400 * MS},
        {"event": "update-switched", "update": 2, "t_ns": 410 * MS},
        {"event": "update-done", "update": 2, "t_ns": 430 * MS},
    ]
    assert reversion_ns(up + update, {"ab"}, 100 * MS, 950 * MS) == (100 * MS, 430 * MS)
    assert reversion_ns([], {"ab"}, 100 * MS, 950 * MS) is None


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
