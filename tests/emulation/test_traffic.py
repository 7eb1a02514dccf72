"""The traffic programs in virtual time, where every figure has a right answer."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from traffic.describe import (
    AllReduceRank,
    BulkClient,
    BulkServer,
    CraftedPackets,
    InferenceLoad,
    InferenceServer,
    ProbeReceiver,
    ProbeSender,
    Process,
    environment,
)
from traffic.logs import read_requests, read_steps
from traffic.probe_log import read_rows, summarize
from traffic.ring_schedule import ring_bound_s

# What a full-size TCP segment carries of what a link sends: 1448 of 1514 bytes.
TCP_SHARE = 1448 / 1514
# IPv6 announces itself for seconds after a link came up; links whose drops are counted carry
# nothing but what the test sends.
NO_IPV6 = "net.ipv6.conf.all.disable_ipv6=1"
SECOND_NS = 1_000_000_000


def is_virtual_time() -> bool:
    return "User Mode Linux" in Path("/proc/cpuinfo").read_text(encoding="utf-8")


pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not is_virtual_time(), reason="needs the guest: fibercut test"
)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def tc(space: str, *words: str) -> None:
    subprocess.run(["tc", "-n", space, "qdisc", "add", "dev", "eth", "root", *words], check=True)


def in_host(space: str, *words: str) -> None:
    subprocess.run(["ip", "netns", "exec", space, *words], check=True)


@contextmanager
def star(hosts: int, rate_mbps: float, delay_ms: float) -> Iterator[list[str]]:
    """Hosts h0, h1, … at 10.0.N.2 around one router; each host sends at the rate, `delay_ms`
    is the one-way delay to any other. A rate of 0 is an ideal link.
    """
    with ExitStack() as undo:
        for space in ("router", *(f"h{number}" for number in range(hosts))):
            ip("netns", "add", space)
            undo.callback(ip, "netns", "del", space)
            ip("-n", space, "link", "set", "lo", "up")
        in_host("router", "sysctl", "-qw", "net.ipv4.ip_forward=1", NO_IPV6)
        for number in range(hosts):
            add_host(number, rate_mbps, delay_ms)
        yield [f"h{number}" for number in range(hosts)]


def add_host(number: int, rate_mbps: float, delay_ms: float) -> None:
    host, port = f"h{number}", f"port{number}"
    in_host(host, "sysctl", "-qw", NO_IPV6)
    ip("link", "add", "eth", "netns", host, "type", "veth",
       "peer", "name", port, "netns", "router")  # fmt: skip
    ip("-n", host, "addr", "add", f"10.0.{number}.2/24", "dev", "eth")
    ip("-n", "router", "addr", "add", f"10.0.{number}.1/24", "dev", port)
    ip("-n", host, "link", "set", "eth", "up")
    ip("-n", "router", "link", "set", port, "up")
    ip("-n", host, "route", "add", "default", "via", f"10.0.{number}.1")
    in_host(host, "sysctl", "-qw", "net.ipv4.tcp_slow_start_after_idle=0",
            "net.ipv4.tcp_rmem=4096 1048576 16777216",
            "net.ipv4.tcp_wmem=4096 1048576 16777216")  # fmt: skip
    if rate_mbps:
        tc(host, "netem", "rate", f"{rate_mbps}mbit", "delay", f"{delay_ms}ms", "limit", "10000")


def know_router(number: int) -> None:
    """The host knows its router's hardware address: it never asks for it over a lossy link."""
    told = subprocess.run(
        ["ip", "-n", "router", "-j", "link", "show", f"port{number}"],
        check=True, capture_output=True,
    )  # fmt: skip
    mac = json.loads(told.stdout)[0]["address"]
    ip("-n", f"h{number}", "neigh", "replace", f"10.0.{number}.1", "lladdr", mac,
       "nud", "permanent", "dev", "eth")  # fmt: skip


def start(space: str, process: Process) -> subprocess.Popen[bytes]:
    argv = ["ip", "netns", "exec", space, *process.argv(sys.executable)]
    return subprocess.Popen(argv, env={**os.environ, **environment()})


def run_all(processes: list[tuple[str, Process]]) -> None:
    running = [start(space, process) for space, process in processes]
    assert [one.wait() for one in running] == [0] * len(running)


def soon_ns(after_s: float = 2.0) -> int:
    return time.monotonic_ns() + round(after_s * SECOND_NS)


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


@pytest.mark.parametrize(
    ("ranks", "size"),
    [(2, 10_000), (2, 1_000_000), (4, 100_000), (8, 1_000_000), (16, 400_000)],
)
def test_an_all_reduce_takes_the_time_of_the_closed_form(
    tmp_path: Path, ranks: int, size: int
) -> None:
    rate_mbps, delay_ms, steps, warm_up = 100.0, 5.0, 16, 8
    peers = tuple(f"10.0.{number}.2:7000" for number in range(ranks))
    with star(ranks, rate_mbps, delay_ms) as hosts:
        run_all(
            [
                (host, AllReduceRank(out=str(tmp_path / host), rank=rank, peers=peers, bytes=size,
                                     steps=steps, verify=True, start_at_ns=None))
                for rank, host in enumerate(hosts)
            ]
        )  # fmt: skip
    logs = [read_steps(tmp_path / host) for host in hosts]
    assert all(step.wrong == 0 for log in logs for step in log)
    assert [len(log) for log in logs] == [steps] * ranks
    # Ranks enter a step at different times, so one step of one rank may look shorter.
    took_ns = [s.communication_ns for log in logs for s in log[warm_up:] if s.communication_ns]
    chunk = size / ranks
    frames = chunk + 66 * -(-chunk // 1448)
    bound_s = ring_bound_s(size, ranks, rate_mbps * chunk / frames, delay_ms / 1000)
    assert statistics.mean(took_ns) / SECOND_NS == pytest.approx(bound_s, rel=0.03)


def test_a_cut_in_the_middle_only_stalls_the_all_reduce(tmp_path: Path) -> None:
    peers = ("10.0.0.2:7000", "10.0.1.2:7000")
    begin_ns = soon_ns()
    options = {"start_at_ns": begin_ns, "stop_at_ns": begin_ns + 10 * SECOND_NS, "grace_s": 5.0}
    with star(2, 100.0, 5.0) as hosts:
        running = [
            start(host, AllReduceRank(out=str(tmp_path / host), rank=rank, peers=peers,
                                      bytes=1_000_000, verify=True, **options))  # type: ignore[arg-type]
            for rank, host in enumerate(hosts)
        ]  # fmt: skip
        sleep_until(begin_ns + 3 * SECOND_NS)
        ip("-n", "router", "link", "set", "port0", "down")
        sleep_until(begin_ns + 5 * SECOND_NS)
        ip("-n", "router", "link", "set", "port0", "up")
        assert [one.wait() for one in running] == [0, 0]
    logs = [read_steps(tmp_path / host) for host in hosts]
    assert len(logs[0]) == len(logs[1])
    assert {step.status for log in logs for step in log} == {"ok"}
    assert {step.wrong for log in logs for step in log} == {0}
    longest_ns = max(step.communication_ns or 0 for step in logs[0])
    assert 2 * SECOND_NS < longest_ns < 5 * SECOND_NS


def test_a_cut_for_good_leaves_an_unfinished_step(tmp_path: Path) -> None:
    peers = ("10.0.0.2:7000", "10.0.1.2:7000")
    begin_ns = soon_ns()
    options = {"start_at_ns": begin_ns, "stop_at_ns": begin_ns + 4 * SECOND_NS, "grace_s": 1.0}
    with star(2, 100.0, 5.0) as hosts:
        running = [
            start(host, AllReduceRank(out=str(tmp_path / host), rank=rank, peers=peers,
                                      bytes=1_000_000, **options))  # type: ignore[arg-type]
            for rank, host in enumerate(hosts)
        ]  # fmt: skip
        sleep_until(begin_ns + 3 * SECOND_NS)
        ip("-n", "router", "link", "set", "port0", "down")
        assert [one.wait() for one in running] == [0, 0]
    assert time.monotonic_ns() < begin_ns + 6 * SECOND_NS
    for host in hosts:
        *_, last = read_steps(tmp_path / host)
        assert (last.status, last.end_ns) == ("unfinished", None)


def sleep_until(at_ns: int) -> None:
    time.sleep(max(0, at_ns - time.monotonic_ns()) / SECOND_NS)


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
    assert statistics.median(r.tpot_ns or 0 for r in requests) == pytest.approx(1e7, rel=0.01)


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
