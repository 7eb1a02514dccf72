"""How fast a run may go: as it can, or so many of its seconds in a second of the watcher's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

FASTEST = 100.0
# Who falls behind by more does not hurry afterwards.
_FORGIVEN_S = 0.25


class Pace:
    """The pace of one trial's clock from the start of its workloads on.

    Until then it goes as fast as it can. Asked by the thread that runs the trial, set by others.
    """

    def __init__(
        self, speed: float | None, stage: Path, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        """speed: None is as fast as it can, 0 stands still. stage: the trial's file."""
        self._lock = threading.Lock()
        self._now_s = now_s
        self._stage = stage
        self._speed = speed
        self._running = False
        self._anchor: tuple[float, float] | None = None

    @property
    def speed(self) -> float | None:
        """Virtual seconds in a second; None: as many as it can."""
        return self._speed

    @speed.setter
    def speed(self, speed: float | None) -> None:
        with self._lock:
            self._speed = speed
            self._anchor = None

    def is_ahead(self, virtual_s: float) -> bool:
        """Whether the trial's clock is ahead of what should be seen now."""
        if self._speed is None or not self._is_running():
            return False
        now_s = self._now_s()
        with self._lock:
            if self._anchor is None:
                self._anchor = (now_s, virtual_s)
            since_s, from_s = self._anchor
            behind_s = from_s + (now_s - since_s) * (self._speed or 0.0) - virtual_s
            if behind_s > _FORGIVEN_S * max(1.0, self._speed or 0.0):
                self._anchor = (now_s, virtual_s)
            return behind_s <= 0

    def _is_running(self) -> bool:
        if not self._running:
            with suppress(OSError):
                self._running = self._stage.read_text(encoding="utf-8").endswith(" running\n")
        return self._running
