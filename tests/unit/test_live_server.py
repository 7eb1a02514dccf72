"""The live page's server: orders, rubbish, the token, a page opened in the middle."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from experiments.by_hand.files import STEPS, order_file
from experiments.cli.ending import ended
from experiments.cli.main import cli
from experiments.live.run import LiveRun
from experiments.live.server import LiveServer
from experiments.run_folder import TrialFolder
from experiments.runner import scenario_plan
from experiments.scenario_load import load_scenario
from experiments.trial_job import Job
from tests.unit.live_scenarios import loaded
from topologies.problems import InputError

NS = 1_000_000_000


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
    given = loaded("ring:4")
    plan = scenario_plan(given)
    policy = given.scenario.policies[0]
    job = Job(plan=plan, scenario=given.scenario, policy=policy, seed=1)
    trial = TrialFolder(tmp_path / "trial")
    trial.samples.mkdir(parents=True)
    with closing(LiveRun(given, plan, 1.0)) as run, LiveServer(run, 0) as server:
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
    given = load_scenario("fiber-cut")
    with closing(LiveRun(given, scenario_plan(given), None)) as run:
        facts = run.facts()
    assert facts["trials"] == ["fast-reroute", "restoration"]
    assert facts["probes"][0]["name"] == "probe-training"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run", "fiber-cut", "--speed", "1"], "--speed: is for a run that is watched: add --live"),
        (["run", "fiber-cut", "--port", "0"], "--port: is for a run that is watched: add --live"),
        (["run", "fiber-cut", "--live", "--clock", "real", "--speed", "1"], "--speed: is for the"),
        (["live", "fiber-cuts"], "no scenario has this name (did you mean 'fiber-cut'?)"),
        (["live", "nowhere"], "unknown topology 'nowhere'"),
    ],
)
def test_options_that_make_no_sense_are_told(
    arguments: list[str], told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert ended(lambda: cli.main(arguments, standalone_mode=False)) == 2
    assert told in capfd.readouterr().err
