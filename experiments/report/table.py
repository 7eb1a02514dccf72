"""Data of a page as columns: what its charts draw and its links download."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Columns:
    """Rows with the same fields, held by column."""

    names: tuple[str, ...]
    _columns: dict[str, list[Any]] = field(init=False)

    def __post_init__(self) -> None:
        self._columns = {name: [] for name in self.names}

    def add(self, rows: Iterable[Mapping[str, Any]], **same: Any) -> None:
        """Add rows; `same` holds what all of them have in common."""
        for row in rows:
            for name, column in self._columns.items():
                column.append(same[name] if name in same else row.get(name))

    def __len__(self) -> int:
        return len(self._columns[self.names[0]])

    def as_dict(self) -> dict[str, list[Any]]:
        """The columns by name."""
        return self._columns

    def rows(self, where: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The rows whose fields have these values."""
        for values in zip(*self._columns.values(), strict=True):
            row = dict(zip(self.names, values, strict=True))
            if all(row[name] == value for name, value in where.items()):
                yield row

    def csv(self) -> str:
        """All rows as a CSV file (RFC 4180)."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(self.names)
        writer.writerows(zip(*self._columns.values(), strict=True))
        return text.getvalue()
