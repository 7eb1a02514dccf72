"""What light and optics can do on each span."""

from __future__ import annotations

import math
from collections.abc import Iterator

from topologies.lint.findings import Finding, Subject
from topologies.optics import OPTICS, Optics
from topologies.physics import DELAY_US_PER_KM, fibre_delay_us, great_circle_km
from topologies.spec import FibreType, Span, Transceiver

# Coordinates of a town and declared lengths are rounded.
_ROUNDING_KM = 2.0
_ROUNDING = 0.98
_FASTEST = min(DELAY_US_PER_KM.values())
_MOST_TIMES_THE_FIBRE = 3.0
_MOST_TIMES_DIRECT = 4.0
_LEAST_DETOUR_KM = 100.0
_MOST_OF_THE_REACH = 0.8
# Land routes of this length have amplifier sites, and sea cables have repeaters.
_VERY_LONG_KM = 3000.0
_DIFFERENCE = 0.01
_DIFFERENCE_US = 1.0


def optics_in_reach(subject: Subject) -> Iterator[Finding]:
    """FC201 to FC207: each span against what its transceiver does."""
    for index, span in enumerate(subject.topology.spans):
        km = subject.lengths_km[span.id]
        if span.transceiver is None:
            yield from _nothing_told(index, span, km)
            continue
        optics = OPTICS[span.transceiver]
        yield from _reach(index, span, km, optics)
        yield from _rate(index, span, optics)
        if span.transceiver is Transceiver.SUBSEA and span.fibre is FibreType.HCF:
            yield Finding(
                "FC206",
                ("spans", index, "fibre"),
                f"{span.id} is a submarine cable of hollow-core fibre; none has been laid",
                "make it smf, or take another transceiver if it runs on land",
            )


def _nothing_told(index: int, span: Span, km: float) -> Iterator[Finding]:
    if km > _VERY_LONG_KM and not span.amplifiers:
        yield Finding(
            "FC205",
            ("spans", index),
            f"{span.id} is {km:,.0f} km long and tells neither transceiver nor amplifiers",
            "tell its transceiver (subsea or long-haul) and its amplifiers",
        )


def _reach(index: int, span: Span, km: float, optics: Optics) -> Iterator[Finding]:
    name = span.transceiver.value if span.transceiver else ""
    place = ("spans", index, "transceiver")
    if km > optics.most_km:
        yield Finding(
            "FC202",
            place,
            f"{span.id} is {km:,.0f} km long and {name} reaches {optics.most_km:,.0f} km at most "
            f"({optics.source})",
            "take optics that reach farther, or put a site with a regenerator in between",
        )
        return
    if optics.spacing_km is None and span.amplifiers:
        yield Finding(
            "FC207",
            ("spans", index, "amplifiers"),
            f"{span.id} has {span.amplifiers} amplifier sites and {name} is made for a span "
            f"without any ({optics.source})",
            "leave them out, or take the + variant or a line system",
        )
    yield from _spacing(index, span, km, optics)
    if km > max(optics.expected_km, _MOST_OF_THE_REACH * optics.most_km):
        yield Finding(
            "FC203",
            place,
            f"{span.id} is {km:,.0f} km long; {name} reaches {optics.expected_km:,.0f} to "
            f"{optics.most_km:,.0f} km, as the line is ({optics.source})",
            "check the line's losses, or lower the rate",
        )


def _spacing(index: int, span: Span, km: float, optics: Optics) -> Iterator[Finding]:
    name = span.transceiver.value if span.transceiver else ""
    longest_km = optics.alone_km
    if span.amplifiers and optics.spacing_km is not None:
        longest_km = optics.spacing_km
    stretch_km = km / (span.amplifiers + 1)
    if stretch_km > longest_km:
        needed = math.ceil(km / (optics.spacing_km or longest_km)) - 1
        yield Finding(
            "FC201",
            ("spans", index, "amplifiers" if span.amplifiers else "transceiver"),
            f"{span.id} is {km:,.0f} km long with {span.amplifiers or 'no'} amplifier sites: "
            f"stretches of {stretch_km:,.0f} km, and {name} crosses {longest_km:,.0f} km",
            f"set amplifiers: {needed} or more",
        )


def _rate(index: int, span: Span, optics: Optics) -> Iterator[Finding]:
    if span.transceiver and span.rate_gbps > optics.rate_gbps:
        yield Finding(
            "FC204",
            ("spans", index, "rate_gbps"),
            f"{span.id} has {span.rate_gbps:g} Gbit/s and one {span.transceiver.value} carries "
            f"{optics.rate_gbps:g} Gbit/s",
            "lower the rate, take faster optics, or write parallel spans",
        )


def delays_and_lengths(subject: Subject) -> Iterator[Finding]:
    """FC211 to FC215: declared delays and lengths against light and the globe."""
    for index, span in enumerate(subject.topology.spans):
        direct_km = great_circle_km(subject.sites[span.a], subject.sites[span.b])
        yield from _length(index, span, direct_km)
        for field, delay_us in (("delay_us", span.delay_us), ("delay_back_us", span.delay_back_us)):
            if delay_us is not None:
                yield from _delay(subject, index, span, field, delay_us, direct_km)
        yield from _both_ways(subject, index, span)


def _length(index: int, span: Span, direct_km: float) -> Iterator[Finding]:
    km = span.length_km
    if km is None:
        return
    if km < direct_km * _ROUNDING - _ROUNDING_KM:
        yield Finding(
            "FC214",
            ("spans", index, "length_km"),
            f"{span.id} is {km:,.0f} km long and its ends are {direct_km:,.0f} km apart",
            "correct the length, or the coordinates of its ends",
        )
    if km > max(direct_km * _MOST_TIMES_DIRECT, direct_km + _LEAST_DETOUR_KM):
        yield Finding(
            "FC215",
            ("spans", index, "length_km"),
            f"{span.id} is {km:,.0f} km long and its ends are {direct_km:,.0f} km apart",
            "check the length and the coordinates of its ends",
        )


def _delay(
    subject: Subject, index: int, span: Span, field: str, delay_us: float, direct_km: float
) -> Iterator[Finding]:
    km = subject.lengths_km[span.id]
    # A length that follows from a route factor is a guess; only the great circle is certain.
    certain_km = direct_km if span.length_km is None else max(span.length_km, direct_km)
    # Fibre on the way may be of another kind than told only if it is faster.
    least_us = fibre_delay_us(max(0.0, certain_km * _ROUNDING - _ROUNDING_KM), span.fibre)
    fibre_us = fibre_delay_us(km, span.fibre)
    if delay_us < least_us:
        hint = " (hollow core would do)" if delay_us > least_us * _FASTEST / 4.90 else ""
        yield Finding(
            "FC211",
            ("spans", index, field),
            f"{span.id} has a delay of {delay_us:,.0f} µs and light in {span.fibre.value} needs "
            f"{fibre_delay_us(certain_km, span.fibre):,.0f} µs for {certain_km:,.0f} km{hint}",
            "correct the delay, the length or the fibre",
        )
    elif delay_us > fibre_us * _MOST_TIMES_THE_FIBRE and delay_us > fibre_us + 500:
        yield Finding(
            "FC212",
            ("spans", index, field),
            f"{span.id} has a delay of {delay_us:,.0f} µs, {delay_us / fibre_us:.1f} times the "
            f"{fibre_us:,.0f} µs of its {km:,.0f} km of {span.fibre.value}",
            "check the unit (µs, one way), the length and the coordinates of its ends",
        )


def _both_ways(subject: Subject, index: int, span: Span) -> Iterator[Finding]:
    if span.delay_back_us is None:
        return
    there_us = span.delay_us
    if there_us is None:
        there_us = fibre_delay_us(subject.lengths_km[span.id], span.fibre)
    difference_us = abs(span.delay_back_us - there_us)
    if difference_us > max(_DIFFERENCE_US, _DIFFERENCE * there_us):
        yield Finding(
            "FC213",
            ("spans", index, "delay_back_us"),
            f"{span.id} takes {there_us:,.0f} µs from {span.a} to {span.b} and "
            f"{span.delay_back_us:,.0f} µs back",
            "leave it if the two fibres take different routes; clocks that assume equal ways "
            f"(PTP, NTP) will be off by {difference_us / 2:,.0f} µs",
        )
