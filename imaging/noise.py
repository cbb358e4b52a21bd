"""Measurements of noise: where a photo is flattest, what varies is noise and not texture."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from imaging.jpeg import Pixels
from imaging.opencv import cv2
from imaging.room import Room

BLOCK_PX = 16
_TO_SIGMA = math.sqrt(math.pi / 2) / 6
_FLATTEST = 0.1
_DARKEST, _BRIGHTEST = 8.0, 247.0  # clipped blocks have no noise to see

Numbers = NDArray[np.float64]
Response = NDArray[np.int16]


def calc_noise(grey: Pixels, blocks: Numbers, room: Room) -> dict[str, float]:
    """Measurements of noise in grey levels, at least 0, by name. `blocks` are the means of the photo's blocks.

    `noise_sigma`: over all of the photo. `noise_flat`: where it is flattest. `noise_coarse`: the same at half the size.
    """
    response = calc_noise_response(grey, room)
    fine = {"noise_sigma": calc_noise_sigma(response), "noise_flat": calc_noise_flat(response, blocks, room)}
    half = halved(grey)
    means = block_means(half, room)
    return {**fine, "noise_coarse": calc_noise_flat(calc_noise_response(half, room), means, room)}


def calc_noise_response(grey: Pixels, room: Room) -> Response:
    """int16 (h, w): second differences in both directions, blind to planes and straight edges. Immerkaer 1996."""
    response = room.array("response", grey.shape, np.int16)
    cv2.Sobel(grey, cv2.CV_16S, 2, 2, response, ksize=3)
    return response


def calc_noise_sigma(response: Response) -> float:
    """Standard deviation of white noise in grey levels, at least 0; texture and edges raise it. Immerkaer 1996."""
    inner = response[1:-1, 1:-1]
    return _TO_SIGMA * float(cv2.norm(inner, cv2.NORM_L1)) / inner.size


def calc_noise_flat(response: Response, blocks: Numbers, room: Room) -> float:
    """The same in the flattest tenth of the blocks that aren't clipped; 0 where all are. `blocks` are their means."""
    strength = room.array("bytes", response.shape, np.uint8)
    cv2.convertScaleAbs(response, strength)
    levels = _TO_SIGMA * block_means(strength, room)
    seen = levels[(blocks > _DARKEST) & (blocks < _BRIGHTEST)]
    if not seen.size:
        return 0.0
    place = int(_FLATTEST * seen.size)
    return float(np.partition(seen, place)[place])


def halved(grey: Pixels) -> Pixels:
    """uint8 (h // 2, w // 2): means of 2 x 2 pixels; the photo itself where it has only one in a direction."""
    height, width = grey.shape
    if min(height, width) < 2 * 3:
        return grey
    even = grey[: height // 2 * 2, : width // 2 * 2]
    return np.asarray(cv2.resize(even, (width // 2, height // 2), interpolation=cv2.INTER_AREA), np.uint8)


def block_means(values: Pixels, room: Room) -> Numbers:
    """float64 (h // 16, w // 16), at least (1, 1): the mean of each block; a rest at the edges isn't used."""
    sums = room.array("sums", (values.shape[0] + 1, values.shape[1] + 1), np.int32)
    cv2.integral(values, sums)
    rows, columns = (np.arange(max(1, size // BLOCK_PX) + 1) * min(BLOCK_PX, size) for size in values.shape)
    corners = sums[np.ix_(rows, columns)].astype(np.int64)
    area = min(BLOCK_PX, values.shape[0]) * min(BLOCK_PX, values.shape[1])
    means: Numbers = (corners[1:, 1:] - corners[:-1, 1:] - corners[1:, :-1] + corners[:-1, :-1]) / area
    return means
