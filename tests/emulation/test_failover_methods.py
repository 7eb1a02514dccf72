"""A known outage, measured by the three methods of RFC 6414 at the same time at all rates."""

from __future__ import annotations

import pytest

from experiments.failover import Outage, ProbeFlow, delivery, outage
from tests.emulation.known_outage import OUTAGE_MS, RATES_PPS, probed_outage
from tests.emulation.stars import SECOND_NS, is_virtual_time

pytestmark = pytest.mark.skipif(not is_virtual_time(), reason="needs the guest: fibercut test")


@pytest.fixture(scope="module")
def flows(tmp_path_factory: pytest.TempPathFactory) -> dict[int, ProbeFlow]:
    return probed_outage(tmp_path_factory.mktemp("flows"))


def found(flow: ProbeFlow) -> Outage:
    start_ns = flow.schedule.start_ns
    return outage(flow, start_ns, start_ns + SECOND_NS)


@pytest.mark.parametrize("rate_pps", RATES_PPS)
def test_each_method_is_right_to_its_resolution(flows: dict[int, ProbeFlow], rate_pps: int) -> None:
    measured = found(flows[rate_pps])
    placed_ms = 0.02
    assert measured.plbm_ms == pytest.approx(OUTAGE_MS, abs=1000 / rate_pps + placed_ms)
    methods = [(measured.tbm_ms, measured.tbm_resolution_ms)]
    if not measured.warnings:
        methods.append((measured.tblm_ms, measured.tblm_resolution_ms))
    for method_ms, too_long_ms in methods:
        assert method_ms is not None
        assert too_long_ms is not None
        assert -placed_ms <= method_ms - OUTAGE_MS <= too_long_ms + placed_ms
        # Duplicates and late packets beside the outage cost a few packets, not more.
        assert too_long_ms <= 10 * 1000 / rate_pps
    # A packet that comes late without being overtaken is a longer way to TBLM: at 100 packets/s
    # the last one before the outage may be one.
    assert rate_pps == min(RATES_PPS) or not measured.warnings


def test_duplicates_and_reordering_were_there(flows: dict[int, ProbeFlow]) -> None:
    for rate_pps in (10_000, 20_000):
        flow = flows[rate_pps]
        seen = delivery(flow, flow.schedule.start_ns, flow.schedule.start_ns + SECOND_NS)
        assert seen.duplicated > rate_pps // 100
        assert seen.reordered > rate_pps // 100
        assert seen.lost == found(flow).lost
