"""Who may talk to the live page: a browser of this machine that was given the token. Pure.

The page listens on loopback only; still every web site that the user opens could send requests
to it, or get past the browser's rules by naming this machine (DNS rebinding). So a request must
name this machine as itself, bear the token, and, if it changes something, come from the page.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

_THIS_MACHINE = ("127.0.0.1", "localhost", "::1")

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        "connect-src 'self'; img-src 'self' data:; form-action 'none'; frame-ancestors 'none'; "
        "base-uri 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True, slots=True)
class Request:
    """What is looked at of a request; header names in lower case."""

    method: str
    headers: Mapping[str, str]
    cookie: str | None


def new_token() -> str:
    """What the address contains, and nobody can guess."""
    return secrets.token_urlsafe(24)


def objection(request: Request, token: str) -> str | None:
    """Why a request is refused, or None."""
    host = request.headers.get("host", "")
    if _name(host) not in _THIS_MACHINE:
        return f"this page is at 127.0.0.1 or localhost only, not at {host[:80]!r}"
    bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
    if bearer and secrets.compare_digest(bearer.encode(), token.encode()):
        return None  # no browser sends this by itself
    if not secrets.compare_digest((request.cookie or "").encode(), token.encode()):
        return "the token is missing or wrong: open the address that `fibercut` has printed"
    if request.method not in ("GET", "HEAD") and request.headers.get("origin") != f"http://{host}":
        return "only the page itself may change something (the header Origin is another's)"
    return None


def _name(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
