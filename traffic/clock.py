"""One clock for every program: CLOCK_MONOTONIC in nanoseconds, and exact waiting on it."""

from __future__ import annotations

import ctypes
import errno
import os
import time

from traffic.stopping import Stop

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000

_TIMER_ABSTIME = 1
_PR_SET_TIMERSLACK = 29
_PRIORITY = 10
# A signal that arrives between the check and the sleep is seen one slice later.
_SLICE_NS = 100 * NS_PER_MS
_OFFSET_READINGS = 5

_libc = ctypes.CDLL(None, use_errno=True)
_clock_nanosleep = _libc.clock_nanosleep
_clock_nanosleep.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)


def now_ns() -> int:
    """CLOCK_MONOTONIC in nanoseconds."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def realtime_ns() -> int:
    """CLOCK_REALTIME in nanoseconds, for what is told to other machines."""
    return time.clock_gettime_ns(time.CLOCK_REALTIME)


def wake_exactly() -> None:
    """Ask the kernel to wake this process on time; by default it may be 50 us late.

    Raises OSError if the kernel refuses.
    """
    if _libc.prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def run_first() -> None:
    """Run before all ordinary processes when woken, where the kernel allows it.

    In virtual time another process's clock readings move the clock by some 100 ns each;
    without priority a packet would wait until that process sleeps.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_PRIORITY))
    except PermissionError:
        return  # an ordinary user's probe; its summary tells how late it was


class AbsoluteSleep:
    """Sleeps until a point in time; it costs one system call and never accumulates."""

    __slots__ = ("_pointer", "_timespec")

    def __init__(self) -> None:
        self._timespec = (ctypes.c_long * 2)()
        self._pointer = ctypes.addressof(self._timespec)

    def __call__(self, at_ns: int) -> bool:
        """Sleep until at_ns (returns at once if it is past). False if a signal woke it before.

        Raises OSError for a time that the kernel does not accept.
        """
        self._timespec[0], self._timespec[1] = divmod(at_ns, NS_PER_S)
        error: int = _clock_nanosleep(time.CLOCK_MONOTONIC, _TIMER_ABSTIME, self._pointer, None)
        if error not in (0, errno.EINTR):
            raise OSError(error, os.strerror(error))
        return error == 0


def wait_until(at_ns: int, stop: Stop) -> bool:
    """Sleep until at_ns or until a stop is requested; True if at_ns was reached."""
    sleep = AbsoluteSleep()
    next_ns = now_ns()
    while not stop.requested and next_ns < at_ns:
        next_ns = min(at_ns, next_ns + _SLICE_NS)
        if not sleep(next_ns):
            next_ns = now_ns()
    return not stop.requested


def realtime_offset_ns() -> int:
    """CLOCK_REALTIME minus CLOCK_MONOTONIC, for the kernel's receive timestamps.

    Of several readings the one with the shortest bracket is taken.
    """
    best_bracket_ns, best_offset_ns = None, 0
    for _ in range(_OFFSET_READINGS):
        before_ns = now_ns()
        present_ns = realtime_ns()
        after_ns = now_ns()
        bracket_ns = after_ns - before_ns
        if best_bracket_ns is None or bracket_ns < best_bracket_ns:
            best_bracket_ns = bracket_ns
            best_offset_ns = present_ns - before_ns - bracket_ns // 2
    return best_offset_ns
