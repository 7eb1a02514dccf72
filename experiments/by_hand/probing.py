"""Probes by hand: packets at an exact rate between two hosts, and what became of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from topologies.plan import NetworkPlan
from traffic.clock import NS_PER_MS, NS_PER_S, now_ns
from traffic.describe import ProbeReceiver, ProbeSender

_FIRST_PORT = 40_000
# Starting takes no virtual time; in real time Python needs its time to start.
_MARGIN_S = {"virtual": 0.1, "real": 1.0}
# What is under way when the sender ends may still arrive.
_DRAIN_NS = NS_PER_S
_SHOWN_OUTAGES = 5
_END_GRACE_S = 5.0


@dataclass(frozen=True, slots=True)
class Outage:
    """Packets missing in a row. tbm_ms: from the last before to the first after (RFC 6414)."""

    at_ns: int
    missing: int
    tbm_ms: float | None


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What became of a probe's packets; delays in ms, None if none arrived."""

    from_host: str
    to_host: str
    sent: int
    lost: int
    delay_min_ms: float | None
    delay_median_ms: float | None
    delay_max_ms: float | None
    outages: tuple[Outage, ...]

    def __str__(self) -> str:
        ends = f"{self.from_host} → {self.to_host}"
        said = f"{ends}: {self.sent:,} sent, {self.lost:,} lost"
        if self.delay_median_ms is None:
            return f"{said}: none arrived"
        delays = (self.delay_min_ms, self.delay_median_ms, self.delay_max_ms)
        return f"{said}, delay {' / '.join(f'{d:.3f}' for d in delays)} ms (least/median/most)"


class RunningProbe:
    """A probe from its start to `stop`."""

    def __init__(
        self,
        net: Any,
        plan: NetworkPlan,
        from_host: str,
        to_host: str,
        rate_pps: int,
        number: int,
        out: Path,
        seconds: float | None = None,
    ) -> None:
        """seconds: for how long it sends; None: until it is stopped."""
        self.from_host, self.to_host, self.rate_pps = from_host, to_host, rate_pps
        clock = os.environ.get("FIBERCUT_CLOCK", "real")
        self._folder = out / "probes" / str(number)
        self._folder.mkdir(parents=True)
        self._rows = self._folder / "received.i64x3"
        self._start_ns = now_ns() + round(_MARGIN_S[clock] * NS_PER_S)
        port = _FIRST_PORT + number
        stop_ns = None if seconds is None else self._start_ns + round(seconds * NS_PER_S)
        receiver = ProbeReceiver(out=str(self._rows), port=port)
        sender = ProbeSender(
            out=str(self._folder / "sent.json"),
            start_at_ns=self._start_ns,
            stop_at_ns=stop_ns,
            to=f"{plan.host(to_host).ip}:{port}",
            rate_pps=rate_pps,
            stamp="schedule" if clock == "virtual" else "clock",
        )
        self._receiver = self._started(net[to_host], receiver)
        self._sender = self._started(net[from_host], sender)
        self._stopped: ProbeReport | None = None

    @property
    def running(self) -> bool:
        """Whether it still sends."""
        return self._stopped is None

    def finish(self) -> ProbeReport:
        """Wait for the end of a probe that was given one, and tell as `stop` does."""
        self._sender.wait()
        return self.stop()

    def report(self) -> ProbeReport:
        """What is known so far; packets under way do not count as lost."""
        if self._stopped is not None:
            return self._stopped
        return self._figures(None)

    def stop(self) -> ProbeReport:
        """End it, wait for what is under way, and tell what became of all its packets."""
        if self._stopped is None:
            self._end(self._sender)
            sent = self._sent()
            until_ns = now_ns() + _DRAIN_NS
            while now_ns() < until_ns and self._arrived() < sent:
                try:
                    self._receiver.wait(timeout=0.02)
                except subprocess.TimeoutExpired:
                    continue
            self._end(self._receiver)
            self._stopped = self._figures(sent)
        return self._stopped

    def _started(self, host: Any, process: ProbeReceiver | ProbeSender) -> Any:
        with (self._folder / f"{process.role}.log").open("wb") as log:
            return host.popen(
                process.argv(sys.executable), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def _end(self, process: Any) -> None:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout=_END_GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _sent(self) -> int:
        try:
            told = json.loads((self._folder / "sent.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return 0
        return int(told["sent"])

    def _arrived(self) -> int:
        return self._rows.stat().st_size // 24 if self._rows.exists() else 0

    def _figures(self, sent: int | None) -> ProbeReport:
        from traffic.probe_log import read_rows, summarize  # noqa: PLC0415 - NumPy is slow to load

        rows = read_rows(self._rows) if self._rows.exists() else None
        if rows is None or not len(rows):
            expected = sent or 0
            return ProbeReport(
                self.from_host, self.to_host, expected, expected, None, None, None, ()
            )
        found = summarize(rows, sent)
        return ProbeReport(
            self.from_host,
            self.to_host,
            found.expected,
            found.lost,
            _ms(found.delay_min_ns),
            _ms(found.delay_p50_ns),
            _ms(found.delay_max_ns),
            tuple(self._outage(gap) for gap in found.gaps[:_SHOWN_OUTAGES]),
        )

    def _outage(self, gap: Any) -> Outage:
        at_ns = self._start_ns + gap.first_missing * NS_PER_S // self.rate_pps
        both = gap.last_before_ns is not None and gap.first_after_ns is not None
        tbm_ms = (gap.first_after_ns - gap.last_before_ns) / NS_PER_MS if both else None
        return Outage(at_ns, gap.missing, tbm_ms)


def _ms(value_ns: float | None) -> float | None:
    return None if value_ns is None else value_ns / NS_PER_MS
