"""Ingest of a data set: storage sends each training host its share, again and again."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from experiments.workloads.storage import StorageFields, storage_kind


class IngestWorkload(StorageFields):
    """Shards of a data set, in regular intervals."""

    kind: Literal["ingest"]
    size_gb: float = Field(gt=0)
    """Of all hosts' shards together, before scaling (10^9 bytes)."""

    @property
    def volume_gb(self) -> float:
        """What the storage sends each time."""
        return self.size_gb


KIND = storage_kind(IngestWorkload, "ingests", "scatter", needs="")
