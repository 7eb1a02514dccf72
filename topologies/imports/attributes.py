"""What the attributes of nodes and edges mean, by the names that files use for them.

Names are compared without case. Topology Zoo's: `label`, `Longitude`, `Latitude`, `Country`,
`Internal`; `LinkSpeedRaw` (bit/s), `LinkSpeed` with `LinkSpeedUnits`, `LinkLabel`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from topologies.imports.graph import Edge, Node, Point, counted
from topologies.imports.options import ImportOptions
from topologies.imports.quantities import KM, US, NotANumberError, amount, number, rate_in_text
from topologies.problems import Problem, shown

_NAMES = ("label", "name")
_REGIONS = ("country", "region")
_LON = ("longitude", "lon", "lng", "long", "lon_deg")
_LAT = ("latitude", "lat", "lat_deg")
_LENGTH_UNITS = {"km": KM["km"], "m": KM["m"], "mi": KM["mi"], "miles": KM["mi"]}
_DELAY_UNITS = {"us": US["us"], "ms": US["ms"], "s": US["s"]}
_RATE_UNITS = {"bps": 1e-9, "kbps": 1e-6, "mbps": 1e-3, "gbps": 1.0, "tbps": 1e3}
_SPEED_UNITS = {"": 1e-9, "k": 1e-6, "m": 1e-3, "g": 1.0, "t": 1e3}
LONGEST_KM = 40_000
_LENGTHS = ("length", "distance", "dist")
_DELAYS = ("delay", "latency")
_RATES = ("rate", "capacity", "bandwidth", "bw", "speed")


def _keys(names: Sequence[str], units: Mapping[str, float]) -> dict[str, float]:
    """Names with a unit at their ends, such as `length_km`, and the unit's size."""
    return {f"{name}_{unit}": size for name in names for unit, size in units.items()}


_LENGTH_KEYS = _keys(_LENGTHS, _LENGTH_UNITS)
_DELAY_KEYS = _keys(_DELAYS, _DELAY_UNITS)
_RATE_KEYS = _keys(_RATES, _RATE_UNITS)


class Attributes:
    """Reads attributes of one file; collects its problems and what it could not use."""

    def __init__(self, place: str, options: ImportOptions) -> None:
        self.place = place
        self.problems: list[Problem] = []
        self._options = options
        self._unread: Counter[str] = Counter()

    def node(self, node_id: str, found: Mapping[str, Any]) -> Node:
        """A node from its attributes."""
        data = _lowered(found)
        name = _text(data, _NAMES) or node_id
        where = Node(node_id, name).place
        return Node(
            id=node_id,
            name=name,
            position=self._position(where, data),
            drawn_at=self._drawn_at(where, data),
            region=_text(data, _REGIONS),
            external=str(data.get("internal", 1)).lower() in ("0", "0.0", "false"),
        )

    def edge(self, ends: Sequence[Node], found: Mapping[str, Any]) -> Edge:
        """An edge between two nodes from its attributes."""
        data = _lowered(found)
        a, b = ends
        where = f"edge {shown(a.name)} to {shown(b.name)}"
        return Edge(
            a=a.id,
            b=b.id,
            place=where,
            length_km=self._length_km(where, data),
            delay_us=self._delay_us(where, data),
            rate_gbps=self._rate_gbps(where, data),
        )

    def notes(self) -> list[str]:
        """Attributes that were not used because nobody said in which unit they are."""
        return [
            f"{name!r} of {counted(count, 'edge')} has no unit and is not read; "
            f"rename it, as in {_with_unit(name)!r}"
            for name, count in self._unread.items()
        ]

    def wrong(self, where: str, key: str, value: Any, message: str, hint: str = "") -> None:
        """Note one problem: a value that is not allowed."""
        told = f"{key} {message}, not {shown(value)}{hint}"
        self.problems.append(Problem(f"{self.place}: {where}", told))

    def _position(self, where: str, data: Mapping[str, Any]) -> Point | None:
        lon = self._coordinate(where, data, _LON, 180)
        lat = self._coordinate(where, data, _LAT, 90)
        if lon is not None and lat is not None:
            return lon, lat
        return None

    def _coordinate(
        self, where: str, data: Mapping[str, Any], keys: Sequence[str], most: float
    ) -> float | None:
        key = next((key for key in keys if data.get(key) is not None), None)
        value = self._number(where, key, data[key]) if key else None
        if value is not None and key is not None and not -most <= value <= most:
            self.wrong(where, key, data[key], f"must be between -{most:g} and {most:g} degrees")
            return None
        return value

    def _drawn_at(self, where: str, data: Mapping[str, Any]) -> Point | None:
        if "x" not in data or "y" not in data:
            return None
        x, y = self._number(where, "x", data["x"]), self._number(where, "y", data["y"])
        return None if x is None or y is None else (x, y)

    def _number(self, where: str, key: str, value: Any) -> float | None:
        try:
            return number(value)
        except NotANumberError as error:
            self.wrong(where, key, value, str(error))
            return None

    def _length_km(self, where: str, data: Mapping[str, Any]) -> float | None:
        bare = KM[self._options.length_unit]
        length_km = self._quantity(where, data, _LENGTH_KEYS, KM, _LENGTHS, bare)
        if length_km is not None and length_km > LONGEST_KM:
            message = f"must be at most {LONGEST_KM:,} km (once around the Earth)"
            hint = "; if it is in metres, say --length-unit m" if bare == 1 else ""
            self.wrong(where, "its length", f"{length_km:g} km", message, hint)
            return None
        return length_km

    def _delay_us(self, where: str, data: Mapping[str, Any]) -> float | None:
        return self._quantity(where, data, _DELAY_KEYS, US, _DELAYS, None)

    def _quantity(
        self,
        where: str,
        data: Mapping[str, Any],
        keys: Mapping[str, float],
        units: Mapping[str, float],
        names: Sequence[str],
        bare: float | None,
    ) -> float | None:
        """What `keys` (with a unit each) say; else `names`, in their text's unit or in `bare`."""
        for key in data:
            if key in keys:
                return self._amount(where, key, data[key], keys[key], units)
        for key in names:
            if key not in data:
                continue
            if bare is not None or _has_unit(data[key]):
                return self._amount(where, key, data[key], bare or 1.0, units)
            self._unread[key] += 1
        return None

    def _amount(
        self, where: str, key: str, value: Any, unit: float, units: Mapping[str, float]
    ) -> float | None:
        try:
            return amount(value, unit, units)
        except NotANumberError as error:
            self.wrong(where, key, value, str(error))
            return None

    def _rate_gbps(self, where: str, data: Mapping[str, Any]) -> float | None:
        for key in data:
            if key in _RATE_KEYS:
                return self._rate(where, key, data[key], _RATE_KEYS[key])
        if "linkspeedraw" in data:
            return self._rate(where, "LinkSpeedRaw", data["linkspeedraw"], 1e-9)
        return _zoo_speed(data) or self._rate_in_texts(data)

    def _rate(self, where: str, key: str, value: Any, unit: float) -> float | None:
        found = self._number(where, key, value)
        if found is not None and found <= 0:
            self.wrong(where, key, value, "must be greater than 0")
            return None
        return None if found is None else found * unit

    def _rate_in_texts(self, data: Mapping[str, Any]) -> float | None:
        for key in (*_RATES, "linklabel", "label"):
            if isinstance(data.get(key), str) and (rate := rate_in_text(data[key])):
                return rate
            if key in _RATES and key in data:
                self._unread[key] += 1
        return None


def _zoo_speed(data: Mapping[str, Any]) -> float | None:
    """`LinkSpeed "10"` with `LinkSpeedUnits "G"`, in Gbit/s; ranges and words are no rate."""
    unit = _SPEED_UNITS.get(str(data.get("linkspeedunits", "?")).lower())
    try:
        speed = number(data.get("linkspeed", ""))
    except NotANumberError:
        return None
    return speed * unit if speed and speed > 0 and unit else None


def _lowered(found: Mapping[str, Any]) -> dict[str, Any]:
    return {str(key).lower(): value for key, value in found.items()}


def _text(data: Mapping[str, Any], keys: Sequence[str]) -> str:
    for key in keys:
        value = data.get(key)
        if isinstance(value, str | int | float) and str(value).strip():
            return " ".join(str(value).split())
    return ""


def _has_unit(value: Any) -> bool:
    return isinstance(value, str) and value.strip()[-1:].isalpha()


def _with_unit(name: str) -> str:
    return f"{name}_ms" if name in _DELAYS else f"{name}_gbps"
