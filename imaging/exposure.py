"""Measurements of light: the histogram's levels, clipping, contrast, and patches that glare."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from imaging.jpeg import Pixels
from imaging.opencv import cv2

_LEVELS = 256
_DARK_LEVEL, _BRIGHT_LEVEL = 8, 247
_GLARE_LEVEL = 240.0

Counts = NDArray[np.int64]
Numbers = NDArray[np.float64]


def calc_histogram(grey: Pixels) -> Counts:
    """int64 (256,): pixels of each grey level."""
    counts = cv2.calcHist([grey], [0], None, [_LEVELS], [0, _LEVELS])
    return np.asarray(counts).ravel().astype(np.int64)


def calc_exposure(counts: Counts) -> dict[str, float]:
    """Measurements of a histogram by name: levels 0 to 255, shares 0 to 1, contrast 0 to 0.5."""
    return {
        "mean_luma": calc_mean_luma(counts),
        "p01_luma": calc_quantile(counts, 0.01),
        "p10_luma": calc_quantile(counts, 0.10),
        "p50_luma": calc_quantile(counts, 0.50),
        "p90_luma": calc_quantile(counts, 0.90),
        "p99_luma": calc_quantile(counts, 0.99),
        "clip_dark": calc_share(counts, 0, _DARK_LEVEL),
        "clip_bright": calc_share(counts, _BRIGHT_LEVEL, _LEVELS - 1),
        "rms_contrast": calc_rms_contrast(counts),
    }


def calc_mean_luma(counts: Counts) -> float:
    """Mean grey level, 0 to 255."""
    return float(np.sum(counts * np.arange(_LEVELS))) / int(counts.sum())


def calc_quantile(counts: Counts, share: float) -> float:
    """The lowest grey level, 0 to 255, that at least `share` (0 to 1) of the pixels are at or under."""
    return float(np.searchsorted(np.cumsum(counts), share * int(counts.sum()), side="left"))


def calc_share(counts: Counts, low: int, high: int) -> float:
    """Share of the pixels, 0 to 1, with a grey level from `low` to `high`, both included."""
    return int(counts[low : high + 1].sum()) / int(counts.sum())


def calc_rms_contrast(counts: Counts) -> float:
    """Standard deviation of the grey levels over 255, 0 to 0.5. Peli 1990."""
    levels = np.arange(_LEVELS) - calc_mean_luma(counts)
    return math.sqrt(float(np.sum(counts * levels**2)) / int(counts.sum())) / (_LEVELS - 1)


def calc_glare(blocks: Numbers) -> float:
    """Share of the blocks, 0 to 1, whose mean is at or over 240: washed out as a whole, not in single highlights."""
    return int(np.count_nonzero(blocks >= _GLARE_LEVEL)) / blocks.size
