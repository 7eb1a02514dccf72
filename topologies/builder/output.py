"""What the commands of several nodes print, line by line."""

from __future__ import annotations

import select
from collections.abc import Iterable, Iterator
from typing import Any


def lines_of(nodes: Iterable[Any], timeout_ms: int = -1) -> Iterator[tuple[Any, str | None]]:
    """Each line with its node, as it comes; (None, None) after every silence of `timeout_ms`.

    Mininet's own `monitor` also waits for room to write, which there always is: it asks
    without a pause, and in virtual time the clock stands still.
    """
    waiting = select.poll()
    by_file = {node.stdout.fileno(): node for node in nodes}
    for file in by_file:
        waiting.register(file, select.POLLIN)
    while True:
        ready = waiting.poll(timeout_ms)
        for file, event in ready:
            if event & select.POLLIN:
                yield from _whole_lines(by_file[file])
            else:
                waiting.unregister(file)  # its shell has ended
        if not ready and timeout_ms >= 0:
            yield None, None


def _whole_lines(node: Any) -> Iterator[tuple[Any, str]]:
    line = node.readline()
    while line is not None:
        yield node, line
        line = node.readline() if "\n" in node.readbuf else None
