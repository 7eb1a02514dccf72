"""Texts that are not written for Sphinx, shown by it: docstrings with `name: meaning`, help."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from sphinx.application import Sphinx

_FIELD = re.compile(r"^(?P<names>[a-z_]\w*(, [a-z_]\w*)*): ")


def _listed(lines: Sequence[str]) -> Iterator[str]:
    """Each field's lines as an item; a field within a line of others stays as it is."""
    inside = False
    for line in lines:
        if found := _FIELD.match(line):
            if not inside:
                yield ""
            yield f"- **{found['names']}**: {line[found.end() :]}"
            inside = True
        elif inside and line:
            yield f"  {line.strip()}"
        else:
            inside = False
            yield line


def _process(
    _app: Sphinx, _what: str, _name: str, _object: object, _options: object, lines: list[str]
) -> None:
    lines[:] = list(_listed(lines))


def _escape(_app: Sphinx, _ctx: object, lines: list[str]) -> None:
    """A star in an option's help is a star, such as that of a pattern."""
    lines[:] = [line.replace("*", r"\*") for line in lines]


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx' entry into an extension."""
    app.connect("autodoc-process-docstring", _process)
    app.connect("sphinx-click-process-options", _escape)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
