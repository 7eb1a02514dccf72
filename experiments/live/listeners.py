"""The open pages that have not heard yet how the run has ended."""

from __future__ import annotations

import asyncio


class Listeners:
    """Of one event loop."""

    def __init__(self) -> None:
        self._open: set[object] = set()
        self._none = asyncio.Event()
        self._none.set()

    def add(self, page: object) -> None:
        """A page listens."""
        self._open.add(page)
        self._none.clear()

    def discard(self, page: object) -> None:
        """It has heard all, or was closed."""
        self._open.discard(page)
        if not self._open:
            self._none.set()

    async def none_left(self) -> None:
        """Wait until there is none."""
        await self._none.wait()
