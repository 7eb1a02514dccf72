"""The files in a trial's folder through which a person reaches the trial while it runs.

All names are the same for every trial, and a trial does the same with them whether anybody
watches or not: it looks for an order, and writes a snapshot, at fixed moments of its clock. So
being watched changes nothing that is measured.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SNAPSHOT = "snapshot"
"""The newest counters of all interfaces: `t_ns`, /proc/net/dev, and a last line END."""
STEPS = "steps.jsonl"
"""What was broken, mended or refused, as it happens."""
ONLY_WHILE_IT_RUNS = (SNAPSHOT, STEPS)
"""What was done stands in the trial's events afterwards."""
ORDERS = "orders"
END = "end"


def order_file(trial: Path, number: int) -> Path:
    """Where a trial looks for its next order; numbers begin with 1."""
    return trial / ORDERS / f"{number}.json"


def give_order(trial: Path, number: int, order: dict[str, Any]) -> None:
    """Put an order where the trial finds it, whole. Raises OSError."""
    path = order_file(trial, number)
    path.parent.mkdir(exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(order), encoding="utf-8")
    partial.rename(path)
