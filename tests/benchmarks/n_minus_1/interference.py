"""Controllers that die in the middle of a failure, and spans that flap."""

from __future__ import annotations

from collections.abc import Sequence

from tests.benchmarks.n_minus_1.failures import Failure
from tests.benchmarks.n_minus_1.moves import Moves
from tests.benchmarks.n_minus_1.study import Interference, Study
from tests.emulation.controlled_networks import cut_silently, mend, set_carrier
from tests.emulation.pairs import Pair, PairProbes

# Cut silently just after it has come up, a span is seen to be dead after 3 s only: BFD has its
# slow pace then (RFC 5880, 6.8.3). Whoever waits for less before he uses it again loses packets.
FLAPPING_TIMERS = {
    "hold-off-s": 0.05, "wait-to-restore-s": 3.5, "half-life-s": 5, "suppress-at": 1200,
}  # fmt: skip
_FLAPS = 3
_WATCHED_PAIRS = 4


class ControllerKilled(Interference):
    """The controller is killed at a moment (see `parts.MOMENTS`), and a new one starts.

    before: the failure; after: the move away. prepare, switch: when that step of the move has
    been sent to the first switch.
    """

    def __init__(self, moment: str) -> None:
        self._moment = moment

    def before(self, study: Study) -> None:
        """Kill it, unless that comes later."""
        if self._moment == "before":
            _kill(study)

    def during(
        self, study: Study, moves: Moves, probes: PairProbes, pairs: Sequence[Pair]
    ) -> Moves:
        """Kill it in the middle of its move, and start another."""
        if self._moment == "after":
            return moves
        if self._moment != "before":
            moves.follow(probes, pairs, lambda: moves.count("update-sent", step=self._moment) > 0)
            _kill(study)
        return _successor(study, probes, pairs)

    def after(self, study: Study, moves: Moves, probes: PairProbes, pairs: Sequence[Pair]) -> Moves:
        """Kill it when it has nothing left to do, and start another."""
        if self._moment != "after":
            return moves
        _kill(study)
        return _successor(study, probes, pairs)


class Flapping(Interference):
    """After the move away, the span comes up and fails again, twice; then it stays up.

    Nothing may be lost: paths lead over it again only when it has proved itself.
    """

    def __init__(self, failure: Failure, silent: bool) -> None:
        self._spans, self._silent = list(failure.spans), silent

    def after(self, study: Study, moves: Moves, probes: PairProbes, pairs: Sequence[Pair]) -> Moves:
        """Flap."""
        for flap in range(1, _FLAPS):
            mend(self._spans) if self._silent else set_carrier(self._spans, up=True)
            _follow_count(moves, probes, pairs, "span-up", flap)
            cut_silently(self._spans) if self._silent else set_carrier(self._spans, up=False)
            _follow_count(moves, probes, pairs, "span-down", 1 + flap)
        return moves


def _follow_count(
    moves: Moves, probes: PairProbes, pairs: Sequence[Pair], event: str, count: int
) -> None:
    watched = pairs[:_WATCHED_PAIRS]
    moves.follow(probes, watched, lambda: moves.count(event) >= count, always=True)


def _kill(study: Study) -> None:
    study.running.process.kill()
    study.running.process.wait()


def _successor(study: Study, probes: PairProbes, pairs: Sequence[Pair]) -> Moves:
    study.running.launch()
    moves = Moves(study.running, from_start=True)
    moves.follow(probes, pairs, lambda: moves.count("update-done") > 0, always=True)
    return moves
