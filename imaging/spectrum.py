"""Measurements in the frequency domain: sharpness by high frequencies, moiré by off-axis peaks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imaging.jpeg import Pixels
from imaging.opencv import cv2

_TILE_PX = 512  # centre tile of fft_high
_LOW_CYCLES_PER_PX = 0.06
_PATCH_PX = 256  # patches of moire_peak
_PATCHES_A_SIDE = 4
_AXIS_CYCLES_PER_PX = 0.025
_PEAK_LOW, _PEAK_HIGH = 0.06, 0.47  # cycles per pixel
_SURROUND = 0.12  # side of the box that the background is averaged over, cycles per pixel
_SMALLEST_PATCH_PX = 32


def calc_fft_high(grey: Pixels) -> float:
    """Mean 20 log10(1 + |rest|), dB, 0 to 48: the centre 512 x 512 without frequencies under 0.06 cycles a pixel."""
    tile = _centre(grey, _TILE_PX).astype(np.float32)
    waves = np.fft.rfft2(tile)
    low_y = np.abs(np.fft.fftfreq(tile.shape[0])) < _LOW_CYCLES_PER_PX
    low_x = np.fft.rfftfreq(tile.shape[1]) < _LOW_CYCLES_PER_PX
    waves[np.ix_(low_y, low_x)] = 0
    rest = np.fft.irfft2(waves, s=tile.shape)
    return 20.0 * float(np.mean(np.log10(1.0 + np.abs(rest)), dtype=np.float64))


def calc_moire_peak(grey: Pixels) -> float:
    """Strongest off-axis peak of the mean power spectrum over its surroundings, dB, at least 0. About 3 without moiré.

    The axes and low frequencies are left out: shelf edges, packages and JPEG blocks live there.
    Photos under 32 pixels give 0.
    """
    side = min(_PATCH_PX, *grey.shape)
    if side < _SMALLEST_PATCH_PX:
        return 0.0
    power = _mean_power(grey, side)
    fy, fx = np.fft.fftshift(np.fft.fftfreq(side)), np.fft.rfftfreq(side)
    radius = np.hypot(fy[:, None], fx[None, :])
    allowed = (radius > _PEAK_LOW) & (radius < _PEAK_HIGH)
    allowed &= (np.abs(fy)[:, None] > _AXIS_CYCLES_PER_PX) & (fx[None, :] > _AXIS_CYCLES_PER_PX)
    if not allowed.any():
        return 0.0
    taps = 2 * int(_SURROUND * side / 2) + 1
    level = 10.0 * np.log10(np.asarray(cv2.blur(power, (3, 3))) + 1.0)
    background = 10.0 * np.log10(power + 1.0)
    excess = level - np.asarray(cv2.blur(background.astype(np.float32), (taps, taps)))
    return max(0.0, float(excess[allowed].max()))


def _mean_power(grey: Pixels, side: int) -> NDArray[np.float32]:
    """float32 (side, side // 2 + 1): mean power of Hann-windowed patches over the photo; zero is in the middle row."""
    taper = np.hanning(side).astype(np.float32)
    window = np.outer(taper, taper)
    total = np.zeros((side, side // 2 + 1), dtype=np.float32)
    starts = [_starts(size, side) for size in grey.shape]
    for top in starts[0]:
        for left in starts[1]:
            patch = grey[top : top + side, left : left + side].astype(np.float32)
            waves = np.fft.rfft2((patch - patch.mean(dtype=np.float64).astype(np.float32)) * window)
            total += waves.real**2 + waves.imag**2
    patches = len(starts[0]) * len(starts[1])
    return np.ascontiguousarray(np.fft.fftshift(total, axes=0) / (patches * side), dtype=np.float32)


def _starts(size: int, side: int) -> list[int]:
    count = min(_PATCHES_A_SIDE, max(1, size // side))
    return [round(index * (size - side) / max(1, count - 1)) for index in range(count)]


def _centre(grey: Pixels, side: int) -> Pixels:
    height, width = grey.shape
    top, left = max(0, (height - side) // 2), max(0, (width - side) // 2)
    return grey[top : top + side, left : left + side]
