"""What a checkpoint and a data set's ingest share: training hosts and one that stores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

from pydantic import Field

from experiments.model_presets import models
from experiments.rows import Figures
from experiments.workloads.collective import CHARTS, LOGS, note, rank_processes, rows
from experiments.workloads.kind import HostProcess, Kind, Measured, Record, Slot
from experiments.workloads.ranks import RankFields, model_problems, size_problems, vector_bytes
from topologies.problems import Problem


class StorageFields(RankFields, ABC):
    """Bulk between the training hosts and one host of storage, over and over."""

    hosts: tuple[str, ...] = Field(min_length=1)
    """The training hosts, among which the volume is divided."""
    storage: str
    """The host that stores."""
    period_s: float = Field(gt=0, le=86_400)
    """From one start to the next; a transfer that is late begins when the one before is done."""

    @property
    def ranks(self) -> tuple[str, ...]:
        """The storage is the first rank."""
        return (self.storage, *self.hosts)

    @property
    @abstractmethod
    def volume_gb(self) -> float:
        """What is moved each time, before scaling."""


def _problems(record: Record) -> Iterator[Problem]:
    fields = record.fields
    hosts, storage = fields.get("hosts"), fields.get("storage")
    if isinstance(hosts, list) and storage in hosts:
        yield record.problem(f"storage {storage!r} is one of the hosts; give another", "storage")
    yield from model_problems(record)
    model = models().get(str(fields.get("model")))
    size_gb = model.checkpoint_gb if model else fields.get("size_gb")
    yield from size_problems(record, size_gb, 1, "model" if model else "size_gb")
    if "model" in fields and "size_gb" in fields:
        yield record.problem("gives a model and a size_gb; leave out one of them", "size_gb")


def storage_kind(fields: type[Any], group: str, collective: str, needs: str) -> Kind[Any]:
    """The kind for a collective between the storage and the hosts.

    needs: what to say where the volume is missing; empty: the fields themselves ask for it.
    """

    def processes(workload: StorageFields, slot: Slot) -> Iterator[HostProcess]:
        # The storage holds a share as well, which goes nowhere.
        count = len(workload.hosts)
        size = vector_bytes(slot.plan, workload.volume_gb * (count + 1) / count)
        return rank_processes(
            workload, slot, [size], collective=collective, period_s=workload.period_s, warm_up=0
        )

    def figures(trial: Measured, workload: StorageFields) -> Figures:
        from experiments.collective_figures import collective_figures  # noqa: PLC0415 - NetworkX

        return collective_figures(trial, workload, collective)

    def problems(record: Record) -> Iterator[Problem]:
        yield from _problems(record)
        if needs and not {"model", "size_gb"} & set(record.fields):
            yield record.problem(needs)

    check: Callable[[Record], Iterator[Problem]] = problems
    return Kind(
        fields=fields,
        group=group,
        hosts=("hosts", "storage"),
        processes=processes,
        figures=figures,
        rows=rows,
        note=note,
        charts=CHARTS,
        logs=LOGS,
        problems=check,
    )
