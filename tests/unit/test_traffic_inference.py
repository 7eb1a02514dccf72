"""Inference over loopback: open loop, streamed answers, and every request accounted for."""

from __future__ import annotations

import json
import random
import signal
import socket
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.traffic_processes import end, free_port, start, wait_for_file
from traffic.describe import InferenceLoad, InferenceServer
from traffic.inference_wire import (
    REQUEST,
    Rubbish,
    TokenReader,
    pack_request,
    pack_token,
    unpack_request,
)
from traffic.logs import read_requests
from traffic.tokens import TokenCount


@contextmanager
def server(tmp_path: Path, **options: Any) -> Iterator[tuple[str, Path]]:
    port, out = free_port(), tmp_path / "server.json"
    description = InferenceServer(
        out=str(out), port=port, bind="127.0.0.1", prefill_ms=1.0, decode_ms=1.0, **options
    )  # fmt: skip
    running = start(description)
    wait_for_file(out, running)
    try:
        yield f"127.0.0.1:{port}", out
    finally:
        running.send_signal(signal.SIGTERM)
        end(running)


def load(tmp_path: Path, address: str, **options: Any) -> InferenceLoad:
    given: dict[str, Any] = {"rate_rps": 200.0, "answer_tokens": "4", "seed": 1, **options}
    return InferenceLoad(out=str(tmp_path / "r.jsonl"), servers=(address,), **given)


def run_until_logged(description: InferenceLoad, requests: int) -> None:
    running = start(description)
    out = Path(description.out)
    while not out.exists() or out.read_bytes().count(b"\n") < requests:
        assert running.poll() is None
    running.send_signal(signal.SIGTERM)
    end(running)


@pytest.mark.parametrize("connections", ["pool", "new"])
def test_answers_are_streamed_and_every_request_is_logged(tmp_path: Path, connections: str) -> None:
    with server(tmp_path) as (address, out):
        run_until_logged(load(tmp_path, address, connections=connections, warm=0), 30)
    requests = read_requests(tmp_path / "r.jsonl")
    assert [request.id for request in requests] == list(range(len(requests)))
    answered = [request for request in requests if request.status == "ok"]
    assert len(answered) >= 30
    for request in answered:
        assert request.tokens == request.tokens_expected == 4
        assert request.received_bytes == 4 * 128
        assert request.first_token_ns is not None
        assert request.due_ns <= request.first_token_ns <= request.end_ns
    kinds = {request.connection for request in answered}
    assert ("reused" in kinds) == (connections == "pool")
    assert json.loads(out.read_text())["completed"] >= len(answered)


def test_a_slow_server_does_not_delay_the_next_requests(tmp_path: Path) -> None:
    with server(tmp_path, slots=1) as (address, out):
        run_until_logged(load(tmp_path, address, answer_tokens="40", timeout_s=0.4), 30)
        # One slot answers 25 requests a second of the 200 that come.
    requests = read_requests(tmp_path / "r.jsonl")
    source, due_ns = random.Random(2), float(requests[0].due_ns)
    source.expovariate(200.0)
    for request in requests[1:]:
        due_ns += source.expovariate(200.0) * 1e9
        assert request.due_ns == pytest.approx(due_ns, abs=1000)
    assert {"timeout", "ended by a signal"} >= {r.reason for r in requests if r.status != "ok"}
    assert any(request.reason == "timeout" for request in requests)
    assert json.loads(out.read_text())["aborted"] > 0


def test_without_a_server_each_request_fails(tmp_path: Path) -> None:
    run_until_logged(load(tmp_path, f"127.0.0.1:{free_port()}"), 5)
    requests = read_requests(tmp_path / "r.jsonl")
    failed = [request for request in requests if request.status == "failed"]
    assert len(failed) >= 5
    assert {request.reason for request in failed} == {"Connection refused"}


def test_a_server_that_never_answers_is_counted(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        run_until_logged(load(tmp_path, address, timeout_s=0.05, warm=0), 3)
        assert "timeout" in {r.reason for r in read_requests(tmp_path / "r.jsonl")}


def test_a_server_that_sends_rubbish_is_counted(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as rude:
        address = f"127.0.0.1:{rude.getsockname()[1]}"
        running = start(load(tmp_path, address, rate_rps=5.0, timeout_s=20.0, warm=1))
        rude.settimeout(20)
        warm, _ = rude.accept()
        warm.settimeout(20)
        assert warm.recv(REQUEST.size)
        warm.sendall(bytes(100))
        while not (tmp_path / "r.jsonl").read_bytes():
            assert running.poll() is None
        running.send_signal(signal.SIGTERM)
        end(running)
        warm.close()
    reason = read_requests(tmp_path / "r.jsonl")[0].reason
    assert reason is not None
    assert reason.startswith("rubbish")


def test_the_server_survives_rubbish(tmp_path: Path) -> None:
    with server(tmp_path) as (address, out):
        host, port = address.split(":")
        for rubbish in (b"GET / HTTP/1.1\r\n\r\n" * 4, pack_request(1, 2, 3, 4) + b"more"):
            with socket.create_connection((host, int(port)), timeout=20) as stranger:
                stranger.sendall(rubbish)
                assert stranger.recv(1) == b""
        run_until_logged(load(tmp_path, address), 5)
    assert json.loads(out.read_text())["rubbish"] == 2


@given(
    answer=st.lists(st.integers(24, 300), min_size=1, max_size=20),
    cuts=st.lists(st.integers(1, 90), min_size=1),
)
def test_tokens_are_found_however_the_stream_is_cut(answer: list[int], cuts: list[int]) -> None:
    stream = b"".join(pack_token(9, index, size) for index, size in enumerate(answer))
    reader, found, at = TokenReader(9), 0, 0
    while at < len(stream):
        cut = cuts[at % len(cuts)]
        found += reader.feed(stream[at : at + cut])
        at += cut
    assert found == reader.tokens == len(answer)
    assert reader.clean


@given(st.binary(min_size=24, max_size=24))
def test_random_bytes_are_no_request_and_no_token(noise: bytes) -> None:
    with pytest.raises(Rubbish):
        unpack_request(noise)
    with pytest.raises(Rubbish):
        TokenReader(1).feed(noise)


def test_lognormal_counts_have_their_median_and_keep_their_maximum() -> None:
    source = random.Random(3)
    drawn = [TokenCount(500, 0.8, 2000).draw(source) for _ in range(20_000)]
    assert statistics.median(drawn) == pytest.approx(500, rel=0.03)
    assert max(drawn) == 2000
    assert TokenCount(7).draw(source) == 7
