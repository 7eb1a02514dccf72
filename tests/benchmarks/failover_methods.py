"""An outage of 12.345 ms by the three methods of RFC 6414, at four rates, side by side.

    ./fibercut exec -- python -m tests.benchmarks.failover_methods

The line duplicates 2 % of the packets and delays 3 % by 15 ms. All times in ms.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from experiments.failover import delivery, outage
from tests.emulation.known_outage import OUTAGE_MS, probed_outage
from tests.emulation.stars import SECOND_NS

_ROW = "{:>10} {:>6} {:>6} {:>9} {:>16} {:>16} {:>16}  {}"


def main() -> int:
    """Print a row for each rate."""
    with tempfile.TemporaryDirectory() as folder:
        flows = probed_outage(Path(folder))
    print(f"the outage: {OUTAGE_MS} ms")
    heads = ("packets/s", "lost", "twice", "reordered", "PLBM", "TBM", "TBLM", "warnings")
    print(_ROW.format(*heads))
    for rate_pps, flow in flows.items():
        start_ns = flow.schedule.start_ns
        found = outage(flow, start_ns, start_ns + SECOND_NS)
        seen = delivery(flow, start_ns, start_ns + SECOND_NS)
        methods = (
            f"{value or 0:.3f} {sign} {resolution or 0:.3g}"
            for value, sign, resolution in (
                (found.plbm_ms, "±", found.plbm_resolution_ms),
                (found.tbm_ms, "−", found.tbm_resolution_ms),
                (found.tblm_ms, "−", found.tblm_resolution_ms),
            )
        )
        told = "; ".join(found.warnings) or "none"
        counts = (found.lost, seen.duplicated, seen.reordered)
        print(_ROW.format(rate_pps, *counts, *methods, told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
