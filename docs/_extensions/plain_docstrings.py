"""Shows docstrings that tell fields as `name: meaning` lines as lists, in Sphinx' autodoc."""

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
        elif inside and line.startswith(" "):
            yield f"  {line.strip()}"
        else:
            if inside and line:
                yield ""
            inside = False
            yield line


def _process(
    _app: Sphinx, _what: str, _name: str, _object: object, _options: object, lines: list[str]
) -> None:
    lines[:] = list(_listed(lines))


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx' entry into an extension."""
    app.connect("autodoc-process-docstring", _process)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
