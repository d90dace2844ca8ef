"""Confidence intervals of a proportion, and of the difference of two."""

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


def newcombe(right: int, images: int, other_right: int, other_images: int) -> tuple[float, float]:
    """Return the 95 % interval of the first proportion less the second, of independent samples.

    Method 10 of Newcombe, Statistics in Medicine 17 (1998): from the score interval of each.
    """
    share, other = right / images, other_right / other_images
    low, high = wilson(right, images)
    other_low, other_high = wilson(other_right, other_images)
    difference = share - other
    return (
        difference - math.hypot(share - low, other_high - other),
        difference + math.hypot(high - share, other - other_low),
    )
