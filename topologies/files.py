"""Read YAML and JSON input so that every later message can name its line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from topologies.problems import InputError, Location, Problem, dotted


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
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            [Problem(name, f"not a text file (byte {error.start} is not UTF-8)")]
        ) from None
    except OSError as error:
        raise InputError([Problem(name, f"cannot be read: {error.strerror}")]) from None
    return parse_document(name, text)


def parse_document(name: str, text: str) -> Document:
    """As read_document, from a text; `name` stands for the file in messages."""
    reader = YAML(typ="rt")
    reader.allow_duplicate_keys = False
    try:
        data = reader.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{name}:{mark.line + 1}" if mark else name
        reason = " ".join(str(error.problem).split())
        raise InputError([Problem(place, f"not valid YAML: {reason}")]) from None
    except (YAMLError, ValueError) as error:
        raise InputError([Problem(name, f"not valid YAML: {error}")]) from None
    if not isinstance(data, Mapping):
        kind = "empty" if data is None else "a list" if isinstance(data, list) else "a single value"
        raise InputError([Problem(name, f"must be a mapping of fields, not {kind}")])
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
