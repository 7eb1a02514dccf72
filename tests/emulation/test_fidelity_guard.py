"""In virtual time: who polls the clock instead of sleeping is found; who sleeps takes no time."""

from __future__ import annotations

import subprocess
import sys
import time

from experiments.fidelity.limits import FidelityLimits, broken_limits
from experiments.fidelity.spinning import cpu_times, spinning

_SPIN = "import time\nt = time.monotonic()\nwhile time.monotonic() - t < 0.02: pass\ntime.sleep(9)"
_SLEEP = "import time\nfor _ in range(40): time.sleep(0.001)\ntime.sleep(9)"


def test_a_process_that_polls_the_clock_is_found_by_name() -> None:
    readings = watched(_SPIN)
    assert readings["spin_process"] is not None
    assert str(readings["spin_process"]).startswith("python")
    [told] = broken_limits(readings, FidelityLimits(spin_share=0.3))
    assert "kept the virtual clock from going on" in told


def test_a_process_that_sleeps_takes_no_time() -> None:
    assert watched(_SLEEP) == {"spin_share": 0.0, "spin_process": None}


def watched(program: str) -> dict[str, float | str | None]:
    before = cpu_times()
    with subprocess.Popen([sys.executable, "-c", program]) as process:
        time.sleep(0.05)
        readings = spinning(before, cpu_times())
        process.kill()
    return readings
