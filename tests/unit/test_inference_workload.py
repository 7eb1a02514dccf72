"""Inference in a scenario: its figures, its rows, who is asked, and what is refused."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.inference_evaluation import inference_impact, rows
from experiments.inference_preparation import prepare, servers_of
from experiments.phases import phases
from experiments.scenario_load import load_scenario
from experiments.workloads.inference import InferenceWorkload
from experiments.workloads.kind import Preparation
from topologies.load import load_topology
from topologies.problems import InputError
from traffic.clock import NS_PER_MS, NS_PER_S
from traffic.inference_figures import service_figures
from traffic.logs import Request
from traffic.objectives import MLPERF, Objective
from traffic.request_plan import read_plan

BEFORE, DURING, AFTER = phases(0, 1, 10, [(4, 7)])
TIGHT = Objective(ttft_ms=60, tpot_ms=6)
BACKBONE = load_topology("ai-backbone", base=Path())


def request(number: int, due_ms: int, ttft_ms: int | None, **options: Any) -> Request:
    """A request of two tokens, 5 ms apart; failed without a first token."""
    first_ns = None if ttft_ms is None else (due_ms + ttft_ms) * NS_PER_MS
    given: dict[str, Any] = {
        "id": number,
        "status": "failed" if first_ns is None else "ok",
        "reason": "timeout" if first_ns is None else None,
        "due_ns": due_ms * NS_PER_MS,
        "sent_ns": due_ms * NS_PER_MS,
        "first_token_ns": first_ns,
        "end_ns": (due_ms * NS_PER_MS if first_ns is None else first_ns) + 5 * NS_PER_MS,
        "prompt_tokens": 1,
        "tokens_expected": 2,
        "tokens": 0 if first_ns is None else 2,
        "sent_bytes": 30,
        "received_bytes": 256,
        "connection": "new",
        "server": "edge" if first_ns is not None else None,
        "failures": [],
        "tools": 0,
        "tool_ns": 0,
        **options,
    }
    return Request(**given)


def test_requests_count_where_they_were_due_and_failed_ones_have_no_time() -> None:
    requests = [request(0, 2000, 50), request(1, 2500, 70), request(2, 5000, None)]
    found = inference_impact(requests, (BEFORE, DURING), TIGHT)
    before, during = found["before"], found["during"]
    assert (before.sent, before.answered, before.ttft_p50_ms, before.ttft_p99_ms) == (2, 2, 50, 70)
    assert (before.tpot_p50_ms, before.end_to_end_p50_ms) == (5, 55)
    assert (before.met, before.met_share, before.goodput_rps) == (1, 0.5, 1 / 3)
    assert (during.sent, during.failed, during.met_share) == (1, 1, 0)
    assert during.ttft_p50_ms is None
    assert during.reasons == {"timeout": 1}


def test_a_failed_request_is_infinitely_late() -> None:
    requests = [request(n, 2000, n) for n in range(1, 10)] + [request(10, 2000, None)]
    found = service_figures(requests, TIGHT, NS_PER_S)
    assert (found.ttft_p50_ms, found.ttft_p90_ms, found.ttft_p99_ms) == (5, 9, None)
    assert found.met_share == 0.9


def test_slow_tokens_miss_the_objective_and_one_token_has_none_to_be_late() -> None:
    slow = request(0, 0, 10, end_ns=30 * NS_PER_MS)
    single = request(1, 0, 10, tokens=1, tokens_expected=1)
    found = service_figures([slow, single], TIGHT, NS_PER_S)
    assert (found.met, found.tpot_p50_ms) == (1, 20)


def test_no_request_is_no_figure() -> None:
    found = service_figures([], TIGHT, NS_PER_S)
    assert (found.sent, found.met_share, found.ttft_p50_ms) == (0, None, None)


@given(st.lists(st.sampled_from(["ok", "failed", "unfinished"])))
def test_requests_are_conserved(statuses: list[str]) -> None:
    requests = [
        request(n, n, 1 if status == "ok" else None, status=status)
        for n, status in enumerate(statuses)
    ]
    found = service_figures(requests, TIGHT, NS_PER_S)
    assert found.sent == found.answered + found.failed + found.unfinished
    assert found.sent == sum(found.reasons.values()) + sum(found.answered_by.values())
    assert found.met <= found.answered


def test_presets_are_mlperfs() -> None:
    assert MLPERF["llama2-70b"] == Objective(2000, 200)
    assert MLPERF["llama2-70b-interactive"] == Objective(450, 40)


def test_rows_show_the_share_within_the_limits_and_failures() -> None:
    requests = [
        request(0, 2000, 50),
        request(1, 5000, None, status="unfinished"),
        request(2, 5000, 70, failures=["x: timeout"]),
    ]
    figures = {
        "objective": {"name": None, **asdict(TIGHT)},
        "phases": {k: asdict(v) for k, v in impact(requests).items()},
        "servers": {"edge": {}, "campus": {}},
        "weights": {"took_s": None},
        "energy": {"usd_per_million_tokens": 0.071, "co2_g_per_million_tokens": None},
    }
    found = {row.label: row.values for row in rows([None, figures])}
    assert found["first token p50 / p99, before, ms"] == ("failed", "50.0 / 50.0")
    assert found["first token p50 / p99, during, ms"] == ("failed", "70.0 / never")
    assert found["within 60 + 6 ms, before / during / after, %"] == ("failed", "100.0 / 0.0 / –")
    assert found["requests failed or unfinished"] == ("failed", "1 of 3")
    assert found["answered by another server"] == ("failed", "1")
    assert found["weights there after, s"] == ("failed", "never")
    assert found["electricity of a million tokens, US dollars"] == ("failed", "0.071")
    assert found["its carbon, g CO2"] == ("failed", "–")


def impact(requests: list[Request]) -> dict[str, Any]:
    return dict(inference_impact(requests, (BEFORE, DURING, AFTER), TIGHT))


def workload(**fields: Any) -> InferenceWorkload:
    given: dict[str, Any] = {
        "name": "chat", "kind": "inference", "users": ("seattle-user1", "london-user1"),
        "servers": ("quincy-gpu1", "edge-slough-inference1", "edge-aurora-inference1"),
        "rate_rps": 20.0, **fields,
    }  # fmt: skip
    return InferenceWorkload(**given)


@pytest.mark.parametrize(
    ("placement", "user", "order"),
    [
        ("listed", "seattle-user1", ["quincy-gpu1", "edge-slough-inference1"]),
        ("nearest", "seattle-user1", ["quincy-gpu1", "edge-aurora-inference1"]),
        ("nearest", "london-user1", ["edge-slough-inference1", "edge-aurora-inference1"]),
        ("edge", "seattle-user1", ["edge-aurora-inference1", "edge-slough-inference1"]),
        ("campus", "london-user1", ["quincy-gpu1", "edge-slough-inference1"]),
    ],
)
def test_servers_are_asked_in_the_order_of_their_placement(
    placement: str, user: str, order: list[str]
) -> None:
    assert servers_of(workload(placement=placement), user, BACKBONE)[:2] == order


def prepared(tmp_path: Path, seed: int, **fields: Any) -> dict[str, list[Any]]:
    made = workload(**fields)
    prepare(made, Preparation(BACKBONE, tmp_path, tmp_path, seed, duration_s=20.0))
    orders = json.loads((tmp_path / "placement.json").read_text())
    assert list(orders) == list(made.users)
    return {user: list(read_plan(str(tmp_path / f"{user}.csv"))) for user in made.users}


def test_each_user_has_requests_of_its_own_from_the_seed(tmp_path: Path) -> None:
    fields = {"prompt_sigma": 0.8, "prompt_max_tokens": 1500, "arrival_cv": 2.0}
    first = prepared(tmp_path, 1, **fields)
    assert first == prepared(tmp_path, 1, **fields) != prepared(tmp_path, 2, **fields)
    seattle, london = first.values()
    assert seattle != london
    assert len(seattle) == pytest.approx(400, abs=120)
    assert all(r.due_ns < 20 * NS_PER_S and r.prompt_tokens <= 1500 for r in seattle)
    assert {r.answer_tokens for r in seattle} == {60}


def test_a_trace_is_shared_out_and_agents_call_their_tools(tmp_path: Path) -> None:
    lines = [f"{second / 4},m,{second + 1},5,9,x" for second in range(100)]
    (tmp_path / "t.csv").write_text(
        "\n".join(["Timestamp,Model,Request tokens,Response tokens,T,L", *lines])
    )
    agents: dict[str, Any] = {"tools": ["london-user1", "seattle-user1"], "share": 0.5,
                              "fewest_calls": 2, "most_calls": 4}  # fmt: skip
    found = prepared(tmp_path, 1, trace="t.csv", rate_rps=None, agents=agents, skip_s=5.0)
    seattle, london = found.values()
    assert [r.prompt_tokens for r in seattle] == list(range(21, 101, 2))
    assert [r.prompt_tokens for r in london] == list(range(22, 101, 2))
    calls = [len(r.tools) for r in seattle]
    assert set(calls) <= {0, 2, 3, 4}
    assert 0 < calls.count(0) < len(calls)
    assert {tool for r in seattle for tool in r.tools} == {0, 1}


SCENARIO = """\
name: x
topology: ai-backbone
duration_s: 5
workloads:
  - {{name: chat, kind: inference, users: [london-user1], {fields}}}
"""
GOOD = "server: edge-slough-inference1, rate_rps: 1"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ("rate_rps: 1", "needs either a server or a list of servers"),
        (f"{GOOD}, servers: [quincy-gpu1]", "needs either a server or a list of servers"),
        ("server: edge-slough-inference1", "needs either a rate_rps or a trace"),
        (f"{GOOD}, trace: good.csv", "needs either a rate_rps or a trace"),
        (f"{GOOD}, speed_up: 2", "speed_up: belongs to a trace; add trace, or leave it out"),
        (f"{GOOD}, placement: cloud", "none of the servers stands at a site of the kind 'cloud'"),
        (f"{GOOD}, placement: closest", "placement: must be 'listed', 'nearest', 'edge', "),
        (f"{GOOD}, prefill: chunk", "must be 'separate', 'first' or 'chunked', not 'chunk' (did"),
        (f"{GOOD}, objective: llama2", "unknown objective 'llama2' (did you mean 'llama2-70b'"),
        (f"{GOOD}, lengths: nowhere.csv", "lengths: cannot read"),
        (f"{GOOD}, lengths: good.csv, answer_tokens: 5", "lengths already says this; leave it out"),
        (f"{GOOD}, prompt_max_tokens: 10", "10 is less than the median (prompt_tokens: 1000)"),
        (f"{GOOD}, agents: {{tools: []}}", "agents.tools: needs at least 1"),
        (f"{GOOD}, agents: {{tools: [x], share: 2}}", "unknown host 'x'; there are:"),
        (f"{GOOD}, agents: {{tools: [x], share: 2}}", "agents.share: must be at most 1, not 2"),
        (f"{GOOD}, agents: {{tool: [x]}}", "unknown field 'tool' (did you mean 'tools'?)"),
        (f"{GOOD}, agents: {{tools: [london-user1], most_calls: 2, fewest_calls: 3}}",
         "most_calls: 2 is less than fewest_calls (3)"),
        (f"{GOOD}, weights: {{from: quincy, size_gb: 140}}", "unknown host 'quincy'"),
        (f"{GOOD}, weights: {{from: quincy-gpu1, size_gb: 0.01}}", "is less than a packet of 1500"),
        ("server: quincy-gpu1, trace: bad.csv", "bad.csv:2: ContextTokens '0' is no whole number"),
        ("server: quincy-gpu1, trace: bad.csv", "bad.csv:4: GeneratedTokens 'x' is no whole"),
        ("server: quincy-gpu1, trace: good.csv, prompt_sigma: 1", "the trace already says this"),
        ("server: quincy-gpu1, trace: ms.csv", "only 1 of its 4 requests are due within"),
        ("server: quincy-gpu1, trace: good.csv, skip_s: 9", "only 0 of its 3 requests are due"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(tmp_path: Path, fields: str, told: str) -> None:
    azure = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
    good = "".join(f"2023-11-16 18:15:4{second},9,9\n" for second in range(3))
    (tmp_path / "good.csv").write_text(azure + good)
    (tmp_path / "bad.csv").write_text(
        azure + good.replace("0,9,9", "0,0,9").replace("2,9,9", "2,9,x")
    )
    (tmp_path / "ms.csv").write_text(
        "Timestamp,Request tokens,Response tokens\n" + "".join(f"{ms},9,9\n" for ms in
                                                               (250, 6500, 9000, 21_000))
    )  # fmt: skip
    path = tmp_path / "s.yaml"
    path.write_text(SCENARIO.format(fields=fields))
    with pytest.raises(InputError) as caught:
        load_scenario(str(path))
    assert told in str(caught.value)
    assert "s.yaml:5: workloads[0]" in str(caught.value)


def test_a_good_scenario_of_every_field_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(
        SCENARIO.format(
            fields="servers: [edge-slough-inference1, quincy-gpu1], placement: edge, rate_rps: 1, "
            "agents: {tools: [quincy-gpu1]}, weights: {from: quincy-gpu1, size_gb: 140}, "
            "objective: llama2-70b-interactive, ttft_limit_ms: 300, queue: 5, kv_tokens: 9000"
        )
    )
    [found] = load_scenario(str(path)).scenario.workloads
    assert isinstance(found, InferenceWorkload)
    assert found.candidates == ("edge-slough-inference1", "quincy-gpu1")
