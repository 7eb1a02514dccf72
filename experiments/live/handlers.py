"""What the live page's server answers to each request."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Awaitable
from contextlib import suppress
from importlib.resources import files
from typing import Any

import tornado.iostream
import tornado.web

from experiments.live.guard import HEADERS, Request, objection
from experiments.live.listeners import Listeners
from experiments.live.page_text import page_text
from experiments.live.run import LiveRun
from topologies.problems import InputError

_TELL_EVERY_S = 0.25
_MIME = {"js": "text/javascript", "css": "text/css"}


def application(
    run: LiveRun, token: str, port: int, listeners: Listeners
) -> tornado.web.Application:
    """All pages of a run; listeners are those who hear what happens."""
    # Browsers give cookies to all ports of a machine alike.
    shared = {
        "run": run,
        "token": token,
        "cookie": f"fibercut-live-{port}",
        "listeners": listeners,
    }
    return tornado.web.Application(
        [
            (r"/", _Page, shared),
            (r"/(live|map|probes)\.(js|css)", _Asset, shared),
            (r"/facts", _Facts, shared),
            (r"/events", _Events, shared),
            (r"/order", _Order, shared),
            (r"/report", _Report, shared),
        ],
        default_handler_class=_Nothing,
        default_handler_args=shared,
        log_function=lambda _handler: None,
    )


class _Guarded(tornado.web.RequestHandler):
    """Answers nobody whom the guard objects to."""

    def initialize(self, run: LiveRun, token: str, cookie: str, listeners: Listeners) -> None:
        self.run, self.token, self.cookie, self.listeners = run, token, cookie, listeners

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        for name, value in HEADERS.items():
            self.set_header(name, value)

    def prepare(self) -> Awaitable[None] | None:
        said = objection(self._request(), self.token)
        if said is not None:
            self._refuse(403, said)
        return None

    def _request(self) -> Request:
        headers = {name.lower(): value for name, value in self.request.headers.items()}
        return Request(self.request.method or "", headers, self.get_cookie(self.cookie))

    def _refuse(self, status: int, said: str) -> None:
        self.set_status(status)
        self.finish({"error": said})

    def write_error(self, status_code: int, **_more: Any) -> None:
        self.finish({"error": f"{status_code} {self._reason}"})


class _Nothing(_Guarded):
    def prepare(self) -> Awaitable[None] | None:
        super().prepare()
        if not self._finished:
            self._refuse(404, "there is nothing here; the page is at /")
        return None


class _Page(_Guarded):
    def prepare(self) -> Awaitable[None] | None:
        given = self.get_query_argument("token", None)
        if given is not None and secrets.compare_digest(given.encode(), self.token.encode()):
            bare = Request("GET", {**self._request().headers, "authorization": ""}, self.token)
            if objection(bare, self.token) is None:
                # From now on the cookie has it: an address is easily shown to others.
                self.set_cookie(self.cookie, self.token, httponly=True, samesite="Strict", path="/")
                self.redirect("/")
                return None
        return super().prepare()

    def get(self) -> None:
        self.finish(page_text(self.run))


class _Asset(_Guarded):
    def get(self, name: str, suffix: str) -> None:
        file = files("experiments.live").joinpath(f"page/{name}.{suffix}")
        if not file.is_file():
            self._refuse(404, "there is no such file")
            return
        self.set_header("Content-Type", f"{_MIME[suffix]}; charset=utf-8")
        self.finish(file.read_bytes())


class _Facts(_Guarded):
    def get(self) -> None:
        self.finish(self.run.facts())


class _Events(_Guarded):
    """Server-sent events: all that is known, then what changes, until the run is over."""

    async def get(self) -> None:
        self.set_header("Content-Type", "text/event-stream")
        self.listeners.add(self)
        cursors: dict[str, dict[str, Any]] = {}
        with suppress(tornado.iostream.StreamClosedError):
            while True:
                news = self.run.since(cursors)
                self.write(f"data: {json.dumps(news, separators=(',', ':'))}\n\n")
                # Who reads slowly gets more at once, and makes nobody wait.
                await self.flush()
                if news["result"]:
                    break
                await asyncio.sleep(_TELL_EVERY_S)
        self.listeners.discard(self)

    def on_connection_close(self) -> None:
        self.listeners.discard(self)


class _Order(_Guarded):
    def post(self) -> None:
        try:
            said = self.run.order(json.loads(self.request.body))
        except ValueError:
            self._refuse(400, "the order is no JSON")
        except RecursionError:
            self._refuse(400, "the order is nested too deeply")
        except InputError as error:
            self._refuse(400, str(error))
        except OSError as error:
            self._refuse(409, f"the trial cannot be reached: {error.strerror}")
        else:
            self.finish({"said": said})


class _Report(_Guarded):
    def get(self) -> None:
        report = self.run.report
        if report is None or not report.is_file():
            self._refuse(404, "there is no report yet: the run is not over")
            return
        # It is made by us, complete in itself, and full of scripts.
        self.set_header("Content-Security-Policy", "default-src 'self' 'unsafe-inline' data: blob:")
        self.finish(report.read_bytes())
