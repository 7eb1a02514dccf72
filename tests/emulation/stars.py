"""Hosts around one router: the smallest network on which a transfer has a closed form."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from topologies.builder.ovsdb import run_folder
from traffic.describe import Process, environment

# IPv6 announces itself for seconds after a link came up; links whose drops are counted carry
# nothing but what the test sends.
NO_IPV6 = "net.ipv6.conf.all.disable_ipv6=1"
SECOND_NS = 1_000_000_000


def is_virtual_time() -> bool:
    return "User Mode Linux" in Path("/proc/cpuinfo").read_text(encoding="utf-8")


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


@contextmanager
def without_switches() -> Iterator[None]:
    """Open vSwitch, which a star does not use, rests meanwhile.

    Each reading of the clock moves everybody's clock by 256 ns of virtual time, and a timer that
    is due meanwhile fires when the reader sleeps again: ovs-vswitchd, which reads it some 30 times
    whenever it wakes, would hold a packet back for 8 µs.
    """
    pids = [int(path.read_text()) for path in run_folder().glob("*.pid")]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


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
    return subprocess.Popen(argv, env={**os.environ, **environment()}, stdout=subprocess.DEVNULL)


def run_all(processes: list[tuple[str, Process]]) -> None:
    running = [start(space, process) for space, process in processes]
    assert [one.wait() for one in running] == [0] * len(running)


def soon_ns(after_s: float = 2.0) -> int:
    return time.monotonic_ns() + round(after_s * SECOND_NS)


def sleep_until(at_ns: int) -> None:
    time.sleep(max(0, at_ns - time.monotonic_ns()) / SECOND_NS)
