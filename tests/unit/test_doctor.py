"""The doctor's verdicts, and how it finds what it tells."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from experiments import machine_check
from experiments.cli import doctor as command
from experiments.diagnosis import REAL, VIRTUAL, Check, Diagnosis
from experiments.host_checks import package_checks, tool_checks
from experiments.real_clock_checks import module_source
from topologies.problems import InputError


def _check(name: str, ok: bool, *needed_for: str) -> Check:
    found = "there" if ok else "gone"
    return Check("group", name, ok, found, "it carries", "install it", needed_for)


ROOTLESS = Diagnosis(
    (_check("python", True, VIRTUAL, REAL), _check("cores", False), _check("root", False, REAL))
)


def test_each_clock_is_judged_by_what_it_needs() -> None:
    assert ROOTLESS.can_run(VIRTUAL)
    assert ROOTLESS.why_not(REAL) == ("root: gone",)


def test_advice_keeps_no_clock_from_running() -> None:
    assert Diagnosis((_check("cores", False),)).can_run(VIRTUAL)


def test_json_has_the_documented_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "examine_machine", lambda: ROOTLESS)
    result = CliRunner().invoke(command.doctor, ["--json"], standalone_mode=False)
    told = json.loads(result.stdout)
    assert set(told) == {"fibercut", "clocks", "checks"}
    assert told["clocks"]["virtual"] == {"can_run": True, "why_not": []}
    assert told["clocks"]["real"] == {"can_run": False, "why_not": ["root: gone"]}
    keys = {"group", "name", "ok", "found", "why", "mend", "needed_for"}
    assert all(set(check) == keys for check in told["checks"])


@pytest.mark.parametrize(("clock", "status"), [(VIRTUAL, 1), (REAL, 0)])
def test_status_tells_whether_virtual_time_can_run(
    monkeypatch: pytest.MonkeyPatch, clock: str, status: int
) -> None:
    monkeypatch.setattr(command, "examine_machine", lambda: Diagnosis((_check("x", False, clock),)))
    result = CliRunner().invoke(command.doctor, [], standalone_mode=False)
    assert result.return_value == status
    assert "install it" in result.stdout


def test_a_missing_program_and_package_are_told() -> None:
    (tool, _library) = tool_checks({"no-such-program": "it is a test"})
    (package,) = package_checks({"no-such-package": "it is a test"})
    assert not tool.ok
    assert "provision/system.sh" in tool.mend
    assert not package.ok


@pytest.mark.parametrize(
    ("name", "expected"),
    [("openvswitch", "loaded"), ("sch_netem", "built in"), ("sch_htb", None), ("open", None)],
)
def test_module_source(name: str, expected: str | None) -> None:
    loaded = "openvswitch 212992 0 - Live 0x0\nnsh 16384 1 openvswitch, Live 0x0\n"
    assert module_source(name, loaded, "kernel/net/sched/sch_netem.ko\n") == expected


def test_only_what_the_clock_real_needs_keeps_it_from_running(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What killed runs have left is removed by the next run: it must get so far."""
    monkeypatch.setattr(machine_check, "is_root", lambda: True)
    left = [_check("networks left behind", False), _check("root", True, REAL)]
    monkeypatch.setattr(machine_check, "real_clock_checks", lambda: left)
    machine_check.check_real_clock()
    left.append(_check("kernel module openvswitch", False, REAL))
    with pytest.raises(InputError, match="openvswitch") as told:
        machine_check.check_real_clock()
    assert len(told.value.problems) == 1


def test_sudo_counts_for_the_doctor_and_not_for_who_goes_on_without_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(machine_check, "real_clock_checks", lambda: [_check("root", True, REAL)])
    monkeypatch.setattr(machine_check, "is_root", lambda: False)
    with pytest.raises(InputError, match="start this as root"):
        machine_check.check_real_clock()
