"""The host's side of a shell in virtual time: asks for lines while the guest stands still."""

from __future__ import annotations

import contextlib
import os
import readline
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from experiments.by_hand.words import Words
from experiments.shell.completion import candidates, finished
from experiments.shell.lines import TURN, line_file, write_whole
from guest import Guest, GuestResult
from topologies.plan import NetworkPlan

VERBS = ("cut", "mend", "fault", "paths", "probe", "sleep", "status", "help", "exit",
         "nodes", "net", "links", "pingall", "py", "sh", "controller")  # fmt: skip
_POLL_S = 0.01
_HISTORY_LINES = 1000
_PATIENCE = 3


def history_file() -> Path:
    """Where the shell's history stays between sessions."""
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state).expanduser() / "fibercut" / "shell-history"


class Conversation:
    """Lines from a person for a guest whose session waits for turns (see lines.TurnLines)."""

    def __init__(self, guest: Guest, folder: Path, words: Words, plan: NetworkPlan) -> None:
        self._guest = guest
        self._folder = folder
        self._words = words
        self._nodes = [*(h.name for h in plan.hosts), *(s.name for s in plan.switches)]
        self._answered = 0
        self._impatience = 0

    def run(self) -> int:
        """Talk until the session ends. Returns its exit status. Raises GuestError."""
        with editing(self._candidates):
            while (result := self._result()) is None:
                if self._turn() > self._answered:
                    self._answer()
        return result.exit_status

    def _result(self) -> GuestResult | None:
        try:
            if (result := self._guest.poll()) is None:
                self._guest.wait(_POLL_S)
            return result
        except KeyboardInterrupt:
            # The command that runs in the guest gets it, as at a terminal.
            self._impatience += 1
            if self._impatience >= _PATIENCE:
                raise
            self._guest.signal("INT")
            return None

    def _turn(self) -> int:
        with contextlib.suppress(OSError, ValueError):
            return int((self._folder / TURN).read_text(encoding="ascii"))
        return 0

    def _answer(self) -> None:
        self._guest.pause()
        self._impatience = 0
        self._answered += 1
        write_whole(self._folder / line_file(self._answered), _ask("fibercut> "))
        self._guest.go_on()

    def _candidates(self, line: str, text: str) -> Sequence[str]:
        if not line[: len(line) - len(text)].strip():
            return sorted(name for name in (*VERBS, *self._nodes) if name.startswith(text))
        targets = self._words.targets
        return candidates(self._words, self._nodes, targets, line, text)


def _ask(prompt: str) -> str:
    """One line of the person's, empty when there will be none."""
    while True:
        try:
            return f"{input(prompt)}\n"
        except EOFError:
            print()
            return ""
        except KeyboardInterrupt:
            print()


@contextmanager
def editing(find: Callable[[str, str], Sequence[str]]) -> Iterator[None]:
    """Line editing with completion, and the history of earlier sessions."""
    state: list[str] = []

    def complete(text: str, number: int) -> str | None:
        if number == 0:
            state[:] = finished(find(readline.get_line_buffer(), text))
        return state[number] if number < len(state) else None

    path = history_file()
    readline.set_completer_delims(" \t\n")
    readline.set_completer(complete)
    readline.parse_and_bind("tab: complete")
    with contextlib.suppress(OSError):
        readline.read_history_file(path)
    readline.set_history_length(_HISTORY_LINES)
    try:
        yield
    finally:
        readline.set_completer(None)
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            readline.write_history_file(path)
