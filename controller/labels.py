"""The labels that steer repaired packets.

There is one kind of label: «go by the shortest path to where this span starts,
and leave over it», one for each direction of each span. In segment routing's
terms it is a global adjacency segment (RFC 8402, 3.4). No other kind is needed,
and few labels are: when k spans fail together, the new shortest path consists
of at most k + 1 old shortest paths with k spans between them (Afek et al.,
«Restoration by path concatenation», Distributed Computing 15, 2002), so a repair
takes at most k labels, and a single span's repair at most one.
"""

from __future__ import annotations

from controller.graph import Graph

SPAN_BASE = 16_000
"""A span's labels: this plus twice its place in the plan, plus 1 for the way from b to a.

0 to 15 are reserved (RFC 3032); a label has 20 bits, so half a million spans have room.
"""
PATH_BASE = 1 << 18
"""The labels of whole paths, numbered from here; there is room for as many again."""
MOST_LABELS = 3
"""Open vSwitch parses and pushes no more than three."""


def span_label(graph: Graph, span: int, start: int) -> int:
    """The label that leads over a span, away from one of its ends."""
    return SPAN_BASE + 2 * span + (graph.sites[start] == graph.spans[span].b.switch)
