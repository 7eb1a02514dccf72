"""Does the probe's receiver stay small however long it runs?

    python -m tests.benchmarks.probe_memory --packets 10000000

Feeds what `traffic.probe receive --no-rows` keeps of a flow with packets of which some are lost,
late or doubled, and prints the process's resident set on the way. No network and no root needed.
"""

from __future__ import annotations

import argparse
import random
import re
from pathlib import Path

from traffic.probe_flow import FlowAccount

_STEPS = 10
_PER_10_000 = {"lost": 100, "late": 50, "doubled": 10}


def resident_mb() -> float:
    """This process's resident set."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    assert found is not None
    return int(found.group(1)) / 1024


def main() -> None:
    """Print a line for each tenth of the packets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packets", type=int, default=10_000_000)
    packets = parser.parse_args().packets
    gaps = 0

    def count(*_gap: object) -> None:
        nonlocal gaps
        gaps += 1

    account, source = FlowAccount(count), random.Random(1)
    print(f"{'packets':>12} {'resident, MB':>13} {'gaps':>9}")
    for sequence in range(packets):
        feed(account, sequence, source.randrange(10_000), source.randrange(10_000_000))
        if (sequence + 1) % (packets // _STEPS) == 0:
            print(f"{sequence + 1:>12,} {resident_mb():>13.1f} {gaps:>9,}", flush=True)
    account.finish()
    print({key: value for key, value in account.figures().items() if not key.endswith("_ns")})


def feed(account: FlowAccount, sequence: int, fate: int, delay_ns: int) -> None:
    """One packet by its fate: lost, late, doubled or in its place."""
    lost = _PER_10_000["lost"]
    late = lost + _PER_10_000["late"]
    if fate < lost:
        return
    account.add(sequence, 0, delay_ns)
    if fate < late and sequence >= 1000:
        account.add(sequence - 1000, 0, delay_ns)
    elif fate < late + _PER_10_000["doubled"]:
        account.add(sequence, 0, delay_ns)


if __name__ == "__main__":
    main()
