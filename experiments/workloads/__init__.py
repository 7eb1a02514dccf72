"""What the network carries, by kind. A new kind is a file beside this one and an entry here.

See docs/how-to/write-a-workload.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Union

from pydantic import Field

from experiments.workloads import (
    allreduce,
    bulk,
    checkpoint,
    collective,
    crafted,
    incast,
    inference,
    ingest,
    matrix,
    probe,
    replay,
    training,
    twamp,
)
from experiments.workloads.kind import Kind, WorkloadFields

__all__ = ["KINDS", "Workload", "kind_of"]

KINDS: Mapping[str, Kind[Any]] = MappingProxyType(
    {
        module.KIND.name: module.KIND
        for module in (
            probe,
            twamp,
            allreduce,
            training,
            collective,
            checkpoint,
            ingest,
            incast,
            inference,
            bulk,
            matrix,
            crafted,
            replay,
        )
    }
)

if TYPE_CHECKING:  # a type checker cannot read a union that is made of a table
    Workload = WorkloadFields
else:
    Workload = Annotated[
        Union[tuple(kind.fields for kind in KINDS.values())],  # noqa: UP007 - of a tuple
        Field(discriminator="kind"),
    ]


def kind_of(workload: WorkloadFields) -> Kind[Any]:
    """The kind of a workload."""
    return KINDS[workload.kind]
