"""How many tokens a prompt or an answer has: a fixed count or a seeded lognormal."""

from __future__ import annotations

import math
import random
from argparse import ArgumentTypeError

from traffic.inference_wire import MAX_TOKENS

_FORM = f"give COUNT or lognormal:MEDIAN:SIGMA[:MAXIMUM], counts from 1 to {MAX_TOKENS}"


class TokenCount:
    """A distribution of token counts; with sigma 0 every draw is the median."""

    def __init__(self, median: float, sigma: float = 0.0, maximum: int = MAX_TOKENS) -> None:
        self.median, self.sigma, self.maximum = median, sigma, maximum

    def draw(self, source: random.Random) -> int:
        """The next count, from 1 to the maximum."""
        value = self.median * math.exp(self.sigma * source.gauss(0, 1)) if self.sigma else None
        return max(1, min(self.maximum, round(self.median if value is None else value)))


def token_count(text: str) -> TokenCount:
    """An argument type: `512` or `lognormal:512:0.8:4096`."""
    kind, _, rest = text.partition(":")
    try:
        if not rest:
            found = TokenCount(int(kind))
        else:
            median, sigma, *maximum = rest.split(":")
            found = TokenCount(float(median), float(sigma), *map(int, maximum))
    except (TypeError, ValueError):
        raise ArgumentTypeError(f"{text!r} is no token count; {_FORM}") from None
    wrong_kind = bool(rest) and kind != "lognormal"
    in_range = 1 <= found.median <= found.maximum <= MAX_TOKENS and 0 <= found.sigma <= 10
    if wrong_kind or not in_range:
        raise ArgumentTypeError(f"{text!r} is no token count; {_FORM}")
    return found
