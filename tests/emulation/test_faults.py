"""Faults on a real span: what they do to packets, and that one without effect is told."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from experiments.faults import FaultError, Scene, Step, schedule
from experiments.faults.cutting import Visibility
from experiments.faults.kind import FaultFields
from experiments.faults.span_capacity import SpanCapacity
from experiments.faults.span_corruption import SpanCorruption
from experiments.faults.span_cut import SpanCut
from experiments.faults.span_delay import SpanDelay
from experiments.faults.span_flap import SpanFlap
from experiments.faults.span_loss import SpanLoss
from experiments.faults.switch_crash import SwitchCrash
from tests.emulation.built_networks import connect, datagrams, two_sites
from topologies.build import Network, build_network
from topologies.plan import NetworkPlan

SPAN = "west-east"
RATE_MBPS, DELAY_NS = 100, 490_000


@dataclass
class NoController:
    """Stands where no controller runs."""

    asked: list[str] = field(default_factory=list)

    def crash(self) -> None:
        self.asked.append("crash")

    def start_again(self) -> None:
        self.asked.append("start again")

    def hang(self) -> None:
        self.asked.append("hang")

    def go_on(self) -> None:
        self.asked.append("go on")

    def check_down(self) -> None:
        raise FaultError("it runs")


@pytest.fixture(params=[False, True], ids=["one-class", "classes"])
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    plan = two_sites(length_km=100, rate_gbps=100, scale=1000, classes=request.param)
    with build_network(plan) as built:
        connect(plan)
        yield Scene(plan, built, NoController())


def lost_percent(network: Network, count: int = 3) -> float:
    """Pings from west to east."""
    said = network.get("west-host1").cmd(f"ping -q -c {count} -i 0.02 -W 0.5 10.0.2.1")
    return float(said.split("% packet loss")[0].split()[-1])


def steps_of(fault: FaultFields, plan: NetworkPlan) -> list[Step]:
    return schedule([fault], plan, duration_s=10, seed=1)[0]


def both(fault: FaultFields, plan: NetworkPlan) -> tuple[Step, Step]:
    """A fault's two steps."""
    begin, end = steps_of(fault, plan)
    return begin, end


def confirm(step: Step, scene: Scene) -> None:
    assert step.confirm is not None
    step.confirm(scene)


@pytest.mark.parametrize("visibility", list(Visibility))
def test_a_cut_stops_everything_until_it_is_mended(scene: Scene, visibility: Visibility) -> None:
    cut, mend = both(
        SpanCut(kind="span-cut", span=SPAN, at_s=0, repair_at_s=1, visibility=visibility),
        scene.plan,
    )
    assert lost_percent(scene.net) == 0
    cut.act(scene)
    assert lost_percent(scene.net) == 100
    assert scene.net.get("east-host1").cmd("ping -q -c1 -W 0.5 10.0.1.1").count("100% packet loss")
    confirm(mend, scene)
    mend.act(scene)
    assert lost_percent(scene.net) == 0


def test_a_one_way_cut_loses_one_way(scene: Scene) -> None:
    fault = SpanCut(kind="span-cut", span=SPAN, at_s=0, repair_at_s=1, towards="east")
    cut, mend = both(fault, scene.plan)
    there = datagrams(scene.net, "west-host1", "east-host1")
    back = datagrams(scene.net, "east-host1", "west-host1")
    cut.act(scene)
    there.send_many(100, 5)
    back.send_many(100, 5)
    assert (len(there.received()), len(back.received())) == (0, 5)
    confirm(mend, scene)
    mend.act(scene)
    there.send_many(100, 5)
    assert len(there.received()) == 5


def test_a_flapping_span_is_cut_as_long_as_declared(scene: Scene) -> None:
    fault = SpanFlap(
        kind="span-flap", span=SPAN, at_s=1, repair_at_s=1.35, period_s=0.1, down_share=0.3,
        visibility=Visibility.SILENT,
    )  # fmt: skip
    steps = steps_of(fault, scene.plan)
    assert [step.name for step in steps] == ["cut", "mend"] * 4
    times_ms = [step.at_ns / 1e6 for step in steps]
    assert times_ms == [1000, 1030, 1100, 1130, 1200, 1230, 1300, 1330]
    for step in steps:
        step.act(scene)
        assert lost_percent(scene.net) == (100 if step.name == "cut" else 0)


def test_a_cut_that_dropped_nothing_is_no_result(scene: Scene) -> None:
    cut, mend = both(SpanCut(kind="span-cut", span=SPAN, at_s=0, repair_at_s=1), scene.plan)
    cut.act(scene)
    with pytest.raises(FaultError, match="nothing was dropped"):
        confirm(mend, scene)
    for_good = SpanCut(kind="span-cut", span=SPAN, at_s=0)
    _, [at_the_end] = schedule([for_good], scene.plan, duration_s=10, seed=1)
    with pytest.raises(FaultError, match="nothing was dropped"):
        at_the_end(scene)


def test_a_link_that_kept_its_carrier_is_no_result(scene: Scene) -> None:
    fault = SpanCut(kind="span-cut", span=SPAN, at_s=0, visibility=Visibility.CARRIER)
    _, [at_the_end] = schedule([fault], scene.plan, duration_s=10, seed=1)
    with pytest.raises(FaultError, match="still has its carrier"):
        at_the_end(scene)


def test_a_cut_on_top_of_a_cut_is_refused(scene: Scene) -> None:
    cut, _ = both(SpanCut(kind="span-cut", span=SPAN, at_s=0, repair_at_s=1), scene.plan)
    cut.act(scene)
    with pytest.raises(FaultError, match="tc refused"):
        cut.act(scene)


def test_random_loss_is_as_declared(scene: Scene) -> None:
    on, off = both(SpanLoss(kind="span-loss", span=SPAN, one_in=4, repair_at_s=1), scene.plan)
    on.act(scene)
    # A ping is lost on its way there or on its way back: 1 − (3/4)², within six deviations.
    assert lost_percent(scene.net, count=1000) == pytest.approx(43.75, abs=9.5)
    confirm(off, scene)
    off.act(scene)
    assert lost_percent(scene.net) == 0


def arrived(scene: Scene, count: int) -> list[bool]:
    """Of numbered packets from west to east, which ones came: by their size.

    They are sent at once, so all of them together have to fit the span's buffer.
    """
    ends = datagrams(scene.net, "west-host1", "east-host1")
    for number in range(count):
        ends.send(20 + number)
    came = {size - 20 for size, _ in ends.received()}
    ends.close()
    return [number in came for number in range(count)]


def test_losses_come_in_bursts_of_the_declared_length(scene: Scene) -> None:
    fault = SpanLoss(
        kind="span-loss", span=SPAN, loss=0.2, mean_burst_packets=5, towards="east", repair_at_s=1
    )
    on, off = both(fault, scene.plan)
    on.act(scene)
    came = [packet for _ in range(20) for packet in arrived(scene, 400)]
    bursts = [len(list(run)) for good, run in itertools.groupby(came) if not good]
    # 8,000 packets have about 320 bursts of a geometric length; five deviations.
    assert sum(bursts) / len(bursts) == pytest.approx(5, abs=1.3)
    assert came.count(False) / len(came) == pytest.approx(0.2, abs=0.07)
    back = datagrams(scene.net, "east-host1", "west-host1")
    back.send_many(100, 200)
    assert len(back.received()) == 200
    confirm(off, scene)
    off.act(scene)
    assert all(arrived(scene, 400))


def test_an_added_delay_is_exact(scene: Scene) -> None:
    fault = SpanDelay(kind="span-delay", span=SPAN, at_s=0, extra_ms=3, repair_at_s=1)
    on, off = both(fault, scene.plan)
    ends = datagrams(scene.net, "west-host1", "east-host1")
    ends.fill_caches(500)
    usual_ns = ends.delay_ns(500)
    on.act(scene)
    ends.fill_caches(500)
    assert ends.delay_ns(500) - usual_ns == pytest.approx(3_000_000, abs=2_000)
    confirm(off, scene)
    off.act(scene)
    ends.fill_caches(500)
    assert ends.delay_ns(500) == pytest.approx(usual_ns, abs=2_000)
    ends.close()


def spacing_ns(scene: Scene) -> float:
    """Of 30 full packets sent at once (they fit the buffer), how far apart they arrive."""
    ends = datagrams(scene.net, "west-host1", "east-host1")
    ends.fill_caches(1458)
    ends.send_many(1458, 30)
    times_ns = [at_ns for _, at_ns in ends.received()]
    ends.close()
    assert len(times_ns) == 30
    return (times_ns[-1] - times_ns[0]) / 29


def test_a_reduced_capacity_is_the_declared_one(scene: Scene) -> None:
    fault = SpanCapacity(kind="span-capacity", span=SPAN, at_s=0, share=0.25, repair_at_s=1)
    down, up = both(fault, scene.plan)
    frame_ns = 1500 * 8 * 1000 / RATE_MBPS
    assert spacing_ns(scene) == pytest.approx(frame_ns, rel=0.005)
    down.act(scene)
    assert spacing_ns(scene) == pytest.approx(4 * frame_ns, rel=0.005)
    confirm(up, scene)
    up.act(scene)
    assert spacing_ns(scene) == pytest.approx(frame_ns, rel=0.005)
    with pytest.raises(FaultError, match="no effect"):
        confirm(up, scene)


def test_corrupted_packets_do_not_reach_the_application(scene: Scene) -> None:
    fault = SpanCorruption(kind="span-corruption", span=SPAN, at_s=0, share=0.5, repair_at_s=1)
    on, off = both(fault, scene.plan)
    on.act(scene)
    came = [packet for _ in range(5) for packet in arrived(scene, 200)]
    # What has its bit flipped in a field that nobody checks gets through: few.
    assert came.count(False) / len(came) == pytest.approx(0.5, abs=0.1)
    confirm(off, scene)
    off.act(scene)
    assert all(arrived(scene, 200))


def test_a_crashed_switch_forwards_nothing_and_comes_back_empty(scene: Scene) -> None:
    fault = SwitchCrash(kind="switch-crash", switch="east", at_s=0, repair_at_s=1)
    crash, start = both(fault, scene.plan)
    assert crash.spans == (SPAN,)
    crash.act(scene)
    assert lost_percent(scene.net) == 100
    confirm(start, scene)
    start.act(scene)
    assert lost_percent(scene.net) == 100
    connect(scene.plan)
    assert lost_percent(scene.net) == 0
