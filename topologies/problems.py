"""What is wrong with an input file, said in one way everywhere.

All problems of a file are collected and told together, each with its place,
the value found there and what would be right.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

Location = tuple[str | int, ...]
Locate = Callable[[Location], str]

_Model = TypeVar("_Model", bound=BaseModel)
# Beyond every field's range, and short enough to be written down.
_LARGEST = 10**18
_SHOWN_CHARACTERS = 60
_MOST_TOLD = 50
# What the patterns of names allow, for people.
PATTERNS_IN_WORDS = {
    r"^[a-z][a-z0-9-]{0,14}$": "1 to 15 of a-z, 0-9 and -, the first a letter",
    r"^[a-z][a-z0-9-]{0,31}$": "1 to 32 of a-z, 0-9 and -, the first a letter",
    r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$": "a country code of ISO 3166 such as SE, or US-WA",
    r"^[a-z0-9][a-z0-9-]{0,63}$": "1 to 64 of a-z, 0-9 and -, the first not -",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and what would be right.

    place: where, as a person would look for it (`demo.yaml:12: spans[3].rate_gbps`).
    message: what is wrong, what is allowed and what to do.
    """

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class InputError(Exception):
    """An input cannot be used; `problems` holds everything that is wrong with it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(dict.fromkeys(problems))
        told = [str(problem) for problem in self.problems[:_MOST_TOLD]]
        if len(self.problems) > _MOST_TOLD:
            told.append(f"… and {len(self.problems) - _MOST_TOLD} more problems")
        super().__init__("\n".join(told))


def dotted(location: Location) -> str:
    """`('spans', 3, 'rate_gbps')` as `spans[3].rate_gbps`."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "(the whole file)"


def shown(value: Any) -> str:
    """A value as it is put into a message: short, on one line."""
    words = {None: "nothing", True: "true", False: "false"}
    text = words[value] if value is None or isinstance(value, bool) else repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


def suggestion(word: object, allowed: Sequence[str]) -> str:
    """` (did you mean 'x'?)` where something near exists, else an empty text."""
    near = difflib.get_close_matches(str(word), allowed, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def unknown(what: str, word: object, allowed: Iterable[str]) -> str:
    """The message for a name that does not exist, with what does."""
    names = sorted(str(name) for name in allowed)
    listed = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
    return f"unknown {what} {shown(word)}{suggestion(word, names)}; there are: {listed or 'none'}"


def validated(model: type[_Model], data: Any) -> _Model:
    """`data` as a model, without silent conversions: a text is no number, nor is `true`.

    Strict validation of JSON is what knows lists as tuples and texts as members of enums.
    Raises pydantic's ValidationError.
    """
    return model.model_validate_json(json.dumps(_as_json(data)), strict=True)


def _as_json(data: Any) -> Any:
    """The same for JSON: 1e6 is a whole number too, and a date is the text that it was."""
    if isinstance(data, Mapping):
        return {_as_text(str(key)): _as_json(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_as_json(item) for item in data]
    if data is None or isinstance(data, bool):
        return data
    return _number_as_json(data) if isinstance(data, int | float) else _as_text(str(data))


def _number_as_json(number: float) -> float:
    if isinstance(number, int):
        return number if abs(number) < _LARGEST else math.inf
    return int(number) if number.is_integer() and abs(number) < _LARGEST else number


def _as_text(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def from_validation(
    error: ValidationError, model: type[BaseModel], data: Any, locate: Locate
) -> list[Problem]:
    """Pydantic's errors about `data` (None: not at hand) as a `model`, in this project's words."""
    problems = []
    for item in error.errors():
        location = tuple(item["loc"])
        place, value = _found(location, data)
        if item["type"] == "extra_forbidden":
            message = _unexpected(model, location)
        elif item["type"] == "too_short" and len(item["input"]) >= item["ctx"]["min_length"]:
            continue  # pydantic counts only the entries that are right; those are told already
        else:
            message = _in_words(item, item["input"] if data is None else value)
        problems.append(Problem(locate(place), message))
    return problems


def _found(location: Location, data: Any) -> tuple[Location, Any]:
    """A place without the kinds that pydantic puts into it, and the value that stands there."""
    kept: list[str | int] = []
    for part in location:
        if isinstance(data, Mapping) and part not in data and part == data.get("kind"):
            continue
        kept.append(part)
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            data = None
    return tuple(kept), data


def _in_words(error: ErrorDetails, value: Any) -> str:
    kind, context = error["type"], error.get("ctx", {})
    match kind:
        case "missing":
            return "this field is missing; add it"
        case "union_tag_not_found":
            return "the field 'kind' is missing; add it"
        case "union_tag_invalid":
            tags = [tag.strip().strip("'") for tag in context["expected_tags"].split(",")]
            return unknown("kind", context["tag"], tags)
        case "too_short":
            return f"needs at least {context['min_length']}, and has {context['actual_length']}"
        case "string_too_short":
            return "must not be empty"
    return f"must be {_allowed(error)}, not {shown(value)}{_hint(kind, value, context)}"


def _allowed(error: ErrorDetails) -> str:
    allowed = _ALLOWED.get(error["type"])
    if allowed is None:
        return error["msg"].removeprefix("Input should be ").replace(", unable", "; unable")
    context = error.get("ctx", {})
    numbers = {
        key: f"{value:.15g}" for key, value in context.items() if isinstance(value, int | float)
    }
    pattern = _pattern_in_words(context.get("pattern"))
    return allowed.format_map({**context, **numbers, "pattern": pattern})


def _hint(kind: str, value: Any, context: Mapping[str, Any]) -> str:
    """What was probably meant."""
    if kind in ("float_type", "int_type") and isinstance(value, str) and _is_number(value):
        return "; write it without quotes"
    if kind == "string_type" and isinstance(value, int | float):
        return "; put it in quotes"
    if kind in ("enum", "literal_error"):
        return suggestion(value, re.findall(r"'([^']+)'", context["expected"]))
    return ""


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


# What is allowed, by the type of pydantic's error; the fields come from its context.
_ALLOWED: Mapping[str, str] = {
    "greater_than": "greater than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "tuple_type": "a list",
    "string_pattern_mismatch": "{pattern}",
    "string_type": "a text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "model_type": "a mapping of fields",
    "model_attributes_type": "a mapping of fields",
    "dict_type": "a mapping of fields",
}


def _pattern_in_words(pattern: str | None) -> str:
    return PATTERNS_IN_WORDS.get(pattern or "", pattern or "")


def fields_of(model: type[BaseModel], location: Location) -> list[str]:
    """The field names of the model at a location inside `model` (empty if it is none)."""
    current = _model_at(model, location)
    if current is None:
        return []
    return [field.alias or name for name, field in current.model_fields.items()]


def _unexpected(model: type[BaseModel], location: Location) -> str:
    """A field that the model does not have; it may say why in `refused`, by field."""
    reasons = getattr(_model_at(model, location[:-1]), "refused", {})
    name = location[-1]
    if name in reasons:
        return f"has no {name}: {reasons[name]}"
    return unknown("field", name, fields_of(model, location[:-1]))


def _model_at(model: type[BaseModel], location: Location) -> type[BaseModel] | None:
    current: Any = model
    for part in location:
        current = _bare(_step(_bare(current), part))
    return current if _is_model(current) else None


def _bare(annotation: Any) -> Any:
    """The model of a field that may also be left out."""
    arguments = [kind for kind in get_args(annotation) if kind is not type(None)]
    optional = len(arguments) == 1 < len(get_args(annotation))
    return arguments[0] if optional and _is_model(arguments[0]) else annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _step(annotation: Any, part: str | int) -> Any:
    """One part further: a field's name, an index, or the kind of a record that has kinds."""
    if _is_model(annotation):
        return _field_annotation(annotation, part)
    arguments: tuple[Any, ...] = getattr(annotation, "__args__", ())
    if isinstance(part, int):
        return arguments[0] if arguments else None
    if get_origin(annotation) is dict:
        return arguments[1]
    for argument in arguments:
        if _is_model(argument) and _kind(argument) == part:
            return argument
        if not _is_model(argument) and (found := _step(argument, part)) is not None:
            return found
    return None


def _field_annotation(model: type[BaseModel], part: str | int) -> Any:
    for name, field in model.model_fields.items():
        if part in (name, field.alias):
            return field.annotation
    return None


def _kind(model: type[BaseModel]) -> Any:
    return next(iter(get_args(_field_annotation(model, "kind"))), None)
