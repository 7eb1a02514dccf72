"""Ask a running controller, on its own machine or in its namespace.

  python -m controller.ask topology
  python -m controller.ask paths quincy-gpu1 lulea
  python -m controller.ask protection quincy lulea
  python -m controller.ask pending
  python -m controller.ask counters

Prints JSON. Exit status: 0; 2 if there is no answer.
"""

from __future__ import annotations

import argparse
import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence

DEFAULT_PORT = 8080


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask one question. Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m controller.ask",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("question", help="topology, paths, protection, pending or counters")
    parser.add_argument("ends", nargs="*", help="two hosts, or switches that have hosts")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="default: %(default)s")
    options = parser.parse_args(arguments)
    query = urllib.parse.urlencode(list(zip(("from", "to"), options.ends, strict=False)))
    place = f"127.0.0.1:{options.port}"
    try:
        with urllib.request.urlopen(f"http://{place}/{options.question}?{query}") as reply:
            sys.stdout.write(reply.read().decode())
    except urllib.error.HTTPError as error:
        print(json.loads(error.read())["error"], file=sys.stderr)
        return 2
    except urllib.error.URLError as error:
        print(f"no controller answers at {place} ({error.reason})", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
