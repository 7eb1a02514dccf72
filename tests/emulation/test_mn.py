"""`mn --custom topologies/mn.py`: our topologies the way Mininet builds them."""

from __future__ import annotations

import subprocess
from functools import partial
from pathlib import Path

import pytest
from mininet.link import TCLink
from mininet.net import Mininet
from mininet.node import OVSBridge

from topologies.mn import BackboneTopo

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


@pytest.mark.slow
def test_a_topology_of_the_catalogue_pings() -> None:
    """From the first host to one of every fifth: the tree reaches all parts."""
    net = Mininet(
        topo=BackboneTopo("hybrid"),
        switch=partial(OVSBridge, stp=True),
        link=TCLink,
        controller=None,
        waitConnected=True,
    )
    net.start()
    try:
        first, *others = net.hosts
        lost_percent = [net.ping([first, other], timeout="2") for other in others[::5]]
    finally:
        net.stop()
    assert lost_percent == [0.0] * 5
