"""The confidence interval of a proportion."""

import math

CONFIDENCE = 0.95
Z = 1.959963984540054
"""The normal quantile of :data:`CONFIDENCE`, two-sided."""


def wilson(right: int, images: int) -> tuple[float, float]:
    """Return the 95 % score interval of a proportion (Wilson, JASA 22, 1927), without correction for continuity."""
    share = right / images
    centre = share + Z**2 / (2 * images)
    half = Z * math.sqrt(share * (1 - share) / images + Z**2 / (4 * images**2))
    scale = 1 + Z**2 / images
    # At the ends the formula gives 0 and 1, but for rounding.
    low = (centre - half) / scale if right else 0.0
    return low, (centre + half) / scale if right < images else 1.0
