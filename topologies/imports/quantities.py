"""Lengths, delays and rates from what people write: numbers, and texts with units."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

_NUMBER = r"(\d+(?:[.,]\d+)?)"
_QUANTITY = re.compile(rf"\s*{_NUMBER}\s*([a-zµ]+)\.?\s*", re.IGNORECASE)
_BITS = r"\s*([kmgt])(?:i?b(?:it)?s?(?:\s*/\s*s(?:ec)?|ps)?|bps)"
_RATE = re.compile(rf"(?:(\d+)\s*[x×*]\s*)?{_NUMBER}{_BITS}", re.IGNORECASE)
_CARRIER = re.compile(r"(?:(\d+)\s*[x×*]\s*|\b)(oc|stm)[ -]?(\d+)", re.IGNORECASE)
# ITU-T G.707 (STM-1) and Telcordia GR-253 (OC-1), Mbit/s.
_CARRIER_MBPS = {"stm": 155.52, "oc": 51.84}
_GBPS = {"k": 1e-6, "m": 1e-3, "g": 1.0, "t": 1e3}
KM: Mapping[str, float] = {
    "km": 1.0, "m": 1e-3, "mi": 1.609344, "mile": 1.609344, "miles": 1.609344,
}  # fmt: skip
US: Mapping[str, float] = {"us": 1.0, "µs": 1.0, "ms": 1e3, "s": 1e6}


class NotANumberError(ValueError):
    """A value that should be a number, finite and not negative, is not; the text says so."""


def number(value: Any) -> float | None:
    """A finite number from a number or a text; None where a text is empty.

    Raises NotANumberError for anything else.
    """
    if isinstance(value, str):
        if not value.strip():
            return None
        value = _from_text(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NotANumberError("must be a number")
    try:
        found = float(value)
    except OverflowError:
        raise NotANumberError("must be a number of reasonable size") from None
    if not math.isfinite(found):
        raise NotANumberError("must be a finite number")
    return found


def _from_text(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise NotANumberError("must be a number") from None


def amount(value: Any, unit: float, units: Mapping[str, float]) -> float | None:
    """A quantity of at least 0 in the base of `units`: a number × unit, or a text such as `12 km`.

    Raises NotANumberError when it is neither.
    """
    if isinstance(value, str) and (match := _QUANTITY.fullmatch(value)):
        factor = units.get(match[2].lower())
        if factor is None:
            raise NotANumberError(f"has the unit {match[2]!r}; use {', '.join(units)}")
        return float(match[1].replace(",", ".")) * factor
    found = number(value)
    if found is not None and found < 0:
        raise NotANumberError("must not be negative")
    return None if found is None else found * unit


def rate_in_text(text: str) -> float | None:
    """The one rate that a label names, in Gbit/s (`10 Gbit/s`, `2 x 155 Mbps`, `OC-48`).

    None where it names none, or several.
    """
    rates = [_rate(match) for match in _RATE.finditer(text)]
    rates += [_carrier(match) for match in _CARRIER.finditer(text)]
    is_range = re.search(r"\d\s*[-–]\s*\d+(?:[.,]\d+)?\s*[kmgt]", text, re.IGNORECASE)
    return rates[0] if len(rates) == 1 and rates[0] > 0 and not is_range else None


def _rate(match: re.Match[str]) -> float:
    times, size, prefix = match.groups()
    return int(times or 1) * float(size.replace(",", ".")) * _GBPS[prefix.lower()]


def _carrier(match: re.Match[str]) -> float:
    times, system, level = match.groups()
    return int(times or 1) * int(level) * _CARRIER_MBPS[system.lower()] / 1000
