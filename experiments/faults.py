"""Break spans and mend them, and see that it took effect.

A silent cut drops every packet that arrives at either end of the span, so that
the packets in flight are lost and neither end is told. With visibility
`carrier` both ends lose their link. Runs on the machine that the network is on.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from experiments.scenario import ConduitCut, Fault, SpanCut, SpanLoss, Visibility
from topologies.plan import NetworkPlan, PlannedSpan

NS_PER_S = 1_000_000_000


class FaultError(Exception):
    """A fault could not be made, or was made and had no effect."""


@dataclass(frozen=True, slots=True)
class Step:
    """One moment of a trial's faults: what is done at `at_ns` (after the start)."""

    at_ns: int
    name: str
    """`cut`, `mend`, `loss-on` or `loss-off`."""
    fault_index: int
    spans: tuple[str, ...]
    act: Callable[[], None]
    confirm: Callable[[], None] | None = None
    """Raises FaultError when what the step ends had no effect; called before `act`."""


def steps(faults: Sequence[Fault], plan: NetworkPlan) -> list[Step]:
    """All faults and repairs of a scenario in the order of their times."""
    found = [step for index, fault in enumerate(faults) for step in _steps_of(index, fault, plan)]
    return sorted(found, key=lambda step: (step.at_ns, step.fault_index))


def spans_of(fault: Fault, plan: NetworkPlan) -> tuple[PlannedSpan, ...]:
    """The spans that a fault breaks."""
    if isinstance(fault, ConduitCut):
        return tuple(span for span in plan.spans if fault.conduit in span.conduits)
    return tuple(span for span in plan.spans if span.id == fault.span)


def _steps_of(index: int, fault: Fault, plan: NetworkPlan) -> Iterator[Step]:
    spans = spans_of(fault, plan)
    ids = tuple(span.id for span in spans)
    ends = [end.interface for span in spans for end in (span.a, span.b)]
    if isinstance(fault, SpanLoss):
        names, act, undo = ("loss-on", "loss-off"), _loss_on(ends, fault), _remove_filters(ends)
        confirm = None
    elif fault.visibility is Visibility.CARRIER:
        names, act, undo = ("cut", "mend"), _links(ends, "down"), _links(ends, "up")
        confirm = _confirm_no_carrier(ends)
    else:
        names, act, undo = ("cut", "mend"), _drop_all(ends), _remove_filters(ends)
        confirm = _confirm_dropped(ends)
    yield Step(round(fault.at_s * NS_PER_S), names[0], index, ids, act)
    if fault.repair_at_s is not None:
        yield Step(round(fault.repair_at_s * NS_PER_S), names[1], index, ids, undo, confirm)


def final_checks(faults: Sequence[Fault], plan: NetworkPlan) -> list[Callable[[], None]]:
    """The confirmations of faults that are never mended, for the end of the trial."""
    return [
        _confirm_no_carrier(ends)
        if fault.visibility is Visibility.CARRIER
        else _confirm_dropped(ends)
        for fault in faults
        if fault.repair_at_s is None and isinstance(fault, SpanCut | ConduitCut)
        for ends in [[e.interface for s in spans_of(fault, plan) for e in (s.a, s.b)]]
    ]


def _drop_all(ends: Sequence[str]) -> Callable[[], None]:
    return _batch(
        ["tc"],
        [
            line
            for end in ends
            for line in (
                f"qdisc add dev {end} clsact",
                f"filter add dev {end} ingress matchall action drop",
            )
        ],
    )


def _loss_on(ends: Sequence[str], fault: SpanLoss) -> Callable[[], None]:
    drop = f"action pass random netrand drop {fault.one_in}"
    return _batch(
        ["tc"],
        [
            line
            for end in ends
            for line in (
                f"qdisc add dev {end} clsact",
                f"filter add dev {end} ingress matchall {drop}",
            )
        ],
    )


def _remove_filters(ends: Sequence[str]) -> Callable[[], None]:
    return _batch(["tc"], [f"qdisc del dev {end} clsact" for end in ends])


def _links(ends: Sequence[str], state: str) -> Callable[[], None]:
    return _batch(["ip"], [f"link set dev {end} {state}" for end in ends])


def _batch(tool: Sequence[str], lines: Sequence[str]) -> Callable[[], None]:
    def run() -> None:
        done = subprocess.run(
            [*tool, "-batch", "-"],
            input="\n".join(lines) + "\n",
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise FaultError(f"{tool[0]} refused: {done.stderr.strip() or done.stdout.strip()}")

    return run


def _confirm_dropped(ends: Sequence[str]) -> Callable[[], None]:
    def check() -> None:
        for end in ends:
            output = _output(["tc", "-s", "-j", "filter", "show", "dev", end, "ingress"])
            if not _dropped_packets(output):
                raise FaultError(f"the cut had no effect: nothing was dropped at {end}")

    return check


def _dropped_packets(filters_json: str) -> int:
    return sum(
        int(action.get("stats", {}).get("packets", 0))
        for entry in json.loads(filters_json or "[]")
        for action in entry.get("options", {}).get("actions", [])
    )


def _confirm_no_carrier(ends: Sequence[str]) -> Callable[[], None]:
    def check() -> None:
        for end in ends:
            links = json.loads(_output(["ip", "-j", "link", "show", "dev", end]))
            if links[0]["operstate"] == "UP":
                raise FaultError(f"the cut had no effect: {end} still has its carrier")

    return check


def _output(command: Sequence[str]) -> str:
    done = subprocess.run(list(command), capture_output=True, text=True, check=False)
    if done.returncode:
        raise FaultError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
