"""What is told while a trial runs: stage, virtual time, speed; lines where nobody watches."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.progress import StageTeller, progress

Told = tuple[str, float, str]


class Listener:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Told] = []

    def tell(self, trial: str, stage: str, done: float, note: str) -> None:
        self.told.append((stage, done, note))


def teller(listener: Listener, file: Path, *, tells_speed: bool = True) -> StageTeller:
    return StageTeller(listener, "a", file, 10, tells_speed=tells_speed)


def test_a_trial_is_told_by_its_stage_and_by_how_fast_its_clock_runs(tmp_path: Path) -> None:
    listener, file = Listener(), tmp_path / "stage"
    told = teller(listener, file)
    told.tell(0.5, 100)
    file.write_text("1.000 building the network\n")
    told.tell(1.5, 101)
    file.write_text("2.000 running\n")
    for virtual_s, wall_s in ((2.0, 102), (7.0, 112), (30.0, 140)):
        told.tell(virtual_s, wall_s)
    assert listener.told == [
        ("starting", 0, ""),
        ("building the network", 0, ""),
        ("running", 0, "0.0 of 10 s"),
        ("running", 0.5, "5.0 of 10 s, 0.5 × real time"),
        ("running", 1, "10.0 of 10 s, 0.26 × real time"),
    ]


def test_a_stage_that_cannot_be_read_is_the_one_before(tmp_path: Path) -> None:
    listener, file = Listener(), tmp_path / "stage"
    told = teller(listener, file)
    file.write_text("1.000 collecting\n")
    told.tell(1, 1)
    file.write_text("")  # between two stages
    told.tell(2, 2)
    assert [stage for stage, _, _ in listener.told] == ["collecting", "collecting"]


def test_the_machines_own_clock_has_no_speed(tmp_path: Path) -> None:
    listener, file = Listener(), tmp_path / "stage"
    told = teller(listener, file, tells_speed=False)
    file.write_text("0 running\n")
    told.tell(0, 0)
    told.tell(5, 5)
    assert listener.told[-1] == ("running", 0.5, "5.0 of 10 s")


def test_elsewhere_than_on_a_terminal_progress_is_a_few_lines(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with progress(["a"], quiet=False) as shown:
        for done in range(100):
            shown.tell("a", "running", done / 100, f"{done} s")
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["a: running 0 s", *(f"a: running {n} % {n} s" for n in (25, 50, 75))]


def test_quiet_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(["a"], quiet=True) as shown:
        shown.tell("a", "running", 0.5, "")
    assert capsys.readouterr() == ("", "")
