"""The live page's server: on loopback, in a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

import tornado.httpserver
import tornado.netutil

from experiments.live.guard import new_token
from experiments.live.handlers import application
from experiments.live.listeners import Listeners
from experiments.live.run import LiveRun
from topologies.problems import InputError, Problem

DEFAULT_PORT = 8765
_ADDRESS = "127.0.0.1"
_FAREWELL_S = 3.0
_LARGEST_BODY = 1 << 16


class LiveServer:
    """Serves the page of one run from `with` to its end.

    Raises InputError if the port is taken.
    """

    def __init__(self, run: LiveRun, port: int | None = None) -> None:
        """port: None is the usual one, or any if that is taken; 0 is any."""
        self._sockets = _listening(port)
        self.token = new_token()
        self._listeners = Listeners()
        self._application = application(run, self.token, self.port, self._listeners)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="live page", daemon=True)
        self._stop = asyncio.Event()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        """The address to open, with the token."""
        return f"http://{_ADDRESS}:{self.port}/?token={self.token}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._thread.join()

    async def _end(self) -> None:
        """Stop when every open page has heard how the run has ended, or does not listen."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL_S):
                await self._listeners.none_left()
        self._stop.set()

    def _serve(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._until_stopped())

    async def _until_stopped(self) -> None:
        server = tornado.httpserver.HTTPServer(
            self._application, max_body_size=_LARGEST_BODY, max_header_size=_LARGEST_BODY
        )
        server.add_sockets(self._sockets)
        await self._stop.wait()
        server.stop()
        await server.close_all_connections()


def _listening(port: int | None) -> list[socket.socket]:
    wanted = [DEFAULT_PORT, 0] if port is None else [port]
    for number in wanted:
        try:
            return tornado.netutil.bind_sockets(number, _ADDRESS)
        except OSError as error:
            refused = error
    message = f"{port} cannot be used on {_ADDRESS}: {refused.strerror}; name another, or 0 for any"
    raise InputError([Problem("--port", message)])
