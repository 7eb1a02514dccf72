"""How a network ends: all steps of its build undone, by the builder or else by its guard."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Self

from topologies.builder.claim import Claim, Owner
from topologies.builder.errors import BuildError
from topologies.builder.guard import Guard
from topologies.builder.namespaces import Namespace
from topologies.builder.signals import held_signals


class Ending:
    """What undoes a build. Each step is registered in `steps` before or as soon as it is done."""

    def __init__(self) -> None:
        self.steps = ExitStack()
        self._claim: Claim | None = None
        self._guard: Guard | None = None
        self._main: Namespace | None = None

    def begin(self, claim: Claim) -> None:
        """From now on somebody undoes what this claim's number is on, whatever happens."""
        self._claim = claim
        self._main = Namespace.current()
        self._guard = Guard(claim)

    @property
    def owner(self) -> Owner:
        """Whose network it is."""
        assert self._claim, "begin() comes first"
        return self._claim.owner

    def run(self) -> None:
        """Undo everything, in reverse order; a second call finds nothing to do.

        A step that fails stops no other, and what it leaves is the guard's to remove. Raises
        BuildError if something is left even then. Signals that would end this program wait.
        """
        with held_signals():
            try:
                if self._main:
                    self._main.enter()  # an interrupt may have left this thread elsewhere
                self.steps.pop_all().close()
            except BuildError as error:
                if not self._guard_undoes():
                    raise BuildError(f"not all could be taken down: {error}") from None
            except BaseException:
                self._guard_undoes()
                raise
            else:
                self._dismiss()
            finally:
                self._let_go()

    def _guard_undoes(self) -> bool:
        guard, self._guard = self._guard, None
        return guard is None or guard.take_over()

    def _dismiss(self) -> None:
        guard, self._guard = self._guard, None
        if guard:
            guard.dismiss()

    def _let_go(self) -> None:
        claim, self._claim = self._claim, None
        main, self._main = self._main, None
        if claim:
            claim.close()
        if main:
            main.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.run()
        except BuildError as left:
            if error is None:
                raise
            if isinstance(error, BuildError):
                raise BuildError(f"{error}; {left}") from None
            error.add_note(str(left))
