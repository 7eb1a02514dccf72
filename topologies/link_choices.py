"""What holds for all links of a plan."""

from __future__ import annotations

from dataclasses import dataclass

from topologies.physics import drain_ms


@dataclass(frozen=True, slots=True)
class LinkChoices:
    """What `make_plan` is asked for."""

    scale: float
    buffer_ms: float
    buffer_bytes: float | None
    classes: bool
    ecn_mark_ms: float | None

    def rate_mbps(self, rate_gbps: float) -> float:
        """A line's rate in the scaled network."""
        return rate_gbps * 1000 / self.scale

    def drain_ms(self, rate_gbps: float) -> float:
        """How long a full queue takes to drain; scaling does not change it."""
        if self.buffer_bytes is None:
            return self.buffer_ms
        return drain_ms(self.buffer_bytes, rate_gbps)
