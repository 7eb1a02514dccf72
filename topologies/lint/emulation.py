"""Whether the scale and BFD suit the spans. Each code is told once, at its worst span."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from topologies.lint.findings import Finding, LintSettings, Subject
from topologies.physics import fibre_delay_us
from topologies.plan import SPAN_MTU
from topologies.spec import Span

_SLOWEST_MBPS, _FASTEST_MBPS = 1.0, 100_000.0
_ETHERNET_BYTES = 14
# Ethernet 14, IPv4 20, UDP 8, BFD control packet 24 (RFC 5880, 4.1; RFC 5881).
_BFD_BYTES = 66
_MOST_BFD_SHARE = 0.05


def scaled_rates(subject: Subject) -> Iterator[Finding]:
    """FC401 to FC404: what the spans are after scaling."""
    settings = subject.settings
    slow = [s for s in _by_rate(subject) if _mbps(s, settings) < _SLOWEST_MBPS]
    fast = [s for s in reversed(_by_rate(subject)) if _mbps(s, settings) > _FASTEST_MBPS]
    if slow:
        most = slow[0].rate_gbps * 1000 / _SLOWEST_MBPS
        yield _scaled(subject, "FC401", slow, f"take a scale of {most:g} or less")
    if fast:
        least = fast[0].rate_gbps * 1000 / _FASTEST_MBPS
        yield _scaled(subject, "FC402", fast, f"take a scale of {least:g} or more")
    detection_ms = settings.bfd_interval_ms * settings.bfd_multiplier
    held_up = [s for s in _by_rate(subject) if _packet_ms(s, settings) > detection_ms]
    if held_up:
        packet_ms = _packet_ms(held_up[0], settings)
        yield _worst(
            subject,
            "FC403",
            held_up,
            f"a packet of {SPAN_MTU} bytes is {packet_ms:.3g} ms on the wire, and BFD declares "
            f"the span failed after {detection_ms:g} ms without one of its own",
            "take a smaller scale or a longer BFD interval, or full-size packets look like cuts",
        )
    loaded = [s for s in _by_rate(subject) if _bfd_share(s, settings) > _MOST_BFD_SHARE]
    if loaded:
        yield _worst(
            subject,
            "FC404",
            loaded,
            f"BFD every {settings.bfd_interval_ms:g} ms takes {_bfd_share(loaded[0], settings):.0%}"
            f" of its {_mbps(loaded[0], settings):g} Mbit/s",
            "take a smaller scale or a longer BFD interval",
        )


def detection_against_delay(subject: Subject) -> Iterator[Finding]:
    """FC405: BFD that is faster than the light that it waits for."""
    settings = subject.settings
    detection_ms = settings.bfd_interval_ms * settings.bfd_multiplier

    def delay_ms(span: Span) -> float:
        there = span.delay_us or fibre_delay_us(subject.lengths_km[span.id], span.fibre)
        return max(there, span.delay_back_us or 0) / 1000

    quick = [s for s in subject.topology.spans if delay_ms(s) > detection_ms]
    if quick:
        quick.sort(key=delay_ms, reverse=True)
        yield _worst(
            subject,
            "FC405",
            quick,
            f"BFD of {settings.bfd_interval_ms:g} ms × {settings.bfd_multiplier} notices within "
            f"{detection_ms:g} ms, and its one-way delay is {delay_ms(quick[0]):.3g} ms",
            "a longer interval costs little here: what is in flight is lost in any case, and "
            "news of a cut far along the span arrives no sooner",
        )


def _scaled(subject: Subject, code: str, spans: list[Span], advice: str) -> Finding:
    rate = _mbps(spans[0], subject.settings)
    reason = f"it has {rate:.4g} Mbit/s at the scale 1:{subject.settings.scale:g}"
    return _worst(subject, code, spans, reason, advice)


def _worst(subject: Subject, code: str, spans: list[Span], reason: str, advice: str) -> Finding:
    index = subject.topology.spans.index(spans[0])
    more = len(spans) - 1
    others = f" (so is {more} more)" if more == 1 else f" (so are {more} more)" if more else ""
    return Finding(code, ("spans", index), f"{spans[0].id}: {reason}{others}", advice)


def _by_rate(subject: Subject) -> list[Span]:
    by_rate: Callable[[Span], float] = lambda span: span.rate_gbps  # noqa: E731
    return sorted(subject.topology.spans, key=by_rate)


def _mbps(span: Span, settings: LintSettings) -> float:
    return span.rate_gbps * 1000 / settings.scale


def _packet_ms(span: Span, settings: LintSettings) -> float:
    return (SPAN_MTU + _ETHERNET_BYTES) * 8 / (_mbps(span, settings) * 1000)


def _bfd_share(span: Span, settings: LintSettings) -> float:
    return _BFD_BYTES * 8 / (settings.bfd_interval_ms * 1000) / _mbps(span, settings)
