"""Sharp pictures that fool measurements: plain surfaces have little detail, periodic things have peaks."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from imaging.decode import shrink
from imaging.jpeg import Pixels
from imaging.opencv import cv2

Floats = NDArray[np.float32]
_OVER = 2  # drawn so many times larger, then averaged down: edges without stairs

SURFACES = ("blank", "wall", "door", "box")
HARD_SURFACES = ("wood",)  # taught as good alone: grain looks like motion, round holes like moiré
OTHER_SURFACES = ("cardboard",)  # not taught
PERIODIC = ("blinds", "mesh", "tags", "boxes")
HARD_PERIODIC = ("perforated",)
OTHER_PERIODIC = ("bricks", "ribs")


def surface(rng: np.random.Generator, name: str) -> tuple[Pixels, bool]:
    """uint8 (h, w, 3) of a plain thing, and whether it has edges. Raises KeyError for another name."""
    height, width = _size(rng)
    base = np.array(rng.uniform(70, 215, 3) if rng.uniform() < 0.4 else [rng.uniform(60, 225)] * 3, np.float32)
    light = cv2.resize(
        rng.uniform(0.8, 1.08, (2, 3)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
    )
    canvas = np.asarray(light, np.float32)[:, :, None] * base
    edges = _SURFACES[name](canvas, rng)
    return _photo(canvas, rng, float(rng.uniform(0.0, 2.0))), edges


def periodic(rng: np.random.Generator, names: tuple[str, ...] = PERIODIC) -> Pixels:
    """uint8 (h, w, 3) of something strictly repeated, a little turned and in perspective, sharp."""
    height, width = _size(rng)
    name = names[int(rng.integers(len(names)))]
    canvas = np.empty((height * _OVER, width * _OVER, 3), np.float32)
    canvas[...] = rng.uniform(50, 235, 3)
    _PERIODIC[name](canvas, rng, max(height, width) * _OVER / 1024)
    turned = _held(np.clip(canvas, 0, 255).astype(np.uint8), rng)
    return _photo(shrink(turned, width, height).astype(np.float32), rng, float(rng.uniform(0.0, 2.0)))


def repeated(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """uint8 (h, w, 3): the same package side by side at one pitch, shelf over shelf, with tags on the rails."""
    across, down = int(rng.integers(4, 13)), int(rng.integers(2, 7))
    longer = int(rng.integers(360, 900))
    wide = max(24, longer // across)
    tall = int(wide * rng.uniform(0.9, 1.5))
    scaled = np.asarray(cv2.resize(rgb, (wide, tall), interpolation=cv2.INTER_AREA), np.uint8)
    rail = np.full((max(6, tall // 8), wide, 3), rng.integers(140, 235), np.uint8)
    rail[1:-1, wide // 4 : wide // 2] = 250
    unit = np.concatenate([scaled, rail])
    return np.ascontiguousarray(np.tile(unit, (down, across, 1)))


def _blank(canvas: Floats, rng: np.random.Generator) -> bool:
    return False


def _wall(canvas: Floats, rng: np.random.Generator) -> bool:
    """Plaster: fine relief, and sometimes a socket or a skirting board."""
    height, width = canvas.shape[:2]
    relief = rng.standard_normal((height, width)).astype(np.float32)
    relief -= np.asarray(cv2.GaussianBlur(relief, (0, 0), 3.0))
    canvas += rng.uniform(0.5, 6.0) * np.asarray(cv2.GaussianBlur(relief, (0, 0), 0.7))[:, :, None]
    if rng.uniform() < 0.3:
        return False
    top, left = int(height * rng.uniform(0.5, 0.8)), int(width * rng.uniform(0.1, 0.7))
    _block(canvas, top, left, height // 12, height // 12, rng)
    _block(canvas, int(height * 0.93), 0, height, width, rng)
    return True


def _door(canvas: Floats, rng: np.random.Generator) -> bool:
    """A cooler's or a store's door: a frame, a seam and a handle."""
    height, width = canvas.shape[:2]
    line = max(2, width // 220)
    for x in (rng.uniform(0.05, 0.3), rng.uniform(0.7, 0.95)):
        canvas[:, int(width * x) : int(width * x) + line] *= rng.uniform(0.35, 0.7)
        canvas[:, int(width * x) + line : int(width * x) + 2 * line] *= rng.uniform(1.05, 1.2)
    _block(canvas, int(height * 0.4), int(width * 0.62), height // 5, max(4, width // 50), rng)
    return True


def _box(canvas: Floats, rng: np.random.Generator) -> bool:
    """A carton: two faces, a strip of tape and a label with lines of print."""
    height, width = canvas.shape[:2]
    canvas[:, int(width * rng.uniform(0.55, 0.85)) :] *= rng.uniform(0.6, 0.85)
    _block(canvas, int(height * 0.46), 0, max(6, height // 14), width, rng)
    top, left, tall, wide = height // 8, width // 8, height // 5, width // 4
    _block(canvas, top, left, tall, wide, rng)
    for row in range(top + 6, top + tall - 6, 8):
        canvas[row : row + 3, left + 6 : left + int(wide * rng.uniform(0.4, 0.95))] *= 0.5
    return True


def _wood(canvas: Floats, rng: np.random.Generator) -> bool:
    """Boards: long grain along x, and the gaps between boards."""
    height, width = canvas.shape[:2]
    grain = np.asarray(
        cv2.GaussianBlur(rng.standard_normal((height, width)).astype(np.float32), (0, 0), 14.0, sigmaY=0.8)
    )
    canvas += rng.uniform(6, 14) / max(float(grain.std()), 1e-6) * grain[:, :, None] * 0.6
    step = int(height * rng.uniform(0.15, 0.35))
    for row in range(step // 2, height, step):
        canvas[row : row + max(2, height // 200)] *= 0.4
    return True


def _cardboard(canvas: Floats, rng: np.random.Generator) -> bool:
    """Corrugated board: faint ribs, a fold, an arrow printed on it."""
    height, width = canvas.shape[:2]
    ribs = np.sin(np.arange(width, dtype=np.float32) * np.float32(2 * math.pi / rng.uniform(7, 14)))
    canvas += np.float32(rng.uniform(0.5, 2.5)) * ribs[None, :, None]
    canvas[int(height * 0.3) : int(height * 0.3) + 3] *= 0.75
    points = np.array([[0.2, 0.8], [0.3, 0.55], [0.4, 0.8]]) * (width, height)
    cv2.fillPoly(canvas, [points.astype(np.int32)], [40.0, 40.0, 40.0])
    return True


def _blinds(canvas: Floats, rng: np.random.Generator, scale: float) -> None:
    """Slats, or a roller shutter: lines with shading."""
    pitch = max(6.0, rng.uniform(8, 40) * scale)
    phase = np.arange(canvas.shape[0], dtype=np.float32) / np.float32(pitch) % 1
    shade = np.where(phase < rng.uniform(0.08, 0.3), rng.uniform(0.2, 0.6), 0.85 + 0.3 * phase)
    canvas *= shade[:, None, None]


def _mesh(canvas: Floats, rng: np.random.Generator, scale: float) -> None:
    """A wire basket or a grid: thin lines both ways."""
    colour = rng.uniform(0, 255)
    for axis in (0, 1):
        pitch = max(8.0, rng.uniform(8, 36) * scale)
        wire = max(2.0, pitch * rng.uniform(0.12, 0.35))
        on = np.arange(canvas.shape[axis]) % pitch < wire
        canvas[on if axis == 0 else (slice(None), on)] = colour


def _tags(canvas: Floats, rng: np.random.Generator, scale: float) -> None:
    """Rails with price tags at one pitch, a bar code on each."""
    tall, wide = (int(value * scale) for value in (rng.uniform(60, 150), rng.uniform(50, 120)))
    tag = np.full((max(12, tall // 3), max(12, int(wide * 0.8)), 3), 245, np.float32)
    bars = rng.uniform(size=tag.shape[1] // 4) < 0.5
    tag[tag.shape[0] // 2 : -3, : len(bars) * 4][:, np.repeat(bars, 4)] = 25
    tag[4 : tag.shape[0] // 3, 4 : tag.shape[1] // 2] = 60
    for top in range(0, canvas.shape[0] - tag.shape[0] - 6, max(tall, tag.shape[0] + 4)):
        canvas[top : top + tag.shape[0] + 6] = 190
        for left in range(4, canvas.shape[1] - tag.shape[1], max(wide, tag.shape[1] + 2)):
            canvas[top + 3 : top + 3 + tag.shape[0], left : left + tag.shape[1]] = tag


def _boxes(canvas: Floats, rng: np.random.Generator, scale: float) -> None:
    """The same drawn carton beside and above itself."""
    tall, wide = (max(16, int(rng.uniform(50, 200) * scale)) for _ in range(2))
    unit = np.empty((tall, wide, 3), np.float32)
    unit[...] = rng.uniform(30, 230, 3)
    for _ in range(6):
        top, left = int(rng.integers(0, tall)), int(rng.integers(0, wide))
        unit[top : top + max(3, tall // 5), left : left + max(3, wide // 4)] = rng.uniform(10, 250, 3)
    unit[:3], unit[:, :3] = 30, 30
    rows, columns = (-(-size // part) for size, part in zip(canvas.shape, (tall, wide), strict=False))
    canvas[...] = np.tile(unit, (rows, columns, 1))[: canvas.shape[0], : canvas.shape[1]]


def _bricks(canvas: Floats, rng: np.random.Generator, scale: float) -> None:
    """A wall of bricks, every second row shifted by half."""
    tall = max(10, int(rng.uniform(16, 60) * scale))
    wide, joint = int(tall * 2.3), max(2, tall // 8)
    for index, top in enumerate(range(0, canvas.shape[0], tall)):
        canvas[top : top + joint] = 190
        for left in range(-(index % 2) * wide // 2, canvas.shape[1], wide):
            canvas[top : top + tall, max(0, left) : max(0, left + joint)] = 190


def _perforated(canvas: Floats, rng: np.random.Generator, scale: float) -> None:
    """A back panel with round holes."""
    pitch = max(10, int(rng.uniform(12, 40) * scale))
    size = max(2, int(pitch * rng.uniform(0.15, 0.35)))
    for top in range(pitch // 2, canvas.shape[0], pitch):
        for left in range(pitch // 2, canvas.shape[1], pitch):
            cv2.circle(canvas, (left, top), size, (25.0, 25.0, 25.0), -1)


def _ribs(canvas: Floats, rng: np.random.Generator, scale: float) -> None:
    """Ribbed sheet metal: upright ribs, each with its light and its shadow."""
    phase = np.arange(canvas.shape[1], dtype=np.float32) / np.float32(max(6.0, rng.uniform(8, 30) * scale)) % 1
    canvas *= np.where(phase < 0.2, 1.25, np.where(phase < 0.35, 0.45, 0.9))[None, :, None]


_SURFACES: dict[str, Callable[[Floats, np.random.Generator], bool]] = {
    "blank": _blank, "wall": _wall, "door": _door, "box": _box, "wood": _wood, "cardboard": _cardboard,
}  # fmt: skip
_PERIODIC: dict[str, Callable[[Floats, np.random.Generator, float], None]] = {
    "blinds": _blinds, "mesh": _mesh, "tags": _tags, "boxes": _boxes,
    "bricks": _bricks, "perforated": _perforated, "ribs": _ribs,
}  # fmt: skip


def _size(rng: np.random.Generator) -> tuple[int, int]:
    longer = int(rng.integers(340, 900))
    return int(longer * rng.uniform(0.6, 1.0)), longer


def _block(canvas: Floats, top: int, left: int, tall: int, wide: int, rng: np.random.Generator) -> None:
    """A plain rectangle of another brightness."""
    factor = rng.uniform(0.3, 0.75) if rng.uniform() < 0.7 else rng.uniform(1.2, 1.4)
    canvas[top : top + tall, left : left + wide] *= factor


def _held(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """As a camera that is held a little askew sees it: turned by up to 8 degrees, sides converging."""
    height, width = rgb.shape[:2]
    spread = np.where(rng.uniform() < 0.3, 0.0, 0.12) * np.array([width, height])
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    inner = corners + (rng.uniform(0, 1, (4, 2)) * spread * [[1, 1], [-1, 1], [-1, -1], [1, -1]]).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(inner.astype(np.float32), corners)
    return np.asarray(cv2.warpPerspective(rgb, matrix, (width, height), borderMode=cv2.BORDER_REFLECT), np.uint8)


def _photo(canvas: Floats, rng: np.random.Generator, noise: float) -> Pixels:
    grain = noise * rng.standard_normal(canvas.shape, dtype=np.float32)
    return np.asarray(np.clip(np.rint(canvas + grain), 0, 255), np.uint8)
