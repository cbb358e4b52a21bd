"""How cameras make another picture of the same scene: lens, resolution, colours, tone curve, sharpening, grain, JPEG.

None of it is damage. A model that has seen one camera alone takes the look of another for damage, or damage for a look.
"""

from __future__ import annotations

import numpy as np

from imaging import jpeg
from imaging.blurring import working_unit
from imaging.decode import shrink
from imaging.jpeg import Pixels, Subsampling
from imaging.opencv import cv2

_LEVELS = np.arange(256) / 255.0
_SHARE = 0.5  # of the photos that each step is applied to
_SAMPLINGS: tuple[Subsampling, ...] = ("444", "422", "420")


def look(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """uint8 (h, w, 3): as one of many cameras would show it, as good as it was."""
    for step in (_resolved, _coloured, _sharpened, _grainy, _compressed):
        if rng.uniform() < _SHARE:
            rgb = step(rgb, rng)
    return rgb


def stored(rgb: Pixels, rng: np.random.Generator) -> bytes:
    """The photo as a camera or a gateway writes it: JPEG of quality 70 to 96, colours sampled as they come."""
    sampling = _SAMPLINGS[int(rng.integers(len(_SAMPLINGS)))]
    return jpeg.encode(np.ascontiguousarray(rgb), int(rng.integers(70, 97)), sampling, False)


def _resolved(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """Fewer true pixels than it has: a sensor that interpolates its colours, or a gateway that enlarges.

    Never under 0.75 true pixels to a working pixel.
    """
    height, width = rgb.shape[:2]
    share = max(rng.uniform(0.6, 1.0), 0.75 / working_unit(rgb))
    small = shrink(rgb, max(1, round(width * share)), max(1, round(height * share)))
    method = cv2.INTER_CUBIC if rng.uniform() < 0.5 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(small, (width, height), interpolation=method), np.uint8)


def _coloured(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """White balance off by up to a tenth, and a tone curve: gamma 0.9 to 1.1, flat or steep in the middle."""
    gamma, steep = np.exp(rng.uniform(-0.1, 0.1)), rng.uniform(-0.2, 0.4)
    curve = _LEVELS**gamma
    curve = curve + steep * curve * (1 - curve) * (2 * curve - 1)
    gains = np.array([np.exp(rng.uniform(-0.1, 0.1)), 1.0, np.exp(rng.uniform(-0.1, 0.1))])
    table = np.clip(np.rint(255 * curve[:, None] * gains / gains.mean()), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(rgb, table[None]), np.uint8)


def _sharpened(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """Unsharp masking with halos: radius 0.6 to 1.6 working pixels, strength 0.2 to 1."""
    amount = rng.uniform(0.2, 1.0)
    soft = cv2.GaussianBlur(rgb, (0, 0), rng.uniform(0.6, 1.6) * working_unit(rgb))
    return np.asarray(cv2.addWeighted(rgb, 1 + amount, soft, -amount, 0), np.uint8)


def _grainy(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """A sensor's floor: up to 1.2 grey levels at the working scale, of a grain of one pixel."""
    sigma = rng.uniform(0.2, 1.2) * working_unit(rgb)
    # Drawn once for a strip and shifted from strip to strip: no measurement tells it from fresh noise.
    rows = min(rgb.shape[0], 512)
    grain = np.rint(sigma * rng.standard_normal((rows, *rgb.shape[1:]), dtype=np.float32)).astype(np.int16)
    seen = np.empty_like(rgb)
    for top in range(0, rgb.shape[0], rows):
        part = rgb[top : top + rows]
        shifted = np.roll(grain, int(rng.integers(rgb.shape[1])), axis=1)[: len(part)]
        cv2.add(part, shifted, seen[top : top + rows], dtype=cv2.CV_8U)
    return seen


def _compressed(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """Stored once before: most photos that come through a gateway are JPEGs of JPEGs."""
    return jpeg.decode_rgb(stored(rgb, rng))
