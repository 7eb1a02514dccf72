"""A sample of the N-1 study; `python -m tests.benchmarks.n_minus_1` does it all."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.n_minus_1.failures import failures
from tests.benchmarks.n_minus_1.study import running_study


def test_a_span_a_conduit_and_a_node_fail_and_every_promise_is_kept(tmp_path: Path) -> None:
    with running_study(tmp_path) as study:
        for part, name, silent, bfd_ms in (
            ("spans", "oslo-lulea", True, 10),
            ("conduits", "northern-rail", True, 1),
            ("nodes", "oslo", False, 10),
        ):
            [failure] = [f for f in failures(study.plan, part) if f.name == name]
            result = study.trial(part, failure, silent, bfd_ms)
            assert result.pairs > 0
            assert result.good, result
