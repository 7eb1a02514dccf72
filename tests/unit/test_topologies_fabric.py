"""A site's fabric: which switches it has, how they are linked, and who hangs where."""

from __future__ import annotations

from typing import Any

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.topology_samples import checked, triangle, with_fabric
from topologies.plan import make_plan
from topologies.problems import InputError


def leaf_of(data: dict[str, Any]) -> dict[str, str]:
    return {host.name: host.port.switch for host in make_plan(checked(data)).hosts}


def test_a_rack_is_a_leaf() -> None:
    leaves = leaf_of(with_fabric())
    assert [leaves[f"a-gpu{n}"] for n in range(1, 9)] == [
        "a-l1", "a-l1", "a-l1", "a-l2", "a-l2", "a-l3", "a-l3", "a-l3",
    ]  # fmt: skip
    assert leaves["a-storage1"] == leaves["a-storage2"] == "a-l4"


def test_a_rail_is_a_leaf_and_other_hosts_are_racked() -> None:
    leaves = leaf_of(with_fabric(placement="rail"))
    rails = [leaves[f"a-gpu{n}"] for n in range(1, 9)]
    assert rails == ["a-l1", "a-l2", "a-l3", "a-l4"] * 2
    assert (leaves["a-storage1"], leaves["a-storage2"]) == ("a-l1", "a-l3")


def test_every_spine_is_linked_with_the_border_and_every_leaf() -> None:
    plan = make_plan(checked(with_fabric(rate_gbps=400, cable_m=100)), scale=10)
    inside = [span for span in plan.spans if span.site == "a"]
    assert {(s.a.switch, s.b.switch) for s in inside} == {
        (lower, spine)
        for lower in ("a", "a-l1", "a-l2", "a-l3", "a-l4")
        for spine in ("a-s1", "a-s2")
    }
    assert {span.rate_mbps for span in inside} == {40_000}
    assert [span.delay_us for span in inside] == pytest.approx([0.49] * 10)
    assert {switch.site for switch in plan.switches if switch.name.startswith("a")} == {"a"}


def test_a_fabric_changes_no_other_switch() -> None:
    plain, fabric = make_plan(checked(triangle())), make_plan(checked(with_fabric()))
    assert fabric.switches[: len(plain.switches)] == plain.switches
    assert fabric.host("c-user1") == plain.host("c-user1")
    assert fabric.spans[0].id == plain.spans[0].id


@given(
    st.integers(1, 64), st.integers(1, 32), st.sampled_from(["rack", "rail"]), st.integers(1, 250)
)
def test_hosts_are_shared_evenly(leaves: int, spines: int, placement: str, gpus: int) -> None:
    data = with_fabric(leaves=leaves, spines=spines, placement=placement)
    data["sites"][0]["hosts"] = [{"role": "gpu", "count": gpus}]
    plan = make_plan(checked(data))
    switches = [host.port.switch for host in plan.hosts if host.site == "a"]
    counts = [switches.count(f"a-l{leaf}") for leaf in range(1, leaves + 1)]
    assert sum(counts) == gpus
    assert max(counts) - min(counts) <= 1
    graph = nx.Graph((span.a.switch, span.b.switch) for span in plan.spans)
    assert nx.is_connected(graph)
    assert len(graph) == len(plan.switches) == 3 + leaves + spines
    assert len({host.ip for host in plan.hosts}) == len(plan.hosts)


@pytest.mark.parametrize(
    ("change", "place", "message"),
    [
        ({"id": "eleven-char"}, "sites[0].id", "'eleven-char-l10' has a name of 15"),
        ({"id": "twelve-chars"}, "sites[0].id", "shorten the site's id by 1"),
    ],
)
def test_names_of_switches_fit(change: dict[str, Any], place: str, message: str) -> None:
    data = with_fabric(leaves=10, spines=1)
    data["sites"][0] |= change
    data["spans"][0]["a"] = data["spans"][2]["b"] = change["id"]
    if "name of 15" in message:
        assert "eleven-char-l10" in {switch.name for switch in make_plan(checked(data)).switches}
        return
    with pytest.raises(InputError) as caught:
        checked(data)
    [problem] = caught.value.problems
    assert problem.place == place
    assert message in problem.message


def test_names_inside_and_outside_differ() -> None:
    data = with_fabric()
    data["sites"][1]["id"] = "a-l1"
    data["spans"][0] |= {"id": "a-a-s1", "b": "a-l1"}
    data["spans"][1]["a"] = "a-l1"
    with pytest.raises(InputError) as caught:
        checked(data)
    assert [problem.place for problem in caught.value.problems] == [
        "sites[0].fabric", "spans[0].id",
    ]  # fmt: skip


def test_a_switch_has_room_for_250_hosts() -> None:
    data = triangle()
    data["sites"][0]["hosts"] = [{"role": "gpu", "count": 200}, {"role": "user", "count": 51}]
    with pytest.raises(InputError, match=r"251 hosts hang on the switch 'a'.* leaf-spine"):
        checked(data)
    data["sites"][0]["fabric"] = {"kind": "leaf-spine", "leaves": 2, "spines": 1}
    checked(data)
