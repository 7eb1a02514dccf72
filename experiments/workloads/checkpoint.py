"""Checkpoints: all training hosts write their share of the model to storage at once."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from experiments.model_presets import models
from experiments.workloads.storage import StorageFields, storage_kind


class CheckpointWorkload(StorageFields):
    """A checkpoint of a model, or of a size, in regular intervals."""

    kind: Literal["checkpoint"]
    model: str | None = None
    """A model of experiments/models.yaml: its weights and optimiser state."""
    size_gb: float | None = Field(default=None, gt=0)
    """Instead of a model, before scaling (10^9 bytes)."""

    @property
    def volume_gb(self) -> float:
        """What all hosts write together."""
        return self.size_gb or models()[str(self.model)].checkpoint_gb


KIND = storage_kind(
    CheckpointWorkload,
    "checkpoints",
    "gather",
    needs="needs a model or a size_gb; add one of them",
)
