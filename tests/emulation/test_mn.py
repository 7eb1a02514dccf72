"""`mn --custom topologies/mn.py`: our topologies the way Mininet builds them."""

from __future__ import annotations

import subprocess
from pathlib import Path

CUSTOM = Path(__file__).resolve().parents[2] / "topologies" / "mn.py"


def mn(topo: str) -> str:
    command = ["mn", "--custom", str(CUSTOM), "--topo", topo, "--link", "tc"]
    command += ["--switch", "ovsbr,stp=1", "--controller", "none", "--test", "pingall"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    return done.stdout + done.stderr


def test_pings_cross_a_ring() -> None:
    assert "0% dropped (12/12 received)" in mn("ring,4")


def test_a_wrong_name_is_told() -> None:
    assert "unknown topology 'topohub-none'" in mn("fibercut,topohub-none")
