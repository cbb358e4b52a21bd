"""Pictures whose measurements are known: steps, packages, textures, and what blur makes of them."""

from __future__ import annotations

import cv2
import numpy as np


def rng() -> np.random.Generator:
    return np.random.default_rng(20)


def texture(height: int = 480, width: int = 640) -> np.ndarray:
    """Natural-looking detail: noise with a 1/f spectrum, uint8 (height, width)."""
    waves = np.fft.rfft2(rng().standard_normal((height, width)))
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    smooth = np.fft.irfft2(waves / np.maximum(radius, 1 / width), s=(height, width))
    return np.clip(128 + 40 * smooth / smooth.std(), 0, 255).astype(np.uint8)


def step_edge(width: int = 100, height: int = 40, low: int = 50, high: int = 150) -> np.ndarray:
    grey = np.full((height, width), low, dtype=np.uint8)
    grey[:, width // 2 :] = high
    return grey


def packages() -> np.ndarray:
    """Sharp rectangles, uint8 (480, 640)."""
    grey = np.full((480, 640), 128, dtype=np.uint8)
    for top in range(10, 480, 60):
        for left in range(10, 640, 40):
            grey[top : top + 45, left : left + 30] = rng().integers(0, 256) if (top + left) % 3 else 30
    return grey


def blurred(grey: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(grey, (0, 0), sigma)


def half_blurred(grey: np.ndarray) -> np.ndarray:
    soft = grey.copy()
    soft[:, grey.shape[1] // 2 :] = blurred(grey, 5.0)[:, grey.shape[1] // 2 :]
    return soft


def placed(values: np.ndarray, offset: int) -> np.ndarray:
    """A copy that begins `offset` bytes behind a multiple of 64."""
    room = np.empty(values.nbytes + 128, dtype=np.uint8)
    start = -room.ctypes.data % 64 + offset
    copy = room[start : start + values.nbytes].view(values.dtype).reshape(values.shape)
    copy[...] = values
    return copy
