"""A span that carries all it can, and more, never looks like a cut one."""

from __future__ import annotations

import pytest

from tests.benchmarks.bfd_under_load import measure
from topologies.build import BfdTimers


@pytest.mark.parametrize("classes", [False, True])
def test_overload_is_no_failure(classes: bool) -> None:
    found = measure(1.2, 10, BfdTimers(10, 3), classes=classes)
    assert found.dropped > 100
    assert found.flaps == 0


def test_high_load_is_no_failure_and_loses_nothing() -> None:
    found = measure(0.95, 10, BfdTimers(10, 3))
    assert found.load == pytest.approx(0.95, abs=0.01)
    assert found.dropped == 0
    assert found.flaps == 0
