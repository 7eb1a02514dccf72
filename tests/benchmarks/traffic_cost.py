"""What each generator costs: wall time and memory, by a million packets and by GB.

    ./fibercut exec --out /tmp/cost -- python -m tests.benchmarks.traffic_cost

Two hosts around a router, 1 Gbit/s and 1 ms each way; every generator runs alone, with its
receiver. Wall times are the host's (see wall_clock.py), the programs' starts included. The last
column is the wall time of a packet as a ratio to the probe's, which a slower machine does not
change much. Memory is each program's largest resident set.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guest.share import GUEST_OUT
from tests.benchmarks.wall_clock import WallClock
from tests.emulation.stars import SECOND_NS, in_host, star, start
from traffic.describe import (
    BulkClient,
    BulkServer,
    CraftedPackets,
    MatrixReceiver,
    MatrixSender,
    PacketCapture,
    PcapReplay,
    ProbeReceiver,
    ProbeSender,
    Process,
    TwampReflector,
    TwampSender,
)

RATE_MBPS, DELAY_MS = 1000, 1
TO = "10.0.1.2"
_LOOK_EVERY_S = 0.1


@dataclass(frozen=True)
class Case:
    """A generator's run: the programs of its two hosts."""

    name: str
    target: Process
    source: Process


def cases(folder: Path, seconds: int) -> Iterator[Case]:
    """All generators; each is asked for only when the one before has ended."""
    for name, make in (
        ("probe", _probe), ("probe, figures only", _probe_figures), ("twamp", _twamp),
        ("matrix", _matrix), ("crafted rocev2", _crafted), ("replay", _replay),
        ("iperf3 tcp", _tcp), ("iperf3 udp", _udp),
    ):  # fmt: skip
        begin_ns = time.monotonic_ns() + 3 * SECOND_NS
        yield make(name, folder, begin_ns, begin_ns + seconds * SECOND_NS)


def _probe(name: str, folder: Path, begin_ns: int, end_ns: int, *, rows: bool = True) -> Case:
    return Case(
        name,
        ProbeReceiver(
            out=str(folder / "rows"), port=9000, no_rows=not rows, stop_at_ns=end_ns + SECOND_NS
        ),
        ProbeSender(
            out=str(folder / "sent"), to=f"{TO}:9000", rate_pps=20_000,
            start_at_ns=begin_ns, stop_at_ns=end_ns,
        ),
    )  # fmt: skip


def _probe_figures(name: str, folder: Path, begin_ns: int, end_ns: int) -> Case:
    return _probe(name, folder, begin_ns, end_ns, rows=False)


def _twamp(name: str, folder: Path, begin_ns: int, end_ns: int) -> Case:
    return Case(
        name,
        TwampReflector(out=str(folder / "reflected"), port=862, stop_at_ns=end_ns + SECOND_NS),
        TwampSender(
            out=str(folder / "rtt"), to=f"{TO}:862", rate_pps=10_000,
            start_at_ns=begin_ns, stop_at_ns=end_ns,
        ),
    )  # fmt: skip


def _matrix(name: str, folder: Path, begin_ns: int, end_ns: int) -> Case:
    flows = tuple(f"{number}@{TO}:9000=4.5" for number in range(50))
    return Case(
        name,
        MatrixReceiver(out=str(folder / "got"), port=9000, stop_at_ns=end_ns + SECOND_NS),
        MatrixSender(
            out=str(folder / "sent"), flows=flows, start_at_ns=begin_ns, stop_at_ns=end_ns
        ),
    )


def _crafted(name: str, folder: Path, begin_ns: int, end_ns: int) -> Case:
    return Case(
        name,
        PacketCapture(
            out=str(folder / "crafted.pcap"), interface="eth", port=4791, occupy=True,
            stop_at_ns=end_ns + SECOND_NS,
        ),
        CraftedPackets(
            out=str(folder / "sent"), to=f"{TO}:4791", kind="rocev2", flows=8, rate_pps=2000,
            payload_bytes=1024, start_at_ns=begin_ns, stop_at_ns=end_ns,
        ),
    )  # fmt: skip


def _replay(name: str, folder: Path, begin_ns: int, end_ns: int) -> Case:
    return Case(
        name,
        PacketCapture(
            out=str(folder / "replayed.pcap"), interface="eth", port=4791, occupy=True,
            stop_at_ns=end_ns + SECOND_NS,
        ),
        PcapReplay(
            out=str(folder / "sent"), pcap=str(folder / "crafted.pcap"), to=TO,
            start_at_ns=begin_ns, stop_at_ns=end_ns + SECOND_NS,
        ),
    )  # fmt: skip


def _tcp(name: str, folder: Path, begin_ns: int, end_ns: int) -> Case:
    return Case(
        name,
        BulkServer(out=str(folder / "served"), port=5201),
        BulkClient(
            out=str(folder / "sent"), to=f"{TO}:5201", start_at_ns=begin_ns, stop_at_ns=end_ns
        ),
    )


def _udp(name: str, folder: Path, begin_ns: int, end_ns: int) -> Case:
    return Case(
        name,
        BulkServer(out=str(folder / "served"), port=5201),
        BulkClient(
            out=str(folder / "sent"), to=f"{TO}:5201", protocol="udp", rate_mbps=400.0,
            start_at_ns=begin_ns, stop_at_ns=end_ns,
        ),
    )  # fmt: skip


def peaks_mb(programs: Sequence[subprocess.Popen[bytes]]) -> list[float]:
    """Wait for programs; the largest resident set of each in MB.

    Read while they run: what the kernel tells at the end holds the starting program's too.
    """
    peaks = [0.0] * len(programs)
    while any(program.poll() is None for program in programs):
        for index, program in enumerate(programs):
            status = Path(f"/proc/{program.pid}/status")
            with suppress(OSError):
                found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="ascii"))
                peaks[index] = max(peaks[index], int(found.group(1)) / 1024 if found else 0.0)
        time.sleep(_LOOK_EVERY_S)
    assert not any(program.returncode for program in programs)
    return peaks


def received(space: str) -> dict[str, int]:
    """Packets and bytes that a host's device has taken, Ethernet headers included."""
    told = subprocess.run(
        ["ip", "-n", space, "-s", "-j", "link", "show", "eth"], check=True, capture_output=True
    )
    counts: dict[str, int] = json.loads(told.stdout)[0]["stats64"]["rx"]
    return counts


def measure(case: Case, clock: WallClock, source: str, target: str) -> dict[str, Any]:
    """Run a case.."""
    before, began_s = received(target), clock.now_s()
    programs = [start(target, case.target), start(source, case.source)]
    target_mb, source_mb = peaks_mb(programs)
    wall_s, after = clock.now_s() - began_s, received(target)
    return {
        "name": case.name,
        "packets": after["packets"] - before["packets"],
        "bytes": after["bytes"] - before["bytes"],
        "wall_s": wall_s,
        "source_mb": source_mb,
        "target_mb": target_mb,
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=5, help="of each run, virtual (5)")
    args = parser.parse_args()
    clock = WallClock(Path(GUEST_OUT))
    head = ("generator", "packets", "MB", "wall s", "s/10^6", "s/GB", "source MB", "target MB", "×")
    print("{:<20} {:>9} {:>8} {:>7} {:>8} {:>8} {:>9} {:>9} {:>6}".format(*head))
    first = None
    with tempfile.TemporaryDirectory() as name, star(2, RATE_MBPS, DELAY_MS) as (source, target):
        for host in (source, target):
            in_host(host, "ethtool", "-K", "eth", "tso", "off", "gso", "off", "gro", "off")
        for case in cases(Path(name), args.seconds):
            found = measure(case, clock, source, target)
            wall_s, packets, moved_bytes = (found[key] for key in ("wall_s", "packets", "bytes"))
            each_s = wall_s / packets * 1e6
            first = first or each_s
            print(
                f"{found['name']:<20} {packets:>9,} {moved_bytes / 1e6:>8,.1f} {wall_s:>7.1f} "
                f"{each_s:>8.1f} {wall_s / moved_bytes * 1e9:>8.1f} "
                f"{found['source_mb']:>9.1f} {found['target_mb']:>9.1f} {each_s / first:>6.2f}",
                flush=True,
            )
    clock.close()


if __name__ == "__main__":
    main()
