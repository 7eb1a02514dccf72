"""What is wrong with an input file, said in one way everywhere.

All problems of a file are collected and told together, each with its place,
the value found there and what would be right.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

Location = tuple[str | int, ...]
Locate = Callable[[Location], str]

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
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


def suggestion(word: object, allowed: Sequence[str]) -> str:
    """` (did you mean 'x'?)` where something near exists, else an empty text."""
    near = difflib.get_close_matches(str(word), allowed, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def unknown(what: str, word: object, allowed: Iterable[str]) -> str:
    """The message for a name that does not exist, with what does."""
    names = sorted(allowed)
    listed = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
    return f"unknown {what} {shown(word)}{suggestion(word, names)}; there are: {listed or 'none'}"


def from_validation(
    error: ValidationError, locate: Locate, fields_at: Callable[[Location], Iterable[str]]
) -> list[Problem]:
    """Pydantic's errors in this project's words.

    fields_at gives the names that are allowed in the mapping at a location.
    """
    problems = []
    for item in error.errors():
        location = tuple(item["loc"])
        if item["type"] == "extra_forbidden":
            message = unknown("field", location[-1], fields_at(location[:-1]))
        elif item["type"] == "too_short" and len(item["input"]) >= item["ctx"]["min_length"]:
            continue  # pydantic counts only the entries that are right; those are told already
        else:
            message = _in_words(item)
        problems.append(Problem(locate(location), message))
    return problems


def _in_words(error: ErrorDetails) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "missing":
        return "this field is missing; add it"
    if kind == "union_tag_not_found":
        return "the field 'kind' is missing; add it"
    if kind == "union_tag_invalid":
        tags = [tag.strip().strip("'") for tag in context["expected_tags"].split(",")]
        return unknown("kind", context["tag"], tags)
    if kind == "too_short":
        return f"needs at least {context['min_length']}, and has {context['actual_length']}"
    allowed = _ALLOWED.get(kind)
    if allowed is None:
        text = error["msg"].removeprefix("Input should be ").replace(", unable", "; unable")
    else:
        words = {**context, "pattern": _pattern_in_words(context.get("pattern"))}
        text = allowed.format_map(words)
    return f"must be {text}, not {shown(error.get('input'))}"


# What is allowed, by the type of pydantic's error; the fields come from its context.
_ALLOWED: Mapping[str, str] = {
    "greater_than": "greater than {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "less_than": "less than {lt:g}",
    "less_than_equal": "at most {le:g}",
    "tuple_type": "a list",
    "string_pattern_mismatch": "{pattern}",
}


def _pattern_in_words(pattern: str | None) -> str:
    return PATTERNS_IN_WORDS.get(pattern or "", pattern or "")


def fields_of(model: type[BaseModel], location: Location) -> list[str]:
    """The field names of the model at a location inside `model` (empty if it is none)."""
    current: Any = model
    for part in location:
        current = _step(current, part)
    return list(current.model_fields) if _is_model(current) else []


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _step(annotation: Any, part: str | int) -> Any:
    if _is_model(annotation) and part in annotation.model_fields:
        return annotation.model_fields[part].annotation
    for argument in getattr(annotation, "__args__", ()):
        if isinstance(part, int) or _is_model(argument):
            return argument if isinstance(part, int) else _step(argument, part)
    return None
