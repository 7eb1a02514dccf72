"""A machine that was not fit makes a trial void, and says why."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.fidelity.guard import FILE, Guard, guarded
from experiments.fidelity.limits import FidelityLimits, broken_limits
from experiments.fidelity.sampler import kernel_counts, lateness, shares
from experiments.fidelity.spinning import CpuTimes, spinning
from experiments.trial_job import TrialFailed

ROOT = Path(__file__).resolve().parents[2]
FIT: dict[str, float | None] = {
    "timer_late_p99_ms": 0.1,
    "timer_late_max_ms": 3.0,
    "cpu_share": 0.4,
    "cpu_wait_share": None,
}


def test_a_fit_machine_breaks_no_limit_and_what_is_unknown_breaks_none() -> None:
    assert list(broken_limits(FIT, FidelityLimits())) == []


@pytest.mark.parametrize(
    ("reading", "told"),
    [
        ({"timer_late_p99_ms": 1.5}, "1 of 100 timers was late by 1.5 ms or more"),
        ({"timer_late_max_ms": 21.0}, "a timer was late by 21 ms (fidelity.timer_late_max_ms: 20)"),
        ({"cpu_share": 0.95}, "0.95 of all cores' time was taken (fidelity.cpu_share: 0.9)"),
        ({"cpu_wait_share": 0.5}, "processes waited for a core in 0.5 of the time"),
    ],
)
def test_each_limit_is_told_with_its_reading_and_its_name(
    reading: dict[str, float | None], told: str
) -> None:
    [said] = broken_limits(FIT | reading, FidelityLimits())
    assert told in said


def test_limits_are_the_scenarios() -> None:
    assert list(broken_limits({"cpu_share": 0.5}, FidelityLimits(cpu_share=0.4)))


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=300))
def test_99_of_100_timers_are_no_later_than_the_percentile(late_us: list[int]) -> None:
    counts = {late: late_us.count(late) for late in late_us}
    found = lateness(counts)
    p99_ms = found["timer_late_p99_ms"]
    assert p99_ms is not None
    within = sum(late <= round(p99_ms * 1000) for late in late_us)
    assert within >= 0.99 * len(late_us)
    assert found["timer_late_max_ms"] == max(late_us) / 1000


def test_shares_are_of_the_time_between_two_readings(tmp_path: Path) -> None:
    (tmp_path / "pressure").mkdir()
    (tmp_path / "stat").write_text("cpu  100 0 100 600 200 0 0 0 0 0\ncpu0 1 2\n")
    (tmp_path / "pressure" / "cpu").write_text("some avg10=0.00 avg60=0.00 total=1000\nfull x\n")
    before = kernel_counts(tmp_path)
    (tmp_path / "stat").write_text("cpu  160 0 130 700 210 0 0 0 0 0\ncpu0 1 2\n")
    (tmp_path / "pressure" / "cpu").write_text("some avg10=0.00 avg60=0.00 total=251000\nfull x\n")
    found = shares(before, kernel_counts(tmp_path), 10**9)
    assert found["cpu_share"] == pytest.approx(0.45)
    assert found["cpu_wait_share"] == pytest.approx(0.25)


def test_without_pressure_in_the_kernel_waiting_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text("cpu  100 0 100 600 200 0 0 0 0 0\n")
    assert kernel_counts(tmp_path)["waited_us"] is None


def test_who_spun_most_is_named_also_after_its_end() -> None:
    before = CpuTimes(0, {7: ("traffic.probe send", 5), 8: ("ovs-vswitchd", 0)}, 0)
    after = CpuTimes(1000, {7: ("traffic.probe send", 405), 8: ("ovs-vswitchd", 1)}, 0)
    assert spinning(before, after) == {
        "spin_share": 0.4,
        "spin_process": "traffic.probe send (process 7)",
    }
    ended = spinning(before, CpuTimes(1000, {}, 900))
    assert ended == {"spin_share": 0.9, "spin_process": "a program that has ended"}
    quiet = spinning(before, CpuTimes(1000, dict(before.processes), 0))
    assert quiet == {"spin_share": 0.0, "spin_process": None}


def test_the_sampler_writes_its_readings_when_it_is_ended(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    lenient = FidelityLimits(
        timer_late_p99_ms=60_000, timer_late_max_ms=60_000, cpu_share=1, cpu_wait_share=1
    )
    with guarded(lenient, True, tmp_path) as guard:
        _wait_for_sampling(guard)
        guard.check()
    found = json.loads((tmp_path / FILE).read_text())
    assert found["timer_samples"] > 0
    assert 0 < found["cpu_share"] <= 1
    assert found["timer_late_max_ms"] >= found["timer_late_p99_ms"] >= 0


def test_a_late_timer_makes_the_trial_void_and_the_readings_stay(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    with guarded(FidelityLimits(timer_late_max_ms=1e-9), True, tmp_path) as guard:
        _wait_for_sampling(guard)
        with pytest.raises(
            TrialFailed, match=r"void: .*a timer was late by .* \(fidelity.timer_late_max_ms"
        ):
            guard.check()
    assert (tmp_path / FILE).exists()


def test_a_watch_that_died_makes_the_trial_void(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with pytest.raises(TrialFailed, match="left no readings"):
        Guard(FidelityLimits(), tmp_path, gone).check()


def _wait_for_sampling(guard: Guard) -> None:
    """Until the sampler's own handler of SIGTERM is there: the kernel shows which are caught."""
    assert guard._sampler is not None
    status = Path(f"/proc/{guard._sampler.pid}/status")
    mask = 1 << (signal.SIGTERM - 1)
    while True:
        caught = next(x for x in status.read_text().splitlines() if x.startswith("SigCgt"))
        if int(caught.split()[1], 16) & mask:
            return
