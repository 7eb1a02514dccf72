"""MLPerf's LoadGen as the user of our inference server, beside our own load, in virtual time.

LoadGen's server scenario draws its own exponential arrivals and takes its own times; both loads
ask the same server model over the same link. It needs the extra `loadgen` (mlcommons-loadgen):

./fibercut exec -- python -m tests.benchmarks.loadgen_server
"""

from __future__ import annotations

import argparse
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.emulation.stars import SECOND_NS, run_all, soon_ns, star, start
from traffic.describe import InferenceLoad, InferenceServer
from traffic.inference_figures import service_figures
from traffic.inference_wire import TokenReader, pack_request
from traffic.logs import read_requests
from traffic.objectives import MLPERF

PROMPT_TOKENS, ANSWER_TOKENS = 800, 40
BYTES_PER_TOKEN = 4
RATE_MBPS, DELAY_MS = 100.0, 10.0
SERVER = "10.0.1.2:8000"
OBJECTIVE = MLPERF["llama2-70b-interactive"]
_SAMPLES = 1024
_FIGURES = {
    "answered, requests/s": r"Completed samples per second +: ([\d.]+)",
    "first token p50, ms": r"50\.00 percentile first token latency \(ns\) +: (\d+)",
    "first token p99, ms": r"99\.00 percentile first token latency \(ns\) +: (\d+)",
    "each further token p99, ms": r"99\.00 percentile time to output token \(ns\) +: (\d+)",
}


class Caller:
    """Answers LoadGen's queries by asking a server, each query on a thread of its own."""

    def __init__(self, server: str, loadgen: Any) -> None:
        host, _, port = server.rpartition(":")
        self.address, self.loadgen = (host, int(port)), loadgen
        self.idle: list[socket.socket] = []

    def issue(self, samples: list[Any]) -> None:
        """LoadGen's callback: it must return at once."""
        for sample in samples:
            threading.Thread(target=self._answer, args=(sample.id,)).start()

    def _answer(self, number: int) -> None:
        sock = self.idle.pop() if self.idle else socket.create_connection(self.address)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = number % 2**63
        size = PROMPT_TOKENS * BYTES_PER_TOKEN
        sock.sendall(pack_request(key, PROMPT_TOKENS, ANSWER_TOKENS, size))
        reader, told = TokenReader(key), False
        while reader.tokens < ANSWER_TOKENS:
            reader.feed(sock.recv(1 << 16))
            if reader.tokens and not told:
                told = True
                self._tell(self.loadgen.FirstTokenComplete, number, 1)
        self.idle.append(sock)
        self._tell(self.loadgen.QuerySamplesComplete, number, ANSWER_TOKENS)

    def _tell(self, tell: Callable[[list[Any]], None], number: int, tokens: int) -> None:
        answer = array("B", b"x")
        place, length = answer.buffer_info()
        tell([self.loadgen.QuerySampleResponse(number, place, length, tokens)])


def settings(loadgen: Any, rate_rps: float, seconds: float) -> Any:
    """The server scenario with limits for tokens."""
    made = loadgen.TestSettings()
    made.scenario = loadgen.TestScenario.Server
    made.mode = loadgen.TestMode.PerformanceOnly
    made.server_target_qps = rate_rps
    made.server_target_latency_ns = 100 * SECOND_NS
    made.min_duration_ms = round(seconds * 1000)
    made.min_query_count = 1  # the duration counts
    made.use_token_latencies = True
    made.ttft_latency = round(OBJECTIVE.ttft_ms * 1e6)
    made.tpot_latency = round(OBJECTIVE.tpot_ms * 1e6)
    made.schedule_rng_seed = made.sample_index_rng_seed = made.qsl_rng_seed = 7
    return made


def run_loadgen(server: str, rate_rps: float, seconds: float, folder: str) -> None:
    """LoadGen in this process; its logs go to the folder."""
    import mlperf_loadgen as loadgen

    caller = Caller(server, loadgen)
    sut = loadgen.ConstructSUT(caller.issue, lambda: None)
    samples = loadgen.ConstructQSL(_SAMPLES, _SAMPLES, lambda _: None, lambda _: None)
    output = loadgen.LogOutputSettings()
    output.outdir = folder
    log = loadgen.LogSettings()
    log.log_output = output
    log.enable_trace = False
    made = settings(loadgen, rate_rps, seconds)
    loadgen.StartTestWithLogSettings(sut, samples, made, log)
    loadgen.DestroyQSL(samples)
    loadgen.DestroySUT(sut)


def loadgens_figures(folder: Path) -> dict[str, str]:
    """What LoadGen's summary says; times in ms."""
    text = (folder / "mlperf_log_summary.txt").read_text()
    found = {"result": re.search(r"Result is : (\w+)", text)}
    found |= {name: re.search(pattern, text) for name, pattern in _FIGURES.items()}
    shown = {}
    for name, match in found.items():
        value = match[1] if match else None
        in_ms = value and name.endswith("ms")
        shown[name] = f"{int(value) / 1e6:.3f}" if in_ms and value else value or "–"
    return shown


def our_figures(path: Path, seconds: float) -> dict[str, str]:
    """The same figures of our own load."""
    found = service_figures(read_requests(path), OBJECTIVE, round(seconds * SECOND_NS))
    return {
        "result": "VALID" if (found.met_share or 0) >= 0.99 else "INVALID",
        "answered, requests/s": f"{found.answered / seconds:.2f}",
        "first token p50, ms": f"{found.ttft_p50_ms:.3f}",
        "first token p99, ms": f"{found.ttft_p99_ms:.3f}",
        "each further token p99, ms": f"{found.tpot_p99_ms:.3f}",
    }


@contextmanager
def serving(host: str, folder: Path) -> Iterator[None]:
    """Our server, whose steps grow with the batch."""
    server = InferenceServer(
        out=str(folder / "server.json"), port=8000, slots=256, prefill_ms=20.0,
        prefill_per_token_ms=0.05, decode_ms=15.0, decode_per_request_ms=0.2,
    )  # fmt: skip
    running = start(host, server)
    try:
        yield
    finally:
        running.terminate()
        running.wait()


def compare(rate_rps: float, seconds: float) -> Table:
    """Both loads, one after the other."""
    with tempfile.TemporaryDirectory() as name, star(2, RATE_MBPS, DELAY_MS) as (user, edge):
        folder = Path(name)
        with serving(edge, folder):
            command = [sys.executable, "-m", "tests.benchmarks.loadgen_server", "--peer", SERVER]
            options = ["--rate-rps", str(rate_rps), "--seconds", str(seconds), "--folder", name]
            subprocess.run(
                ["ip", "netns", "exec", user, *command, *options], check=True, env=dict(os.environ)
            )
        with serving(edge, folder):
            begin_ns = soon_ns()
            load = InferenceLoad(
                out=str(folder / "requests.jsonl"), servers=(SERVER,), rate_rps=rate_rps, seed=7,
                prompt_tokens=str(PROMPT_TOKENS), answer_tokens=str(ANSWER_TOKENS), warm=0,
                start_at_ns=begin_ns, stop_at_ns=begin_ns + round(seconds * SECOND_NS),
            )  # fmt: skip
            run_all([(user, load)])
        theirs = loadgens_figures(folder)
        ours = our_figures(folder / "requests.jsonl", seconds)
    table = Table("figure", "LoadGen", "traffic.inference", title=f"{rate_rps:g} requests/s")
    for figure, value in ours.items():
        table.add_row(figure, theirs[figure], value)
    return table


def main() -> None:
    """Print LoadGen's figures beside ours, at several rates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", help="be LoadGen against this server (used by itself)")
    parser.add_argument("--rate-rps", type=float, nargs="+", default=[10.0, 40.0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--folder", default=".")
    args = parser.parse_args()
    if args.peer:
        run_loadgen(args.peer, args.rate_rps[0], args.seconds, args.folder)
        return
    for rate_rps in args.rate_rps:
        Console().print(compare(rate_rps, args.seconds))


if __name__ == "__main__":
    main()
