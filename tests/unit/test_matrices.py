"""Traffic matrices: proportions, what they put on links, and what of them arrives."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.matrices import (
    chosen_hosts,
    demanded,
    fullest,
    gravity,
    loads_mbps,
    scaled_to,
    uniform,
)
from experiments.phases import Phase
from experiments.workloads import matrix as kind
from experiments.workloads.kind import HostProcess, Measured, Slot
from topologies.load import load_topology
from topologies.plan import NetworkPlan, make_plan
from traffic.describe import MatrixReceiver, MatrixSender
from traffic.matrix_send import packets_before, phase_of, work_ns
from traffic.schedule import Schedule

SECOND_NS = 10**9


def plan_of(name: str, scale: float = 1000) -> NetworkPlan:
    return make_plan(load_topology(name), scale)


def test_gravity_gives_each_site_the_share_of_its_hosts() -> None:
    plan = plan_of("ai-backbone")
    hosts = chosen_hosts(plan, ())
    matrix = gravity(plan, hosts)
    out = dict.fromkeys({host.site for host in plan.hosts}, 0.0)
    for host in plan.hosts:
        out[host.site] += host.rate_mbps
    sites = {host.name: host.site for host in hosts}
    assert len(hosts) == len(out)
    a, b, c, *_ = [host.name for host in hosts]
    assert matrix[a, b] == pytest.approx(matrix[b, a])
    assert matrix[a, b] / matrix[a, c] == pytest.approx(out[sites[b]] / out[sites[c]])


@pytest.mark.parametrize("name", ["ai-backbone", "ring:6", "sndlib/germany50"])
def test_the_fullest_link_carries_what_was_declared(name: str) -> None:
    plan = plan_of(name)
    hosts = chosen_hosts(plan, ())
    for proportions in (gravity(plan, hosts), uniform(hosts)):
        scaled = scaled_to(plan, proportions, 0.8)
        loads = loads_mbps(plan, scaled)
        assert fullest(plan, loads)[1] == pytest.approx(0.8)
        up = sum(load for (_, way), load in loads.items() if way == "up")
        assert up == pytest.approx(sum(scaled.values()))


def test_sndlib_s_demands_are_those_of_the_file() -> None:
    topology = load_topology("sndlib/germany50")
    plan = make_plan(topology, 10)
    matrix = demanded(plan, chosen_hosts(plan, ()))
    total_gbps = sum(demand.rate_gbps for demand in topology.demands)
    assert topology.demands
    assert sum(matrix.values()) == pytest.approx(total_gbps * 1000 / 10)


@given(
    st.integers(1, 10**10),
    st.integers(32, 1472),
    st.integers(0, 999_999),
    st.integers(0, 10 * SECOND_NS),
)
def test_a_flow_s_packets_before_a_moment_are_those_due_before_it(
    rate_bps: int, payload_bytes: int, phase: int, after_ns: int
) -> None:
    schedule = Schedule(7)
    count = packets_before(schedule, rate_bps, payload_bytes, phase, 7 + after_ns)
    due = [schedule.at(work_ns(rate_bps, payload_bytes, phase, n)) for n in (count - 1, count)]
    assert due[1] >= 7 + after_ns
    assert count == 0 or due[0] < 7 + after_ns


def test_shortfall_is_measured_pair_by_pair(tmp_path: Path) -> None:
    plan = plan_of("ring:3")
    workload = kind.MatrixWorkload(name="all", kind="matrix", model="uniform", load=0.5)
    slot = Slot(
        plan=plan, folder=tmp_path / "all", index=0, port=9000, seed=3, start_at_ns=0,
        stop_at_ns=2 * SECOND_NS, measured_from_ns=0, drained_at_ns=3 * SECOND_NS,
        borders_ns=(0, 2 * SECOND_NS), exact_clock=True, prepared=tmp_path,
    )  # fmt: skip
    (tmp_path / "all").mkdir()
    programs = list(kind.KIND.processes(workload, slot))
    assert [one.name.partition("-")[0] for one in programs] == ["receive"] * 3 + ["send"] * 3
    write_counts(programs, lost=5)
    trial = Measured(
        samples=tmp_path, plan=plan, start_ns=0, stop_ns=2 * SECOND_NS,
        phases=(Phase("before", 0, 2 * SECOND_NS),), steps=(), repairs_s=(), events=(),
    )  # fmt: skip
    figures = kind.KIND.figures(trial, workload)
    before = figures["phases"]["before"]
    assert before["offered"] - before["received"] == 5 * 6
    assert before["short_pairs"] == figures["pairs"] == 6
    assert before["worst_pairs"][0]["offered"] - before["worst_pairs"][0]["received"] == 5
    assert figures["fullest_link"]["load"] == 0.5


def write_counts(programs: list[HostProcess], lost: int) -> None:
    """What the programs would write if each flow lost some packets."""
    got: dict[str, dict[str, object]] = {}
    for one in programs:
        process = one.process
        if not isinstance(process, MatrixSender):
            continue
        sent = {}
        for text in process.flows:
            number, _, rest = text.partition("@")
            rate_bps = round(float(rest.rpartition("=")[2]) * 1e6)
            due = packets_before(
                Schedule(0), rate_bps, process.payload_bytes,
                phase_of(process.seed, int(number)), 2 * SECOND_NS,
            )  # fmt: skip
            sent[number] = {"rate_bps": rate_bps, "due": due, "not_sent": 0}
            counts = [0, due - lost, 0]
            got[number] = {
                "packets": counts,
                "delay_sum_ns": [0] * 3,
                "delay_max_ns": [0] * 3,
            }
        Path(process.out).write_text(json.dumps({"seed": process.seed, "flows": sent}))
    for one in programs:
        if isinstance(one.process, MatrixReceiver):
            Path(one.process.out).write_text(json.dumps({"flows": got}))
