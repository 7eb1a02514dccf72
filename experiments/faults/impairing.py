"""How a span that still carries is made worse: a netem behind its line.

What it does, it does to packets that have been serialised and have travelled, in either
direction, control traffic among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from experiments.faults.kind import Effect, FaultError, Scene
from experiments.faults.tools import batch, qdiscs
from topologies.builder.standing import line_ends
from topologies.plan import PlannedPort, PlannedSpan

_HANDLE = "f0:"
# Never the bottleneck: what is in flight on any span, and more.
_LIMIT_PACKETS = 10_000_000
# So many losses have to be expected before their absence is held against a fault.
_SURELY = 30


def senders(span: PlannedSpan, towards: str | None) -> list[PlannedPort]:
    """The ports that send on a span: both, or only the one that sends towards a switch."""
    if towards is None:
        return [span.a, span.b]
    return [span.port_at(span.other_end(towards))]


def impaired(
    span: PlannedSpan,
    names: tuple[str, str],
    times_s: tuple[float, float | None],
    options: Sequence[str],
    *,
    towards: str | None = None,
    least_loss: float = 0.0,
) -> Effect:
    """A span whose packets meet netem with these options (as tc takes them).

    least_loss: the share of packets that has to be missing afterwards.
    """
    places = [place for sender in senders(span, towards) for place in line_ends(span, sender)]
    words = " ".join(options)

    def act(_scene: Scene) -> None:
        netem = f"handle {_HANDLE} netem limit {_LIMIT_PACKETS} {words}"
        # The lines of a span have devices, and so handles, in common.
        batch("tc", [_add(number, place, netem) for number, place in enumerate(places)])

    def undo(_scene: Scene) -> None:
        batch("tc", [f"qdisc del dev {device} parent {parent}" for device, parent in places])

    def confirm(_scene: Scene) -> None:
        found = [_found(device, parent) for device, parent in places]
        passed = sum(qdisc["packets"] + qdisc["drops"] for qdisc in found)
        dropped = sum(qdisc["drops"] for qdisc in found)
        if not passed:
            raise FaultError(f"the fault had no effect: no packet came over span {span.id}")
        if passed * least_loss > _SURELY and not dropped:
            raise FaultError(f"the fault had no effect: span {span.id} lost none of {passed}")

    return Effect(names, *times_s, spans=(span.id,), act=act, undo=undo, confirm=confirm)


def _add(number: int, place: tuple[str, str], netem: str) -> str:
    device, parent = place
    return f"qdisc add dev {device} parent {parent} {netem.replace(_HANDLE, f'f{number}:')}"


def _found(device: str, parent: str) -> dict[str, Any]:
    for qdisc in qdiscs(device):
        if qdisc.get("parent") == parent:
            return qdisc
    raise FaultError(f"the fault had no effect: it is not on {device} any more")
