"""The figures of logs, for a person who tried the programs by hand."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from traffic.command import Failure
from traffic.inference_figures import ServiceFigures, service_figures
from traffic.logs import Request, read_requests
from traffic.objectives import Objective


def summarise(args: Namespace) -> int:
    """Print the figures of all logs together. Raises Failure."""
    objective: Objective = args.objective
    requests = [request for log in args.logs for request in _read(Path(log))]
    if not requests:
        raise Failure("there is no request in these logs")
    first_ns = min(request.due_ns for request in requests)
    span_ns = max(max(request.due_ns for request in requests) - first_ns, 1)
    found = service_figures(requests, objective, span_ns)
    limits = f"{objective.ttft_ms:g} ms + {objective.tpot_ms:g} ms per token"
    rows = {
        "requests": f"{found.sent} = {found.answered} answered + {found.failed} failed"
        f" + {found.unfinished} unfinished",
        "first token": _told(found, "ttft"),
        "each further token": _told(found, "tpot"),
        "end to end": _told(found, "end_to_end"),
        f"within {limits}": f"{found.met_share or 0:.2%}, goodput {found.goodput_rps:.2f}/s",
        "tokens": f"{found.tokens_per_s:.1f}/s",
        "bytes": f"{found.sent_bytes} sent, {found.received_bytes} received",
        "answered by another server": str(found.failed_over),
    }
    rows |= {f"answered by {server}": str(n) for server, n in found.answered_by.items()}
    rows |= {f"not answered: {reason}": str(n) for reason, n in found.reasons.items()}
    width = max(map(len, rows))
    print("\n".join(f"{label:<{width}}  {value}" for label, value in rows.items()))
    return 0


def _told(found: ServiceFigures, name: str) -> str:
    times_ms = (getattr(found, f"{name}_p{percent}_ms") for percent in (50, 90, 99))
    # A request without an answer is infinitely late.
    none = "never" if found.sent else "–"
    shown = (none if ms is None else f"{ms:.3f}" for ms in times_ms)
    return " / ".join(shown) + " ms (p50 / p90 / p99)"


def _read(path: Path) -> list[Request]:
    try:
        return read_requests(path)
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Failure(f"{path} is no text file; give logs that `load` wrote") from None
    except ValueError as error:
        raise Failure(str(error)) from None
