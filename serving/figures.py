"""Figures that say how sure they are: a value, the bounds it must lie in, and what it rests on. See docs/figures.md."""

from __future__ import annotations

import math
from dataclasses import dataclass

Z95 = 1.959964


@dataclass(frozen=True)
class Estimate:
    """A share in [0, 1] with `low` <= value <= `high`; all None where nothing is known. `part` of `whole` were seen.

    `basis`: "exact" where the whole is known, "bounds" where some of it is unknown (the bounds hold whatever that is),
    "sample" where the whole was sampled (a 95 % interval).
    """

    value: float | None
    low: float | None
    high: float | None
    part: float
    whole: float
    basis: str

    @property
    def text(self) -> str:
        """ "92.1 %", or "unknown"."""
        return "unknown" if self.value is None else percent(self.value)

    @property
    def span(self) -> str:
        """The bounds in words; empty where they are the value itself."""
        if self.low is None or self.high is None or self.high - self.low < 5e-4:
            return ""
        return f"{percent(self.low)} to {percent(self.high)}"


def percent(share: float) -> str:
    """A share as "92.1 %"; 0 and 1 without a decimal, and nothing else is rounded to either."""
    if share in (0, 1):
        return f"{100 * share:.0f} %"
    return f"{min(99.9, max(0.1, 100 * share)):.1f} %"


def bounded(part: float, known: float, unknown: float) -> Estimate:
    """Share of `part` in `known`; bounds by giving the `unknown` none of it, then all of it (Manski 1989)."""
    if known + unknown <= 0:
        return Estimate(None, None, None, 0, 0, "exact")
    low, high = part / (known + unknown), (part + unknown) / (known + unknown)
    if known <= 0:
        return Estimate(None, low, high, 0, 0, "bounds")
    return Estimate(part / known, low, high, part, known, "bounds" if unknown else "exact")


def wilson(part: float, whole: float) -> Estimate:
    """Share of `part` in a sample of `whole`, with Wilson's 95 % interval (1927)."""
    if whole <= 0:
        return Estimate(None, None, None, 0, 0, "sample")
    share, square = part / whole, Z95**2
    middle = (share + square / (2 * whole)) / (1 + square / whole)
    half = Z95 * math.sqrt(share * (1 - share) / whole + square / (4 * whole**2)) / (1 + square / whole)
    return Estimate(
        share, min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half)), part, whole, "sample"
    )


def sampled(part: float, seen: float, whole: float) -> Estimate:
    """Share of `part` in those `seen`: exact where all of the `whole` were seen, else a sample's."""
    return bounded(part, seen, 0) if seen >= whole else wilson(part, seen)
