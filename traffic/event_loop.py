"""A small event loop: sockets and exact timers in one thread.

epoll's own timeout counts whole milliseconds; a timer descriptor is exact to the nanosecond
and costs a fraction of what importing asyncio does.
"""

from __future__ import annotations

import ctypes
import heapq
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from itertools import count

from traffic.clock import NS_PER_S, now_ns

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing would cost each program 5 ms
    from typing import Self

READ, WRITE = select.EPOLLIN, select.EPOLLOUT

_TFD_TIMER_ABSTIME = 1
_TFD_CLOEXEC = 0o2000000
_MAX_EVENTS = 256

_libc = ctypes.CDLL(None, use_errno=True)

OnEvent = Callable[[int], None]
OnTime = Callable[[], None]


class _Timespecs(ctypes.Structure):  # struct itimerspec
    _fields_ = (
        ("interval_s", ctypes.c_long),
        ("interval_ns", ctypes.c_long),
        ("value_s", ctypes.c_long),
        ("value_ns", ctypes.c_long),
    )


class EventLoop:
    """Calls back when a socket is ready or a point in time has come, until `stop`."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, OnEvent] = {}
        self._watched: dict[int, int] = {}
        self._timers: list[tuple[int, int, OnTime]] = []
        self._number = count()
        self._armed_ns: int | None = None
        self._running = True
        self.interrupted = False
        self._waker: tuple[socket.socket, ...] = ()
        self._timer = _libc.timerfd_create(time.CLOCK_MONOTONIC, _TFD_CLOEXEC)
        if self._timer < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        self._epoll.register(self._timer, READ)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the descriptors back; signals no longer wake the loop."""
        if self._waker:
            signal.set_wakeup_fd(-1)
        for end in self._waker:
            end.close()
        os.close(self._timer)
        self._epoll.close()

    def watch(self, sock: socket.socket, events: int, handler: OnEvent) -> None:
        """Call handler(events) whenever the socket is ready; again to change events."""
        number = sock.fileno()
        if number not in self._handlers:
            self._epoll.register(number, events)
        elif self._watched[number] != events:
            self._epoll.modify(number, events)
        self._watched[number] = events
        self._handlers[number] = handler

    def forget(self, sock: socket.socket) -> None:
        """No more calls for this socket (before it is closed)."""
        if self._handlers.pop(sock.fileno(), None):
            self._epoll.unregister(sock.fileno())

    def at(self, at_ns: int, callback: OnTime) -> None:
        """Call back at a point in time (CLOCK_MONOTONIC); equal times keep their order."""
        heapq.heappush(self._timers, (at_ns, next(self._number), callback))

    def stop(self) -> None:
        """Let `run` return after the present callback."""
        self._running = False

    def stop_on_signals(self) -> None:
        """SIGTERM and SIGINT stop the loop and set `interrupted` (main thread only)."""
        waker, woken = self._waker = socket.socketpair()
        waker.setblocking(False)
        signal.set_wakeup_fd(waker.fileno())
        self.watch(woken, READ, lambda _events: None)  # only ends the wait
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def _on_signal(self, signum: int, frame: object) -> None:
        self.interrupted = True
        self._running = False

    def run(self) -> None:
        """Serve until `stop` or a signal."""
        while self._running:
            self.turn()

    def turn(self) -> None:
        """Wait for the next events or the next point in time, and call back."""
        self._arm()
        ready = self._epoll.poll(-1, _MAX_EVENTS)
        for number, events, handler in [(n, e, self._handlers.get(n)) for n, e in ready]:
            # A handler before this one may have closed the socket, and a new one its number.
            if handler is not None and self._handlers.get(number) == handler:
                handler(events)
        self._call_due()

    def _call_due(self) -> None:
        if not self._timers:
            return
        present_ns = now_ns()
        while self._timers and self._timers[0][0] <= present_ns and self._running:
            heapq.heappop(self._timers)[2]()

    def _arm(self) -> None:
        next_ns = self._timers[0][0] if self._timers else None
        if next_ns == self._armed_ns:
            return
        self._armed_ns = next_ns
        seconds, rest_ns = divmod(max(next_ns, 1), NS_PER_S) if next_ns is not None else (0, 0)
        value = _Timespecs(0, 0, seconds, rest_ns)
        _libc.timerfd_settime(self._timer, _TFD_TIMER_ABSTIME, ctypes.byref(value), None)
