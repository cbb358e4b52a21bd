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
from imaging.room import Room

TILES_A_SIDE = 4
_STRIDE_PX, _WINDOW_PX = 8, 9
_LEAST_RANGE = 16.0  # grey levels; less is noise and JPEG
_NOISE_RANGE = 7.0  # the range of 81 pixels of noise is under 7 sigma
_LEAST_WINDOWS = 6  # of a tile that is judged
_FLAT_RANGE = 12.0
_REBLUR_TAPS = 9
_UPPER = 0.9
_DIAGONAL = math.sqrt(2.0)
_WINDOW = np.ones((_WINDOW_PX, _WINDOW_PX), np.uint8)

Numbers = NDArray[np.float64]


def calc_edges(grey: Pixels, noise_sigma: float, room: Room) -> dict[str, float]:
    """Measurements of edges and tiles, finite, by name.

    `edge_share`: windows with contrast, 0 to 1. `edge_slope`, `edge_slope_mid`: upper tenth and median over them of the
    steepest step over the range, 0 to 1; 1 is an edge of one pixel, 0.1 of ten. `edge_direction`: how much less that is
    in the worst of four directions than in the best, 0 to 1. `tile_slope_min`, `tile_slope_max`: `edge_slope` of the
    worst and best tile. `tile_blurred`: share of judged tiles under half of the best one. `tile_flat`: share of tiles
    with hardly any contrast. `local_contrast`: median range of a window, 0 to 255. `veil`: mean of the windows' darkest
    levels, 0 to 255, after He 2009. Where no window has contrast, slopes are 0.5 and the rest 0.
    """
    inner = grey[:-1, :-1]
    spread, step = (room.array(name, inner.shape, np.uint8) for name in ("bytes", "step"))
    low = _sampled(cv2.erode(inner, _WINDOW, spread))
    reach = _sampled(cv2.dilate(inner, _WINDOW, spread)) - low
    steps = [
        _sampled(cv2.dilate(cv2.absdiff(there, here, step), _WINDOW, spread)) / distance
        for there, here, distance in _neighbours(grey)
    ]
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


def _neighbours(grey: Pixels) -> tuple[tuple[Pixels, Pixels, float], ...]:
    """Neighbours in four directions, each uint8 (h - 1, w - 1), and their distance in pixels."""
    here, right, below, beyond = grey[:-1, :-1], grey[:-1, 1:], grey[1:, :-1], grey[1:, 1:]
    return (right, here, 1.0), (below, here, 1.0), (beyond, here, _DIAGONAL), (below, right, _DIAGONAL)


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
            ranges = reach[part]
            flat += int(np.count_nonzero(ranges < _FLAT_RANGE)) > int(_UPPER * ranges.size)  # their upper tenth is
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


def calc_reblur(grey: Pixels, room: Room) -> float:
    """Perceptual blur in [0, 1]: 0 sharp, 1 blurred, or flat. How little a 9-tap mean changes the photo. Crete 2007."""
    reach = _REBLUR_TAPS // 2
    height, width = grey.shape
    wide = room.array("wide", (height + 2 * reach, width + 2 * reach), np.uint8)
    cv2.copyMakeBorder(grey, reach, reach, reach, reach, cv2.BORDER_REFLECT_101, wide)
    rows, columns = wide[:, reach:-reach], wide[reach:-reach]
    upright = _reblur(grey[1:], grey[:-1], rows[_REBLUR_TAPS:], rows[: height - 1], room)
    across = _reblur(grey[:, 1:], grey[:, :-1], columns[:, _REBLUR_TAPS:], columns[:, : width - 1], room)
    return max(upright, across)


def _reblur(ahead: Pixels, behind: Pixels, entering: Pixels, leaving: Pixels, room: Room) -> float:
    # A mean of nine changes from one pixel to the next by a ninth of what enters it less what leaves it. In ninths,
    # everything is a whole number, and steps that are cut at 255 are still over what they are compared with.
    steps, after, nine = (room.array(name, ahead.shape, np.uint8) for name in ("step", "bytes", "nine"))
    cv2.absdiff(ahead, behind, steps)
    total = _REBLUR_TAPS * float(cv2.norm(steps, cv2.NORM_L1))
    cv2.absdiff(entering, leaving, after)
    cv2.add(steps, steps, nine)
    for _ in range(2):
        cv2.add(nine, nine, nine)
    cv2.add(nine, steps, nine)
    # max(0, before - after) = before - min(before, after)
    kept = float(cv2.norm(cv2.min(nine, after, after), cv2.NORM_L1))
    return min(1.0, kept / total) if total > 0 else 1.0
