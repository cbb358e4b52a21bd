"""The camera: how it is held, how sharp it is, how it exposes, and its noise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from demo.sprites import Pixels


@dataclass(frozen=True)
class Camera:
    """A device's traits. Pixels are of the photo; `exposure` 1 is right, under 0.2 nearly black."""

    tilt_deg: float = 0.0
    shift_px: tuple[float, float] = (0.0, 0.0)
    keystone: float = 0.0  # share by which the top is narrower than the bottom
    shake_px: float = 5.0  # how much each corner moves from one capture to the next
    defocus_px: float = 0.0  # radius of the disc that a point becomes
    exposure: float = 1.0
    warmth: float = 0.0  # -0.1 bluish … 0.1 yellowish
    noise: float = 1.8  # standard deviation, grey levels
    glare: float = 0.0  # 0 none … 1 a bright reflection of the door's glass

    def matrix(
        self, rng: np.random.Generator, source: tuple[int, int], size: tuple[int, int], margin: int
    ) -> NDArray[np.float64]:
        """float64 (3, 3): canvas pixels to photo pixels, with a small random shake."""
        wide, high = source
        angle = np.deg2rad(self.tilt_deg + rng.normal(0, 0.15))
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        corners = np.array(
            [[margin, margin], [wide - margin, margin], [wide - margin, high - margin], [margin, high - margin]], float
        )
        middle = np.array([wide / 2, high / 2])
        seen = (corners - middle) @ turn.T
        seen[:2, 0] *= 1 + self.keystone
        seen[2:, 0] *= 1 - self.keystone
        seen += middle + np.array(self.shift_px) + rng.uniform(-self.shake_px, self.shake_px, (4, 2))
        target = np.array([[0, 0], [size[0], 0], [size[0], size[1]], [0, size[1]]], np.float32)
        return np.asarray(cv2.getPerspectiveTransform(seen.astype(np.float32), target), np.float64)


PERFECT = Camera(shake_px=0.0)


def warp(canvas: Pixels, matrix: NDArray[np.float64], size: tuple[int, int]) -> Pixels:
    """`canvas` through `matrix`: uint8 (size[1], size[0], 3)."""
    out = cv2.warpPerspective(canvas, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(out, np.uint8)


@lru_cache(maxsize=8)
def disc(radius_px: float) -> NDArray[np.float32]:
    """The point spread of a lens out of focus: float32 (N, N), a disc with a soft rim, sum 1."""
    reach = int(np.ceil(radius_px)) + 1
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    kernel = np.clip(radius_px + 0.5 - np.hypot(x, y), 0, 1).astype(np.float32)
    return np.asarray(kernel / kernel.sum(), np.float32)


@lru_cache(maxsize=8)
def _noise_tile(sigma: float) -> Pixels:
    """uint8 (1280, 1664, 3) around 128: grey noise, with a little colour in it."""
    rng = np.random.default_rng(20261120)
    grey = rng.normal(0, sigma, (1280, 1664, 1)) + rng.normal(0, sigma * 0.35, (1280, 1664, 3))
    return np.clip(np.rint(grey + 128), 0, 255).astype(np.uint8)


def expose(rgb: Pixels, camera: Camera, rng: np.random.Generator) -> Pixels:
    """`rgb` as the sensor stores it: defocus, glare, exposure, white balance, noise."""
    if camera.defocus_px > 0:
        rgb = np.asarray(cv2.filter2D(rgb, -1, disc(camera.defocus_px)), np.uint8)
    if camera.glare > 0:
        rgb = np.asarray(cv2.add(rgb, _glare(rgb.shape[1], rgb.shape[0], camera.glare, rng)), np.uint8)
    gain = camera.exposure * float(rng.uniform(0.95, 1.05)) * np.array([1 + camera.warmth, 1.0, 1 - camera.warmth])
    levels = np.arange(256, dtype=np.float64)[:, None] * gain[None, :]
    table = np.clip(np.where(levels > 224, 224 + (levels - 224) * 0.6, levels), 0, 255).astype(np.uint8)
    rgb = np.asarray(cv2.LUT(rgb, table.reshape(1, 256, 3)), np.uint8)
    if camera.noise <= 0:
        return rgb
    tile = _noise_tile(round(camera.noise, 1))
    y, x = (int(rng.integers(0, tile.shape[k] - rgb.shape[k] + 1)) for k in (0, 1))
    part = tile[y : y + rgb.shape[0], x : x + rgb.shape[1]]
    return np.asarray(cv2.addWeighted(rgb, 1.0, part, 1.0, -128.0), np.uint8)


def _glare(width: int, height: int, strength: float, rng: np.random.Generator) -> Pixels:
    small = np.zeros((height // 8, width // 8), np.float32)
    x = float(rng.uniform(0.1, 0.9)) * small.shape[1]
    lean, wide = float(rng.uniform(-0.35, 0.35)), float(rng.uniform(5, 14))
    rows = np.arange(small.shape[0], dtype=np.float32)[:, None]
    columns = np.arange(small.shape[1], dtype=np.float32)[None, :]
    small += np.exp(-(((columns - x - lean * rows) / wide) ** 2))
    small += 0.7 * np.exp(-(((columns - x - 2.6 * wide - lean * rows) / (wide * 0.4)) ** 2))
    small *= strength * 105
    big = cv2.resize(small.clip(0, 255).astype(np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.merge([big, big, big]), np.uint8)
