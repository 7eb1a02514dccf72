"""From a sampler's rows to the table and the figures of spans."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from experiments.phases import Phase
from experiments.spans.figures import span_figures
from experiments.spans.lines import ROWS
from experiments.spans.table import convert_spans
from tests.unit.topology_samples import checked, triangle
from topologies.builder.span_lines import span_lines
from topologies.plan import NetworkPlan, make_plan

START_NS = 7_000_000_000
EVERY_NS = 100_000_000


@pytest.fixture
def plan() -> NetworkPlan:
    return make_plan(checked(triangle()), 1000.0)


def write(folder: Path, plan: NetworkPlan, shares: list[float]) -> None:
    """Samples of lines that are so full; the first line alone carries, and drops 3 a sample."""
    rate = next(span_lines(plan)).rate_bytes_s
    count = len(list(span_lines(plan)))
    sent = np.cumsum([0.0, *shares]) * rate / 10
    rows = [
        (line, START_NS + n * EVERY_NS, 0 if line else sent[n], n, 100 * n, 0 if line else 3 * n)
        for n in range(len(sent))
        for line in range(count)
    ]
    (folder / ROWS).write_bytes(np.array(rows, dtype="<i8").tobytes() + b"cut short")


def test_rows_tell_of_the_time_since_the_last_sample_however_they_are_read(
    tmp_path: Path, plan: NetworkPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = [0.5, 1.0, 0.25, 0.0]
    for rows_at_once in (1 << 18, 4):
        monkeypatch.setattr("experiments.spans.table.ROWS_AT_ONCE", rows_at_once)
        write(tmp_path, plan, shares)
        convert_spans(tmp_path, plan, START_NS)
        rows = parquet.read_table(tmp_path / "spans.parquet").to_pylist()
        first = next(span_lines(plan))
        mine = [
            row for row in rows
            if (row["span"], row["from_site"]) == (first.span, first.from_switch)
        ]  # fmt: skip
        assert [row["t_ms"] for row in mine] == [100, 200, 300, 400]
        assert [row["utilisation"] for row in mine] == pytest.approx(shares, abs=1e-4)
        assert [row["dropped_packets"] for row in mine] == [3] * 4
        assert [row["queue_packets"] for row in mine] == [1, 2, 3, 4]
        assert len(rows) == 4 * len(list(span_lines(plan)))
        assert [row["t_ms"] for row in rows] == sorted(row["t_ms"] for row in rows)
        assert not (tmp_path / ROWS).exists()


def test_a_phase_has_the_samples_that_lie_wholly_in_it(tmp_path: Path, plan: NetworkPlan) -> None:
    write(tmp_path, plan, [0.5, 1.0, 0.25, 0.0])
    convert_spans(tmp_path, plan, START_NS)
    phases = (
        Phase("before", 0, 150_000_000),
        Phase("during", 150_000_000, 400_000_000),
        Phase("after", 400_000_000, 450_000_000),
    )
    found = span_figures(tmp_path, phases)
    first = next(span_lines(plan))
    assert found["before"]["utilisation_max"] == pytest.approx(0.5, abs=1e-4)
    during = found["during"]
    assert (during["utilisation_max_span"], during["utilisation_max_towards"]) == (
        first.span, first.to_switch
    )  # fmt: skip
    assert during["utilisation_max"] == pytest.approx(0.25, abs=1e-4)
    assert (during["queue_packets_max"], during["dropped_packets"]) == (4, 6)
    [direction] = [one for one in during["directions"] if one["dropped_packets"]]
    assert direction["utilisation_mean"] == pytest.approx(0.125, abs=1e-4)
    assert len(during["directions"]) == len(list(span_lines(plan)))
    assert found["after"] is None


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    (tmp_path / "spans.parquet").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(ValueError, match=r"spans\.parquet is damaged"):
        span_figures(tmp_path, (Phase("before", 0, 1),))
