"""Good photos to make examples from: those of a folder, shelves put together from them, and drawn ones."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from batch.quality import patterns
from imaging.decode import decode_rgb, shrink
from imaging.degrade import KINDS
from imaging.errors import ImageError
from imaging.header import Limits, read_header
from imaging.jpeg import Pixels
from imaging.opencv import cv2

_TILE_PX = 340
_GAP_PX = 12
_GAP_LEVEL = 90
_SURFACES_A_PHOTO, _PATTERNS_A_PHOTO = 3, 4
# What can be told on a surface: not its light, as walls are dark and bright; not its blur where it has no edge.
_ON_SURFACE = ("blur", "motion", "noise", "moire")
_ON_BLANK = ("noise", "moire")
_ON_PATTERN = (
    "blur",
    "motion",
    "dark",
    "bright",
    "noise",
)  # not moiré: a grid before the camera beats as a screen does


@dataclass(frozen=True)
class GoodPhoto:
    """A photo without damage. `scene` names its kind ("photo", "montage", …), `parts` the photos that it shows.

    `damages` are the kinds of damage that would show on it.
    """

    scene: str
    rgb: Pixels
    parts: tuple[str, ...] = ()
    damages: tuple[str, ...] = KINDS


def read_folder(
    folder: Path, limits: Limits | None = None, keep: Callable[[str], bool] = lambda name: True
) -> Iterator[GoodPhoto]:
    """Yields every readable photo below `folder` whose name `keep` wants, by name; `parts` is its content's digest."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and keep(path.name)):
        data = path.read_bytes()
        try:
            yield GoodPhoto("photo", decode_rgb(data, read_header(data, limits or Limits())), (digest(data),))
        except ImageError:
            continue


def digest(data: bytes) -> str:
    """16 hex digits of a content's SHA-256: what names a photo in a model's file."""
    return hashlib.sha256(data).hexdigest()[:16]


def compose(photos: Sequence[GoodPhoto], rng: np.random.Generator, largest_px: int = 1100) -> Iterator[GoodPhoto]:
    """Yields, for every sixth photo, two montages, a drawn shelf, a repeated package, a surface and a pattern.

    Montages are 600 to `largest_px` wide, each doubling as often as the next.
    """
    for _ in range(-(-len(photos) // 6)):
        picked = [photos[int(position)] for position in rng.permutation(len(photos))[: 12 * 9]]
        for order in (1, -1):
            yield montage(picked[::order], rng, int(np.exp(rng.uniform(np.log(600), np.log(largest_px)))))
        yield GoodPhoto("graphic", graphic(rng))
        yield GoodPhoto("periodic", patterns.repeated(picked[0].rgb, rng), picked[0].parts)
        yield surface(rng)
        yield GoodPhoto("periodic", patterns.periodic(rng), (), _ON_PATTERN)


def fooling(photos: Sequence[GoodPhoto], rng: np.random.Generator) -> Iterator[GoodPhoto]:
    """Yields, for each photo, three surfaces, four patterns and four repeated packages: to be taught as good."""
    names = (*patterns.SURFACES, *patterns.HARD_SURFACES)
    for photo in photos:
        for _ in range(_SURFACES_A_PHOTO):
            yield replace(surface(rng, names), damages=())
        for _ in range(_PATTERNS_A_PHOTO):
            yield GoodPhoto("periodic", patterns.periodic(rng), (), ())
            yield GoodPhoto("periodic", patterns.repeated(photo.rgb, rng), photo.parts, ())


def dense(photos: Sequence[GoodPhoto], rng: np.random.Generator, largest_px: int) -> Iterator[GoodPhoto]:
    """Yields a montage 600 to `largest_px` wide for each photo, for moiré alone: fine detail is where it hides."""
    for _ in photos:
        picked = [photos[int(position)] for position in rng.permutation(len(photos))[: 12 * 9]]
        wide = int(np.exp(rng.uniform(np.log(600), np.log(largest_px))))
        yield replace(montage(picked, rng, wide), damages=("moire",))


def hard(count: int, rng: np.random.Generator) -> Iterator[GoodPhoto]:
    """Yields `count` pictures of each surface and pattern that may be taught: as good."""
    for _ in range(count):
        for name in (*patterns.SURFACES, *patterns.HARD_SURFACES):
            yield GoodPhoto("surface", patterns.surface(rng, name)[0], (), ())
        for name in (*patterns.PERIODIC, *patterns.HARD_PERIODIC):
            yield GoodPhoto("periodic", patterns.periodic(rng, (name,)), (), ())


def surface(rng: np.random.Generator, names: Sequence[str] = patterns.SURFACES) -> GoodPhoto:
    """A plain wall, door or box. One without an edge can't be told from its blurred self: it is never damaged so."""
    name = names[int(rng.integers(len(names)))]
    rgb, edges = patterns.surface(rng, name)
    return GoodPhoto("surface", rgb, (), _ON_SURFACE if edges else _ON_BLANK)


def montage(photos: Sequence[GoodPhoto], rng: np.random.Generator, longer_px: int, across: int = 0) -> GoodPhoto:
    """A grid of 3 to 12 photos across, with gaps, like a shelf: 4:3, `longer_px` wide.

    `across` 0 draws the number. Each photo keeps a size at which it is as sharp as it was.
    """
    fits = max(3, int(3 * max(1.0, longer_px / 1024) ** 0.5))
    across = across or int(rng.integers(fits if longer_px < 1024 else 3, 13))
    down = max(2, round(across * 0.75))
    step = _TILE_PX + _GAP_PX
    canvas = np.full((down * step + _GAP_PX, across * step + _GAP_PX, 3), _GAP_LEVEL, dtype=np.uint8)
    used: list[str] = []
    for (row, column), photo in zip(
        itertools.product(range(down), range(across)), itertools.cycle(photos), strict=False
    ):
        top, left = row * step + _GAP_PX, column * step + _GAP_PX
        canvas[top : top + _TILE_PX, left : left + _TILE_PX] = shrink(photo.rgb, _TILE_PX, _TILE_PX)
        used += photo.parts
    return GoodPhoto("montage", resized(canvas, longer_px), tuple(sorted(set(used))))


def crops(frames: Sequence[GoodPhoto], rng: np.random.Generator, each: int) -> Iterator[GoodPhoto]:
    """Yields `each` parts of every frame, a fifth to three quarters of its sides, 350 to 2600 pixels long."""
    for frame in frames:
        height, width = frame.rgb.shape[:2]
        for _ in range(each):
            share = rng.uniform(0.2, 0.75)
            tall, wide = int(height * share), int(width * share)
            top, left = int(rng.integers(height - tall)), int(rng.integers(width - wide))
            cut = np.ascontiguousarray(frame.rgb[top : top + tall, left : left + wide])
            longer = int(min(max(wide, tall), np.exp(rng.uniform(np.log(350), np.log(2600)))))
            yield GoodPhoto("part", resized(cut, longer), frame.parts, frame.damages)


def graphic(rng: np.random.Generator) -> Pixels:
    """uint8 (h, w, 3): rows of flat packages with lines of print, drawn. So that drawn shelves count as good, too."""
    height, width = int(rng.integers(320, 640)), int(rng.integers(340, 800))
    rgb = np.full((height, width, 3), rng.integers(30, 220, 3), dtype=np.uint8)
    tall, wide = int(rng.integers(60, 260)), int(rng.integers(40, 160))
    for top, left in itertools.product(range(8, height - tall, tall + 20), range(8, width - wide, wide + 12)):
        rgb[top : top + tall, left : left + wide] = rng.integers(20, 245, 3)
        label = rgb[top + tall // 4 : top + 3 * tall // 4, left + 6 : left + wide - 6]
        label[...] = rng.integers(150, 250)
        pitch = int(rng.integers(5, 16))
        for line in range(pitch, label.shape[0] - pitch, pitch):
            label[line : line + pitch // 2, 4 : int(rng.integers(8, max(9, label.shape[1])))] = rng.integers(0, 110, 3)
    return rgb


def resized(rgb: Pixels, longer_px: int) -> Pixels:
    """`rgb` with its longer side at `longer_px`: averaged down, or interpolated up."""
    height, width = rgb.shape[:2]
    scale = longer_px / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if scale <= 1:
        return shrink(rgb, *size)
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def without(photos: Iterable[GoodPhoto], seen: frozenset[str]) -> Iterator[GoodPhoto]:
    """The photos that show none of `seen`."""
    return (photo for photo in photos if not seen.intersection(photo.parts))
