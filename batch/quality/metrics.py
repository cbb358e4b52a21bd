"""Figures of a classifier on examples: areas under curves with intervals, precision at recall, calibration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Truth = NDArray[np.bool_]

RESAMPLES = 200
BINS = 10


@dataclass(frozen=True)
class Area:
    """An area under the ROC curve, 0 to 1, and the interval that holds 95 % of the bootstrap's."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Bin:
    """Examples whose probability lies in one tenth: how many, its mean, and the share that it holds for."""

    count: int
    predicted: float
    observed: float


def area_under_curve(scores: Numbers, positive: Truth) -> float:
    """Chance, 0 to 1, that a positive scores above a negative, ties half; NaN where one side is empty. Hanley 1982."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    ups, downs = int(positive.sum()), int((~positive).sum())
    if not ups or not downs:
        return float("nan")
    return float((ranks[positive].sum() - ups * (ups + 1) / 2) / (ups * downs))


def area(scores: Numbers, positive: Truth, seed: int) -> Area:
    """The area, and its 95 % interval by resampling positives and negatives 200 times each. Efron 1979."""
    rng = np.random.default_rng([seed, 3])
    ups, downs = scores[positive], scores[~positive]
    truth = np.repeat([True, False], [len(ups), len(downs)])
    drawn = [
        area_under_curve(np.concatenate([rng.choice(ups, len(ups)), rng.choice(downs, len(downs))]), truth)
        for _ in range(RESAMPLES if len(ups) and len(downs) else 0)
    ]
    low, high = np.quantile(drawn, [0.025, 0.975]) if drawn else (np.nan, np.nan)
    return Area(area_under_curve(scores, positive), float(low), float(high))


def precision_at_recall(scores: Numbers, positive: Truth, recall: float) -> float:
    """Share of true ones among the examples at or above the score that finds `recall` of the positives."""
    ups = np.sort(scores[positive])[::-1]
    if not len(ups):
        return float("nan")
    threshold = ups[min(len(ups) - 1, int(np.ceil(recall * len(ups))) - 1)]
    return float(positive[scores >= threshold].mean())


def brier(chances: Numbers, truth: Numbers) -> float:
    """Mean squared distance, 0 to 2, between probabilities (n, k) and what was true (n, k; 0 or 1). Brier 1950."""
    return float(np.mean(np.sum((chances - truth) ** 2, axis=1)))


def reliability(chances: Numbers, positive: Truth) -> list[Bin]:
    """Ten bins of equal width, the empty ones left out."""
    place = np.minimum((chances * BINS).astype(int), BINS - 1)
    bins = [place == index for index in range(BINS)]
    return [Bin(int(own.sum()), float(chances[own].mean()), float(positive[own].mean())) for own in bins if own.any()]


def confusion(
    labels: NDArray[np.str_], guesses: NDArray[np.str_], classes: tuple[str, ...]
) -> dict[str, dict[str, int]]:
    """Counts by true class, then by the likeliest one."""
    return {
        true: {guess: int(np.count_nonzero((labels == true) & (guesses == guess))) for guess in classes}
        for true in classes
        if (labels == true).any()
    }


def cross_fitted(
    fit: Callable[[Numbers, NDArray[np.str_]], Callable[[Numbers], Numbers]],
    values: Numbers,
    labels: NDArray[np.str_],
    seed: int,
) -> Numbers:
    """Predictions for each half of the rows by `fit` on the other half: no row is predicted by what has seen it."""
    side = np.random.default_rng([seed, 4]).permutation(len(labels)) % 2 == 0
    first, second = fit(values[side], labels[side]), fit(values[~side], labels[~side])
    made = second(values[side])
    found = np.empty((len(labels), made.shape[1]))
    found[side], found[~side] = made, first(values[~side])
    return found
