"""Boxes to pixels, and pixels to JPEG crops: decode a capture once, cut every box from the same array."""

from __future__ import annotations

import math
from dataclasses import dataclass

from imaging import jpeg
from imaging.jpeg import Pixels, Subsampling

BoxPx = tuple[int, int, int, int]


@dataclass(frozen=True)
class CropSettings:
    """How crops are encoded. They take part in the fingerprint of the crops view: another setting, other bytes."""

    quality: int = 90  # 1 to 100
    subsampling: Subsampling = "420"
    fast_dct: bool = False


DEFAULT_CROPS = CropSettings()


def pixel_box(xmin: float, xmax: float, ymin: float, ymax: float, width: int, height: int) -> BoxPx:
    """(x0, y0, x1, y1) in pixels of the upright photo, half-open: normalised edges rounded, clamped, at least 1 pixel.

    Each edge lies within 0.5 pixel of where the box has it (1 where a box under a pixel was widened).
    Raises ValueError where an edge is NaN or infinite.
    """
    x0, x1 = _edges(xmin, xmax, width)
    y0, y1 = _edges(ymin, ymax, height)
    return x0, y0, x1, y1


def cut(rgb: Pixels, box_px: BoxPx, settings: CropSettings = DEFAULT_CROPS) -> bytes:
    """JPEG of the pixels in `box_px` of an upright uint8 (H, W, 3) RGB array. Releases the GIL while it encodes."""
    x0, y0, x1, y1 = box_px
    return jpeg.encode(rgb[y0:y1, x0:x1], settings.quality, settings.subsampling, settings.fast_dct)


def _edges(low: float, high: float, size: int) -> tuple[int, int]:
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"box edges {low} and {high} are not finite")
    first = min(max(math.floor(low * size + 0.5), 0), size)
    last = min(max(math.floor(high * size + 0.5), 0), size)
    if first < last:
        return first, last
    middle = min(max(math.floor((low + high) / 2 * size), 0), size - 1)  # under a pixel: the pixel that it lies in
    return middle, middle + 1
