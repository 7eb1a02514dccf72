"""Faults on a real span: what they do to packets, and that one without effect is told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from experiments.faults import FaultError, Step, final_checks, steps
from experiments.scenario import Fault, SpanCut, SpanLoss, Visibility
from tests.emulation.built_networks import connect, two_sites
from topologies.build import Network, build_network

PLAN = two_sites(length_km=100, rate_gbps=100, scale=1000)
SPAN = PLAN.spans[0].id


@pytest.fixture
def network() -> Iterator[Network]:
    with build_network(PLAN) as built:
        connect(PLAN)
        yield built


def lost_percent(network: Network, count: int = 3) -> float:
    """Pings from west to east."""
    said = network.get("west-host1").cmd(f"ping -q -c {count} -i 0.01 -W 0.5 10.0.2.1")
    return float(said.split("% packet loss")[0].split()[-1])


def both(fault: Fault) -> tuple[Step, Step]:
    """A fault's two steps."""
    begin, end = steps([fault], PLAN)
    return begin, end


@pytest.mark.parametrize("visibility", list(Visibility))
def test_a_cut_stops_everything_until_it_is_mended(
    network: Network, visibility: Visibility
) -> None:
    cut, mend = both(
        SpanCut(kind="span-cut", span=SPAN, at_s=0, repair_at_s=1, visibility=visibility)
    )
    assert lost_percent(network) == 0
    cut.act()
    assert lost_percent(network) == 100
    assert network.get("east-host1").cmd("ping -q -c1 -W 0.5 10.0.1.1").count("100% packet loss")
    assert mend.confirm is not None
    mend.confirm()
    mend.act()
    assert lost_percent(network) == 0


@pytest.mark.usefixtures("network")
def test_a_cut_that_dropped_nothing_is_no_result() -> None:
    cut, mend = both(SpanCut(kind="span-cut", span=SPAN, at_s=0, repair_at_s=1))
    cut.act()
    assert mend.confirm is not None
    with pytest.raises(FaultError, match="nothing was dropped"):
        mend.confirm()
    for_good = SpanCut(kind="span-cut", span=SPAN, at_s=0)
    with pytest.raises(FaultError, match="nothing was dropped"):
        final_checks([for_good], PLAN)[0]()


@pytest.mark.usefixtures("network")
def test_a_link_that_kept_its_carrier_is_no_result() -> None:
    fault = SpanCut(kind="span-cut", span=SPAN, at_s=0, visibility=Visibility.CARRIER)
    with pytest.raises(FaultError, match="still has its carrier"):
        final_checks([fault], PLAN)[0]()


@pytest.mark.usefixtures("network")
def test_a_cut_on_top_of_a_cut_is_refused() -> None:
    cut, _ = both(SpanCut(kind="span-cut", span=SPAN, at_s=0, repair_at_s=1))
    cut.act()
    with pytest.raises(FaultError, match="tc refused"):
        cut.act()


def test_random_loss_is_as_declared(network: Network) -> None:
    on, off = both(SpanLoss(kind="span-loss", span=SPAN, one_in=4, repair_at_s=1))
    on.act()
    # A ping is lost on its way there or on its way back: 1 − (3/4)², within six deviations.
    assert lost_percent(network, count=1000) == pytest.approx(43.75, abs=9.5)
    off.act()
    assert lost_percent(network) == 0
