"""The measurements of a grey photo at the working scale. Verdicts are decided late, by `imaging.model`."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from imaging import exposure, noise, sharpness, spectrum
from imaging.jpeg import Pixels
from imaging.opencv import cv2
from imaging.room import Room, of_this_thread
from schemas.tables import MEASUREMENTS

__all__ = ["MEASUREMENTS", "measure"]

_SMALLEST_PX = 3

Gradient = NDArray[np.int16]


def measure(grey: Pixels) -> dict[str, float]:
    """Every one of `MEASUREMENTS` of a uint8 (h, w) photo at the working scale, finite. About 7 ms for 1024 x 709.

    A photo under 3 pixels in a direction is padded with its edge pixels first.
    """
    room = of_this_thread()
    if min(grey.shape) < _SMALLEST_PX:
        grey = np.pad(grey, [(0, max(0, _SMALLEST_PX - size)) for size in grey.shape], mode="edge")
    placed = room.array("grey", grey.shape, np.uint8)
    placed[...] = grey
    return _measure(placed, room)


def _measure(grey: Pixels, room: Room) -> dict[str, float]:
    dx, dy = calc_gradients(grey, room)
    blocks = noise.block_means(grey, room)
    noises = noise.calc_noise(grey, blocks, room)
    found = {
        "laplacian_var": calc_laplacian_var(grey, room),
        "sobel_var": calc_sobel_var(dx, dy, room),
        "fft_high": spectrum.calc_fft_high(grey, room),
        "reblur": sharpness.calc_reblur(grey, room),
        "motion_ratio": calc_motion_ratio(dx, dy, room),
        "glare": exposure.calc_glare(blocks),
        **noises,
        **exposure.calc_exposure(exposure.calc_histogram(grey)),
        **sharpness.calc_edges(grey, noises["noise_flat"], room),
        **spectrum.calc_spectrum(grey, room),
    }
    return {name: found[name] for name in MEASUREMENTS}


def calc_gradients(grey: Pixels, room: Room) -> tuple[Gradient, Gradient]:
    """Two int16 (h, w): 3 x 3 Sobel derivatives over x and over y, each in [-1020, 1020]."""
    dx, dy = (room.array(name, grey.shape, np.int16) for name in ("dx", "dy"))
    cv2.spatialGradient(grey, dx, dy, 3)
    return dx, dy


def calc_laplacian_var(grey: Pixels, room: Room) -> float:
    """Variance of the 3 x 3 Laplacian (centre -4), in squared grey levels, at least 0. Pech-Pacheco 2000."""
    response = room.array("response", grey.shape, np.int16)
    cv2.Laplacian(grey, cv2.CV_16S, response, ksize=1)
    mean = float(cv2.sumElems(response)[0]) / response.size
    return max(0.0, sum_of_squares(response) / response.size - mean * mean)


def calc_sobel_var(dx: Gradient, dy: Gradient, room: Room) -> float:
    """Variance of the Sobel gradient's magnitude, in squared grey levels, at least 0. Pertuz 2013."""
    # The squared magnitude is a whole number under 2^24 and its root is rounded correctly; cv2.magnitude's last bit
    # depends on where the array lies in memory.
    squares, more = (room.array(name, dx.shape, np.float32) for name in ("squares", "more"))
    for derivative, square in ((dx, squares), (dy, more)):
        square[...] = derivative
        square *= square
    squares += more
    total = sum_of_squares(dx) + sum_of_squares(dy)
    mean = float(cv2.sumElems(np.sqrt(squares, out=squares))[0]) / squares.size
    return float(max(0.0, total / squares.size - mean * mean))


def calc_motion_ratio(dx: Gradient, dy: Gradient, room: Room) -> float:
    """Coherence of the mean structure tensor in [0, 1]: 0 no direction is preferred, 1 all in one. Bigun 1987."""
    # Sums of squares of whole numbers are exact; a BLAS dot would depend on alignment. 2xy = (x + y)² - x² - y².
    both = room.array("response", dx.shape, np.int16)
    cv2.add(dx, dy, both)
    xx, yy, diagonal = (sum_of_squares(each) for each in (dx, dy, both))
    total = xx + yy
    return min(1.0, math.hypot(xx - yy, diagonal - xx - yy) / total) if total > 0 else 0.0


def sum_of_squares(values: Gradient) -> int:
    """The exact sum. OpenCV's comes out of a root, a millionth off."""
    return round(cv2.norm(values, cv2.NORM_L2SQR))
