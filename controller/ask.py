"""Ask a running controller, on its own machine or in its namespace.

  python -m controller.ask topology
  python -m controller.ask paths quincy-gpu1 lulea
  python -m controller.ask protection quincy lulea
  python -m controller.ask coverage
  python -m controller.ask pending
  python -m controller.ask counters
  python -m controller.ask events

Prints JSON; `fibercut controller` is the same for people. Exit status: 0; 2 if there is no
answer.
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

DEFAULT_PORT = 8080
QUESTIONS = ("topology", "paths", "protection", "coverage", "pending", "counters", "events")


class NoAnswerError(Exception):
    """Nobody answers, or there is no answer to this question."""


def ask(question: str, query: Mapping[str, str], port: int = DEFAULT_PORT) -> Any:
    """The answer to one of QUESTIONS, from 127.0.0.1. Raises NoAnswerError."""
    place = f"127.0.0.1:{port}"
    address = f"http://{place}/{question}?{urllib.parse.urlencode(query)}"
    try:
        with urllib.request.urlopen(address) as reply:
            return json.load(reply)
    except urllib.error.HTTPError as error:
        raise NoAnswerError(_complaint(error, place)) from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        why = getattr(error, "reason", error)
        raise NoAnswerError(f"no controller answers at {place} ({why})") from error


def _complaint(error: urllib.error.HTTPError, place: str) -> str:
    try:
        return str(json.loads(error.read())["error"])
    except (ValueError, KeyError, TypeError):
        return f"what answers at {place} is no controller of ours (HTTP status {error.code})"


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask one question. Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m controller.ask",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("question", help=", ".join(QUESTIONS))
    parser.add_argument("ends", nargs="*", help="two hosts, or switches that have hosts")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="default: %(default)s")
    options = parser.parse_args(arguments)
    query = dict(zip(("from", "to"), options.ends, strict=False))
    try:
        said = ask(options.question, query, options.port)
    except NoAnswerError as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(said, indent=2, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
