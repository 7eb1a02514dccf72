"""The Arrow schema of a table, from its record's fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any, get_type_hints

import pyarrow as pa

from experiments.measurements.catalogue import WORKLOAD, Table

_TYPES: Mapping[Any, pa.DataType] = MappingProxyType(
    {
        int: pa.int64(),
        int | None: pa.int64(),
        float: pa.float64(),
        float | None: pa.float64(),
        bool: pa.bool_(),
        str: pa.string(),
        str | None: pa.string(),
        # CSV has no lists: a text in JSON.
        list[str]: pa.string(),
    }
)


def schema_of(table: Table[Any]) -> pa.Schema:
    """The workload, the labels, then the record's fields."""
    hints = get_type_hints(table.record)
    columns = {WORKLOAD: pa.string()} | {name: _TYPES[kind] for name, kind in table.labels.items()}
    columns |= {field.name: _TYPES[hints[field.name]] for field in fields(table.record)}
    return pa.schema(list(columns.items()))


def lists_of(table: Table[Any]) -> frozenset[str]:
    """The record's fields that are lists, which a table holds as JSON texts."""
    hints = get_type_hints(table.record)
    return frozenset(field.name for field in fields(table.record) if hints[field.name] == list[str])
