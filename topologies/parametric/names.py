"""From a name such as `torus:4x4,span_km=50` to a topology, or to what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from topologies.parametric.families import FAMILIES, MOST_NODES, Family, Parameter
from topologies.parametric.layout import Layout
from topologies.problems import InputError, Problem, shown, suggestion, unknown
from topologies.spec import Topology

_KM_PER_DEGREE = 111.195  # of a great circle on a sphere of the Earth's mean radius
# A drawing is laid onto the globe around the equator and stays within these degrees.
_WIDEST_DEG, _HIGHEST_DEG = 300.0, 120.0
_DEFAULT_SPAN_KM = 100.0
_DEFAULT_RATE_GBPS = 100.0


@dataclass(frozen=True, slots=True)
class _Option:
    """What every family takes besides its own parameters."""

    meaning: str
    least: float
    most: float
    whole: bool = False


_OPTIONS: Mapping[str, _Option] = {
    "span_km": _Option("length of each span, km", 1, 40_000),
    "rate_gbps": _Option("line rate of spans and hosts, Gbit/s", 0.001, 1_000_000),
    "hosts": _Option("hosts of each node that carries any", 0, 250, whole=True),
}


def is_parametric(name: str) -> bool:
    """Whether a topology's name is meant as a family with parameters."""
    return bool(re.match(r"^[a-z-]+:", name)) or name in FAMILIES


def parametric_topology(name: str) -> Topology:
    """The topology of a name such as `ring:8`. Raises InputError with everything wrong with it."""
    family_name, _, arguments = name.partition(":")
    family = FAMILIES.get(family_name)
    if family is None:
        raise InputError([Problem(name, unknown("family", family_name, FAMILIES))])
    given, problems = _given(name, family, arguments)
    values = {}
    for parameter in family.parameters:
        try:
            values[parameter.name] = _parameter(parameter, given.pop(parameter.name, None))
        except ValueError as error:
            problems.append(
                Problem(name, f"{parameter.name} {error}; for example {family.example}")
            )
    options = {}
    for key, text in given.items():
        try:
            options[key] = _option(key, text, family)
        except ValueError as error:
            problems.append(Problem(name, str(error)))
    if not problems and family.nodes(values) > MOST_NODES:
        problems.append(
            Problem(name, f"it would have {family.nodes(values)} nodes; at most {MOST_NODES}")
        )
    if problems:
        raise InputError(problems)
    return _topology(name, family, family.layout(values), options)


def _given(name: str, family: Family, arguments: str) -> tuple[dict[str, str], list[Problem]]:
    """The words after the colon by parameter: first those in order, then `key=value`."""
    given: dict[str, str] = {}
    problems = []
    words = [word.strip() for word in arguments.split(",") if word.strip()]
    first = words.pop(0).split("x") if words and "=" not in words[0] else []
    for index, text in enumerate(first):
        if index >= len(family.parameters):
            message = f"{family.name} takes {_usage(family)}; {shown(text)} is one too many"
            problems.append(Problem(name, message))
            break
        given[family.parameters[index].name] = text
    for word in words:
        key, equals, text = word.partition("=")
        if not equals:
            message = f"{shown(word)} must be written as name=value; {family.name} takes "
            problems.append(Problem(name, message + _usage(family)))
        elif key in given:
            problems.append(Problem(name, f"{key} is given twice; give it once"))
        else:
            given[key] = text
    return given, problems


def _usage(family: Family) -> str:
    return ", ".join([*(p.name for p in family.parameters), *_OPTIONS])


def _parameter(parameter: Parameter, text: str | None) -> int:
    if text is None:
        if parameter.default is None:
            raise ValueError(f"({parameter.meaning}) is missing")
        return parameter.default
    allowed = f"{'an even' if parameter.even else 'a whole'} number from {parameter.least}"
    allowed += f" to {parameter.most}"
    if not re.fullmatch(r"\d{1,10}", text):
        raise ValueError(f"must be {allowed}, not {shown(text)}")
    value = int(text)
    if not parameter.least <= value <= parameter.most or (parameter.even and value % 2):
        raise ValueError(f"must be {allowed}, not {value}")
    return value


def _option(key: str, text: str, family: Family) -> float:
    option = _OPTIONS.get(key)
    if option is None:
        names = [*(p.name for p in family.parameters), *_OPTIONS]
        raise ValueError(
            f"{family.name} has no parameter {shown(key)}{suggestion(key, names)}; it takes "
            f"{_usage(family)}"
        )
    kind = "a whole number" if option.whole else "a number"
    allowed = f"{key} ({option.meaning}) must be {kind} from {option.least:g} to {option.most:g}"
    try:
        value = float(int(text)) if option.whole else float(text)
    except ValueError:
        raise ValueError(f"{allowed}, not {shown(text)}") from None
    if not option.least <= value <= option.most:
        raise ValueError(f"{allowed}, not {text}")
    return value


def _topology(name: str, family: Family, layout: Layout, options: Mapping[str, float]) -> Topology:
    from topologies.load import check_topology  # noqa: PLC0415 - the loader imports this module

    span_km = options.get("span_km", _DEFAULT_SPAN_KM)
    data = {
        "name": name,
        "description": f"{family.name}: {family.summary}",
        "source": "Made by formula; see docs/catalogue/parametric.md.",
        "route_factor": 1.0,
        "sites": list(_sites(layout, span_km, options)),
        "spans": list(_spans(layout, span_km, options)),
    }
    return check_topology(data, lambda _location: name)


def _sites(
    layout: Layout, span_km: float, options: Mapping[str, float]
) -> Iterator[dict[str, Any]]:
    degrees = _degrees_per_unit(layout, span_km)
    rate_gbps = options.get("rate_gbps", _DEFAULT_RATE_GBPS)
    count = int(options.get("hosts", layout.hosts))
    group = {"role": "host", "count": count, "rate_gbps": rate_gbps}
    for node, (x, y) in layout.places.items():
        yield {
            "id": node,
            "name": node,
            "kind": "pop",
            "lat_deg": round(y * degrees, 6),
            "lon_deg": round(x * degrees, 6),
            "hosts": [group] if count and node not in layout.bare else [],
        }


def _spans(
    layout: Layout, span_km: float, options: Mapping[str, float]
) -> Iterator[dict[str, Any]]:
    rate_gbps = options.get("rate_gbps", _DEFAULT_RATE_GBPS)
    scale = _km_per_unit(layout, span_km)
    for a, b in layout.links:
        length_km = max(1.0, layout.distance(a, b) * scale) if layout.metric else span_km
        yield {"id": f"{a}-{b}", "a": a, "b": b, "length_km": length_km, "rate_gbps": rate_gbps}


def _km_per_unit(layout: Layout, span_km: float) -> float:
    return span_km / _DEFAULT_SPAN_KM if layout.metric else span_km


def _degrees_per_unit(layout: Layout, span_km: float) -> float:
    """So that no span is shorter than the way between its ends, and all stay on the globe."""
    longest = max((layout.distance(a, b) for a, b in layout.links), default=1.0)
    km = _km_per_unit(layout, span_km)
    if not layout.metric:
        km /= max(1.0, longest)
    xs, ys = zip(*layout.places.values(), strict=True)
    widest, highest = 2 * max(map(abs, xs)) or 1.0, 2 * max(map(abs, ys)) or 1.0
    return min(km / _KM_PER_DEGREE, _WIDEST_DEG / widest, _HIGHEST_DEG / highest)
