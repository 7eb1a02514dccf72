"""The few statistics that the tables need."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def percentile(values: npt.NDArray[Any], percent: float) -> float | None:
    """The percentile (linear interpolation), or None of nothing."""
    return float(np.percentile(values, percent)) if values.size else None
