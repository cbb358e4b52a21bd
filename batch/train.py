"""The quality model from good photos alone: each is damaged in known ways, measured, and the classes are fitted."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imaging import jpeg
from imaging.decode import WORKING_PX, decode_grey, decode_rgb, shrink
from imaging.degrade import KINDS, degrade
from imaging.errors import ImageError
from imaging.header import Limits, read_header
from imaging.jpeg import Pixels
from imaging.model import CLASSES, Model, fit
from imaging.quality import MEASUREMENTS, measure

_TILE_PX = 340
_GAP_PX = 12
_GAP_LEVEL = 90
_MAX_TILES_ACROSS, _MAX_TILES_DOWN = 12, 8
_LARGE_PX = 2200
_WHOLE_SHELF_EVERY = 3  # one montage in so many is a whole shelf of 12 x 8 packages
_LARGE_EVERY = 9  # one in so many of all keeps its 12 megapixels


@dataclass(frozen=True)
class GoodPhoto:
    """A photo without damage. `scene` names its kind ("photo", "montage", …): each kind gets its own Gaussian."""

    scene: str
    rgb: Pixels


@dataclass(frozen=True)
class Examples:
    """Measured photos: float64 (n, 13), a class and a scene each, and a fingerprint of the pixels and parameters."""

    measurements: NDArray[np.float64]
    labels: tuple[str, ...]
    scenes: tuple[str, ...]
    fingerprint: str


@dataclass(frozen=True)
class Evaluation:
    """How a model does: `auc` and `accuracy` of usable or not at 0.5, `class_accuracy` over the 7 classes."""

    auc: float
    accuracy: float
    class_accuracy: float
    recall: dict[str, float]  # of each class: the share that got that class


def train(photos: Path | Iterable[GoodPhoto], seed: int, copies: int = 1, temperature: float = 2.0) -> Model:
    """A model from a folder of good photos, or from any good photos in memory; the same input gives the same model.

    Raises ValueError where no photo is readable.
    """
    source = read_folder(photos, seed) if isinstance(photos, Path) else photos
    examples = make_examples(source, seed, copies)
    return fit(examples.measurements, examples.labels, examples.scenes, examples.fingerprint, temperature)


def read_folder(folder: Path, seed: int, limits: Limits | None = None) -> Iterator[GoodPhoto]:
    """Yields every readable photo below `folder` in the order of their names, then montages of them, and drawings.

    Montages stand for whole shelves: many packages, sharp detail, up to 12 megapixels.
    """
    rng = np.random.default_rng([seed, 1])
    kept: list[Pixels] = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        data = path.read_bytes()
        try:
            rgb = decode_rgb(data, read_header(data, limits or Limits()))
        except ImageError:
            continue
        kept.append(rgb)
        yield GoodPhoto("photo", rgb)
    for index in range(len(kept) // 4):
        picked = [kept[position] for position in rng.permutation(len(kept))]
        whole = index % _WHOLE_SHELF_EVERY == 0
        yield GoodPhoto("shelf" if whole else "montage", montage(picked, rng, whole, (index + 1) % _LARGE_EVERY == 0))
        yield GoodPhoto("graphic", graphic(rng))


def graphic(rng: np.random.Generator) -> Pixels:
    """uint8 (h, w, 3): rows of flat packages with lines of print, drawn. So that drawn shelves count as good, too."""
    height, width = int(rng.integers(480, 1300)), int(rng.integers(640, 1700))
    rgb = np.full((height, width, 3), rng.integers(30, 220, 3), dtype=np.uint8)
    tall, wide = int(rng.integers(90, 320)), int(rng.integers(50, 200))
    for top, left in itertools.product(range(8, height - tall, tall + 20), range(8, width - wide, wide + 12)):
        rgb[top : top + tall, left : left + wide] = rng.integers(20, 245, 3)
        label = rgb[top + tall // 4 : top + 3 * tall // 4, left + 6 : left + wide - 6]
        label[...] = rng.integers(150, 250)
        pitch = int(rng.integers(5, 16))
        for line in range(pitch, label.shape[0] - pitch, pitch):
            label[line : line + pitch // 2, 4 : int(rng.integers(8, max(9, label.shape[1])))] = rng.integers(0, 110, 3)
    return rgb


def montage(
    photos: list[Pixels], rng: np.random.Generator, whole_shelf: bool = False, full_size: bool = False
) -> Pixels:
    """uint8 (h, w, 3): a grid of photos with gaps, like a shelf; a whole one at full size has 4,236 x 2,828 pixels."""
    across = _MAX_TILES_ACROSS if whole_shelf else int(rng.integers(2, _MAX_TILES_ACROSS + 1))
    down = _MAX_TILES_DOWN if whole_shelf else int(rng.integers(2, _MAX_TILES_DOWN + 1))
    step = _TILE_PX + _GAP_PX
    canvas = np.full((down * step + _GAP_PX, across * step + _GAP_PX, 3), _GAP_LEVEL, dtype=np.uint8)
    cells = itertools.product(range(down), range(across))
    for (row, column), rgb in zip(cells, itertools.cycle(photos), strict=False):
        top, left = row * step + _GAP_PX, column * step + _GAP_PX
        canvas[top : top + _TILE_PX, left : left + _TILE_PX] = shrink(rgb, _TILE_PX, _TILE_PX)
    return canvas if full_size else _fit_within(canvas, _LARGE_PX)


def make_examples(photos: Iterable[GoodPhoto], seed: int, copies: int = 1) -> Examples:
    """`copies` examples of every class from every photo, through a JPEG as a camera would write it.

    Raises ValueError where `photos` is empty.
    """
    rows: list[list[float]] = []
    labels: list[str] = []
    scenes: list[str] = []
    digest = hashlib.sha256(f"{seed}/{copies}/{WORKING_PX}".encode())
    for index, photo in enumerate(photos):
        digest.update(photo.rgb.tobytes())
        rng = np.random.default_rng([seed, 2, index])
        for _ in range(copies):
            rgb = _rescaled(photo.rgb, rng)
            for label in CLASSES:
                measured = measure(_seen(_damaged(rgb, label, rng), rng))
                rows.append([measured[name] for name in MEASUREMENTS])
                labels.append(label)
                scenes.append(photo.scene)
    if not rows:
        raise ValueError("no readable photo to train with; name a folder of sharp, well exposed photos")
    values = np.array(rows, dtype=np.float64)
    return Examples(values, tuple(labels), tuple(scenes), digest.hexdigest()[:16])


def evaluate(model: Model, examples: Examples) -> Evaluation:
    """How `model` does on `examples`, which it should not have been trained with."""
    chances = model.predict(examples.measurements)
    truth, guess = np.array(examples.labels), np.array(CLASSES)[chances.argmax(axis=1)]
    good, p_good = truth == "good", chances[:, CLASSES.index("good")]
    recall = {label: float((guess[truth == label] == label).mean()) for label in CLASSES if (truth == label).any()}
    usable = float(((p_good > 0.5) == good).mean())
    return Evaluation(area_under_curve(p_good, good), usable, float((guess == truth).mean()), recall)


def area_under_curve(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """Chance, 0 to 1, that a positive scores above a negative, ties half; NaN where one side is empty. Hanley 1982."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    ups, downs = int(positive.sum()), int((~positive).sum())
    if not ups or not downs:
        return float("nan")
    return float((ranks[positive].sum() - ups * (ups + 1) / 2) / (ups * downs))


def _damaged(rgb: Pixels, label: str, rng: np.random.Generator) -> Pixels:
    if label in KINDS:
        return degrade(rgb, label, float(rng.uniform()), rng)
    noise = rng.uniform(0.0, 3.0) * rng.standard_normal(rgb.shape, dtype=np.float32)
    lit = rgb.astype(np.float32) * rng.uniform(0.75, 1.15)  # good photos differ a little in light, and have some noise
    return np.clip(np.rint(lit + noise), 0, 255).astype(np.uint8)


def _rescaled(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """The photo at a size between half and its own, and never under 300 pixels: cameras differ."""
    longer = max(rgb.shape[0], rgb.shape[1])
    if rng.uniform() < 0.4:
        return rgb
    return _fit_within(rgb, max(min(longer, 300), round(longer * rng.uniform(0.5, 1.0))))


def _fit_within(rgb: Pixels, longer_px: int) -> Pixels:
    height, width = rgb.shape[:2]
    scale = min(1.0, longer_px / max(height, width))
    return shrink(rgb, max(1, round(width * scale)), max(1, round(height * scale)))


def _seen(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """The grey photo at the working scale, after the JPEG that the camera would store."""
    data = jpeg.encode(np.ascontiguousarray(rgb), int(rng.integers(75, 96)), "420", False)
    return decode_grey(data, read_header(data))
