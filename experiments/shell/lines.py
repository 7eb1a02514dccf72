"""Where a session's commands come from if not from a terminal of its own."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TextIO

from traffic.clock import wake_exactly

TURN = "turn"
# About 5 ms of computing, which takes no virtual time.
_IDLE_ROUNDS = 100_000
# So that whatever can run, such as what carries our output, does so first.
_LET_OTHERS_RUN_S = 1e-6


class ScriptLines:
    """The lines of a text.

    Its file descriptor is never readable: Mininet's prompt would take what follows a command
    for the input of the program that it started.
    """

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._read_fd, self._write_fd = os.pipe()

    def fileno(self) -> int:
        """Of a pipe into which nobody writes."""
        return self._read_fd

    def readline(self) -> str:
        """The next line, empty at the end."""
        return self._text.readline()


class TurnLines(ScriptLines):
    """Lines that the host asks a person for while it holds the guest.

    Waiting for a person by sleeping would let virtual time run away. So this process computes
    until the answer is there, which takes none, and says by a file that it is the host's turn;
    the host holds the guest then. (Looking for the answer takes well under 1 µs each time.)
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(sys.stdin)
        wake_exactly()
        self._folder = folder
        self._number = 0

    def readline(self) -> str:
        """The person's next line, empty at the end."""
        self._number += 1
        time.sleep(_LET_OTHERS_RUN_S)
        write_whole(self._folder / TURN, str(self._number))
        answer = self._folder / line_file(self._number)
        while not answer.exists():
            for _ in range(_IDLE_ROUNDS):
                pass
        return answer.read_text(encoding="utf-8")


def line_file(number: int) -> str:
    """The file of the answer to a turn."""
    return f"line-{number}"


def write_whole(path: Path, text: str) -> None:
    """Write a file that nobody sees half written."""
    partial = path.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    partial.rename(path)
