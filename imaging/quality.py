"""Thirteen measurements of a grey photo at the working scale. Verdicts are decided late, by `imaging.model`."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from imaging import spectrum
from imaging.jpeg import Pixels
from imaging.opencv import cv2

MEASUREMENTS = (
    "laplacian_var",
    "sobel_var",
    "fft_high",
    "moire_peak",
    "reblur",
    "motion_ratio",
    "noise_sigma",
    "mean_luma",
    "p01_luma",
    "p99_luma",
    "clip_dark",
    "clip_bright",
    "rms_contrast",
)
_LEVELS = 256
_DARK_LEVEL, _BRIGHT_LEVEL = 8, 247
_REBLUR_TAPS = 9
_NOISE_KERNEL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32)
_SMALLEST_PX = 3

Counts = NDArray[np.int64]
Gradient = NDArray[np.int32]


def measure(grey: Pixels) -> dict[str, float]:
    """Every one of `MEASUREMENTS` of a uint8 (h, w) photo at the working scale, finite. About 30 ms for 1024 x 709.

    A photo under 3 pixels in a direction is padded with its edge pixels first.
    """
    if min(grey.shape) < _SMALLEST_PX:
        grey = np.pad(grey, [(0, max(0, _SMALLEST_PX - size)) for size in grey.shape], mode="edge")
    grey = np.ascontiguousarray(grey)
    dx, dy = calc_gradients(grey)
    counts = calc_histogram(grey)
    return {
        "laplacian_var": calc_laplacian_var(grey),
        "sobel_var": calc_sobel_var(dx, dy),
        "fft_high": spectrum.calc_fft_high(grey),
        "moire_peak": spectrum.calc_moire_peak(grey),
        "reblur": calc_reblur(grey),
        "motion_ratio": calc_motion_ratio(dx, dy),
        "noise_sigma": calc_noise_sigma(grey),
        "mean_luma": calc_mean_luma(counts),
        "p01_luma": calc_quantile(counts, 0.01),
        "p99_luma": calc_quantile(counts, 0.99),
        "clip_dark": calc_share(counts, 0, _DARK_LEVEL),
        "clip_bright": calc_share(counts, _BRIGHT_LEVEL, _LEVELS - 1),
        "rms_contrast": calc_rms_contrast(counts),
    }


def calc_gradients(grey: Pixels) -> tuple[Gradient, Gradient]:
    """Two int32 (h, w): 3 x 3 Sobel derivatives over x and over y, each in [-1020, 1020]."""
    return (
        np.asarray(cv2.Sobel(grey, cv2.CV_16S, 1, 0, ksize=3)).astype(np.int32),
        np.asarray(cv2.Sobel(grey, cv2.CV_16S, 0, 1, ksize=3)).astype(np.int32),
    )


def calc_laplacian_var(grey: Pixels) -> float:
    """Variance of the 3 x 3 Laplacian (centre -4), in squared grey levels, at least 0. Pech-Pacheco 2000."""
    return _variance(np.asarray(cv2.Laplacian(grey, cv2.CV_16S, ksize=1)))


def calc_sobel_var(dx: Gradient, dy: Gradient) -> float:
    """Variance of the Sobel gradient's magnitude, in squared grey levels, at least 0. Pertuz 2013."""
    # The squared magnitude is a whole number under 2^24 and numpy rounds its root correctly; cv2.magnitude's last bit
    # depends on where the array lies in memory.
    return _variance(np.sqrt((dx * dx + dy * dy).astype(np.float32)))


def calc_reblur(grey: Pixels) -> float:
    """Perceptual blur in [0, 1]: 0 sharp, 1 blurred, or flat. How little a 9-tap mean changes the photo. Crete 2007."""
    source = grey.astype(np.float32)
    return max(_reblur_along(source, axis) for axis in (0, 1))


def _reblur_along(source: NDArray[np.float32], axis: int) -> float:
    taps = (1, _REBLUR_TAPS) if axis == 0 else (_REBLUR_TAPS, 1)
    blurred = cv2.blur(source, taps)
    before = _steps(source, axis)
    lost = np.maximum(before - _steps(np.asarray(blurred, dtype=np.float32), axis), np.float32(0))
    total = float(cv2.sumElems(before)[0])
    return min(1.0, max(0.0, 1.0 - float(cv2.sumElems(lost)[0]) / total)) if total > 0 else 1.0


def _steps(source: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    ahead, behind = (source[1:], source[:-1]) if axis == 0 else (source[:, 1:], source[:, :-1])
    return np.asarray(cv2.absdiff(ahead, behind), dtype=np.float32)


def calc_motion_ratio(dx: Gradient, dy: Gradient) -> float:
    """Coherence of the mean structure tensor in [0, 1]: 0 no direction is preferred, 1 all in one. Bigun 1987."""
    # Products of Sobel values are whole and under 2^24, so the sum is exact; a BLAS dot would depend on alignment.
    xx, yy, xy = (float(cv2.sumElems(cv2.multiply(a, b))[0]) for a, b in ((dx, dx), (dy, dy), (dx, dy)))
    total = xx + yy
    return min(1.0, math.hypot(xx - yy, 2 * xy) / total) if total > 0 else 0.0


def calc_noise_sigma(grey: Pixels) -> float:
    """Standard deviation of white noise in grey levels, at least 0; texture and edges raise it. Immerkaer 1996."""
    height, width = grey.shape
    response = np.asarray(cv2.filter2D(grey, cv2.CV_16S, _NOISE_KERNEL))[1:-1, 1:-1]
    total = float(cv2.norm(response, cv2.NORM_L1))
    return math.sqrt(math.pi / 2) * total / (6 * int(width - 2) * int(height - 2))


def calc_histogram(grey: Pixels) -> Counts:
    """int64 (256,): pixels of each grey level."""
    counts = cv2.calcHist([grey], [0], None, [_LEVELS], [0, _LEVELS])
    return np.asarray(counts).ravel().astype(np.int64)


def calc_mean_luma(counts: Counts) -> float:
    """Mean grey level, 0 to 255."""
    return float(counts.dot(np.arange(_LEVELS))) / int(counts.sum())


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


def _variance(values: NDArray[np.integer | np.floating]) -> float:
    _, deviation = cv2.meanStdDev(values)
    return float(np.asarray(deviation).item()) ** 2
