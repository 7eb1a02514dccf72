"""Run one command in a guest: start it, follow it, end it, and say what became of it."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NoReturn, Self

from guest import host
from guest.console import Terminal
from guest.diagnosis import died, last_lines, mode_warnings
from guest.errors import GuestError, SetupError
from guest.kernel import GuestKernel, cache_folder, find_kernel
from guest.process import FIRST_FD, KernelProcess
from guest.relay import Relay
from guest.settings import EPOCH_S, GuestResult, GuestSettings
from guest.share import FIRST_PROCESS, Share
from guest.switches import switches_library
from guest.watch import Sight, Watch

_POLL_S = 0.05
_PACED_POLL_S = 0.005
# A reader that is slower than the command stops the guest (and its clock), not the disk's owner.
_BACKLOG_BYTES = 64 << 20


class Guest:
    """A command in a guest, from its start. Use as a context manager: its end ends the guest.

    Call `poll` or `wait` at least once a second: they watch over the limits.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        out_dir: Path | None = None,
        settings: GuestSettings | None = None,
        kernel: GuestKernel | None = None,
        stdin: BinaryIO | None = None,
        stdout: BinaryIO | None = None,
        stderr: BinaryIO | None = None,
    ) -> None:
        """Start it.

        out_dir: the one folder (made if missing) whose changes stay. In the guest it is
            GUEST_OUT (also the variable FIBERCUT_OUT); what is written under its name on the
            host is lost like everything else, so that the same seed is the same run wherever
            its results go.
        kernel: the one built for this user, unless told.
        stdin: read to its end before the guest starts; None is empty.
        stdout, stderr: take the command's output, as it comes; None is the caller's own.

        Raises SetupError if this machine or an argument is not fit.
        """
        self._settings = settings or GuestSettings()
        self._kernel = kernel or _built_kernel()
        self._out_dir = _usable(out_dir)
        self._started_at_s = time.monotonic()
        self._watch = Watch(self._settings)
        self._result: GuestResult | None = None
        self._give_up_at_s: float | None = None
        self._clock_ns: int | None = None
        self._started_s: float | None = None
        self._paused = False
        self._pace: Callable[[float], bool] | None = None
        host.check_memory(self._settings.memory_mb)
        with contextlib.ExitStack() as undo:
            self._share = Share(host.memory_folder(self._settings.memory_mb))
            undo.callback(self._share.remove)
            self._share.describe(command, self._settings, self._out_dir)
            self._share.take_stdin(stdin)
            if self._settings.openvswitch:
                self._share.take_library(switches_library(cache_folder()))
            self._log = (self._out_dir or self._share.folder) / "guest.log"
            self._log.unlink(missing_ok=True)
            self._relays = self._open_relays(stdout, stderr)
            undo.callback(self._finish_relays)
            core = host.choose_core(self._settings.core, cache_folder() / "cores")
            undo.callback(core.release)
            self._process = self._boot(core.number, undo)
            undo.callback(self._process.kill)
            self._undo = undo.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()

    @property
    def virtual_s(self) -> float:
        """How long the command has been running, in seconds of its own clock."""
        if self._started_s is None:
            self._started_s = self._share.started_s()
        if self._started_s is None:
            return 0.0
        now_s = time.time() if self._settings.clock == "real" else EPOCH_S
        return max(0.0, now_s + (self._clock_ns or 0) / 1e9 - self._started_s)

    def poll(self) -> GuestResult | None:
        """The result, or None while the command runs.

        Raises GuestError if the guest hung, died or was given up, and the OSError of an output
        that takes nothing more; the guest is ended then.
        """
        if self._result is not None:
            return self._result
        if self._process.wait(0.0):
            return self._finish()
        if self._settings.clock == "virtual":
            self._clock_ns = self._process.memory_word(self._kernel.clock_address)
        backlogged = max(self._backlogs(), default=0) > _BACKLOG_BYTES
        self._process.hold(backlogged or self._paused or self._is_ahead())
        self._raise_output_errors()
        objection = self._objection()
        if objection is not None:
            self._fail(objection)
        return None

    def wait(self, timeout_s: float | None = None) -> GuestResult | None:
        """The result when the command has ended; None if `timeout_s` passed before.

        The first Ctrl-C asks the command to end (see `interrupt`), the second ends the guest.
        """
        until_s = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            try:
                result = self.poll()
                if result is not None or (until_s is not None and time.monotonic() > until_s):
                    return result
                self._process.wait(_POLL_S if self._pace is None else _PACED_POLL_S)
            except KeyboardInterrupt:
                if self._give_up_at_s is not None:
                    self.kill()
                    raise
                self.interrupt()

    def interrupt(self, signal_name: str = "INT") -> None:
        """Send the command and its children a signal; end the guest if it goes on for grace_s."""
        self._give_up_at_s = time.monotonic() + self._settings.grace_s
        self.signal(signal_name)

    def signal(self, signal_name: str) -> None:
        """Send the command and its children a signal; they may go on."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self._orders, f"{signal_name}\n".encode())

    def pause(self) -> None:
        """Hold the guest, its virtual clock included, and pass on all that it has said."""
        self._paused = True
        self.poll()
        while self._result is None and any(self._backlogs()):
            self._process.wait(_PACED_POLL_S)
            self.poll()

    def go_on(self) -> None:
        """Let a paused guest go on."""
        self._paused = False
        self.poll()

    def set_pace(self, is_ahead: Callable[[float], bool] | None) -> None:
        """Hold the guest whenever its `virtual_s` is ahead of what somebody wants to see.

        Asked a few hundred times a second of `wait`. The guest does not notice: its clock stands
        still meanwhile.
        """
        self._pace = is_ahead

    def kill(self) -> None:
        """End the guest at once, with all that it started. Does nothing after its end."""
        self._undo.close()

    def _open_relays(self, stdout: BinaryIO | None, stderr: BinaryIO | None) -> list[Relay]:
        if self._settings.console:
            return []
        folder = self._share.folder
        return [
            Relay(folder / "stdout", stdout or sys.stdout.buffer),
            Relay(folder / "stderr", stderr or sys.stderr.buffer),
        ]

    def _boot(self, core: int, undo: contextlib.ExitStack) -> KernelProcess:
        heard, self._orders = os.pipe()
        undo.callback(os.close, self._orders)
        fds = [heard]
        words = [str(self._kernel.path), *self._kernel_parameters(), f"ssl0=fd:{FIRST_FD},null"]
        if self._settings.console:
            terminal = undo.enter_context(Terminal())
            fds.append(terminal.guest_fd)
            words.append(f"con1=fd:{FIRST_FD + 1},fd:{FIRST_FD + 1}")
        try:
            return KernelProcess(
                words, core=core, folder=self._share.folder, log=self._log, fds=fds
            )
        finally:
            os.close(heard)

    def _kernel_parameters(self) -> list[str]:
        settings = self._settings
        words = ["root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro"]
        words += [f"mem={settings.memory_mb}M", f"init={FIRST_PROCESS}"]
        # Without uml_dir the kernel would write into the user's home.
        words += [f"uml_dir={self._share.folder}/", "umid=kernel", "seccomp=auto"]
        words += ["con=null", "con0=null,fd:2", "ssl=null"]
        if settings.clock == "virtual":
            words += ["time-travel=inf-cpu", f"time-travel-start={EPOCH_S * 10**9}"]
            words.append(f"random-seed={settings.seed}")
        return words

    def _backlogs(self) -> list[int]:
        return [relay.backlog_bytes for relay in self._relays]

    def _is_ahead(self) -> bool:
        wanted_to_end = self._give_up_at_s is not None
        return not wanted_to_end and self._pace is not None and self._pace(self.virtual_s)

    def _objection(self) -> str | None:
        now_s = time.monotonic()
        if self._give_up_at_s is not None and now_s > self._give_up_at_s:
            return f"the command was asked to stop and went on for {self._settings.grace_s:g} s"
        output_bytes = sum(relay.size_bytes for relay in self._relays)
        sight = Sight(
            now_s - self._started_at_s,
            self._clock_ns,
            output_bytes,
            self.virtual_s,
            held=self._process.held,
        )
        return self._watch.objection(sight)

    def _finish(self) -> GuestResult:
        wall_s = time.monotonic() - self._started_at_s
        self._finish_relays()
        self._raise_output_errors()
        ended, started_s = self._share.ended(), self._share.started_s()
        if ended is None or started_s is None or self._process.exit_code != 0:
            self._fail(died(self._process.exit_code, self._log, self._settings))
        status, ended_s = ended
        self._result = GuestResult(
            exit_status=status,
            wall_s=round(wall_s, 3),
            virtual_s=round(ended_s - started_s, 6),
            log=self._log if self._out_dir else None,
            interrupted=self._give_up_at_s is not None,
            warnings=mode_warnings(self._log),
        )
        self.kill()
        return self._result

    def _finish_relays(self) -> None:
        for relay in self._relays:
            relay.finish()

    def _raise_output_errors(self) -> None:
        for relay in self._relays:
            if relay.error is not None:
                self.kill()
                raise relay.error

    def _fail(self, reason: str) -> NoReturn:
        log = self._log
        if self._out_dir is None:
            logs = cache_folder() / "logs"
            logs.mkdir(parents=True, exist_ok=True)
            log = logs / f"{self._share.folder.name}.log"
            shutil.copy(self._log, log)
        lines = last_lines(log)
        self.kill()
        raise GuestError(reason[0].upper() + reason[1:], log=log, last_lines=lines)


def _built_kernel() -> GuestKernel:
    kernel = find_kernel()
    if kernel is None:
        raise SetupError("There is no guest kernel yet: build it (guest.provide_kernel)")
    return kernel


def _usable(out_dir: Path | None) -> Path | None:
    if out_dir is None:
        return None
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"out_dir: {out_dir}: {error.strerror}") from None
    if not os.access(out_dir, os.W_OK | os.X_OK):
        raise SetupError(f"out_dir: {out_dir}: you may not write there")
    return out_dir.resolve()
