"""Seeded damage to good photos, of the kinds that cameras do, to train and test the quality model with."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from imaging.jpeg import Pixels
from imaging.opencv import cv2

Floats = NDArray[np.float32]
_GAMMA = 2.2
_FULL = 255.0


def degrade(rgb: Pixels, kind: str, severity: float, rng: np.random.Generator) -> Pixels:
    """uint8 (h, w, 3): `rgb` with damage of one of `KINDS` at a severity from 0 (mild) to 1 (strong).

    Lengths follow the photo's longer side, so that damage looks the same at the working scale.
    Raises ValueError for another kind.
    """
    if kind not in _DAMAGE:
        raise ValueError(f"no damage called {kind!r}; there are {', '.join(KINDS)}")
    return _DAMAGE[kind](rgb, min(max(severity, 0.0), 1.0), rng)


def _unit(rgb: Pixels) -> float:
    """Pixels of this photo to one pixel at the working scale; 1 for small photos."""
    height, width = rgb.shape[:2]
    return max(1.0, int(max(height, width)) / 1024)


def _blur(rgb: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
    """Out of focus: a disc of 2 to 9 working pixels' radius."""
    return _convolve(rgb, disc((2.0 * 4.5**severity) * _unit(rgb) * rng.uniform(0.9, 1.1)))


def _motion(rgb: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
    """The camera or door moved: a slightly bent path of 8 to 40 working pixels in any direction."""
    length = 8.0 * 5.0**severity * _unit(rgb)
    angle, bend = rng.uniform(0, math.pi), rng.uniform(-0.3, 0.3)
    side = 2 * math.ceil(length / 2) + 3
    kernel = np.zeros((side, side), dtype=np.float32)
    for step in np.linspace(-0.5, 0.5, 4 * side):
        direction = angle + bend * step
        column, row = (round(side // 2 + step * length * turn(direction)) for turn in (math.cos, math.sin))
        kernel[row, column] += 1
    return _convolve(rgb, kernel / kernel.sum())


def _dark(rgb: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
    """Too little light: 2.3 to 5 stops less, with some sensor noise."""
    return _expose(rgb, -(2.3 + 2.7 * severity), rng.uniform(0.5, 2.0), rng)


def _bright(rgb: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
    """Too much light: 1.8 to 4 stops more, clipped, with flare."""
    exposed = _expose(rgb, 1.8 + 2.2 * severity, 0.0, rng)
    veil = rng.uniform(0.0, 0.3)
    return _to_pixels(exposed * (1 - veil) + _FULL * veil)


def _noise(rgb: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
    """High gain: noise of 10 to 40 grey levels, partly coloured, more in the light; grain of one working pixel."""
    height, width = rgb.shape[:2]
    unit = _unit(rgb)
    small = (max(1, round(height / unit)), max(1, round(width / unit)))
    grain = rng.standard_normal((*small, 1), dtype=np.float32)
    grain = grain + 0.5 * rng.standard_normal((*small, 3), dtype=np.float32)
    if small != (height, width):
        grain = np.asarray(cv2.resize(grain, (width, height), interpolation=cv2.INTER_NEAREST), dtype=np.float32)
    sigma = 10.0 * 4.0**severity
    return _to_pixels(rgb + grain * sigma * np.sqrt(0.4 + 0.6 * rgb.astype(np.float32) / _FULL))


def _moire(rgb: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
    """A screen photographed: its grid of coloured stripes, turned, beats at 3 to 12 working pixels."""
    height, width = rgb.shape[:2]
    period, angle = rng.uniform(3.0, 12.0) * _unit(rgb), rng.uniform(0.15, math.pi / 2 - 0.15)
    rows, columns = (np.arange(size, dtype=np.float32) for size in (height, width))
    warp = (rng.uniform(-1, 1) * 0.15 * (columns / width) ** 2)[None, :]
    depth = 0.12 + 0.33 * severity
    screen = np.ones((height, width, 3), dtype=np.float32)
    for channel in range(3):
        phase = 2 * math.pi * (channel / 3 + rng.uniform())
        along = (columns * math.cos(angle))[None, :] + (rows * math.sin(angle))[:, None]
        across = (rows * math.cos(angle))[:, None] - (columns * math.sin(angle))[None, :]
        screen[:, :, channel] += depth * np.sin(2 * math.pi * along / period * (1 + warp) + phase)
        screen[:, :, channel] += 0.5 * depth * np.sin(2 * math.pi * across / (1.1 * period) + phase)
    return _to_pixels((0.15 + 0.7 * rgb.astype(np.float32) / _FULL) * screen * _FULL)


_DAMAGE: dict[str, Callable[[Pixels, float, np.random.Generator], Pixels]] = {
    "blur": _blur,
    "motion": _motion,
    "dark": _dark,
    "bright": _bright,
    "noise": _noise,
    "moire": _moire,
}
KINDS = tuple(_DAMAGE)


def disc(radius_px: float) -> Floats:
    """float32 (k, k): a filled circle with a soft edge that adds up to 1: the image of a point out of focus."""
    half = math.ceil(radius_px)
    axis = np.arange(-half, half + 1, dtype=np.float32)
    kernel = np.clip(radius_px + 0.5 - np.hypot(axis[:, None], axis[None, :]), 0.0, 1.0)
    return np.asarray(kernel / kernel.sum(), dtype=np.float32)


def _convolve(rgb: Pixels, kernel: Floats) -> Pixels:
    return np.asarray(cv2.filter2D(rgb, -1, kernel, borderType=cv2.BORDER_REFLECT), dtype=np.uint8)


def _expose(rgb: Pixels, stops: float, noise_levels: float, rng: np.random.Generator) -> Pixels:
    """Exposure in linear light, clipped at white, then noise of `noise_levels`."""
    table = _FULL * np.minimum(1.0, (np.arange(256) / _FULL) ** _GAMMA * 2.0**stops) ** (1 / _GAMMA)
    exposed = table.astype(np.float32)[rgb]
    if noise_levels:
        exposed += noise_levels * rng.standard_normal(rgb.shape, dtype=np.float32)
    return _to_pixels(exposed)


def _to_pixels(values: NDArray[np.floating]) -> Pixels:
    return np.asarray(np.clip(np.rint(values), 0, 255), dtype=np.uint8)
