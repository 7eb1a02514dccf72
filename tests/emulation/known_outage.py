"""An outage of a known length on a line that also duplicates and reorders."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from experiments.failover import ProbeFlow
from tests.emulation.stars import SECOND_NS, know_router, sleep_until, soon_ns, star, start, tc
from traffic.clock import now_ns, wake_exactly
from traffic.describe import ProbeReceiver, ProbeSender
from traffic.probe_log import read_rows
from traffic.schedule import Schedule

OUTAGE_MS = 12.345
RATES_PPS = (100, 1_000, 10_000, 20_000)
_DROP = ("filter", "add", "dev", "port0", "ingress", "matchall", "action", "drop")
_PASS = ("filter", "del", "dev", "port0", "ingress")


def router_tc(*words: str) -> tuple[int, int]:
    """Run tc in the router; the moments between which it took effect."""
    before_ns = now_ns()
    subprocess.run(["tc", "-n", "router", *words], check=True)
    return before_ns, now_ns()


def probed_outage(folder: Path) -> dict[int, ProbeFlow]:
    """Four probes, by their rates, over a line that duplicates, is cut for OUTAGE_MS, and reorders.

    Needs the guest. folder: takes the probes' files.
    """
    begin_ns = soon_ns(4.0)
    end_ns = begin_ns + SECOND_NS
    wake_exactly()
    with star(2, 0, 0) as (first, second):
        know_router(0)
        tc(first, "netem", "delay", "5ms", "duplicate", "2%", "limit", "100000")
        router_tc("qdisc", "add", "dev", "port0", "clsact")
        reorder = ("netem", "delay", "15ms", "reorder", "97%", "limit", "100000")
        router_tc("qdisc", "add", "dev", "port1", "root", *reorder)
        receivers = [
            ProbeReceiver(
                out=str(folder / f"rows-{rate}"), port=9000 + n, stop_at_ns=end_ns + SECOND_NS
            )
            for n, rate in enumerate(RATES_PPS)
        ]
        senders = [
            ProbeSender(
                out=str(folder / f"sent-{rate}"), to=f"10.0.1.2:{9000 + n}", rate_pps=rate,
                start_at_ns=begin_ns, stop_at_ns=end_ns,
            )
            for n, rate in enumerate(RATES_PPS)
        ]  # fmt: skip
        receiving = [start(second, receiver) for receiver in receivers]
        sending = [start(first, sender) for sender in senders]
        sleep_until(begin_ns + SECOND_NS // 2)
        cut = router_tc(*_DROP)
        sleep_until(cut[0] + round(OUTAGE_MS * 1_000_000))
        mended = router_tc(*_PASS)
        assert [one.wait() for one in sending + receiving] == [0] * 8
    # The outage is what it is said to be: tc itself takes next to no virtual time.
    assert (mended[1] - cut[0]) / 1e6 == pytest.approx(OUTAGE_MS, abs=0.02)
    return {
        rate: ProbeFlow(read_rows(folder / f"rows-{rate}"), Schedule(begin_ns), rate, rate)
        for rate in RATES_PPS
    }
