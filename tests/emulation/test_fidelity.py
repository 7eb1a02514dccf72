"""Stock Mininet in virtual time is as exact as its configuration."""

from __future__ import annotations

import pytest

from tests.benchmarks import fidelity


def test_delay_tcp_and_udp_are_exact() -> None:
    found = fidelity.measure()
    assert found["ping_ms"] == pytest.approx(20, abs=0.1)
    assert 94 <= found["tcp_mbps"] <= 96
    assert found["udp_lost"] == 0
    assert found["udp_sent"] > 30_000
