"""Damage by optics: out of focus, moved, behind fogged glass, covered."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from imaging.jpeg import Pixels
from imaging.opencv import cv2

Floats = NDArray[np.float32]
_FULL = 255.0


def working_unit(rgb: Pixels) -> float:
    """Pixels of this photo to one pixel at the working scale; 1 for small photos."""
    return float(max(1.0, max(rgb.shape[:2]) / 1024))


def defocus(rgb: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
    """Out of focus: a disc of 2 to 9 working pixels' radius."""
    return convolve(rgb, disc(_radius_px(rgb, severity, rng)))


def gaussian(rgb: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
    """A soft lens: a Gaussian as wide as the disc, sigma half of its radius."""
    return np.asarray(cv2.GaussianBlur(rgb, (0, 0), _radius_px(rgb, severity, rng) / 2), dtype=np.uint8)


def hexagon(rgb: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
    """Out of focus by a lens with six blades: a turned hexagon in place of the disc."""
    radius = _radius_px(rgb, severity, rng) * 1.1  # the area of the disc
    half, turn = math.ceil(radius) + 1, rng.uniform(0, math.pi / 3)
    axis = np.arange(-half, half + 1, dtype=np.float32)
    reach = np.full((len(axis), len(axis)), -np.inf, dtype=np.float32)
    for side in range(6):
        angle = turn + side * math.pi / 3
        reach = np.maximum(reach, axis[None, :] * math.cos(angle) + axis[:, None] * math.sin(angle))
    kernel = np.clip(radius * math.cos(math.pi / 6) + 0.5 - reach, 0.0, 1.0)
    return convolve(rgb, kernel / kernel.sum())


def half_defocus(rgb: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
    """Out of focus in 45 to 75 % of the photo, from one side, by a disc of 4 to 9 working pixels."""
    blurred = convolve(rgb, disc((4.0 + 5.0 * severity) * working_unit(rgb)))
    return _mix(rgb, blurred, _from_one_side(rgb, rng.uniform(0.45, 0.75), 0.08, rng))


def cover(rgb: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
    """A hand or a door close before the lens: a plain, unsharp thing over 35 to 80 % of the photo."""
    height, width = rgb.shape[:2]
    colour = np.array([rng.uniform(20, 235)] * 3) * rng.uniform(0.75, 1.0, 3)
    shade = cv2.resize(rng.uniform(0.75, 1.2, (3, 3, 1)).astype(np.float32), (width, height))
    thing = np.clip(colour[None, None, :] * np.asarray(shade)[:, :, None], 0, _FULL).astype(np.uint8)
    share = 0.35 + 0.45 * severity
    return _mix(rgb, thing, _from_one_side(rgb, share, rng.uniform(0.02, 0.10), rng))


def fog(rgb: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
    """Fogged glass: most light is scattered into a wide, uneven veil, the rest is softened."""
    height, width = rgb.shape[:2]
    unit = working_unit(rgb)
    soft = np.asarray(cv2.GaussianBlur(rgb, (0, 0), (1.5 + 3.0 * severity) * unit), np.float32)
    veil = soft.mean(axis=(0, 1)) * 0.4 + rng.uniform(110, 190) * 0.6
    uneven = cv2.resize(rng.uniform(-0.12, 0.12, (4, 5)).astype(np.float32), (width, height))
    share = np.clip(0.55 + 0.33 * severity + np.asarray(uneven), 0.3, 0.95)[:, :, None]
    return np.asarray(np.clip(np.rint(soft * (1 - share) + veil * share), 0, 255), np.uint8)


def path(rgb: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
    """The camera or door moved: a bent path of 8 to 40 working pixels in any direction, slow at first."""
    steps = np.linspace(0.0, 1.0, 512) ** rng.uniform(1.0, 3.5) - 0.5
    turn = rng.uniform(0, math.pi) + rng.uniform(-1.2, 1.2) * steps
    length = _length_px(rgb, severity)
    return convolve(rgb, _track(steps * length * np.cos(turn), steps * length * np.sin(turn)))


def shake(rgb: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
    """A hand that shakes: a path that changes its speed and direction as it goes, as long as the straight one."""
    pull = cv2.GaussianBlur(rng.standard_normal((512, 2)), (1, 0), 40.0) + rng.standard_normal(2) * 0.06
    track = np.cumsum(np.asarray(pull), axis=0)
    # As it is seen: along the direction in which it reaches furthest.
    turned = track @ np.linalg.svd(track - track.mean(axis=0), full_matrices=False)[2].T
    track *= _length_px(rgb, severity) / max(float(np.ptp(turned[:, 0])), 1e-9)
    return convolve(rgb, _track(track[:, 0], track[:, 1]))


def disc(radius_px: float) -> Floats:
    """float32 (k, k): a filled circle with a soft edge that adds up to 1: the image of a point out of focus."""
    half = math.ceil(radius_px)
    axis = np.arange(-half, half + 1, dtype=np.float32)
    kernel = np.clip(radius_px + 0.5 - np.hypot(axis[:, None], axis[None, :]), 0.0, 1.0)
    return np.asarray(kernel / kernel.sum(), dtype=np.float32)


def convolve(rgb: Pixels, kernel: Floats) -> Pixels:
    """uint8 (h, w, 3): `rgb` through a point spread that adds up to 1."""
    return np.asarray(cv2.filter2D(rgb, -1, kernel, borderType=cv2.BORDER_REFLECT), dtype=np.uint8)


def _radius_px(rgb: Pixels, severity: float, rng: np.random.Generator) -> float:
    return float(2.0 * 4.5**severity * working_unit(rgb) * rng.uniform(1.0, 1.1))


def _length_px(rgb: Pixels, severity: float) -> float:
    return float(8.0 * 5.0**severity * working_unit(rgb))


def _track(columns: NDArray[np.float64], rows: NDArray[np.float64]) -> Floats:
    """The point spread of a path: each moment adds to the four pixels that it lies between."""
    columns, rows = columns - (columns.max() + columns.min()) / 2, rows - (rows.max() + rows.min()) / 2
    half = math.ceil(max(np.abs(columns).max(), np.abs(rows).max())) + 1
    kernel = np.zeros((2 * half + 1, 2 * half + 1))
    left, top = np.floor(columns).astype(int), np.floor(rows).astype(int)
    right, down = columns - left, rows - top
    for x, y, share in ((0, 0, (1 - right) * (1 - down)), (1, 0, right * (1 - down)), (0, 1, (1 - right) * down),
                        (1, 1, right * down)):  # fmt: skip
        np.add.at(kernel, (top + half + y, left + half + x), share)
    return np.asarray(kernel / kernel.sum(), dtype=np.float32)


def _from_one_side(rgb: Pixels, share: float, softness: float, rng: np.random.Generator) -> Floats:
    """float32 (h, w, 1): 1 over `share` of the photo, from a random side, with a border that is soft and bent."""
    height, width = rgb.shape[:2]
    angle = rng.uniform(0, 2 * math.pi)
    x, y = np.meshgrid(np.linspace(-1, 1, width, dtype=np.float32), np.linspace(-1, 1, height, dtype=np.float32))
    along = x * math.cos(angle) + y * math.sin(angle)
    along += rng.uniform(0.0, 0.2) * np.sin(3 * (y * math.cos(angle) - x * math.sin(angle)) + rng.uniform(0, 6))
    edge = np.quantile(along[::8, ::8], 1 - share)
    return np.asarray(np.clip((along - edge) / (2 * softness) + 0.5, 0, 1)[:, :, None], dtype=np.float32)


def _mix(under: Pixels, over: Pixels, share: Floats) -> Pixels:
    return np.clip(np.rint(under * (1 - share) + over * share), 0, 255).astype(np.uint8)
