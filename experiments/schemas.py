"""The JSON Schemas of the files that people write, made of the models that check them.

They are published in docs/schema. An editor that reads a first line such as
`# yaml-language-server: $schema=docs/schema/scenario.schema.json` completes and
checks a file while it is written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from pydantic import BaseModel

from experiments.scenario import Scenario
from topologies.spec import Topology

SCHEMAS: Mapping[str, type[BaseModel]] = {"scenario": Scenario, "topology": Topology}
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_text(kind: str) -> str:
    """The schema of one of SCHEMAS as JSON. Raises KeyError for another kind."""
    schema = {"$schema": _DIALECT, **SCHEMAS[kind].model_json_schema(by_alias=True)}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
