"""The live page's parts: who may talk to it, its pace, its figures, its orders."""

from __future__ import annotations

import json
import struct
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.by_hand.files import STEPS, order_file
from experiments.live.arrivals import Arrivals
from experiments.live.guard import Request, objection
from experiments.live.open_run import far_pairs, open_scenario
from experiments.live.pace import Pace
from experiments.live.rates import parse_snapshot, utilisation
from experiments.live.run import LiveRun
from experiments.live.server import LiveServer
from experiments.live.tail import Tail
from experiments.run_folder import TrialFolder
from experiments.runner import scenario_plan
from experiments.scenario import Scenario
from experiments.scenario_load import LoadedScenario, load_scenario
from experiments.trial_job import Job
from experiments.workloads.probe import ProbeWorkload
from topologies.load import load_topology
from topologies.problems import InputError, validated

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
    plan = scenario_plan(_loaded("ring:4"))
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


def _loaded(topology: str) -> LoadedScenario:
    found = load_topology(topology)
    hosts = far_pairs(found)[0]
    probe = {"name": "probe", "kind": "probe", "from": hosts[0], "to": hosts[1]}
    fields = {"name": "t", "topology": topology, "duration_s": 9, "workloads": [probe]}
    return LoadedScenario(Path("t.yaml"), validated(Scenario, fields), found)


class _Watched:
    """A server with a trial that shows what the test writes."""

    def __init__(self, server: LiveServer, run: LiveRun, trial: TrialFolder, job: Job) -> None:
        self.server, self.run, self.trial, self.job = server, run, trial, job

    def order(self, asked: object, raw: bytes | None = None) -> tuple[int, dict[str, Any]]:
        body = json.dumps(asked).encode() if raw is None else raw
        return self.call("/order", body)

    def call(self, path: str, body: bytes | None = None, **more: str) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.server.token}", **more}
        url = f"http://127.0.0.1:{self.server.port}{path}"
        asked = urllib.request.Request(url, body, headers)
        try:
            with urllib.request.urlopen(asked, timeout=10) as reply:
                return reply.status, reply.read()
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"{}")


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[_Watched]:
    loaded = _loaded("ring:4")
    plan = scenario_plan(loaded)
    policy = loaded.scenario.policies[0]
    job = Job(plan=plan, scenario=loaded.scenario, policy=policy, seed=1)
    trial = TrialFolder(tmp_path / "trial")
    trial.samples.mkdir(parents=True)
    with closing(LiveRun(loaded, plan, 1.0)) as run, LiveServer(run, 0) as server:
        run.begin(job, trial)
        yield _Watched(server, run, trial, job)


def test_an_order_lands_in_the_trials_folder(watched: _Watched) -> None:
    fault = {"kind": "span-cut", "span": "n1-n2", "visibility": "carrier"}
    status, _ = watched.order({"trial": watched.job.name, "do": "fault", "fault": fault})
    assert status == 200
    order = json.loads(order_file(watched.trial.path, 1).read_text())
    assert order == {"do": "fault", "fault": fault}
    assert watched.order({"trial": watched.job.name, "do": "mend", "name": "n1-n2"})[0] == 200
    assert order_file(watched.trial.path, 2).exists()


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (None, "must be an object"),
        ([1, 2], "must be an object"),
        ({}, "unknown running trial"),
        ({"trial": "T", "do": "explode"}, "unknown order 'explode'"),
        ({"trial": ["T"], "do": "mend"}, "unknown running trial"),
        ({"trial": "T", "do": "fault"}, "must be an object"),
        ({"trial": "T", "do": "fault", "fault": {"kind": "span-cut"}}, "field is missing"),
        ({"trial": "T", "do": "fault", "fault": {"kind": ["x"]}}, "unknown kind"),
        ({"trial": "T", "do": "fault", "fault": {"kind": "span-cut", "span": "x"}}, "unknown span"),
        ({"trial": "T", "do": "mend", "name": 7}, "must be what to mend"),
        ({"trial": "T", "do": "speed", "speed": -1}, "must be 0 to 100"),
        ({"trial": "T", "do": "speed", "speed": True}, "must be 0 to 100"),
        ({"trial": "T", "do": "speed", "speed": "fast"}, "must be 0 to 100"),
    ],
)
def test_rubbish_is_answered_and_nothing_is_done(watched: _Watched, asked: Any, told: str) -> None:
    if isinstance(asked, dict) and asked.get("trial") == "T":
        asked = {**asked, "trial": watched.job.name}
    status, answer = watched.order(asked)
    assert status == 400
    assert told in answer["error"]
    assert not order_file(watched.trial.path, 1).exists()


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe", b"[" * 50_000, b"nan"])
def test_what_is_no_json_is_told_so(watched: _Watched, raw: bytes) -> None:
    status, answer = watched.order(None, raw)
    assert status == 400
    assert answer["error"]


def test_a_page_is_refused_without_its_token_and_opened_with_it(watched: _Watched) -> None:
    assert watched.call("/", Authorization="")[0] == 403
    assert watched.call("/?token=wrong", Authorization="")[0] == 403
    assert watched.call("/facts", Host="evil.example")[0] == 403
    assert watched.call("/../../etc/passwd")[0] == 404
    assert watched.call("/report")[0] == 404
    connection = HTTPConnection("127.0.0.1", watched.server.port)
    connection.request("GET", f"/?token={watched.server.token}")
    reply = connection.getresponse()
    assert (reply.status, reply.getheader("Location")) == (302, "/")
    cookie = str(reply.getheader("Set-Cookie"))
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    connection.close()
    status, page = watched.call("/", Authorization="", Cookie=cookie.split(";", maxsplit=1)[0])
    assert status == 200
    assert b"n1-n2" in page


def test_a_page_that_is_opened_in_the_middle_hears_all(watched: _Watched) -> None:
    step = {"step": "cut", "fault": {"kind": "span-cut", "span": "n1-n2"}, "spans": ["n1-n2"]}
    lines = [
        {"step": "start", "t_ns": 5 * NS},
        {**step, "by_hand": 1, "begins": True, "t_ns": 6 * NS},
    ]
    (watched.trial.path / STEPS).write_text("".join(json.dumps(line) + "\n" for line in lines))
    watched.run.end(watched.job)
    for _ in range(2):
        news = watched.run.since({})["trials"][watched.job.name]
        assert news["events"] == [(1.0, "by hand", "cut: span-cut n1-n2")]
        assert news["broken"] == {"n1-n2": "span-cut n1-n2"}
        assert news["standing"] == {"1": "span-cut n1-n2"}
    cursors: dict[str, Any] = {}
    watched.run.since(cursors)
    assert watched.run.since(cursors)["trials"][watched.job.name]["events"] == []
    status, answer = watched.order({"trial": watched.job.name, "do": "mend", "name": "1"})
    assert status == 400
    assert "is over" in answer["error"]


def test_a_taken_port_is_told(watched: _Watched) -> None:
    with pytest.raises(InputError, match=r"cannot be used on 127\.0\.0\.1: Address already in use"):
        LiveServer(watched.run, watched.server.port)


def test_shipped_scenarios_have_facts() -> None:
    loaded = load_scenario("fiber-cut")
    with closing(LiveRun(loaded, scenario_plan(loaded), None)) as run:
        facts = run.facts()
    assert facts["trials"] == ["fast-reroute", "restoration"]
    assert facts["probes"][0]["name"] == "probe-training"
