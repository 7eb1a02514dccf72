"""Who owns what a build has made, and when signals take effect."""

from __future__ import annotations

import os
import signal
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from mininet.link import TCLink
from mininet.node import Host

from experiments.cli.clean import clean
from experiments.failure import FailedRunError
from topologies.builder.claim import Claim, Holder, Owner
from topologies.builder.errors import BuildError
from topologies.builder.parameters import check_link, check_node
from topologies.builder.signals import held_signals


def test_a_number_is_held_by_builder_then_guard_then_nobody() -> None:
    claim = Claim(taken=())
    owner = claim.owner
    assert owner.holder() is Holder.BUILDER
    guards = os.dup(claim._guards.fileno())
    claim.close()
    assert owner.holder() is Holder.GUARD
    os.close(guards)
    assert owner.holder() is Holder.NOBODY


def test_a_number_that_is_held_or_present_is_not_given_again() -> None:
    first = Claim(taken=())
    second = Claim(taken={first.owner.number})
    third = Claim(taken={first.owner.number, second.owner.number})
    assert len({claim.owner.group for claim in (first, second, third)}) == 3
    for claim in (first, second, third):
        claim.close()


def test_owner_of_another_start_is_gone_and_of_another_namespace_unknown() -> None:
    owner = Owner.here(4711)
    assert Owner.read(str(owner)) == owner
    assert replace(owner, boot="earlier").holder() is Holder.NOBODY
    assert replace(owner, namespace=1).holder() is None


@pytest.mark.parametrize("text", ["", "1234", "1@2", "x@2@boot", "1.5@2@boot", "1@2@"])
def test_what_is_no_owner_of_ours_is_none(text: str) -> None:
    assert Owner.read(text) is None


def _interrupted(done: list[str], *, at_a_point: bool = False, at_once: bool = False) -> None:
    with held_signals() as held, held.let_through() if at_once else nullcontext():
        signal.raise_signal(signal.SIGINT)
        done.append("held")
        if at_a_point:
            held.point()
        done.append("to the end")


@pytest.mark.parametrize(
    ("where", "done"),
    [
        ({}, ["held", "to the end"]),
        ({"at_a_point": True}, ["held"]),
        ({"at_once": True}, []),
    ],
)
def test_signals_take_effect_where_they_may(where: dict[str, bool], done: list[str]) -> None:
    found: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        _interrupted(found, **where)
    assert found == done
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with held_signals():
        signal.raise_signal(signal.SIGHUP)
    assert signal.signal(signal.SIGHUP, before) is signal.SIG_IGN


def test_parameters_that_mininet_would_ignore_are_named() -> None:
    check_node("addHost()", Host, {"ip": "10.0.0.1/8", "mac": None, "privateDirs": []})
    check_link(TCLink, {"bw": 10, "delay": "1ms", "intfName1": "a"})
    with pytest.raises(BuildError, match=r"addHost\(\) knows no parameter 'adress', 'ipp'"):
        check_node("addHost()", Host, {"ipp": 1, "adress": 2})
    with pytest.raises(BuildError, match=r"addLink\(\) knows no parameter 'bandwidth'"):
        check_link(TCLink, {"bandwidth": 10})


def test_clean_says_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVS_RUNDIR", str(tmp_path))
    for arguments in ([], ["--dry-run"]):
        result = CliRunner().invoke(clean, arguments, standalone_mode=False)
        assert isinstance(result.exception, FailedRunError)
        assert "is Open vSwitch running?" in str(result.exception)
