"""Whose packets are counted on spans that they must not use, and what is told of it."""

from __future__ import annotations

import json
import socket
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.forbidden.filter import MOST_LABELS, arriving, arriving_between
from experiments.forbidden.rule import Forbidden, spans_in
from experiments.forbidden.watches import COUNTS, Watch, forbidden_figures, rows, watches
from experiments.phases import phases
from experiments.scenario_load import load_scenario
from topologies.plan import make_plan
from traffic.packet_filter import Filter

SCENARIOS = Path(__file__).parent.parent / "data" / "scenarios"
SO_ATTACH_FILTER = 26
OWN = ("10.0.1.1", "10.0.2.1", "10.0.3.1")


def frame(source: str, target: str, labels: int = 0, ethertype: int = 0x0800) -> bytes:
    """An Ethernet frame with IPv4 under a stack of labels."""
    entries = [
        struct.pack("!I", (16 + n) << 12 | (n == labels - 1) << 8 | 64) for n in range(labels)
    ]
    header = bytes(12) + struct.pack("!H", 0x8847 if labels else ethertype)
    network = bytes([0x45, 0]) + bytes(10) + socket.inet_aton(source) + socket.inet_aton(target)
    return header + b"".join(entries) + network + bytes(20)


def passes(wanted: Filter, packet: bytes) -> bool:
    """Whether the kernel lets a packet through; any datagram socket runs the filter."""
    sender, receiver = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with sender, receiver:
        receiver.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, wanted.option())
        receiver.setblocking(False)
        sender.send(packet)
        try:
            return bool(receiver.recv(2000))
        except BlockingIOError:
            return False


@given(
    st.sampled_from([*OWN, "10.0.1.2", "10.0.9.1"]),
    st.sampled_from([*OWN, "10.0.1.2", "10.0.9.1"]),
    st.integers(0, MOST_LABELS),
)
def test_a_packet_counts_by_both_of_its_ends_under_any_labels(
    source: str, target: str, labels: int
) -> None:
    expected = source in OWN and target in OWN
    assert passes(arriving_between(OWN), frame(source, target, labels)) is expected


def test_what_is_no_ipv4_does_not_count_and_all_is_seen() -> None:
    for packet in (
        frame(OWN[0], OWN[1], ethertype=0x88CC),
        frame(OWN[0], OWN[1], labels=MOST_LABELS + 1),
        frame(OWN[0], OWN[1])[:25],
    ):
        assert not passes(arriving_between(OWN), packet)
        assert passes(arriving(), packet)


def test_a_large_workload_has_a_filter_too() -> None:
    many = [f"10.{n >> 8}.{n & 255}.1" for n in range(500)]
    wanted = arriving_between(many)
    assert passes(wanted, frame(many[0], many[-1], labels=3))
    assert not passes(wanted, frame(many[0], "10.9.9.9"))


def test_both_ends_of_a_span_are_watched() -> None:
    loaded = load_scenario(str(SCENARIOS / "cut.yaml"))
    plan = make_plan(loaded.topology, loaded.scenario.scale)
    rules = [Forbidden(workload="probe", spans=("ab", "cd"))]
    found = watches(rules, loaded.scenario.workloads, plan)
    assert [(one.span, one.towards) for one in found] == [
        ("ab", "a"), ("ab", "b"), ("cd", "c"), ("cd", "d")
    ]  # fmt: skip
    assert {one.addresses for one in found} == {(plan.host("a-host1").ip, plan.host("b-host1").ip)}


def test_a_jurisdiction_is_all_spans_that_touch_it(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(
        "{name: x, topology: ai-backbone, duration_s: 2, forbidden: [{workload: p, jurisdictions: "
        "[US-WA, SE], spans: [newyork-london]}], workloads: [{name: p, kind: probe, "
        "from: london-user1, to: edge-hoechst-inference1}]}"
    )
    [rule] = load_scenario(str(path)).scenario.forbidden
    assert rule.spans[0] == "newyork-london"
    touched = {site for span in rule.spans[1:] for site in span.split("-")}
    assert {"quincy", "seattle", "lulea", "stockholm"} <= touched
    assert all(
        {"quincy", "seattle", "lulea", "stockholm"} & set(s.split("-")) for s in rule.spans[1:]
    )
    assert len(spans_in("US", load_scenario(str(path)).topology)) > len(rule.spans)


def figures(tmp_path: Path, *counts: list[list[int]]) -> dict[str, Any]:
    (tmp_path / COUNTS).write_text(json.dumps({"phases": counts}))
    found = [Watch("w", "ab", towards, "dev", OWN) for towards in ("a", "b")]
    return forbidden_figures(tmp_path, found, phases(0, 1, 10, [(4, 7)]))


def test_counts_are_told_by_phase_and_place(tmp_path: Path) -> None:
    told = figures(tmp_path, [[0, 9], [0, 8]], [[3, 30], [0, 5]], [[0, 7], [1, 6]])
    assert [told[phase]["packets"] for phase in ("before", "during", "after")] == [0, 3, 1]
    assert told["during"]["places"][0] == {
        "workload": "w", "span": "ab", "towards": "a", "packets": 3, "seen_packets": 30
    }  # fmt: skip
    [before, during, _] = rows([told, None])
    assert (before.values, during.values) == (("0", "failed"), ("3", "failed"))


def test_a_zero_that_nobody_saw_is_no_zero(tmp_path: Path) -> None:
    told = figures(tmp_path, [[0, 9], [0, 0]], [[0, 30], [0, 0]])
    assert told["before"]["packets"] is None
    assert [place["packets"] for place in told["before"]["places"]] == [0, None]
    assert [row.values for row in rows([told])] == [("–",), ("–",)]
    assert "after" not in told


def test_a_missing_count_is_no_measurement(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=COUNTS):
        forbidden_figures(tmp_path, [], phases(0, 1, 10, []))
