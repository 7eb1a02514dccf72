"""A running trial's attention to those who watch it: their orders, and what they are shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from experiments.by_hand.broken import Broken, Refused
from experiments.by_hand.files import END, SNAPSHOT, STEPS, order_file
from experiments.by_hand.words import parse_fault
from experiments.faults import FaultError, Scene, Step
from traffic.clock import NS_PER_MS, now_ns

_SNAPSHOT_EVERY_NS = 200 * NS_PER_MS
# In larger networks the counters are written less often: each time costs as much per interface.
_SPANS_IN_TIME = 200
_DEVICES = Path("/proc/net/dev")


class Attention:
    """Takes orders and shows counters, at the moments when the trial gives it a turn.

    An order that cannot be carried out is told, and the trial goes on.
    """

    def __init__(self, scene: Scene, out: Path, seed: int) -> None:
        self._broken = Broken(scene, seed)
        self._out = out
        self._orders = 0
        self._told = 0
        self._snapshot_due_ns = now_ns()
        self._every_ns = _SNAPSHOT_EVERY_NS * max(1, len(scene.plan.spans) // _SPANS_IN_TIME)

    @property
    def steps(self) -> list[dict[str, Any]]:
        """What was broken and mended by hand."""
        return self._broken.steps

    def turn(self) -> int | None:
        """Do what is asked for and what is due. Returns when something is due next."""
        while (order := order_file(self._out, self._orders + 1)).exists():
            self._orders += 1
            self._obey(json.loads(order.read_text(encoding="utf-8")))
        try:
            self._broken.catch_up()
        except FaultError as error:
            self._refuse(str(error))
        self._tell_new()
        if now_ns() >= self._snapshot_due_ns:
            self._snapshot_due_ns += self._every_ns
            self._write_snapshot()
        return self._broken.due_ns()

    def make_room(self, step: Step) -> None:
        """A step of the scenario's comes: what is in its way by hand is mended."""
        begins = step.confirm is None
        if begins:
            for one in self._broken.make_room(step.parts):
                self._refuse(f"{one.name} was mended: the scenario breaks it now")
            self._broken.others |= step.parts
        else:
            self._broken.others -= step.parts
        self._tell_new()

    def tell(self, step: dict[str, Any]) -> None:
        """Show a step at once."""
        with (self._out / STEPS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(step) + "\n")

    def _obey(self, order: dict[str, Any]) -> None:
        try:
            if order["do"] == "mend":
                self._broken.mend(order["name"])
            else:
                self._broken.begin(parse_fault(order["fault"]))
        except (Refused, FaultError) as error:
            self._refuse(str(error))

    def _refuse(self, said: str) -> None:
        self.tell({"step": "remark", "said": said, "t_ns": now_ns()})

    def _tell_new(self) -> None:
        for remark in self._broken.take_remarks():
            self._refuse(remark)
        for step in self.steps[self._told :]:
            self.tell(step)
        self._told = len(self.steps)

    def _write_snapshot(self) -> None:
        counters = _DEVICES.read_text(encoding="ascii")
        (self._out / SNAPSHOT).write_text(f"{now_ns()}\n{counters}{END}\n", encoding="ascii")
