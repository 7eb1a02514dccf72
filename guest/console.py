"""The caller's terminal as the guest's console: raw keys in, the guest's terminal does the rest."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import sys
import termios
import threading
import tty
from types import TracebackType
from typing import Self

from guest.errors import SetupError

_POLL_S = 0.1


class Terminal:
    """Between the caller's terminal and `guest_fd`, a pseudo-terminal for the guest's kernel.

    The terminal's modes are put back at the end. Raises SetupError if there is no terminal.
    """

    def __init__(self) -> None:
        self._user_fd = sys.stdin.fileno()
        if not (os.isatty(self._user_fd) and os.isatty(sys.stdout.fileno())):
            raise SetupError("An interactive guest needs a terminal as standard input and output")
        self._modes = termios.tcgetattr(self._user_fd)
        self._master_fd, self.guest_fd = pty.openpty()
        self._size = b""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._carry, name="terminal", daemon=True)

    def __enter__(self) -> Self:
        self._follow_size()
        tty.setraw(self.guest_fd)
        tty.setraw(self._user_fd, termios.TCSADRAIN)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
        termios.tcsetattr(self._user_fd, termios.TCSADRAIN, self._modes)
        os.close(self._master_fd)
        os.close(self.guest_fd)

    def _carry(self) -> None:
        ways = {self._user_fd: self._master_fd, self._master_fd: sys.stdout.fileno()}
        while True:
            over = self._over.is_set()
            ready, _, _ = select.select(list(ways), [], [], 0 if over else _POLL_S)
            if over and self._master_fd not in ready:
                return
            for source in ready:
                data = os.read(source, 1 << 16)
                if not data:  # the caller's terminal has gone
                    del ways[source]
                while data:
                    data = data[os.write(ways[source], data) :]
            self._follow_size()

    def _follow_size(self) -> None:
        size = fcntl.ioctl(self._user_fd, termios.TIOCGWINSZ, b"\0" * 8)
        if size != self._size:
            self._size = size
            fcntl.ioctl(self._master_fd, termios.TIOCSWINSZ, size)
