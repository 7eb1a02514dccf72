"""Run before everybody else for a moment.

Open vSwitch's daemon is woken by every change of an interface, and then reads the
whole routing table again and looks at all its bridges. On a machine with one core, as
the guest is, it would do so between any two of our requests: a thousand links then
cost minutes. It is enough that it looks once, after the last of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_LOWEST = os.sched_param(1)


@contextmanager
def precedence() -> Iterator[None]:
    """The calling thread runs before all ordinary ones until it waits for something.

    What it starts meanwhile is ordinary. Where the system does not allow it (a
    container), nothing changes but the time that things take.
    """
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, _LOWEST)
    try:
        yield
    finally:
        with suppress(OSError):
            os.sched_setscheduler(0, *before)
