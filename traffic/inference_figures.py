"""What the users of an inference service got: percentiles, the share within limits, goodput."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from traffic.clock import NS_PER_MS, NS_PER_S
from traffic.logs import Request
from traffic.objectives import Objective


@dataclass(frozen=True, slots=True)
class ServiceFigures:
    """Of the requests due in some span of time.

    Percentiles are over all requests (nearest rank): one without an answer is infinitely late,
    and a percentile that falls on one is None. So are those of no request.
    sent = answered + failed + unfinished. met: requests within the objective; met_share: of all
    that were sent; goodput_rps: met per second. bytes: of requests and answers. reasons: of
    failed and unfinished requests. answered_by: requests by the server that answered them.
    failed_over: answered by another server than the first one asked.
    """

    sent: int
    answered: int
    failed: int
    unfinished: int
    ttft_p50_ms: float | None
    ttft_p90_ms: float | None
    ttft_p99_ms: float | None
    tpot_p50_ms: float | None
    tpot_p90_ms: float | None
    tpot_p99_ms: float | None
    end_to_end_p50_ms: float | None
    end_to_end_p90_ms: float | None
    end_to_end_p99_ms: float | None
    met: int
    met_share: float | None
    goodput_rps: float
    tokens_per_s: float
    sent_bytes: int
    received_bytes: int
    failed_over: int
    reasons: dict[str, int]
    answered_by: dict[str, int]


def meets(request: Request, objective: Objective) -> bool:
    """Whether a request's user got what was promised."""
    if request.status != "ok" or request.ttft_ns is None:
        return False
    in_time = request.ttft_ns <= objective.ttft_ms * NS_PER_MS
    return in_time and (request.tpot_ns or 0) <= objective.tpot_ms * NS_PER_MS


def service_figures(
    requests: Sequence[Request], objective: Objective, span_ns: int
) -> ServiceFigures:
    """The figures of requests that were due within span_ns."""
    answered = [request for request in requests if request.status == "ok"]
    lost = len(requests) - len(answered)
    met = sum(meets(request, objective) for request in answered)
    # An answer of one token has no time per token: it neither helps nor hurts.
    paced = [request.tpot_ns for request in answered if request.tpot_ns is not None]
    span_s = span_ns / NS_PER_S
    return ServiceFigures(
        sent=len(requests),
        answered=len(answered),
        failed=sum(request.status == "failed" for request in requests),
        unfinished=sum(request.status == "unfinished" for request in requests),
        **_percentiles("ttft", [request.ttft_ns for request in answered], lost),
        **_percentiles("tpot", paced, lost),
        **_percentiles("end_to_end", [request.end_to_end_ns for request in answered], lost),
        met=met,
        met_share=met / len(requests) if requests else None,
        goodput_rps=met / span_s if span_s > 0 else 0.0,
        tokens_per_s=sum(r.tokens for r in answered) / span_s if span_s > 0 else 0.0,
        sent_bytes=sum(request.sent_bytes for request in requests),
        received_bytes=sum(request.received_bytes for request in requests),
        failed_over=sum(bool(request.failures) for request in answered),
        reasons=dict(Counter(str(r.reason) for r in requests if r.status != "ok")),
        answered_by=dict(Counter(str(request.server) for request in answered)),
    )


def _percentiles(name: str, times_ns: Sequence[float | None], lost: int) -> dict[str, float | None]:
    known = sorted(time for time in times_ns if time is not None)
    return {f"{name}_p{p}_ms": _nearest_rank(known, lost, p) for p in (50, 90, 99)}


def _nearest_rank(known: Sequence[float], lost: int, percent: int) -> float | None:
    rank = math.ceil(percent * (len(known) + lost) / 100)
    return known[rank - 1] / NS_PER_MS if 0 < rank <= len(known) else None
