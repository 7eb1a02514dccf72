"""What optics carry, and how far: data with their sources.

Reach depends on the line; the figures are those of agreements and standards where there are any,
and round figures of deployed systems elsewhere. Lint uses them; nothing is refused because of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from topologies.spec import Transceiver


@dataclass(frozen=True, slots=True)
class Optics:
    """One kind of transceiver with its line. Lengths are of fibre, not of the great circle."""

    rate_gbps: float
    """The most that one carries."""
    alone_km: float
    """The longest span with no amplifier site along it (amplifiers at its ends included)."""
    spacing_km: float | None
    """The longest stretch between amplifier sites; None for optics that are not amplified."""
    expected_km: float
    """A reach that any good line gives."""
    most_km: float
    """A reach beyond which it is not specified, or nowhere deployed."""
    source: str


OPTICS: Mapping[Transceiver, Optics] = {
    Transceiver.GREY_LR4: Optics(
        400, 10, None, 10, 10, "IEEE 802.3ba (100GBASE-LR4) and 802.3bs (400GBASE-LR8): 10 km"
    ),
    Transceiver.GREY_ER: Optics(
        400, 40, None, 40, 40, "IEEE 802.3ba (100GBASE-ER4) and 802.3cn (400GBASE-ER8): 40 km"
    ),
    Transceiver.ZR_400: Optics(
        400, 120, None, 80, 120, "OIF 400ZR: one amplified DWDM span of 80 to 120 km"
    ),
    Transceiver.ZR_PLUS_400: Optics(
        400, 120, 120, 450, 1000, "OpenZR+ MSA, makers' figures: 450 to 1,000 km"
    ),
    Transceiver.ZR_800: Optics(
        800, 120, None, 80, 120, "OIF 800ZR (October 2024): one amplified DWDM span, 80 to 120 km"
    ),
    Transceiver.ZR_PLUS_800: Optics(
        800, 120, 120, 450, 1000, "800ZR+ with open FEC, makers' figures: 450 to 1,000 km"
    ),
    Transceiver.LONG_HAUL: Optics(
        1600, 160, 120, 2500, 6000,
        "terrestrial line systems: amplifiers every 80 to 120 km; round figures",
    ),
    Transceiver.SUBSEA: Optics(
        1600, 400, 150, 9000, 13_000,
        "submarine line systems: repeaters every 50 to 150 km (arXiv 2401.16997), unrepeatered "
        "festoons (ITU-T G.973) to about 400 km, 600G shown over 12,469 km (Amitié, 2023)",
    ),
}  # fmt: skip
