"""Models whose size is public, as sizes of what training sends."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from pydantic import Field

from topologies.spec import Strict

_FILE = Path(__file__).with_name("models.yaml")
_ACTIVATION_BYTES = 2  # bf16 or fp16
_GB = 1e9


class Model(Strict):
    """One model's public figures; see models.yaml."""

    parameters: float = Field(gt=0)
    gradient_bytes: float = Field(gt=0)
    checkpoint_bytes: float = Field(gt=0)
    hidden: int | None = Field(default=None, gt=0)
    sequence: int | None = Field(default=None, gt=0)
    source: str = Field(min_length=10)

    @property
    def gradients_gb(self) -> float:
        """All gradients (or outer gradients), before scaling."""
        return self.parameters * self.gradient_bytes / _GB

    @property
    def checkpoint_gb(self) -> float:
        """Weights and optimiser state, before scaling."""
        return self.parameters * self.checkpoint_bytes / _GB

    @property
    def activations_gb(self) -> float | None:
        """What a pipeline's stage sends for a microbatch of one sequence, before scaling."""
        if self.hidden is None or self.sequence is None:
            return None
        return self.hidden * self.sequence * _ACTIVATION_BYTES / _GB


@cache
def models() -> Mapping[str, Model]:
    """All models by name."""
    from ruamel.yaml import YAML  # noqa: PLC0415 - slow, and only a model's name needs it

    found = YAML(typ="safe").load(_FILE.read_text(encoding="utf-8"))
    return MappingProxyType({name: Model(**fields) for name, fields in found.items()})
