"""Inference in virtual time: computing, streaming, fail-over and weights have exact times."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from tests.emulation.stars import (
    SECOND_NS,
    in_host,
    is_virtual_time,
    run_all,
    sleep_until,
    soon_ns,
    star,
    start,
)
from traffic.describe import InferenceLoad, InferenceServer, Process, ToolServer, WeightStore
from traffic.logs import Request, read_requests
from traffic.request_plan import PlannedRequest, write_plan

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not is_virtual_time(), reason="needs the guest: fibercut test"
)

MS = 1_000_000
RATE_MBPS, DELAY_MS = 100.0, 5.0
USER, EDGE, CAMPUS, TOOL = range(4)


@pytest.fixture(scope="module")
def hosts() -> Iterator[list[str]]:
    """A user, an edge, a campus and a tool server, 5 ms from each other."""
    with star(4, RATE_MBPS, DELAY_MS) as built:
        yield built


@pytest.fixture
def begin_ns() -> int:
    return soon_ns()


def address(host: int, port: int = 8000) -> str:
    return f"10.0.{host}.2:{port}"


def server(tmp_path: Path, name: str = "server", **options: Any) -> InferenceServer:
    given: dict[str, Any] = {
        "port": 8000, "slots": 1000, "prefill_ms": 30.0, "prefill_per_token_ms": 0.02,
        "decode_ms": 10.0, **options,
    }  # fmt: skip
    return InferenceServer(out=str(tmp_path / name), **given)


def load(tmp_path: Path, begin_ns: int, seconds: float, **options: Any) -> InferenceLoad:
    given: dict[str, Any] = {"servers": (address(EDGE),), "warm": 50, **options}
    return InferenceLoad(
        out=str(tmp_path / "load"), start_at_ns=begin_ns,
        stop_at_ns=begin_ns + round(seconds * SECOND_NS), **given,
    )  # fmt: skip


def served(tmp_path: Path, name: str = "server") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((tmp_path / name).read_text())
    return found


def run(tmp_path: Path, hosts: list[str], servers: list[tuple[int, Process]],
        loading: InferenceLoad) -> list[Request]:  # fmt: skip
    """Servers serve until the load has ended."""
    serving = [start(hosts[host], process) for host, process in servers]
    run_all([(hosts[USER], loading)])
    for process in serving:
        process.terminate()
    assert [process.wait() for process in serving] == [0] * len(serving)
    return read_requests(tmp_path / "load")


def test_under_overload_requests_leave_on_time_and_all_are_accounted_for(
    tmp_path: Path, hosts: list[str], begin_ns: int
) -> None:
    # One request in the batch takes 250 ms; thirty come each second.
    requests = run(
        tmp_path, hosts, [(EDGE, server(tmp_path, slots=1, queue=40))],
        load(tmp_path, begin_ns, 20, rate_rps=30.0, answer_tokens="20", timeout_s=5.0,
             connections="new", seed=3, drain_s=6.0),
    )  # fmt: skip
    due_ns = np.array([request.due_ns for request in requests])
    gaps_s = np.diff(due_ns, prepend=begin_ns) / 1e9
    assert stats.kstest(gaps_s, stats.expon(scale=1 / 30.0).cdf).pvalue > 0.001
    # A new connection takes a round trip, whatever the server does.
    late_ns = [request.sent_ns - request.due_ns for request in requests if request.sent_ns]
    assert len(late_ns) == len(requests) == pytest.approx(600, abs=80)
    assert max(late_ns) < 2 * DELAY_MS * MS + 200_000
    by_status = {s: sum(r.status == s for r in requests) for s in ("ok", "failed", "unfinished")}
    counts = served(tmp_path)
    assert counts["requests"] == len(requests) == sum(by_status.values())
    assert counts["requests"] == counts["completed"] + counts["refused"] + counts["aborted"]
    # Of some the last token was under way when the user's patience ended.
    under_way = sum(r.status == "failed" and r.tokens == 19 for r in requests)
    assert 40 < by_status["ok"] <= counts["completed"] <= by_status["ok"] + under_way
    reasons = {request.reason for request in requests if request.status != "ok"}
    assert reasons == {"timeout", "refused: the queue is full"}
    assert counts["received_bytes"] == sum(request.sent_bytes for request in requests)


def test_tokens_come_slower_as_the_batch_grows(
    tmp_path: Path, hosts: list[str], begin_ns: int
) -> None:
    plan = str(tmp_path / "plan")
    # One alone, then ten at the same moment.
    moments = [0, *[3 * SECOND_NS] * 10]
    write_plan(plan, (PlannedRequest(due_ns, 100, 50) for due_ns in moments))
    alone, *together = run(
        tmp_path, hosts, [(EDGE, server(tmp_path, decode_per_request_ms=2.0))],
        load(tmp_path, begin_ns, 8, requests=plan),
    )  # fmt: skip
    # 30 ms and 100 × 0.02 ms of prefill, 10 ms there and back, and some frames' wire time.
    assert (alone.ttft_ns or 0) / MS == pytest.approx(42.1, abs=0.1)
    assert (alone.tpot_ns or 0) / MS == pytest.approx(10.0, rel=0.001)
    # The first step begins with the request that was ready first.
    for request in together:
        assert (request.tpot_ns or 0) / MS == pytest.approx(28.0, rel=0.03)
    assert served(tmp_path)["largest_batch"] == 10


def test_an_agents_request_takes_the_sum_of_its_parts(
    tmp_path: Path, hosts: list[str], begin_ns: int
) -> None:
    plan = str(tmp_path / "plan")
    write_plan(plan, [PlannedRequest(0, 100, 20, (0, 0))])
    tool = ToolServer(out=str(tmp_path / "tool"), port=9000, tool_ms=70.0, answer_bytes=1000)
    [request] = run(
        tmp_path, hosts, [(EDGE, server(tmp_path)), (TOOL, tool)],
        load(tmp_path, begin_ns, 5, requests=plan, tools=(address(TOOL, 9000),),
             tool_call_tokens=5, tool_result_tokens=200, bytes_per_token=0),
    )  # fmt: skip
    trip_ms, tool_ms = 2 * DELAY_MS, 2 * (2 * DELAY_MS + 70.0)
    prompts_ms = 3 * 30.0 + 0.02 * (100 + 305 + 510)
    first_ms = 3 * trip_ms + prompts_ms + 2 * 4 * 10.0 + tool_ms
    assert request.tool_ns / MS == pytest.approx(tool_ms, abs=0.5)
    assert (request.ttft_ns or 0) / MS == pytest.approx(first_ms, abs=1.0)
    assert (request.end_to_end_ns or 0) / MS == pytest.approx(first_ms + 19 * 10.0, abs=1.0)


def test_while_the_edge_is_cut_off_the_campus_answers(
    tmp_path: Path, hosts: list[str], begin_ns: int
) -> None:
    loading = load(
        tmp_path, begin_ns, 9, rate_rps=20.0, answer_tokens="10", failover_ms=150.0,
        servers=(address(EDGE), address(CAMPUS)), seed=5, timeout_s=3.0,
    )  # fmt: skip
    servers = [(EDGE, server(tmp_path, "edge")), (CAMPUS, server(tmp_path, "campus"))]
    running = [start(hosts[host], process) for host, process in servers]
    user = start(hosts[USER], loading)
    sleep_until(begin_ns + 3 * SECOND_NS)
    in_host("router", "ip", "link", "set", "port1", "down")
    sleep_until(begin_ns + 6 * SECOND_NS)
    in_host("router", "ip", "link", "set", "port1", "up")
    assert user.wait() == 0
    for process in running:
        process.terminate()
        process.wait()
    requests = read_requests(tmp_path / "load")
    assert {request.status for request in requests} == {"ok"}
    for request in requests:
        cut_off = 3 * SECOND_NS <= request.due_ns - begin_ns < 5.9 * SECOND_NS
        well = not 2.7 * SECOND_NS <= request.due_ns - begin_ns < 6.3 * SECOND_NS
        if cut_off:
            assert request.server == address(CAMPUS)
            assert request.failures == [f"{address(EDGE)}: no token in 150 ms"]
            # The wait, then prefill and a round trip at the campus, and a new connection's.
            assert (request.ttft_ns or 0) / MS == pytest.approx(150 + 50.3, abs=11)
        elif well:
            assert (request.server, request.failures) == (address(EDGE), [])
    assert sum(bool(request.failures) for request in requests) > 40


def test_weights_come_at_the_rate_of_the_link_and_then_the_edge_serves(
    tmp_path: Path, hosts: list[str], begin_ns: int
) -> None:
    size, connections = 25_000_000, 4
    plan = str(tmp_path / "plan")
    write_plan(plan, [PlannedRequest(n * SECOND_NS // 2, 100, 2) for n in range(12)])
    edge = server(
        tmp_path, start_at_ns=begin_ns, weights_from=address(CAMPUS, 7000), weights_bytes=size,
        weights_after_s=0.5, connections=connections,
    )  # fmt: skip
    store = WeightStore(out=str(tmp_path / "store"), port=7000)
    requests = run(tmp_path, hosts, [(CAMPUS, store), (EDGE, edge)],
                   load(tmp_path, begin_ns, 7, requests=plan))  # fmt: skip
    weights = served(tmp_path)["weights"]
    assert weights["received_bytes"] == size == served(tmp_path, "store")["sent_bytes"]
    assert weights["begin_ns"] == pytest.approx(begin_ns + SECOND_NS // 2, abs=1000)
    took_s = (weights["end_ns"] - weights["begin_ns"]) / SECOND_NS
    # 1448 of 1514 bytes of a frame are data; connecting and slow start take some round trips.
    least_s = size * 8 / (RATE_MBPS * 1e6) * 1514 / 1448
    assert least_s < took_s < least_s * 1.08
    for request in requests:
        loaded = request.due_ns + DELAY_MS * MS > weights["end_ns"]
        assert request.status == ("ok" if loaded else "failed")
        assert loaded or request.reason == "refused: its weights are not there yet"
    assert {request.status for request in requests} == {"ok", "failed"}
