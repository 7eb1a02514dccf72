"""`fibercut coverage`: figures from the rules, and the same as packets would tell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.dataplane import DataPlane
from controller.desired import Designer
from controller.policies import policy_named
from experiments.cli.coverage import coverage_
from experiments.coverage import Coverage, Kind, Mechanism, coverage, failures
from experiments.coverage_anchors import anchors
from experiments.fates import Fates
from tests.unit.controller_plans import Edge, plan_of
from tests.unit.random_networks import two_connected
from topologies.problems import InputError

SQUARE = [Edge("a", "b"), Edge("b", "c"), Edge("c", "d", 300), Edge("d", "a", 300)]


def covered(edges: list[Edge], policy: str, *, pairs: bool = False) -> Coverage:
    plan = plan_of(edges)
    return coverage(plan, policy_named(policy), list(failures(plan, pairs)))


@settings(max_examples=40, deadline=None)
@given(two_connected(), st.sampled_from(["fast-reroute", "path-protection"]), st.data())
def test_remembered_walks_are_those_that_packets_take(
    edges: list[Edge], policy: str, data: st.DataObject
) -> None:
    plan = plan_of(edges)
    desired = Designer(plan).desired(policy_named(policy))
    fates, plane = Fates(plan, desired), DataPlane(plan, desired.rules)
    names = st.sets(st.sampled_from([span.id for span in plan.spans]), max_size=4)
    for failed in data.draw(st.lists(names, min_size=3, max_size=6)):
        for pair in fates.before:
            assert fates.of(pair, failed) == plane.send(*pair, failed)


def test_a_ring_survives_every_single_failure() -> None:
    found = covered(SQUARE, "fast-reroute", pairs=True)
    for kind in (Kind.SPAN, Kind.NODE):
        assert found.tallies[kind].delivered == 1
    assert found.tallies[Kind.PAIR].looped == 0
    # Of 12 pairs, two cuts leave 6 connected (1 + 3 switches), or 4 (2 + 2).
    assert found.tallies[Kind.PAIR].mechanisms.total() == 4 * 6 + 2 * 4


def test_mechanisms_stretch_and_connected_pairs_are_counted() -> None:
    tally = covered(SQUARE, "fast-reroute").tallies[Kind.SPAN]
    assert tally.failures == 4
    assert tally.mechanisms.total() == 4 * 12
    # a → b without ab: 700 km instead of 100.
    assert tally.stretch(1) == 7
    assert tally.share(Mechanism.ONE_LABEL, Mechanism.ALTERNATE) > 0
    nodes = covered(SQUARE, "fast-reroute").tallies[Kind.NODE]
    assert nodes.mechanisms.total() == 4 * 6


def test_policies_differ_in_who_heals() -> None:
    assert covered(SQUARE, "none").tallies[Kind.SPAN].delivered < 1
    restored = covered(SQUARE, "restoration").tallies[Kind.SPAN]
    assert restored.delivered == 1
    assert set(restored.mechanisms) == {Mechanism.CONTROLLER, Mechanism.UNAFFECTED}
    switched = covered(SQUARE, "path-protection").tallies[Kind.SPAN]
    assert switched.delivered == 1
    assert switched.share(Mechanism.INGRESS) > 0
    assert switched.share(Mechanism.CONTROLLER) > 0


def test_the_anchors_are_those_of_a_ring_that_everybody_knows() -> None:
    # In an even ring of equal spans an alternate exists only towards the opposite corner.
    even = anchors(plan_of([Edge("a", "b"), Edge("b", "c"), Edge("c", "d"), Edge("d", "a")]))
    assert 0 < even.lfa < 0.5
    assert even.remote_lfa == 1
    triangle = anchors(plan_of([Edge("a", "b"), Edge("b", "c"), Edge("c", "a")]))
    assert triangle.lfa == 1


def test_the_command_prints_tables_json_and_a_plot(tmp_path: Path) -> None:
    run = CliRunner()
    table = run.invoke(coverage_, ["ring:5"], catch_exceptions=False)
    assert "100.00 %" in table.output
    svg = tmp_path / "ring.svg"
    done = run.invoke(coverage_, ["ring:5", "--json", "--plot", str(svg)], catch_exceptions=False)
    figures = json.loads(done.output)
    assert figures["failures"]["node"]["delivered"] == 1
    assert figures["rules_per_switch"]["flows"]["max"] > 0
    assert svg.read_text(encoding="utf-8").startswith("<svg")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["ring:5", "--policy", "spanning-tree"], "application of Ryu's own"),
        (["ring:5", "--policy", "fast"], "fast-reroute"),
        (["ring:5", "--plot", "nowhere/at/all.svg"], "no folder"),
        (["ring:5,hosts=0"], "add hosts"),
    ],
)
def test_what_cannot_be_computed_is_said(arguments: list[str], word: str) -> None:
    with pytest.raises(InputError, match=word):
        CliRunner().invoke(coverage_, arguments, catch_exceptions=False)
