"""The traffic programs in virtual time, where every figure has a right answer."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
from pathlib import Path

import pytest

from tests.emulation.stars import (
    SECOND_NS,
    in_host,
    is_virtual_time,
    know_router,
    run_all,
    soon_ns,
    star,
    tc,
)
from traffic.describe import (
    BulkClient,
    BulkServer,
    CraftedPackets,
    InferenceLoad,
    InferenceServer,
    ProbeReceiver,
    ProbeSender,
)
from traffic.logs import read_requests
from traffic.probe_log import read_rows, summarize

# What a full-size TCP segment carries of what a link sends: 1448 of 1514 bytes.
TCP_SHARE = 1448 / 1514


pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not is_virtual_time(), reason="needs the guest: fibercut test"
)


def test_no_probe_is_off_its_schedule_by_more_than_1_us(tmp_path: Path) -> None:
    begin_ns = soon_ns()
    end_ns = begin_ns + 60 * SECOND_NS
    rows_file, sent_file = tmp_path / "rows", tmp_path / "sent.json"
    receiver = ProbeReceiver(out=str(rows_file), port=9000, stop_at_ns=end_ns + SECOND_NS)
    sender = ProbeSender(
        out=str(sent_file), to="10.0.1.2:9000", rate_pps=10_000,
        start_at_ns=begin_ns, stop_at_ns=end_ns,
    )  # fmt: skip
    with star(2, 0, 0) as (first, second):
        run_all([(second, receiver), (first, sender)])
    rows = read_rows(rows_file)
    assert rows[:, 0].tolist() == list(range(600_000))
    due_ns = begin_ns + rows[:, 0] * 100_000
    assert (rows[:, 1] == due_ns).all()
    late_ns = rows[:, 2] - due_ns
    assert late_ns.min() >= 0
    assert late_ns.max() <= 1_000
    assert json.loads(sent_file.read_text())["sent"] == 600_000


def test_sent_is_received_plus_lost_and_delay_is_the_links(tmp_path: Path) -> None:
    begin_ns = soon_ns()
    end_ns = begin_ns + 5 * SECOND_NS
    rows_file, sent_file = tmp_path / "rows", tmp_path / "sent.json"
    receiver = ProbeReceiver(out=str(rows_file), port=9000, stop_at_ns=end_ns + SECOND_NS)
    sender = ProbeSender(
        out=str(sent_file), to="10.0.1.2:9000", rate_pps=2_000, payload_bytes=958,
        start_at_ns=begin_ns, stop_at_ns=end_ns,
    )  # fmt: skip
    with star(2, 0, 0) as (first, second):
        know_router(0)
        tc(first, "netem", "delay", "7ms", "rate", "80mbit", "loss", "3%", "limit", "10000")
        run_all([(second, receiver), (first, sender)])
        told = subprocess.run(
            ["tc", "-n", first, "-s", "-j", "qdisc", "show", "dev", "eth"],
            check=True, capture_output=True,
        )  # fmt: skip
    summary = summarize(read_rows(rows_file), expected=10_000)
    assert json.loads(sent_file.read_text())["sent"] == 10_000
    assert summary.received + summary.lost == 10_000
    assert summary.lost == json.loads(told.stdout)[0]["drops"] > 0
    # 1,000 bytes with all headers on the wire take 100 us at 80 Mbit/s.
    assert summary.delay_p50_ns == pytest.approx(7_100_000, abs=1_000)


def test_first_tokens_come_after_prefill_and_one_round_trip(tmp_path: Path) -> None:
    begin_ns = soon_ns()
    end_ns = begin_ns + 20 * SECOND_NS
    server = InferenceServer(
        out=str(tmp_path / "server"), port=8000, slots=1000, prefill_ms=30.0,
        prefill_per_token_ms=0.02, decode_ms=10.0, stop_at_ns=end_ns + 5 * SECOND_NS,
    )  # fmt: skip
    load = InferenceLoad(
        out=str(tmp_path / "load"), servers=("10.0.1.2:8000",), rate_rps=50.0, prompt_tokens="100",
        answer_tokens="20", warm=100, drain_s=4.0, seed=3, start_at_ns=begin_ns, stop_at_ns=end_ns,
    )  # fmt: skip
    with star(2, 100.0, 5.0) as (user, edge):
        run_all([(edge, server), (user, load)])
    requests = read_requests(tmp_path / "load")
    counts = json.loads((tmp_path / "server").read_text())
    assert {request.status for request in requests} == {"ok"}
    assert len(requests) == counts["requests"] == counts["completed"]
    assert len(requests) == pytest.approx(1000, abs=100)
    # 30 ms and 100 × 0.02 ms of prefill, 10 ms there and back, and some frames' wire time.
    ttft_ms = sorted((request.ttft_ns or 0) / 1e6 for request in requests)
    assert ttft_ms[0] >= 42.0
    assert ttft_ms[len(ttft_ms) // 2] == pytest.approx(42.1, abs=0.2)
    assert ttft_ms[len(ttft_ms) * 99 // 100] == pytest.approx(42.1, abs=1.0)
    # The batch makes a token of each answer every 10 ms: the second of 20 tokens waits for its
    # turn, half of that on average.
    expected_ns = 1e7 + 0.5e7 / 19
    assert statistics.median(r.tpot_ns or 0 for r in requests) == pytest.approx(
        expected_ns, rel=0.01
    )


def test_iperf3_moves_what_the_link_carries(tmp_path: Path) -> None:
    begin_ns = soon_ns(3.0)
    server = BulkServer(out=str(tmp_path / "server"), port=5201)
    client = BulkClient(
        out=str(tmp_path / "client"), to="10.0.1.2:5201",
        start_at_ns=begin_ns, stop_at_ns=begin_ns + 10 * SECOND_NS,
    )  # fmt: skip
    with star(2, 100.0, 5.0) as (first, second):
        run_all([(second, server), (first, client)])
    report = json.loads((tmp_path / "client").read_text())
    received_mbps = report["end"]["sum_received"]["bits_per_second"] / 1e6
    assert 90.0 < received_mbps < 100 * TCP_SHARE * 1.01


def test_crafted_packets_arrive_with_their_marks(tmp_path: Path) -> None:
    packets = CraftedPackets(
        out=str(tmp_path / "sent"), to="10.0.1.2:4791", kind="rocev2", count=50, dscp=26, ecn=1
    )
    with star(2, 0, 0) as (first, second):
        in_host(second, "tc", "qdisc", "add", "dev", "eth", "ingress")
        in_host(second, "tc", "filter", "add", "dev", "eth", "ingress", "protocol", "ip",
                "flower", "ip_proto", "udp", "dst_port", "4791",
                "ip_tos", f"{26 << 2 | 1:#x}/0xff", "action", "pass")  # fmt: skip
        run_all([(first, packets)])
        told = subprocess.run(
            ["tc", "-n", second, "-s", "-j", "filter", "show", "dev", "eth", "ingress"],
            check=True, capture_output=True,
        )  # fmt: skip
    counted = next(item for item in json.loads(told.stdout) if "actions" in item.get("options", {}))
    assert counted["options"]["actions"][0]["stats"]["packets"] == 50
    assert json.loads((tmp_path / "sent").read_text())["sent"] == 50
