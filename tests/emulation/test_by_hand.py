"""Faults by hand in a running network: seen by its packets, and mended."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from controller.ask import NoAnswerError
from experiments.by_hand.bench import Bench, bench
from experiments.by_hand.broken import Refused
from experiments.by_hand.probing import ProbeReport
from topologies.problems import InputError

BFD_MS = 30.0
RATE_PPS = 1000


@pytest.fixture(scope="module")
def ring() -> Iterator[Bench]:
    with bench("ring:4") as ready:
        yield ready


@pytest.fixture(autouse=True)
def whole(ring: Bench) -> Iterator[None]:
    """Every test begins with a whole network that is used on its best paths."""
    yield
    if ring.standing:
        ring.mend("all")
    until_s = time.monotonic() + 60
    while not _settled(ring):
        assert time.monotonic() < until_s
        time.sleep(1)  # virtual; each question starts a process


def _settled(ring: Bench) -> bool:
    try:
        spans = ring.ask("topology")["spans"]
        return set(spans.values()) == {"live"} and bool(ring.ask("pending")["idle"])
    except NoAnswerError:  # it was started anew
        return False


def _outage_ms(report: ProbeReport) -> list[float | None]:
    return [outage.tbm_ms for outage in report.outages]


def test_a_whole_network_loses_nothing(ring: Bench) -> None:
    report = ring.probe("n1", "n3", seconds=0.5)
    assert (report.sent, report.lost) == (500, 0)
    assert report.delay_median_ms == pytest.approx(report.delay_min_ms, abs=0.1)


def test_a_silent_cut_costs_its_detection(ring: Bench) -> None:
    way = ring.paths("n1", "n3")["path"]["spans"]
    probe = ring.start_probe("n1", "n3")
    time.sleep(0.5)
    ring.cut(way[0])
    time.sleep(0.5)
    [silent_ms] = _outage_ms(probe.stop())
    assert silent_ms is not None
    assert 10 < silent_ms < BFD_MS + 5
    ring.mend(way[0])


def test_a_cut_of_what_is_cut_is_refused_and_changes_nothing(ring: Bench) -> None:
    ring.cut("n1-n4", "carrier")
    with pytest.raises(Refused, match="n1-n4 is broken already"):
        ring.cut("n4")
    with pytest.raises(InputError, match="did you mean"):
        ring.cut("n1-n5")
    assert [one.name for one in ring.standing] == ["n1-n4"]
    assert ring.probe("n1", "n3", seconds=0.2).lost == 0


def test_a_fault_with_a_duration_ends_by_itself_to_the_millisecond(ring: Bench) -> None:
    ring.fault("span-loss", span="n1-n4", loss=0.5, for_s=1.0)
    time.sleep(1.5)
    assert not ring.standing
    begun, ended = ring.steps[-2:]
    assert (ended["t_ns"] - begun["t_ns"]) / 1e9 == pytest.approx(1.0, abs=1e-3)


def test_a_controller_that_is_down_and_one_that_hangs(ring: Bench) -> None:
    for how in ("crash", "hang"):
        ring.cut("controller", how)
        assert ring.probe("n1", "n3", seconds=0.2).lost == 0
        assert ring.mend("controller") == []
