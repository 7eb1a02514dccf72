"""Read YAML and JSON input so that every later message can name its line."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from topologies.problems import InputError, Location, Problem, dotted

MOST_BYTES = 16_000_000
# 65,535 switches with all their fields are fewer.
_DEEPEST = 300
_BRACKETS = re.compile(r"[\[\]{}]")
_MOST_VALUES = 5_000_000
# What the YAML reader lets out of its own innards for some texts that are no YAML.
_READER_ERRORS = (
    ValueError, TypeError, AttributeError, KeyError, IndexError, AssertionError,
    NotImplementedError, OverflowError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Document:
    """The content of one input file and where each part of it stands."""

    name: str
    data: Any

    def locate(self, location: Location) -> str:
        """`file:line: spans[3].rate_gbps`, as near as the file allows."""
        line = _line_of(self.data, location)
        where = f"{self.name}:{line}" if line else self.name
        return f"{where}: {dotted(location)}"


def read_document(path: Path) -> Document:
    """Read a YAML or JSON file (JSON is YAML) as a mapping.

    Raises InputError when the file cannot be read, is not YAML or is not a mapping.
    """
    name = str(path)
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            [Problem(name, f"not a text file (byte {error.start} is not UTF-8)")]
        ) from None
    except OSError as error:
        raise InputError([Problem(name, f"cannot be read: {error.strerror}")]) from None
    if len(content) > MOST_BYTES:
        message = f"larger than {MOST_BYTES // 1_000_000} MB; no scenario or topology needs that"
        raise InputError([Problem(name, message)])
    if path.suffix.lower() == ".json":
        _require_json(name, text)
    return parse_document(name, text)


def _require_json(name: str, text: str) -> None:
    try:
        json.loads(text)
    except RecursionError:
        raise InputError([Problem(name, "not valid JSON: nested too deeply")]) from None
    except json.JSONDecodeError as error:
        place = f"{name}:{error.lineno}"
        raise InputError([Problem(place, f"not valid JSON: {error.msg}")]) from None
    except ValueError as error:
        raise InputError([Problem(name, f"not valid JSON: {reason(error)}")]) from None


def parse_document(name: str, text: str) -> Document:
    """As read_document, from a text; `name` stands for the file in messages."""
    if _deepest_bracket(text) > _DEEPEST:
        raise InputError([Problem(name, "not valid YAML: nested too deeply")])
    reader = YAML(typ="rt")
    reader.allow_duplicate_keys = False
    try:
        data = reader.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{name}:{mark.line + 1}" if mark else name
        told = " ".join(str(error.problem).split())
        raise InputError([Problem(place, f"not valid YAML: {told}")]) from None
    except RecursionError:
        raise InputError([Problem(name, "not valid YAML: nested too deeply")]) from None
    except (YAMLError, *_READER_ERRORS) as error:
        raise InputError([Problem(name, f"not valid YAML: {reason(error)}")]) from None
    if not isinstance(data, Mapping):
        kind = "empty" if data is None else "a list" if isinstance(data, list) else "a single value"
        raise InputError([Problem(name, f"must be a mapping of fields, not {kind}")])
    if _unfolded_size(data) > _MOST_VALUES:
        message = "its aliases (*name) unfold to too many values, or hold themselves"
        raise InputError([Problem(name, f"{message}; write them out")])
    return Document(name, data)


def plain(data: Any) -> Any:
    """The same data as ordinary dicts, lists and scalars (no line information)."""
    if isinstance(data, Mapping):
        return {str(key): plain(value) for key, value in data.items()}
    if isinstance(data, Sequence) and not isinstance(data, str):
        return [plain(item) for item in data]
    for kind in (bool, int, float, str):
        if isinstance(data, kind):
            return kind(data)
    return data


def _line_of(data: Any, location: Location) -> int | None:
    line: int | None = None
    for part in location:
        if isinstance(data, CommentedMap) and part in data:
            line = data.lc.key(part)[0] + 1
            data = data[part]
        elif isinstance(data, CommentedSeq) and isinstance(part, int) and part < len(data):
            line = data.lc.item(part)[0] + 1
            data = data[part]
        else:
            break
    return line


def reason(error: Exception) -> str:
    """A foreign reader's error in one short line."""
    text = " ".join(str(error.args[0] if error.args else error).split())
    if "integer string conversion" in text:
        return "a number has too many digits"
    return text[:200] or type(error).__name__


def _deepest_bracket(text: str) -> int:
    """How deep brackets nest; quotes are not looked at. The YAML reader is slow in depth."""
    depth = deepest = 0
    for character in _BRACKETS.findall(text):
        depth += 1 if character in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _unfolded_size(data: Any) -> float:
    """How many values `data` has with every alias written out; infinite if it holds itself."""
    sizes: dict[int, float] = {}

    def size(value: Any) -> float:
        if not isinstance(value, CommentedMap | CommentedSeq):
            return 1
        if id(value) not in sizes:
            sizes[id(value)] = math.inf  # until it is known: what holds itself never ends
            parts = value.values() if isinstance(value, CommentedMap) else value
            sizes[id(value)] = 1 + sum(size(part) for part in parts)
        return sizes[id(value)]

    return size(data)
