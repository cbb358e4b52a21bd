"""What a sample says about all: estimates weighted by inverse probability, with intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Z_95 = 1.959963984540054


@dataclass(frozen=True)
class Estimate:
    """Share in [0, 1] and total of `population` that have a property, each with the ends of its interval.

    `sampled` were looked at; they say as much as `effective` of a simple random sample with replacement would, which
    is infinite where all were looked at.
    """

    share: float | None
    share_low: float
    share_high: float
    total: float | None
    total_low: float
    total_high: float
    sampled: int
    population: int
    effective: float


def estimate(has: Sequence[bool], probabilities: Sequence[float], population: int, z: float = Z_95) -> Estimate:
    """Estimate of how many of `population` have a property, from those that were sampled.

    Each was chosen on its own with its probability in (0, 1]; `population` is known exactly. Without a sample the
    share is None and the interval is everything. `z` is the normal quantile of the interval: 95% by default.
    Raises ValueError for a probability outside (0, 1], or more in the sample than in the population.

    Source: Hájek 1971 for the ratio of Horvitz-Thompson totals; Kish 1965 for the effective size, here with the
    finite-population term of Poisson sampling; Wilson 1927 for the interval, which holds near 0 and 1 too.
    """
    if any(not 0 < p <= 1 for p in probabilities):
        raise ValueError("a probability lies outside (0, 1]")
    if len(has) > population:
        raise ValueError(f"{len(has)} sampled of a population of {population}")
    if not has:
        certain = population == 0
        return Estimate(None, 0.0, 1.0, 0.0 if certain else None, 0.0, float(population), 0, population, 0.0)
    weights = [1 / p for p in probabilities]
    total_weight = math.fsum(weights)
    share = math.fsum(w for w, yes in zip(weights, has, strict=True) if yes) / total_weight
    doubt = math.fsum(w * w * (1 - p) for w, p in zip(weights, probabilities, strict=True))
    effective = math.inf if doubt == 0 else total_weight**2 / doubt
    low, high = _wilson(share, effective, z)
    # What was seen is certain, whatever the interval says of the rest.
    yes = sum(has)
    low = max(low, yes / population)
    high = min(high, 1 - (len(has) - yes) / population)
    share = min(max(share, low), high)
    return Estimate(
        share, low, high, share * population, low * population, high * population, len(has), population, effective
    )


def _wilson(share: float, effective: float, z: float) -> tuple[float, float]:
    if math.isinf(effective):
        return share, share
    spread = z * z / effective
    centre = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / effective + spread / (4 * effective))
    return max(0.0, centre - half), min(1.0, centre + half)
