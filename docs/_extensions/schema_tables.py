"""The directive `schema`: the fields of a JSON Schema as tables, one for each kind of object."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from experiments.schemas import schema_text
from topologies.problems import PATTERNS_IN_WORDS

_Schema = Mapping[str, Any]
# JSON Schema's words for a limit, and how a reader writes it.
_LIMITS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
    "minItems": "at least {} of them",
    "maxItems": "at most {} of them",
}


class SchemaDirective(SphinxDirective):
    """```{schema} scenario```."""

    required_arguments: ClassVar[int] = 1

    def run(self) -> list[nodes.Node]:
        """The root's table first, then one for each kind of object within it."""
        schema = json.loads(schema_text(self.arguments[0]))
        text = "\n".join(_page(schema))
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def _page(schema: _Schema) -> Iterator[str]:
    yield from ("## The file", "")
    yield from _table(schema)
    for name, part in sorted(schema.get("$defs", {}).items()):
        yield from ("", f"## {name}", "", _one_line(part.get("description", "")), "")
        if "properties" in part:
            yield from _table(part)
        else:
            yield f"One of {_type(part)}."


def _table(part: _Schema) -> Iterator[str]:
    yield "| field | type | default | allowed, meaning |"
    yield "|---|---|---|---|"
    required = part.get("required", ())
    for name, field in part["properties"].items():
        default = "needed" if name in required else _value(field.get("default"))
        meaning = _one_line(field.get("description", ""))
        limits = "; ".join(filter(None, (", ".join(_limits(field)), meaning)))
        yield f"| `{name}` | {_type(field)} | {default} | {limits.replace('|', chr(92) + '|')} |"


def _type(field: _Schema) -> str:
    if "$ref" in field:
        return _link(field["$ref"])
    if "const" in field or "enum" in field:
        return ", ".join(f"`{one}`" for one in field.get("enum", [field.get("const")]))
    for word in ("anyOf", "oneOf", "allOf"):
        if word in field:
            kinds = dict.fromkeys(_type(one) for one in field[word] if one.get("type") != "null")
            return " or ".join(kinds)
    return _plain_type(field)


def _plain_type(field: _Schema) -> str:
    if field.get("type") == "array":
        return f"list of {_type(field['items'])}" if "items" in field else "list"
    if field.get("additionalProperties"):
        return f"mapping to {_type(field['additionalProperties'])}"
    words = {"string": "text", "number": "number", "integer": "integer", "boolean": "true or false"}
    return words.get(str(field.get("type")), "anything")


def _link(reference: str) -> str:
    name = reference.rpartition("/")[2]
    return f"[{name}](#{name.lower()})"


def _limits(field: _Schema) -> Iterator[str]:
    for one in (field, *field.get("anyOf", ())):
        yield from (words.format(_number(one[key])) for key, words in _LIMITS.items() if key in one)
        if "pattern" in one:
            yield PATTERNS_IN_WORDS.get(one["pattern"], f"`{one['pattern']}`")


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.15g}"


def _value(value: Any) -> str:
    if value is None or value in ([], ""):
        return ""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(f"`{one}`" for one in value)
    if isinstance(value, dict | list):
        return "see there"
    if isinstance(value, bool):
        return "`true`" if value else "`false`"
    return f"`{value:.15g}`" if isinstance(value, int | float) else f"`{value}`"


def _one_line(text: str) -> str:
    return " ".join(text.split("\n\n", maxsplit=1)[0].split())


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx' entry into an extension."""
    app.add_directive("schema", SchemaDirective)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
