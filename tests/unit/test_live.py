"""The live page's parts: who may talk to it, its pace, its figures."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.live.arrivals import Arrivals
from experiments.live.guard import Request, objection
from experiments.live.open_run import far_pairs, open_scenario
from experiments.live.pace import Pace
from experiments.live.rates import parse_snapshot, utilisation
from experiments.live.tail import Tail
from experiments.runner import scenario_plan
from experiments.scenario import Scenario
from experiments.workloads.probe import ProbeWorkload
from tests.unit.live_scenarios import loaded
from topologies.load import load_topology
from topologies.problems import validated

TOKEN = "t0ken"
NS = 1_000_000_000


def _request(method: str = "GET", cookie: str | None = TOKEN, **headers: str) -> Request:
    given = {"host": "127.0.0.1:8765", **headers}
    return Request(method, {name: value for name, value in given.items() if value}, cookie)


@pytest.mark.parametrize(
    "request_",
    [
        _request(),
        _request(host="localhost:9000"),
        _request(host="[::1]:8765"),
        _request("POST", origin="http://127.0.0.1:8765"),
        _request("POST", None, authorization=f"Bearer {TOKEN}"),
    ],
)
def test_the_page_itself_is_let_in(request_: Request) -> None:
    assert objection(request_, TOKEN) is None


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        (_request(cookie=None), "token is missing or wrong"),
        (_request(cookie="other"), "token is missing or wrong"),
        (_request(cookie="é"), "token is missing or wrong"),
        (_request(authorization="Bearer wrong", cookie=None), "token is missing or wrong"),
        (_request(host="evil.example:8765"), "at 127.0.0.1 or localhost only"),
        (_request(host="127.0.0.1.evil.example"), "at 127.0.0.1 or localhost only"),
        (_request(host="[broken"), "at 127.0.0.1 or localhost only"),
        (_request(host=""), "at 127.0.0.1 or localhost only"),
        (_request("POST"), "only the page itself"),
        (_request("POST", origin="null"), "only the page itself"),
        (_request("POST", origin="http://evil.example"), "only the page itself"),
        (_request("POST", origin="http://127.0.0.1:9999"), "only the page itself"),
    ],
)
def test_everybody_else_is_kept_out(request_: Request, told: str) -> None:
    assert told in str(objection(request_, TOKEN))


def test_a_pace_holds_from_the_start_of_the_workloads_on(tmp_path: Path) -> None:
    stage, now_s = tmp_path / "stage", [100.0]
    pace = Pace(2.0, stage, lambda: now_s[0])
    assert not pace.is_ahead(3.0)  # still building
    stage.write_text("3.100 running\n")
    assert pace.is_ahead(3.1)
    now_s[0] += 1.0
    assert not pace.is_ahead(5.0)
    assert pace.is_ahead(5.1)
    pace.speed = None
    assert not pace.is_ahead(50.0)
    pace.speed = 0
    now_s[0] += 60.0
    assert pace.is_ahead(50.0)


def test_who_falls_behind_does_not_hurry_afterwards(tmp_path: Path) -> None:
    stage, now_s = tmp_path / "stage", [0.0]
    stage.write_text("0.000 running\n")
    pace = Pace(1.0, stage, lambda: now_s[0])
    assert pace.is_ahead(0.0)
    now_s[0] = 10.0
    assert not pace.is_ahead(2.0)  # the machine was too slow: 8 s are gone
    now_s[0] = 11.0
    assert pace.is_ahead(3.0)


_DEVICES = """Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop
    lo:       0       0    0    0    0     0          0         0        0       0    0    0
s1-eth2:     10       0    0    0    0     0          0         0  {sent}       0    0    0
"""


def test_a_rate_is_the_share_of_the_spans_line() -> None:
    plan = scenario_plan(loaded("ring:4"))
    span = plan.spans[0]
    assert span.a.interface == "s1-eth2"
    bytes_per_s = span.rate_mbps * 1e6 / 8
    texts = [
        f"{t}\n{_DEVICES.format(sent=sent)}end\n"
        for t, sent in ((NS, 1000), (3 * NS, 1000 + round(bytes_per_s)))
    ]
    before, after = (parse_snapshot(text) for text in texts)
    assert before is not None
    assert after is not None
    shares = utilisation(plan, before, after)
    assert shares[0] == [pytest.approx(0.5, abs=1e-3), 0.0]
    assert all(parse_snapshot(texts[0][:cut]) is None for cut in range(len(texts[0]) - 1))


@given(
    rows=st.lists(st.tuples(st.integers(0, 999), st.integers(1, 2 * NS)), max_size=60),
    cuts=st.lists(st.integers(0, 24 * 60), max_size=5),
)
def test_arrivals_are_counted_once_however_they_come(
    rows: list[tuple[int, int]], cuts: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("probe") / "received.i64x3"
    fields = {"name": "p", "kind": "probe", "from": "a", "to": "b", "rate_pps": 100}
    workload = validated(ProbeWorkload, fields)
    start_ns = 7 * NS
    arrivals = Arrivals(workload, path, start_ns, start_ns + 10 * NS)
    sent_ns = [start_ns + number * NS // 100 for number, _ in rows]
    data = b"".join(
        struct.pack("<qqq", number, at_ns, at_ns + delay_ns)
        for (number, delay_ns), at_ns in zip(rows, sent_ns, strict=True)
    )
    for cut in [*sorted({min(cut, len(data)) for cut in cuts}), len(data)]:
        path.write_bytes(data[:cut])
        arrivals.read(start_ns)
    arrivals.read(start_ns + 10 * NS)
    assert sum(one.arrived for one in arrivals.bins) == len(rows)
    assert sum(one.expected for one in arrivals.bins) == 1000
    highest_ms = max((delay_ns / 1e6 for _, delay_ns in rows), default=0.0)
    assert max(one.delay_max_ms for one in arrivals.bins) == pytest.approx(highest_ms)


def test_a_line_that_is_being_written_comes_later(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    tail = Tail(path)
    assert tail.new() == []
    path.write_text('{"a": 1}\n{"a"')
    assert tail.new() == [{"a": 1}]
    path.write_text('{"a": 1}\n{"a": 2}\n')
    assert tail.new() == [{"a": 2}]


@pytest.mark.parametrize("name", ["ai-backbone", "ring:4", "topozoo/AttMpls", "fat-tree:4"])
def test_any_topology_can_be_played_with(name: str) -> None:
    topology = load_topology(name)
    fields = open_scenario(topology, name, ("restoration",), 60.0)
    assert validated(Scenario, fields).duration_s == 60
    pairs = far_pairs(topology)
    hosts = [host for pair in pairs for host in pair]
    assert 1 <= len(pairs) <= 3
    assert len(set(hosts)) == len(hosts)
