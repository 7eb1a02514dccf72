"""What Ryu's part costs: over 10,000 flow-mods, encoded, sent and acknowledged.

The controller as it is started for a run, on this machine's clock, with switches that
read everything and only answer. Times are the controller's own.

python -m tests.benchmarks.flow_mods
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from topologies.plan import NetworkPlan, make_plan
from topologies.spec import HostGroup, HostRole, Site, SiteKind, Span, Topology

SITES, HOSTS = 44, 240
POLICY = "fast-reroute"
_HEADER = struct.Struct("!BBHI")
_HELLO, _ECHO, _FEATURES, _FLOW_MOD, _GROUP_MOD, _MULTIPART, _BARRIER = 0, 2, 5, 14, 15, 18, 20
_PORT_DESC, _LIVE = 13, 4
_DEADLINE_S = 120.0


def ring() -> NetworkPlan:
    """A ring of switches with as many hosts as an address range of one switch holds."""
    group = HostGroup(role=HostRole.HOST, count=HOSTS)
    names = [f"n{number}" for number in range(SITES)]
    sites = tuple(
        Site(id=name, name=name, kind=SiteKind.POP, lat_deg=0, lon_deg=0, hosts=(group,))
        for name in names
    )
    spans = tuple(
        Span(id=f"s{i}", a=names[i], b=names[(i + 1) % SITES], length_km=100, rate_gbps=100)
        for i in range(SITES)
    )
    return make_plan(Topology(name="ring", sites=sites, spans=spans))


class AnsweringSwitch:
    """Completes the handshake, counts what it is told, and acknowledges it."""

    def __init__(self, plan: NetworkPlan, dpid: int) -> None:
        self.flow_mods = self.group_mods = 0
        self._dpid = dpid
        ends = [end for span in plan.spans for end in (span.a, span.b)]
        ends += [host.port for host in plan.hosts]
        self._ports = sorted(end.number for end in ends if end.dpid == dpid)

    async def run(self, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(_HEADER.pack(4, _HELLO, 8, 1))
        while True:
            _, kind, length, xid = _HEADER.unpack(await reader.readexactly(8))
            body = await reader.readexactly(length - 8)
            self.flow_mods += kind == _FLOW_MOD
            self.group_mods += kind == _GROUP_MOD
            writer.write(self._answer(kind, xid, body))

    def _answer(self, kind: int, xid: int, body: bytes) -> bytes:
        if kind == _FEATURES:
            return self._message(
                kind + 1, xid, struct.pack("!QIBB2xII", self._dpid, 0, 254, 0, 0, 0)
            )
        if kind == _MULTIPART:
            (what,) = struct.unpack_from("!H", body)
            parts = b"".join(map(_described, self._ports)) if what == _PORT_DESC else b""
            return self._message(kind + 1, xid, struct.pack("!HH4x", what, 0) + parts)
        if kind in (_BARRIER, _ECHO):
            return self._message(kind + 1, xid, body if kind == _ECHO else b"")
        return b""

    def _message(self, kind: int, xid: int, body: bytes) -> bytes:
        return _HEADER.pack(4, kind, 8 + len(body), xid) + body


def _described(port: int) -> bytes:
    name = f"p{port}".encode()
    return struct.pack("!I4x6s2x16sII24x", port, bytes(6), name, 0, _LIVE)


async def _serve(plan: NetworkPlan, port: int, events: Path) -> list[AnsweringSwitch]:
    switches = [AnsweringSwitch(plan, switch.dpid) for switch in plan.switches]
    running = [asyncio.create_task(switch.run(port)) for switch in switches]
    give_up_s = time.monotonic() + _DEADLINE_S
    while not _is_ready(events):
        if time.monotonic() > give_up_s:
            raise TimeoutError("the controller was not ready in time")
        await asyncio.sleep(0.05)
    for task in running:
        task.cancel()
    return switches


def _is_ready(events: Path) -> bool:
    return '"ready"' in events.read_text()


def main() -> None:
    """Start the controller, let the switches connect, and print."""
    plan = ring()
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        plan_file, events = Path(folder) / "plan.json", Path(folder) / "events.jsonl"
        plan_file.write_text(plan.model_dump_json())
        command = [sys.executable, "-m", "controller.launch", "--plan", str(plan_file)]
        command += ["--policy", POLICY, "--events", str(events), "--port", str(port)]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            while not events.exists() or "listening" not in events.read_text():
                time.sleep(0.05)
            before_s = _cpu_s(process.pid)
            switches = asyncio.run(_serve(plan, port, events))
            cpu_s = _cpu_s(process.pid) - before_s
            process.terminate()
        records = [json.loads(line) for line in events.read_text().splitlines()]
    _tell(switches, records, cpu_s)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _tell(switches: list[AnsweringSwitch], records: list[dict[str, Any]], cpu_s: float) -> None:
    flows, groups = (
        sum(getattr(s, f"{kind}_mods") for s in switches) for kind in ("flow", "group")
    )
    times = {
        name: [r["t_ns"] for r in records if r["event"] == name]
        for name in ("rules-sent", "rules-installed")
    }
    took_s = (max(times["rules-installed"]) - min(times["rules-sent"])) / 1e9
    total = flows + groups
    print(f"{SITES} switches: {flows:,} flow-mods and {groups:,} group-mods, all acknowledged")
    print(f"first sent to last acknowledged: {took_s:.2f} s ({total / took_s:,.0f} per second)")
    print(
        f"the controller's CPU time, connecting included: {cpu_s:.2f} s, "
        f"{cpu_s / total * 1e6:.0f} us each"
    )


if __name__ == "__main__":
    main()
