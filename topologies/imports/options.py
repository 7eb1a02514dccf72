"""What a user may decide about an import; the defaults hold wherever a network is named."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from topologies.spec import Strict

DEFAULT_RATE_GBPS = 100.0

LengthUnit = Literal["km", "m", "mi"]
MissingPositions = Literal["auto", "interpolate", "drop", "refuse"]
Parts = Literal["refuse", "largest"]


class ImportOptions(Strict):
    """How to read what a file leaves open. Notes tell wherever one of these was used."""

    rate_gbps: float = Field(default=DEFAULT_RATE_GBPS, gt=0)
    """Line rate of spans without one, and of the access links of all hosts."""
    length_unit: LengthUnit = "km"
    """Unit of lengths that come without one."""
    missing_positions: MissingPositions = "auto"
    """Nodes without coordinates: `auto` leaves out external ones and interpolates the others."""
    parts: Parts = "refuse"
    """What to do with a graph in several parts."""
    km_per_unit: float | None = Field(default=None, gt=0, le=10_000)
    """Kilometres that one unit of a drawing's coordinates stands for."""
    demand_unit_mbps: float | None = Field(default=None, gt=0)
    """Mbit/s that one unit of SNDlib's demands and capacities stands for."""
    route_factor: float = Field(default=1.3, ge=1.0, le=5.0)
    """Fibre route ÷ distance, where lengths follow from coordinates."""


DEFAULTS = ImportOptions()
