"""Measurements in the frequency domain: sharpness by bands and directions, moiré by off-axis peaks."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from imaging.jpeg import Pixels
from imaging.opencv import cv2
from imaging.room import Room

_TILE_PX = 256  # centre tile of fft_high
_LOW_CYCLES_PER_PX = 0.06
_PATCH_PX = 128
_PATCHES_A_SIDE, _PEAK_PATCHES_A_SIDE = 3, 4
_CLIP_LEVELS, _MIDDLE_LEVEL = np.uint8(6), np.uint8(128)
_MEAN_PX = 9
_AXIS_CYCLES_PER_PX = 0.025
_PEAK_LOW, _PEAK_HIGH = 0.06, 0.47  # cycles per pixel
_SURROUND = 0.12  # side of the box that the background is averaged over, cycles per pixel
_SMALLEST_PATCH_PX = 32
_SECTORS = 8
_BANDS = (0.03, 0.08, 0.16, 0.30, 0.42, 0.5)  # cycles per pixel: low, middle, high, higher, top
_CLEAR_DB = 6.0
_FLOOR = 1e-2  # power of rounding to whole grey levels: less is nothing

_BAND_NAMES = ("spec_mid", "spec_high", "spec_top", "spec_worst", "spec_direction")
_PEAK_NAMES = ("moire_peak", "moire_patch", "moire_freq", "moire_harmonic", "moire_cover", "line_peak")

Floats = NDArray[np.float32]
Numbers = NDArray[np.float64]


def calc_fft_high(grey: Pixels, room: Room) -> float:
    """Mean 20 log10(1 + |rest|), dB, 0 to 48: the centre 256 x 256 without frequencies under 0.06 cycles a pixel."""
    cut = _centre(grey, _TILE_PX)
    tile, waves = (room.array(name, cut.shape, np.float32) for name in ("tile", "waves"))
    tile[...] = cut
    cv2.dft(tile, waves)
    low_y = np.abs(np.fft.fftfreq(cut.shape[0])) < _LOW_CYCLES_PER_PX
    packed_y, low_x = (_packed_frequencies(size) < _LOW_CYCLES_PER_PX for size in cut.shape)
    waves[packed_y, 0] = 0
    low_x[0] = False
    waves[np.ix_(low_y, low_x)] = 0
    cv2.idft(waves, tile, flags=cv2.DFT_SCALE)
    rest = np.abs(tile, out=tile)
    rest += np.float32(1.0)
    return 20.0 * float(np.mean(np.log10(rest, out=rest), dtype=np.float64))


def calc_spectrum(grey: Pixels, room: Room) -> dict[str, float]:
    """Measurements of the mean power spectrum of 128 x 128 patches, dB but for shares and frequencies, by name.

    `spec_mid`, `spec_high`, `spec_top`: power a band over the low band's, at most 0 for natural photos; blur lowers
    them, white noise lifts them to 0. `spec_worst`: `spec_high` in the direction that has least of it.
    `spec_direction`: the best direction over the worst, which motion raises. `moire_peak`: the strongest off-axis peak
    over its surroundings, at least 0, about 2 without moiré, of the photo's `faint` detail. `moire_patch`: the lower
    quarter of each patch's own strongest peak, which a screen that is seen at an angle has too. `moire_freq`: cycles a
    pixel of the first. `moire_harmonic`: the peak at twice that frequency, which a grid before the camera has and a
    beat has not. `moire_cover`: share of patches that show it. `line_peak`: the strongest peak on the axes, where shelf
    edges and packages are.
    All 0 for photos under 32 pixels.
    """
    side = min(_PATCH_PX, *grey.shape)
    if side < _SMALLEST_PATCH_PX:
        return dict.fromkeys((*_BAND_NAMES, *_PEAK_NAMES), 0.0)
    plane = _plane(side)
    patches = _patch_powers(_patches(grey, side, _PATCHES_A_SIDE, room), side, room)
    bands = _bands(np.asarray(np.sum(patches, axis=0, dtype=np.float64) / (len(patches) * side), np.float32), plane)
    detail = _patches(grey, side, _PEAK_PATCHES_A_SIDE, room)
    # In one tall picture, where the window hides that patches touch: outside them, nothing has to be filtered.
    faint(detail, room)
    patches = _patch_powers(detail, side, room)
    patches *= np.float32(1 / side)
    return {**bands, **_peaks(patches, plane)}


def faint(grey: Pixels, room: Room) -> None:
    """Leaves of a uint8 (h, w) photo what a 9 x 9 mean takes away, cut at 6 grey levels, around 128.

    Moiré is all over the photo and faint; edges of shelves, tags and packages are few and strong, and are cut.
    """
    mean, above, below = (room.array(name, grey.shape, np.uint8) for name in ("bytes", "step", "nine"))
    cv2.blur(grey, (_MEAN_PX, _MEAN_PX), mean)
    for high, low, over in ((grey, mean, above), (mean, grey, below)):
        cv2.subtract(high, low, over)
        np.minimum(over, _CLIP_LEVELS, out=over)
    np.subtract(np.add(above, _MIDDLE_LEVEL, out=above), below, out=grey)


def calc_moire_peak(grey: Pixels, room: Room) -> float:
    """`moire_peak` of `calc_spectrum`."""
    return calc_spectrum(grey, room)["moire_peak"]


@dataclass(frozen=True)
class _Plane:
    """What is the same for every spectrum of a size: frequencies, and which part of the plane is which."""

    radius: Numbers
    cells: NDArray[np.intp]  # band * _SECTORS + sector; the last cell is the rest
    counts: Numbers
    off_axis: NDArray[np.bool_]
    on_axis: NDArray[np.bool_]


@lru_cache(maxsize=128)
def _plane(side: int) -> _Plane:
    fy, fx = np.fft.fftshift(np.fft.fftfreq(side))[:, None], np.fft.rfftfreq(side)[None, :]
    radius = np.hypot(fy, fx)
    turn = np.arctan2(fy, np.broadcast_to(fx, radius.shape)) / np.pi + 0.5 + 0.5 / _SECTORS
    sector = np.floor(turn * _SECTORS).astype(np.intp) % _SECTORS
    band = np.searchsorted(np.array(_BANDS), radius, side="right") - 1
    rest = (len(_BANDS) - 1) * _SECTORS
    cells = np.where((band >= 0) & (band < len(_BANDS) - 1), band * _SECTORS + sector, rest)
    within = (radius > _PEAK_LOW) & (radius < _PEAK_HIGH)
    far = (np.abs(fy) > _AXIS_CYCLES_PER_PX) & (fx > _AXIS_CYCLES_PER_PX)
    counts = np.maximum(np.bincount(cells.ravel(), minlength=rest + 1), 1).astype(np.float64)
    return _Plane(radius, cells, counts, within & far, within & ~far)


def _bands(power: Floats, plane: _Plane) -> dict[str, float]:
    sums = np.bincount(plane.cells.ravel(), weights=power.ravel().astype(np.float64), minlength=len(plane.counts))
    shape = (len(_BANDS) - 1, _SECTORS)
    counts = plane.counts[:-1].reshape(shape)
    level = 10.0 * np.log10(sums[:-1].reshape(shape) / counts + _FLOOR)
    whole = 10.0 * np.log10(np.sum(sums[:-1].reshape(shape), axis=1) / np.sum(counts, axis=1) + _FLOOR)
    by_sector = level[2] - level[0]
    return {
        "spec_mid": float(whole[1] - whole[0]),
        "spec_high": float(whole[2] - whole[0]),
        "spec_top": float(whole[4] - whole[0]),
        "spec_worst": float(by_sector.min()),
        "spec_direction": float(by_sector.max() - by_sector.min()),
    }


def _peaks(patches: Floats, plane: _Plane) -> dict[str, float]:
    if not plane.off_axis.any():
        return dict.fromkeys(_PEAK_NAMES, 0.0)
    # The mean of logarithms: what all patches have counts, what a single one has a lot of doesn't.
    logs: Floats = np.float32(10.0) * np.log10(patches + np.float32(_FLOOR))
    level = np.asarray(np.sum(logs, axis=0, dtype=np.float64) / len(logs), np.float32)
    taps = 2 * int(_SURROUND * level.shape[0] / 2) + 1
    near, far = (np.asarray(cv2.blur(level, (width, width)), np.float32) for width in (3, taps))
    excess = near - far
    row, column = (
        int(place) for place in np.unravel_index(np.where(plane.off_axis, excess, -99.0).argmax(), excess.shape)
    )
    middle = level.shape[0] // 2
    twice = (middle + 2 * (row - middle), 2 * column)
    inside = 1 <= twice[0] < level.shape[0] - 1 and twice[1] < level.shape[1] - 1
    grounds = np.stack([cv2.blur(each, (taps, taps)) for each in logs])
    tops = np.stack([cv2.blur(each, (3, 3)) for each in patches])
    found = np.where(plane.off_axis, np.float32(10.0) * np.log10(tops + np.float32(_FLOOR)) - grounds, -99.0)
    strongest = np.sort(found.max(axis=(1, 2)))
    own = np.mean(logs[(slice(None), *_around(row, column, 1))], axis=(1, 2), dtype=np.float64)
    ground = np.mean(logs[(slice(None), *_around(row, column, taps // 2))], axis=(1, 2), dtype=np.float64)
    return {
        "moire_peak": max(0.0, float(excess[row, column])),
        "moire_patch": max(0.0, float(strongest[len(strongest) // 4])),
        "moire_freq": float(plane.radius[row, column]),
        "moire_harmonic": max(0.0, float(excess[twice])) if inside else 0.0,
        "moire_cover": int(np.count_nonzero(own - ground > _CLEAR_DB)) / len(logs),
        "line_peak": max(0.0, float(np.where(plane.on_axis, excess, -99.0).max())),
    }


def _around(row: int, column: int, reach: int) -> tuple[slice, slice]:
    return slice(max(0, row - reach), row + reach + 1), slice(max(0, column - reach), column + reach + 1)


@lru_cache(maxsize=128)
def _window(side: int) -> Floats:
    taper = np.hanning(side).astype(np.float32)
    return np.asarray(np.outer(taper, taper), np.float32)


def _patches(grey: Pixels, side: int, a_side: int, room: Room) -> Pixels:
    """uint8 (n * side, side): patches over the photo, one below the other."""
    rows, columns = (_starts(size, side, a_side) for size in grey.shape)
    places = list(itertools.product(rows, columns))
    stack: Pixels = room.array("patches", (len(places) * side, side), np.uint8)
    for index, (top, left) in enumerate(places):
        stack[index * side : (index + 1) * side] = grey[top : top + side, left : left + side]
    return stack


def _patch_powers(patches: Pixels, side: int, room: Room) -> Floats:
    """float32 (n, side, side // 2 + 1): power of Hann-windowed patches over the photo; zero is in the middle row."""
    count = len(patches) // side
    tile, waves = (room.array(name, (side, side), np.float32) for name in ("tile", "waves"))
    powers: Floats = room.array("powers", (count, side, side // 2 + 1), np.float32)
    for index in range(count):
        patch = patches[index * side : (index + 1) * side]
        np.subtract(patch, np.float32(cv2.sumElems(patch)[0] / patch.size), out=tile, dtype=np.float32)
        tile *= _window(side)
        cv2.dft(tile, waves)
        _unpack_powers(waves, powers[index])
    return powers


def _unpack_powers(waves: Floats, powers: Floats) -> None:
    """Powers, zero in the middle row, of waves as OpenCV packs them: real and imaginary parts side by side in a row.

    The first column, and the last of an even number, hold half a column one below the other: the rest mirrors it.
    """
    side = len(waves)
    waves *= waves
    pairs, middle = (side - 1) // 2, side // 2
    both = waves[:, 1 : 1 + 2 * pairs : 2] + waves[:, 2 : 2 + 2 * pairs : 2]
    powers[middle:, 1 : 1 + pairs] = both[: side - middle]
    powers[:middle, 1 : 1 + pairs] = both[side - middle :]
    for packed, column in ((0, 0), (side - 1, middle))[: 2 if side % 2 == 0 else 1]:
        half = waves[:, packed]
        powers[middle, column] = half[0]
        sums = half[1 : 1 + 2 * pairs : 2] + half[2 : 2 + 2 * pairs : 2]
        powers[middle + 1 : middle + 1 + pairs, column] = sums
        powers[middle - pairs : middle, column] = sums[::-1]
        if side % 2 == 0:
            powers[0, column] = half[-1]


def _packed_frequencies(size: int) -> Numbers:
    """Cycles a pixel of each place in a row of real waves as OpenCV packs them: 0, and pairs of 1, 2, … a `size`."""
    return np.asarray((np.arange(size) + 1) // 2 / size, np.float64)


def _starts(size: int, side: int, a_side: int) -> list[int]:
    count = min(a_side, max(1, -(-size // side)))
    return sorted({round(index * (size - side) / max(1, count - 1)) for index in range(count)})


def _centre(grey: Pixels, side: int) -> Pixels:
    height, width = grey.shape
    top, left = max(0, (height - side) // 2), max(0, (width - side) // 2)
    return grey[top : top + side, left : left + side]
