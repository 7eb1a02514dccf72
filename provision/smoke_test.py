"""Whether this machine carries a network on its own kernel: a cut is felt and heals, nothing stays.

Run as root by provision/machine.sh. Checks what happened, not how fast: figures of time mean
little on a machine that may be emulated itself. Exit status: 0 if every check passed, else 1.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve().parent
_SCENARIO = _HERE / "smoke.yaml"
_FIBERCUT = (sys.executable, "-m", "experiments.cli")
_LIMIT_S = 1800
_LEAST_GOODPUT_MBPS = 0.1


def main() -> int:
    """Run the scenario, check its summary, and what it leaves behind."""
    folder = Path(tempfile.mkdtemp(prefix="fibercut-smoke-"))
    print(f"fibercut: smoke test: {_SCENARIO.name} on this machine's own kernel", flush=True)
    failures = []
    for text, passed in _checks(folder):
        print(f"  {'ok    ' if passed else 'FAILED'}  {text}", flush=True)
        failures += [] if passed else [text]
    if failures:
        print(f"fibercut: the smoke test failed; its results are in {folder}", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    print("fibercut: the smoke test passed: this machine can run the clock real")
    return 0


def _checks(folder: Path) -> Iterator[tuple[str, bool]]:
    """What was looked at, and whether it was as it should be."""
    done = _fibercut("run", str(_SCENARIO), "--clock", "real", "--json", "--out", str(folder))
    summary = _read(done.stdout)
    yield f"the run ended with 0 (it ended with {done.returncode})", done.returncode == 0
    if summary is None:
        print(done.stderr, file=sys.stderr)
        return
    for policy, figures in summary["policies"].items():
        yield from _policy_checks(policy, figures, summary["resolved_scenario"])
    left = _fibercut("clean", "--dry-run")
    yield (
        f"clean finds: {left.stdout.strip() or left.stderr.strip()}",
        (left.returncode == 0 and left.stdout.strip() == "nothing is left behind"),
    )


def _policy_checks(
    policy: str, figures: dict[str, Any], scenario: dict[str, Any]
) -> Iterator[tuple[str, bool]]:
    yield (
        f"{policy}: {figures['status']} {figures['reason'] or ''}".rstrip(),
        (figures["status"] == "ok"),
    )
    if figures["status"] != "ok":
        return
    (cut,) = scenario["faults"]
    until_repair_ms = (cut["repair_at_s"] - cut["at_s"]) * 1000
    failover = figures["probes"]["across"]["failover"]
    yield f"{policy}: the cut cost {failover['lost']} packets", failover["lost"] > 0
    healed = failover["recovered"] and failover["tbm_ms"] < until_repair_ms
    gap_ms = failover["tbm_ms"]
    yield f"{policy}: no packet for {gap_ms} ms of the cut's {until_repair_ms:g} ms", healed
    beside = figures["probes"]["beside"]["total"]
    yield (
        f"{policy}: beside the cut, {beside['received']} of {beside['sent']} packets arrived",
        beside["received"] > beside["sent"] / 2,
    )
    goodput_mbps = figures["bulk"]["bulk"]["goodput_mbps"]
    yield f"{policy}: TCP moved {goodput_mbps:.2f} Mbit/s", goodput_mbps > _LEAST_GOODPUT_MBPS


def _fibercut(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*_FIBERCUT, *arguments],
        cwd=_HERE.parent,
        # Root's bytecode would be in the way of the folder's owner.
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=_LIMIT_S,
        check=False,
    )


def _read(text: str) -> dict[str, Any] | None:
    try:
        read: dict[str, Any] = json.loads(text)
    except ValueError:
        return None
    return read


if __name__ == "__main__":
    sys.exit(main())
