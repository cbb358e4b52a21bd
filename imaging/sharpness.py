"""How sharp the edges are, as a share of their own height: a plain wall or a low-contrast photo is not a blurred one.

The photo is looked at in windows of 9 x 9 pixels, every 8 pixels. The steepest step between neighbours over the range
of grey levels in the window tells how many pixels an edge takes, whatever its contrast. Windows with hardly any
contrast say nothing. Tiles, 4 x 4 over the photo, find what holds for a part of it only: a half out of focus, a hand
before the lens.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray

from imaging.jpeg import Pixels
from imaging.opencv import cv2

TILES_A_SIDE = 4
_STRIDE_PX, _WINDOW_PX = 8, 9
_LEAST_RANGE = 16.0  # grey levels; less is noise and JPEG
_NOISE_RANGE = 7.0  # the range of 81 pixels of noise is under 7 sigma
_LEAST_WINDOWS = 6  # of a tile that is judged
_FLAT_RANGE = 12.0
_REBLUR_TAPS = 9
_UPPER = 0.9
_DIAGONAL = math.sqrt(2.0)

Numbers = NDArray[np.float64]


def calc_edges(grey: Pixels, noise_sigma: float) -> dict[str, float]:
    """Measurements of edges and tiles, finite, by name.

    `edge_share`: windows with contrast, 0 to 1. `edge_slope`, `edge_slope_mid`: upper tenth and median over them of the
    steepest step over the range, 0 to 1; 1 is an edge of one pixel, 0.1 of ten. `edge_direction`: how much less that is
    in the worst of four directions than in the best, 0 to 1. `tile_slope_min`, `tile_slope_max`: `edge_slope` of the
    worst and best tile. `tile_blurred`: share of judged tiles under half of the best one. `tile_flat`: share of tiles
    with hardly any contrast. `local_contrast`: median range of a window, 0 to 255. `veil`: mean of the windows' darkest
    levels, 0 to 255, after He 2009. Where no window has contrast, slopes are 0.5 and the rest 0.
    """
    kernel = np.ones((_WINDOW_PX, _WINDOW_PX), np.uint8)
    inner = grey[:-1, :-1]
    low = _sampled(cv2.erode(inner, kernel))
    reach = _sampled(cv2.dilate(inner, kernel)) - low
    steps = [_sampled(cv2.dilate(step, kernel)) / scale for step, scale in _steps(grey)]
    judged = reach >= max(_LEAST_RANGE, _NOISE_RANGE * noise_sigma)
    safe = np.where(judged, reach, 1.0)
    slopes = [np.where(judged, np.minimum(step / safe, 1.0), 0.0) for step in steps]
    best = np.maximum(np.maximum(slopes[0], slopes[1]), np.maximum(slopes[2], slopes[3]))
    tiles = _tiles(best, judged, reach)
    found = best[judged]
    by_direction = [quantile(slope[judged], _UPPER) for slope in slopes] if found.size else [0.5] * 4
    top = max(by_direction)
    return {
        "edge_share": float(np.count_nonzero(judged)) / judged.size,
        "edge_slope": quantile(found, _UPPER) if found.size else 0.5,
        "edge_slope_mid": quantile(found, 0.5) if found.size else 0.5,
        "edge_direction": 1.0 - min(by_direction) / top if top > 0 else 0.0,
        **tiles,
        "local_contrast": quantile(reach.ravel(), 0.5),
        "veil": float(np.sum(low)) / low.size,
    }


def _steps(grey: Pixels) -> tuple[tuple[Pixels, float], ...]:
    """Steps between neighbours in four directions, each uint8 (h - 1, w - 1), and their distance in pixels."""
    here, right, below, beyond = grey[:-1, :-1], grey[:-1, 1:], grey[1:, :-1], grey[1:, 1:]
    pairs = ((right, here, 1.0), (below, here, 1.0), (beyond, here, _DIAGONAL), (below, right, _DIAGONAL))
    return tuple((np.asarray(cv2.absdiff(a, b), np.uint8), distance) for a, b, distance in pairs)


def _sampled(values: object) -> Numbers:
    """float64: every eighth pixel, from the middle of the first window; at least one."""
    array = np.asarray(values)
    start = [min(_STRIDE_PX // 2, size - 1) for size in array.shape]
    return array[start[0] :: _STRIDE_PX, start[1] :: _STRIDE_PX].astype(np.float64)


def _tiles(slope: Numbers, judged: NDArray[np.bool_], reach: Numbers) -> dict[str, float]:
    found: list[float] = []
    flat = 0
    rows, columns = (np.linspace(0, size, TILES_A_SIDE + 1).astype(int) for size in slope.shape)
    for top, bottom in itertools.pairwise(rows):
        for left, right in itertools.pairwise(columns):
            part = (slice(top, bottom), slice(left, right))
            flat += reach[part].size > 0 and quantile(reach[part].ravel(), _UPPER) < _FLAT_RANGE
            within = slope[part][judged[part]]
            if within.size >= _LEAST_WINDOWS:
                found.append(quantile(within, _UPPER))
    best, worst = (max(found), min(found)) if found else (0.5, 0.5)
    blurred = sum(each < best / 2 for each in found) / len(found) if found else 0.0
    return {
        "tile_slope_min": worst,
        "tile_slope_max": best,
        "tile_blurred": blurred,
        "tile_flat": flat / TILES_A_SIDE**2,
    }


def quantile(values: Numbers, share: float) -> float:
    """The value that `share` (0 to 1) of `values` are at or under, one of them. `values` is not empty."""
    place = min(values.size - 1, int(share * values.size))
    return float(np.partition(values, place)[place])


def calc_reblur(grey: Pixels) -> float:
    """Perceptual blur in [0, 1]: 0 sharp, 1 blurred, or flat. How little a 9-tap mean changes the photo. Crete 2007."""
    return max(_reblur_along(grey, axis) for axis in (0, 1))


def _reblur_along(grey: Pixels, axis: int) -> float:
    # In ninths of a grey level everything is a whole number, and so the sums are exact.
    taps = (1, _REBLUR_TAPS) if axis == 0 else (_REBLUR_TAPS, 1)
    blurred = np.asarray(cv2.boxFilter(grey, cv2.CV_16S, taps, normalize=False))
    ahead, behind = (slice(1, None), slice(None, -1)) if axis == 0 else (np.s_[:, 1:], np.s_[:, :-1])
    steps = np.asarray(cv2.absdiff(grey[ahead], grey[behind]))
    total = _REBLUR_TAPS * float(cv2.norm(steps, cv2.NORM_L1))
    before, after = steps.astype(np.int16) * np.int16(_REBLUR_TAPS), cv2.absdiff(blurred[ahead], blurred[behind])
    # max(0, before - after) = before - min(before, after)
    kept = float(cv2.norm(cv2.min(before, after), cv2.NORM_L1))
    return min(1.0, kept / total) if total > 0 else 1.0
