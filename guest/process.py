"""The guest's kernel as a process of the host, held by its keeper."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from guest.errors import GuestError

FIRST_FD = 100

_KEEPER = Path(__file__).resolve().with_name("keeper.py")


class KernelProcess:
    """A running guest kernel, in `folder`; it sees `fds` as FIRST_FD and the numbers after it.

    exit_code: how it ended (as of subprocess: minus n for signal n), None while it runs.
    """

    def __init__(
        self, command: Sequence[str], *, core: int, folder: Path, log: Path, fds: Sequence[int]
    ) -> None:
        keeper = [sys.executable, "-I", "-S", str(_KEEPER), str(core), str(folder), str(log)]
        keeper += [str(FIRST_FD), ",".join(map(str, fds)), "--"]
        self._keeper = subprocess.Popen(
            [*keeper, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=fds,
            # Where the kernel keeps the guest's memory.
            env={**os.environ, "TMPDIR": str(folder)},
            bufsize=0,
        )
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        self._orders = self._keeper.stdin
        self._reports = self._keeper.stdout
        self._said = b""
        self._stopped = False
        self.exit_code: int | None = None
        while b"\n" not in self._said:
            self._hear()
            if self.exit_code is not None:
                raise GuestError("the guest could not be started")
        self._pid = int(self._said.split(b"\n")[0])

    def wait(self, timeout_s: float) -> bool:
        """Whether it has ended, after `timeout_s` at the latest."""
        while self.exit_code is None:
            ready, _, _ = select.select([self._reports], [], [], timeout_s)
            if not ready:
                return False
            self._hear()
        return True

    @property
    def held(self) -> bool:
        """Whether it was told to stand still."""
        return self._stopped

    def hold(self, stopped: bool) -> None:
        """Stop the guest, its virtual clock included, or let it go on."""
        if stopped != self._stopped:
            self._stopped = stopped
            self._order(b"s" if stopped else b"c")

    def kill(self) -> None:
        """End it with all that it started, and wait for that."""
        if self.exit_code is None:
            self._order(b"k")
            while not self.wait(1.0):
                pass
        self._orders.close()
        self._reports.close()
        self._keeper.wait()

    def memory_word(self, address: int) -> int | None:
        """The 64-bit number at an address of its memory; None if it cannot be read (now)."""
        if self.exit_code is not None:
            return None
        try:
            with open(f"/proc/{self._pid}/mem", "rb", buffering=0) as memory:
                word = os.pread(memory.fileno(), 8, address)
        except OSError:
            return None
        return int.from_bytes(word, "little") if len(word) == 8 else None

    def _order(self, letter: bytes) -> None:
        try:
            self._orders.write(letter)
        except BrokenPipeError:  # it has just ended
            return

    def _hear(self) -> None:
        said = os.read(self._reports.fileno(), 64)
        self._said += said
        lines = self._said.split(b"\n")
        if not said:
            # The keeper itself was killed; the kernel then ends the guest.
            self.exit_code = int(lines[1]) if len(lines) > 2 else -9
        elif len(lines) > 2:
            self.exit_code = int(lines[1])
