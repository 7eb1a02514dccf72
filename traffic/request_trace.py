"""Traces of language-model services: when requests came and how long they were.

Two published forms, told apart by their header:

- Azure 2023 and 2024 (Azure/AzurePublicDataset): TIMESTAMP, ContextTokens, GeneratedTokens;
  the time is a date, such as 2023-11-16 18:15:46.6805900.
- BurstGPT (HPMLL/BurstGPT): Timestamp, Request tokens, Response tokens and others; the time is
  in seconds. A response of 0 tokens is a request that failed in the traced service: it is
  left out and counted.
"""

from __future__ import annotations

import csv
import math
from array import array
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timezone

from traffic.clock import NS_PER_S
from traffic.file_problems import BadFile, Problems
from traffic.inference_wire import MAX_TOKENS

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017  datetime.UTC is newer
_FRACTION_DIGITS = 9
# A trace in seconds from its own beginning; a larger number is a date, or in other units.
_LONGEST_TRACE_S = 1e9


class RequestTrace:
    """Requests in the order of their times.

    at_ns: ns after the first request. skipped: rows left out because the service had failed.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.at_ns = array("q")
        self.prompt_tokens = array("l")
        self.answer_tokens = array("l")
        self.skipped = 0

    def __len__(self) -> int:
        return len(self.at_ns)


class _Form:
    def __init__(
        self,
        name: str,
        columns: tuple[str, str, str],
        time_ns: Callable[[str], int],
        failures: bool,
    ) -> None:
        self.name, self.columns = name, columns
        self.time_ns = time_ns
        self.failures = failures


def _date_ns(text: str) -> int:
    """A date and time with any number of decimals, in ns since 1970 (UTC unless it says)."""
    whole, point, rest = text.strip().partition(".")
    digits = len(rest) - len(rest.lstrip("0123456789"))
    fraction, zone = rest[:digits], rest[digits:]
    if (point and not fraction) or len(whole) < len("2023-11-16 18:15:46"):
        raise ValueError
    moment = datetime.fromisoformat(whole + zone)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=_EPOCH.tzinfo)
    since = moment - _EPOCH
    seconds = since.days * 86_400 + since.seconds
    return seconds * NS_PER_S + int(fraction[:_FRACTION_DIGITS].ljust(_FRACTION_DIGITS, "0") or 0)


def _seconds_ns(text: str) -> int:
    seconds = float(text)
    if not 0 <= seconds <= _LONGEST_TRACE_S:  # also refuses NaN
        raise ValueError
    return round(seconds * NS_PER_S)


_AZURE = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
_BURSTGPT = ("Timestamp", "Request tokens", "Response tokens")
_FORMS = (
    _Form("Azure", _AZURE, _date_ns, failures=False),
    _Form("BurstGPT", _BURSTGPT, _seconds_ns, failures=True),
)
_TIME_HINTS = {
    "Azure": "no date and time such as 2023-11-16 18:15:46.6805900",
    "BurstGPT": f"no time in seconds since the trace's beginning, from 0 to {_LONGEST_TRACE_S:.0f}",
}


def read_trace(path: str) -> RequestTrace:
    """Read a trace file. Raises OSError, and BadFile with every problem and its line."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            return parse_trace(path, file)
    except UnicodeDecodeError:
        raise BadFile(path, [(1, "not a text file (UTF-8); a trace is a CSV file")]) from None


def parse_trace(path: str, lines: Iterable[str]) -> RequestTrace:
    """As read_trace, from the file's lines. `path` is for the messages."""
    reader = csv.reader(lines)
    trace, problems = RequestTrace(path), Problems(path)
    try:
        header = [name.strip() for name in next(reader, [])]
        form, places = _form(path, header)
        for row in reader:
            if row:
                _take(trace, form, [*_cells(row, places, len(header))], reader.line_num, problems)
    except csv.Error as error:
        problems.add(max(1, reader.line_num), f"not a CSV file: {error}")
    if not trace.at_ns and not problems:
        problems.add(max(1, reader.line_num), "there is no request in this file")
    problems.raise_if_any()
    first_ns = trace.at_ns[0]
    trace.at_ns = array("q", (at_ns - first_ns for at_ns in trace.at_ns))
    return trace


def _form(path: str, header: list[str]) -> tuple[_Form, list[int]]:
    if not header:
        raise BadFile(path, [(1, f"the file is empty; {_allowed()}")])
    form = max(_FORMS, key=lambda form: sum(name in header for name in form.columns))
    missing = [name for name in form.columns if name not in header]
    if missing:
        found = ", ".join(header[:8])[:100]
        message = f"no column {' and no column '.join(missing)} (found: {found}); {_allowed()}"
        raise BadFile(path, [(1, message)])
    return form, [header.index(name) for name in form.columns]


def _allowed() -> str:
    forms = "; or ".join(f"{form.name}: {', '.join(form.columns)}" for form in _FORMS)
    return f"the first line names the columns ({forms})"


def _cells(row: list[str], places: list[int], width: int) -> Iterator[str]:
    if len(row) == width:
        yield from (row[place] for place in places)


def _take(
    trace: RequestTrace, form: _Form, cells: list[str], line: int, problems: Problems
) -> None:
    if not cells:
        problems.add(line, "has not as many columns as the header")
        return
    at_ns = _time(trace, form, cells[0], line, problems)
    counts = []
    for name, text, low in zip(
        form.columns[1:], cells[1:], (1, 0 if form.failures else 1), strict=True
    ):
        count = _count(text, low)
        if count is None:
            message = f"{name} {text!r} is no whole number from {low} to {MAX_TOKENS}"
            problems.add(line, message)
        else:
            counts.append(count)
    if at_ns is None or len(counts) < len(cells) - 1:
        return
    if counts[1] == 0:
        trace.skipped += 1
        return
    trace.at_ns.append(at_ns)
    trace.prompt_tokens.append(counts[0])
    trace.answer_tokens.append(counts[1])


def _time(trace: RequestTrace, form: _Form, text: str, line: int, problems: Problems) -> int | None:
    name = form.columns[0]
    try:
        at_ns = form.time_ns(text)
    except (ValueError, OverflowError):
        problems.add(line, f"{name} {text!r} is {_TIME_HINTS[form.name]}")
        return None
    if trace.at_ns and at_ns < trace.at_ns[-1]:
        message = f"{name} {text!r} is earlier than the one before it; sort the file by {name}"
        problems.add(line, message)
        return None
    return at_ns


def _count(text: str, low: int) -> int | None:
    try:
        value = float(text)
    except ValueError:
        return None
    if not math.isfinite(value) or value != int(value) or not low <= value <= MAX_TOKENS:
        return None
    return int(value)
