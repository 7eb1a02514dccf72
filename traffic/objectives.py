"""What users expect of an answer: limits of the time to the first token and of each further one."""

from __future__ import annotations

import math
from argparse import ArgumentTypeError
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Objective:
    """Limits in ms.

    A request meets them if its answer came whole, its first token within ttft_ms and the others
    within tpot_ms each, on average.
    """

    ttft_ms: float
    tpot_ms: float


# Server scenario of MLPerf Inference: the limits of ttft_latency and tpot_latency in mlperf.conf,
# as LoadGen 6.0.17 (mlcommons/inference, loadgen/mlperf.conf) has them.
MLPERF: Mapping[str, Objective] = {
    "llama2-70b": Objective(2000, 200),
    "llama2-70b-interactive": Objective(450, 40),
    "mixtral-8x7b": Objective(2000, 200),
    "llama3.1-405b": Objective(6000, 175),
    "llama3.1-405b-interactive": Objective(4500, 80),
    "llama3.1-8b": Objective(2000, 100),
    "llama3.1-8b-interactive": Objective(500, 30),
    "deepseek-r1": Objective(2000, 80),
    "deepseek-r1-interactive": Objective(1500, 15),
    "gpt-oss-120b": Objective(3000, 80),
    "gpt-oss-120b-interactive": Objective(2000, 15),
}
"""MLPerf asks that 99 of 100 requests meet the limits."""


def objective(text: str) -> Objective:
    """An argument type: a name of MLPERF, or TTFT:TPOT in ms."""
    if text in MLPERF:
        return MLPERF[text]
    try:
        ttft_ms, tpot_ms = map(float, text.split(":"))
    except ValueError:
        ttft_ms = tpot_ms = math.nan
    if not (0 < ttft_ms < math.inf and 0 < tpot_ms < math.inf):
        names = ", ".join(MLPERF)
        raise ArgumentTypeError(f"{text!r} is no objective; give TTFT:TPOT in ms, or {names}")
    return Objective(ttft_ms, tpot_ms)
