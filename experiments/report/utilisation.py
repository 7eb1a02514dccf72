"""Spans' samples as frames of equal length, for the map and the heat map."""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

SPANS_FILE = "spans.parquet"
MOST_FRAMES = 600
# Frames are fewer where spans are many: values of one trial, both directions counted.
_MOST_VALUES = 1_500_000
FULL = 250
"""A byte's value for a utilisation of 1."""
_UNKNOWN = 255
_COLUMNS = ("t_ms", "span", "from_site", "utilisation")
Direction = tuple[str, str]
"""A span, and the site that sends."""


@dataclass
class Frames:
    """Samples summed up by frame. step_s: the length of one, from second 0 on."""

    step_s: float
    count: int
    _sums: dict[Direction, NDArray[np.float64]] = field(default_factory=dict)
    _samples: dict[Direction, NDArray[np.int64]] = field(default_factory=dict)

    def add(self, found: pa.RecordBatch) -> None:
        """Add samples; one tells of the time that ends with it."""
        at = np.ceil(np.asarray(found["t_ms"], dtype=float) / 1000 / self.step_s - 1e-6)
        frame = at.astype(np.int64) - 1
        table = pa.table(
            {
                "span": found["span"],
                "site": found["from_site"],
                "frame": frame,
                "value": found["utilisation"],
            }
        ).filter(pa.array((frame >= 0) & (frame < self.count)))
        keys = ["span", "site", "frame"]
        sums = table.group_by(keys).aggregate([("value", "sum"), ("value", "count")])
        for row in sums.to_pylist():
            key = (str(row["span"]), str(row["site"]))
            self._sums.setdefault(key, np.zeros(self.count))[row["frame"]] += row["value_sum"] or 0
            samples = self._samples.setdefault(key, np.zeros(self.count, np.int64))
            samples[row["frame"]] += row["value_count"]

    def means(self) -> dict[Direction, NDArray[np.float64]]:
        """The mean of each frame; not a number where there is no sample."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return {key: total / self._samples[key] for key, total in self._sums.items()}


def read_frames(
    samples: Path, duration_s: float, directions: int, most: int = MOST_FRAMES
) -> Frames | None:
    """The spans' samples of a trial, read a piece at a time; None where there are none.

    directions: of all spans. Raises OSError or ValueError.
    """
    path = samples / SPANS_FILE
    if not path.exists():
        return None
    try:
        file = pq.ParquetFile(path)
        frames: Frames | None = None
        for batch in file.iter_batches(columns=list(_COLUMNS)):
            if frames is None:
                frames = _frames(batch, duration_s, min(most, max(1, _MOST_VALUES // directions)))
            frames.add(batch)
    except (pa.ArrowException, KeyError) as error:
        raise ValueError(f"{path.name}: {error}") from error
    return frames


def _frames(first: pa.RecordBatch, duration_s: float, most: int) -> Frames:
    times_ms = np.unique(np.asarray(first["t_ms"], dtype=float))
    interval_s = float(np.median(np.diff(times_ms))) / 1000 if times_ms.size > 1 else duration_s
    count = int(min(most, max(1, round(duration_s / interval_s))))
    return Frames(duration_s / count, count)


def as_bytes(frames: Frames) -> dict[str, Any]:
    """Frames for a script: of each direction a base64 text with a byte for each frame.

    250 is a utilisation of 1, the highest that is told; 255 is unknown.
    """
    by_span: dict[str, dict[str, str]] = defaultdict(dict)
    for (span, site), values in frames.means().items():
        levels = np.where(np.isnan(values), _UNKNOWN, np.clip(np.round(values * FULL), 0, FULL))
        by_span[span][site] = base64.b64encode(levels.astype(np.uint8).tobytes()).decode("ascii")
    return {"stepS": frames.step_s, "frames": frames.count, "spans": by_span}


def busiest(means: Mapping[Direction, NDArray[np.float64]], most: int) -> list[Direction]:
    """The directions with the highest utilisation at any time, the busiest first."""
    peaks = {key: float(np.nanmax(values, initial=0.0)) for key, values in means.items()}
    return sorted(peaks, key=lambda key: (-peaks[key], key))[:most]
