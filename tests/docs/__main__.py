"""Run every command of the documentation: `python -m tests.docs [--all] [PAGE…]`.

Without --all only what needs no guest is run, as in CI. With it the others are too, in as long as
they take; what needs root, a cluster or a person is named with its reason.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.docs.pages import check_page, pages


def main() -> int:
    """Exit status 1 if a page is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.docs", description=__doc__)
    parser.add_argument("--all", action="store_true", help="what is slow or boots guests, too")
    parser.add_argument("pages", nargs="*", type=Path, help="default: all")
    given = parser.parse_args()
    counts: Counter[str] = Counter()
    for page in [path.resolve() for path in given.pages] or pages():
        with tempfile.TemporaryDirectory(prefix="fibercut-docs-") as folder:
            for one in check_page(page, Path(folder), slow=given.all):
                counts[one.outcome] += 1
                reason = f"  ({one.told})" if one.told else ""
                print(f"{one.outcome:7}{one.place}  {one.what}{reason}", flush=True)
    print(", ".join(f"{number} {outcome}" for outcome, number in sorted(counts.items())))
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
