"""Fail-over, refusals, agents, weights and lists of requests, over loopback."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.unit.traffic_processes import end, free_port, start, wait_for_file
from traffic.describe import (
    InferenceLoad,
    InferenceServer,
    Process,
    ToolServer,
    WeightStore,
    environment,
)
from traffic.inference_wire import FETCH, FETCH_MAGIC, REQUEST, pack_token
from traffic.logs import Request, read_requests
from traffic.request_plan import PlannedRequest, write_plan


@contextmanager
def running(process: Process) -> Iterator[subprocess.Popen[str]]:
    """A server that listens, until the end of the block."""
    started = start(process)
    wait_for_file(Path(process.out), started)
    try:
        yield started
    finally:
        started.send_signal(signal.SIGTERM)
        end(started)


class Servers:
    """Starts servers of any kind on free ports of loopback."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self.stack = folder, stack

    def add(self, kind: Any, name: str, **options: Any) -> str:
        port = free_port()
        out = str(self.folder / name)
        self.stack.enter_context(running(kind(out=out, port=port, bind="127.0.0.1", **options)))
        return f"127.0.0.1:{port}"

    def model(self, name: str = "server", **options: Any) -> str:
        fast: dict[str, Any] = {"prefill_ms": 1.0, "decode_ms": 1.0, **options}
        return self.add(InferenceServer, name, **fast)


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    with ExitStack() as stack:
        yield Servers(tmp_path, stack)


def planned(tmp_path: Path, count: int, tools: tuple[int, ...] = ()) -> str:
    """A list of requests, a millisecond apart."""
    path = str(tmp_path / "plan.csv")
    write_plan(path, (PlannedRequest(n * 1_000_000, 100, 4, tools) for n in range(count)))
    return path


def ask(tmp_path: Path, **options: Any) -> list[Request]:
    """Send a list of requests to its end."""
    out = tmp_path / "requests.jsonl"
    end(start(InferenceLoad(out=str(out), **options)))
    return read_requests(out)


def counts(tmp_path: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((tmp_path / name).read_text())
    return found


def test_a_list_of_requests_is_sent_to_its_end(tmp_path: Path, servers: Servers) -> None:
    address = servers.model()
    requests = ask(tmp_path, servers=(address,), requests=planned(tmp_path, 40))
    assert [request.status for request in requests] == ["ok"] * 40
    first_ns = requests[0].due_ns
    assert [r.due_ns - first_ns for r in requests] == [n * 1_000_000 for n in range(40)]
    servers.stack.close()
    served = counts(tmp_path, "server")
    assert served["requests"] == served["completed"] == 40
    assert served["received_bytes"] == sum(request.sent_bytes for request in requests)
    assert served["sent_bytes"] == sum(request.received_bytes for request in requests)
    assert {request.server for request in requests} == {address}


def test_a_dead_server_is_passed_over(tmp_path: Path, servers: Servers) -> None:
    dead, alive = f"127.0.0.1:{free_port()}", servers.model()
    requests = ask(tmp_path, servers=(dead, alive), requests=planned(tmp_path, 5))
    assert {(r.status, r.server) for r in requests} == {("ok", alive)}
    assert {tuple(r.failures) for r in requests} == {(f"{dead}: Connection refused",)}


def test_a_silent_server_is_passed_over_in_time(tmp_path: Path, servers: Servers) -> None:
    alive = servers.model()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        requests = ask(
            tmp_path, servers=(address, alive), requests=planned(tmp_path, 5), failover_ms=50.0
        )
    assert {(r.status, r.server) for r in requests} == {("ok", alive)}
    assert {tuple(r.failures) for r in requests} == {(f"{address}: no token in 50 ms",)}
    assert min(r.ttft_ns or 0 for r in requests) >= 50_000_000


def test_a_server_that_stops_in_the_middle_is_passed_over(tmp_path: Path, servers: Servers) -> None:
    alive = servers.model()
    with socket.create_server(("127.0.0.1", 0)) as rude:
        rude.settimeout(20)
        address = f"127.0.0.1:{rude.getsockname()[1]}"
        loading = start(
            InferenceLoad(
                out=str(tmp_path / "requests.jsonl"), requests=planned(tmp_path, 1), warm=0,
                servers=(address, alive), bytes_per_token=0, failover_ms=60.0,
            )
        )  # fmt: skip
        connection, _ = rude.accept()
        with connection:
            connection.settimeout(20)
            number = REQUEST.unpack(connection.recv(REQUEST.size))[1]
            connection.sendall(pack_token(number, 0, 100))
            end(loading)
    [request] = read_requests(tmp_path / "requests.jsonl")
    assert (request.status, request.server, request.tokens) == ("ok", alive, 4)
    assert request.failures == [f"{address}: no token in 60 ms"]
    assert request.received_bytes == 100 + 4 * 128


def test_the_last_server_has_until_the_timeout(tmp_path: Path, servers: Servers) -> None:
    slow = servers.model(prefill_ms=150.0)
    [request] = ask(tmp_path, servers=(slow,), requests=planned(tmp_path, 1), failover_ms=20.0)
    assert (request.status, request.failures) == ("ok", [])
    [request] = ask(tmp_path, servers=(slow,), requests=planned(tmp_path, 1), timeout_s=0.05)
    assert (request.status, request.reason) == ("failed", "timeout")
    assert request.failures == [f"{slow}: timeout"]
    assert request.end_to_end_ns is None


def test_a_full_queue_is_told_and_every_request_is_accounted_for(
    tmp_path: Path, servers: Servers
) -> None:
    address = servers.model(slots=1, queue=2, decode_ms=20.0)
    requests = ask(tmp_path, servers=(address,), requests=planned(tmp_path, 30), warm=0)
    servers.stack.close()
    served = counts(tmp_path, "server")
    answered = sum(request.status == "ok" for request in requests)
    refused = [request for request in requests if request.status == "failed"]
    assert answered + len(refused) == len(requests) == 30
    assert {request.reason for request in refused} == {"refused: the queue is full"}
    assert (served["completed"], served["refused"]) == (answered, len(refused))
    assert served["longest_queue"] == 2


def test_an_agent_calls_its_tools_between_the_answers(tmp_path: Path, servers: Servers) -> None:
    model = servers.model(slots=100)
    tools = tuple(
        servers.add(ToolServer, name, tool_ms=30.0, answer_bytes=5000) for name in ("t0", "t1")
    )
    requests = ask(
        tmp_path, servers=(model,), tools=tools, requests=planned(tmp_path, 3, tools=(1, 0, 1)),
        tool_call_tokens=2, tool_result_tokens=200, tool_request_bytes=700, bytes_per_token=3,
    )  # fmt: skip
    servers.stack.close()
    head, token = 24, 128
    for request in requests:
        assert (request.status, request.tokens, request.tools) == ("ok", 4, 3)
        # Four prompts, each longer by the call before it and its result; three calls.
        prompts = sum(100 + turn * 202 for turn in range(4))
        assert request.sent_bytes == 7 * head + 3 * prompts + 3 * 700
        assert request.received_bytes == (3 * 2 + 4) * token + 3 * 5000
        assert request.tool_ns >= 3 * 30_000_000
        assert request.ttft_ns is not None
        assert request.ttft_ns >= request.tool_ns
    assert counts(tmp_path, "server")["completed"] == 3 * 4
    assert [counts(tmp_path, name)["completed"] for name in ("t0", "t1")] == [3, 6]


def test_a_dead_tool_fails_the_request_with_its_reason(tmp_path: Path, servers: Servers) -> None:
    model, dead = servers.model(), f"127.0.0.1:{free_port()}"
    [request] = ask(tmp_path, servers=(model,), tools=(dead,),
                    requests=planned(tmp_path, 1, tools=(0,)))  # fmt: skip
    assert (request.status, request.reason) == ("failed", "tool: Connection refused")
    assert request.failures == [f"{dead}: Connection refused"]


def test_a_server_refuses_until_its_weights_are_there(tmp_path: Path, servers: Servers) -> None:
    store = servers.add(WeightStore, "store")
    size = 30_000_001
    later: dict[str, Any] = {"weights_from": store, "weights_bytes": size, "connections": 3}
    loading = servers.model("late", weights_after_s=1e6, **later)
    edge = servers.model("edge", **later)
    campus = servers.model("campus")
    requests = ask(tmp_path, servers=(loading, campus), requests=planned(tmp_path, 3))
    assert {r.server for r in requests} == {campus}
    assert {tuple(r.failures) for r in requests} == {
        (f"{loading}: refused: its weights are not there yet",)
    }
    while not ask(tmp_path, servers=(edge,), requests=planned(tmp_path, 1))[0].server:
        pass
    servers.stack.close()
    weights = counts(tmp_path, "edge")["weights"]
    assert (weights["bytes"], weights["received_bytes"], weights["breaks"]) == (size, size, {})
    assert weights["end_ns"] > weights["begin_ns"]
    assert counts(tmp_path, "store")["sent_bytes"] == size


def test_weights_go_on_where_a_connection_broke(tmp_path: Path, servers: Servers) -> None:
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as store:
        store.settimeout(20)
        edge = servers.model("edge", weights_from=f"127.0.0.1:{store.getsockname()[1]}",
                             weights_bytes=1000, connections=1)  # fmt: skip
        for give in (300, 0, 700):
            connection, _ = store.accept()
            with connection:
                connection.settimeout(20)
                asked.append(FETCH.unpack(connection.recv(FETCH.size)))
                connection.sendall(bytes(give))
        while not ask(tmp_path, servers=(edge,), requests=planned(tmp_path, 1))[0].server:
            pass
    assert asked == [(FETCH_MAGIC, 0, 1000), (FETCH_MAGIC, 300, 700), (FETCH_MAGIC, 300, 700)]
    servers.stack.close()
    weights = counts(tmp_path, "edge")["weights"]
    assert weights["breaks"] == {"the store closed the connection": 2}


def test_a_store_survives_rubbish(tmp_path: Path, servers: Servers) -> None:
    host, _, port = servers.add(WeightStore, "store").partition(":")
    for rubbish in (bytes(FETCH.size), FETCH.pack(FETCH_MAGIC, 0, 0)):
        with socket.create_connection((host, int(port)), timeout=20) as stranger:
            stranger.sendall(rubbish)
            assert stranger.recv(1) == b""
    servers.stack.close()
    assert counts(tmp_path, "store")["rubbish"] == 2


@pytest.mark.parametrize(
    "answer", [b"", b"x" * 24, b"HTTP/1.1 200 OK\r\n\r\n" + bytes(50), b"QRCF" + bytes(500)]
)
def test_a_peer_that_resets_or_sends_rubbish_is_a_counted_failure(
    tmp_path: Path, answer: bytes
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as rude:
        rude.settimeout(20)
        description = InferenceLoad(
            out=str(tmp_path / "requests.jsonl"), requests=planned(tmp_path, 1), warm=0,
            servers=(f"127.0.0.1:{rude.getsockname()[1]}",), bytes_per_token=0,
        )  # fmt: skip
        loading = start(description)
        connection, _ = rude.accept()
        with connection:
            connection.settimeout(20)
            assert connection.recv(100)
            connection.sendall(answer)
        end(loading)
    [request] = read_requests(tmp_path / "requests.jsonl")
    assert request.status == "failed"
    assert str(request.reason).startswith("rubbish" if answer else "the server closed")


def test_a_plan_and_a_summary_by_hand(tmp_path: Path, servers: Servers) -> None:
    def program(*words: str, status: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "traffic.inference", *words], cwd=tmp_path, text=True,
            env={**environment()}, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == status, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    (tmp_path / "trace.csv").write_text(
        "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        "2023-11-16 18:15:46.5,374,3\n2023-11-16 18:15:47.5,10,3\n2023-11-16 18:15:48.5,10,3\n"
    )
    assert program("plan", "--trace", "trace.csv", "--speed-up", "100", "--duration-s", "0.015",
                   "--out", "plan.csv") == "2 requests\n"  # fmt: skip
    program("load", "--servers", servers.model(), "--requests", "plan.csv", "--out", "r.jsonl")
    told = program("summary", "r.jsonl", "--objective", "5000:1000")
    assert "2 = 2 answered + 0 failed + 0 unfinished" in told
    assert "within 5000 ms + 1000 ms per token  100.00%" in " ".join(told.split("\n"))
    assert "no request in these logs" in program("summary", "/dev/null", status=1)
    assert "not a log" in program("summary", "plan.csv", status=1) + "not a log"
    (tmp_path / "bad.csv").write_text("TIMESTAMP,ContextTokens\n")
    told = program("plan", "--trace", "bad.csv", "--out", "o", status=2)
    assert "bad.csv:1: no column GeneratedTokens" in told
