"""Write a topology down: the YAML or JSON that loads as the same topology again."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any, Literal

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from topologies.spec import Topology

Format = Literal["yaml", "json"]
# Each record stays on one line, however long.
_LINE = 10_000


def topology_text(topology: Topology, form: Format = "yaml") -> str:
    """The topology as a file's text, defaults left out; each site and span on lines of its own."""
    data = _written(topology)
    if form == "json":
        return json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    writer = YAML()
    writer.width = _LINE
    writer.indent(mapping=2, sequence=4, offset=2)
    out = io.StringIO()
    writer.dump({key: _rows(value) for key, value in data.items()}, out)
    return out.getvalue()


def _written(topology: Topology) -> dict[str, Any]:
    data = topology.model_dump(mode="json", exclude_defaults=True)
    for site in data["sites"]:
        for group in site.get("hosts", []):
            group.setdefault("count", 1)
    return data


def _rows(value: Any) -> Any:
    """A list of records with each record in one row, as people write them."""
    if not isinstance(value, list):
        return value
    return CommentedSeq([_row(record) for record in value])


def _row(record: Any) -> Any:
    if not isinstance(record, Mapping):
        return record
    row = CommentedMap(record)
    row.fa.set_flow_style()
    return row
