"""Damage by light and sensor: too little, too much, glare, noise, and screens that are photographed."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from imaging.blurring import Floats, working_unit
from imaging.jpeg import Pixels
from imaging.opencv import cv2

_FULL = 255.0
_GAMMA = 2.2
_MID_GREY = 0.18  # in linear light
_MID_SLOPE = 295.0  # grey levels a unit of linear light, at mid-grey
_CHANNELS_TO_LUMA = 1.5  # noise of channels over that of their luma
_READ_NOISE = 0.002


def underexposed(rgb: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
    """Too little light: 2.3 to 5 stops less in linear light, where the sensor's noise stays as it was."""
    light = to_light(rgb) * np.float32(2.0 ** -(2.3 + 2.7 * severity))
    read = np.float32(rng.uniform(0.2, 1.0) * _READ_NOISE / working_unit(rgb))
    return to_pixels(light + read * rng.standard_normal(rgb.shape, dtype=np.float32))


def darkened(rgb: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
    """Dark by its tone curve: grey levels to the power of 2.2 to 4.5, and at most 60 to 80 % of white."""
    levels = (np.arange(256) / _FULL) ** (2.2 + 2.3 * severity) * rng.uniform(0.6, 0.8)
    return _by_table(rgb, levels * _FULL)


def overexposed(rgb: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
    """Too much light: 1.8 to 4 stops more in linear light, clipped, under a veil of flare."""
    levels = np.minimum(1.0, (np.arange(256) / _FULL) ** _GAMMA * 2.0 ** (1.8 + 2.2 * severity)) ** (1 / _GAMMA)
    veil = rng.uniform(0.0, 0.3)
    return _by_table(rgb, (levels * (1 - veil) + veil) * _FULL)


def brightened(rgb: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
    """Bright by gain: grey levels times 1.8 to 3.5, plus an offset, clipped."""
    return _by_table(rgb, np.arange(256) * (1.8 + 1.7 * severity) + rng.uniform(0, 30))


def glare(rgb: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
    """A lamp or a flash in the glass: washed-out patches over about a third to all of the photo."""
    height, width = rgb.shape[:2]
    x, y = np.meshgrid(np.linspace(-1, 1, width, dtype=np.float32), np.linspace(-1, 1, height, dtype=np.float32))
    size = 0.45 + 0.4 * severity
    glow = np.zeros((height, width), dtype=np.float32)
    for _ in range(int(rng.integers(1, 4))):
        across, down = rng.uniform(-0.5, 0.5, 2)
        wide, tall = size * rng.uniform(0.8, 1.4, 2)
        glow += np.exp(-((((x - across) / wide) ** 2 + ((y - down) / tall) ** 2) ** 1.5))
    return to_pixels(to_light(rgb) + np.float32(rng.uniform(1.2, 2.0)) * glow[:, :, None])


def sensor_noise(rgb: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
    """High gain: shot and read noise in linear light, coarser in red and blue, 6 to 36 grey levels in mid-grey.

    The grain is a half to one working pixel, as denoising cameras leave it, and gets its strength at that scale.
    """
    unit = working_unit(rgb)
    grain = unit * rng.uniform(0.5, 1.0) if unit >= 2 else 1.0
    light = to_light(rgb)
    wanted = 6.0 * 6.0**severity * _CHANNELS_TO_LUMA * max(1.0, unit / grain) / _MID_SLOPE  # sigma in mid-grey
    sigma = np.sqrt(light * np.float32(wanted**2 / _MID_GREY) + np.float32(_READ_NOISE**2))
    field = np.concatenate([_grain(rgb, grain * scale, rng) for scale in (1.6, 1.0, 1.6)], axis=2)
    return to_pixels(light + sigma * field)


def additive_noise(rgb: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
    """Grey noise on the finished picture: 6 to 36 grey levels of one working pixel's grain, the same everywhere."""
    sigma = np.float32(6.0 * 6.0**severity)
    return _rounded(rgb + sigma * _grain(rgb, working_unit(rgb), rng))


def screen(rgb: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
    """A screen photographed: its grid of red, green and blue stripes, sampled by the sensor's own grid, beats with it.

    Screen and sensor have nearly the same pitch, so what is left is their difference: 3 to 12 working pixels, bent by
    the screen's tilt. Each sensor pixel gathers light over its own width. In grey they are waves of 4.5 to 22 %.
    """
    height, width = rgb.shape[:2]
    period, angle = rng.uniform(3.0, 12.0) * working_unit(rgb), rng.uniform(0.0, math.pi)
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    tilt = 1.0 + np.float32(rng.uniform(-0.12, 0.12)) * x / width + np.float32(rng.uniform(-0.12, 0.12)) * y / height
    along = (x * math.cos(angle) + y * math.sin(angle)) / np.float32(period) * tilt
    across = (y * math.cos(angle) - x * math.sin(angle)) / np.float32(period) * tilt
    duty, aperture = rng.uniform(0.28, 0.5), rng.uniform(0.35, 0.8)
    rows = np.float32(0.5) * _gathered(across, 0.75, rng.uniform(0.25, 0.6))
    mask = np.stack([_gathered(along + np.float32(channel / 3), duty, aperture) + rows for channel in range(3)], axis=2)
    mask -= np.mean(mask[::7, ::7], axis=(0, 1), dtype=np.float64).astype(np.float32)
    # The three colours' stripes nearly make up for each other: severity is what is left of them in grey.
    red, green, blue = (mask[::7, ::7, channel] for channel in range(3))
    left = float(np.std(0.299 * red + 0.587 * green + 0.114 * blue))
    wanted = 0.045 * 5.0**severity * _GAMMA / math.sqrt(2)
    return to_pixels(to_light(rgb) * (1 + np.float32(wanted / max(left, 0.02)) * mask))


def stripes(rgb: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
    """Moiré as most test sets have it: slanted coloured sine waves of 3 to 12 working pixels over the picture."""
    height, width = rgb.shape[:2]
    period, angle = rng.uniform(3.0, 12.0) * working_unit(rgb), rng.uniform(0.15, math.pi / 2 - 0.15)
    rows, columns = (np.arange(size, dtype=np.float32) for size in (height, width))
    warp = (rng.uniform(-1, 1) * 0.15 * (columns / width) ** 2)[None, :].astype(np.float32)
    depth = 0.12 + 0.33 * severity
    waves = np.ones((height, width, 3), dtype=np.float32)
    along = (columns * math.cos(angle))[None, :] + (rows * math.sin(angle))[:, None]
    across = (rows * math.cos(angle))[:, None] - (columns * math.sin(angle))[None, :]
    for channel in range(3):
        phase = 2 * math.pi * (channel / 3 + rng.uniform())
        waves[:, :, channel] += depth * np.sin(2 * math.pi * along / period * (1 + warp) + phase)
        waves[:, :, channel] += 0.5 * depth * np.sin(2 * math.pi * across / (1.1 * period) + phase)
    return _rounded((0.15 + 0.7 * rgb.astype(np.float32) / _FULL) * waves * _FULL)


_TO_LIGHT = ((np.arange(256) / _FULL) ** _GAMMA).astype(np.float32)
_STEPS = 4096
_FROM_LIGHT = np.rint(_FULL * (np.arange(_STEPS + 1) / _STEPS) ** (2 / _GAMMA)).astype(np.uint8)


def to_light(rgb: Pixels) -> Floats:
    """float32 (h, w, 3): linear light, 0 to 1."""
    return _TO_LIGHT[rgb]


def to_pixels(light: Floats) -> Pixels:
    """uint8 (h, w, 3): grey levels of linear light, clipped at black and white."""
    # The table's steps are even in the root of the light: fine enough in the dark.
    return _FROM_LIGHT[(np.sqrt(np.clip(light, 0.0, 1.0)) * np.float32(_STEPS) + np.float32(0.5)).astype(np.int32)]


def _gathered(phase: Floats, duty: float, aperture: float) -> Floats:
    """Share, 0 to 1, of a pixel `aperture` periods wide that lies on the light part, `duty` of each period."""
    distance = np.abs(phase - np.floor(phase) - np.float32(0.5)) * 2
    return np.asarray(np.clip((np.float32(duty) - distance) / np.float32(aperture) + np.float32(0.5), 0, 1), np.float32)


def _grain(rgb: Pixels, size_px: float, rng: np.random.Generator) -> Floats:
    """float32 (h, w, 1): normal noise whose grain is `size_px` pixels."""
    height, width = rgb.shape[:2]
    small = (max(1, round(height / size_px)), max(1, round(width / size_px)))
    field = rng.standard_normal(small, dtype=np.float32)
    if small != (height, width):
        field = np.asarray(cv2.resize(field, (width, height), interpolation=cv2.INTER_NEAREST), dtype=np.float32)
    return np.asarray(field[:, :, None], np.float32)


def _by_table(rgb: Pixels, levels: NDArray[np.floating]) -> Pixels:
    return np.asarray(cv2.LUT(rgb, np.clip(np.rint(levels), 0, 255).astype(np.uint8)), np.uint8)


def _rounded(values: NDArray[np.floating]) -> Pixels:
    return np.asarray(np.clip(np.rint(values), 0, 255), dtype=np.uint8)
