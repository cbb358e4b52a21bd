"""Examples with a known class: good photos, damaged in one way each, stored as a camera would, and measured."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from batch.engines.stream import map_ordered
from batch.quality import cameras
from batch.quality.scenes import GoodPhoto, resized
from imaging.blurring import convolve, disc
from imaging.decode import WORKING_PX, decode_grey
from imaging.degrade import degrade
from imaging.header import read_header
from imaging.jpeg import Pixels
from imaging.lighting import to_light, to_pixels
from imaging.model import CLASSES
from imaging.opencv import cv2
from imaging.quality import MEASUREMENTS, measure

# What the model learns damage from. `imaging.degrade` has more families: those are for the evaluation alone.
TAUGHT: dict[str, tuple[str, ...]] = {
    "blur": ("disc", "disc", "disc", "half", "fog", "cover"),
    "motion": ("path",),
    "dark": ("exposure",),
    "bright": ("exposure", "exposure", "exposure", "glare"),
    "noise": ("sensor",),
    "moire": ("screen",),
}
UNTAUGHT: dict[str, tuple[str, ...]] = {
    "blur": ("hexagon", "gaussian"),
    "motion": ("shake",),
    "dark": ("gamma",),
    "bright": ("gain",),
    "noise": ("additive",),
    "moire": ("stripes",),
}
_SMALLEST_PX = 300
_IN_FLIGHT_BYTES = 200 << 20  # of photos that wait their turn
_BEFORE_THE_SENSOR = ("blur", "motion")  # a camera sharpens and compresses what its lens and shutter have let through

Also = Callable[[bytes], Mapping[str, float]]
Look = Callable[[Pixels, np.random.Generator], Pixels]


@dataclass(frozen=True)
class Example:
    """One measured photo. `severity` and `family` are those of its damage, 0 and "" for a good one."""

    label: str
    scene: str
    photo: int  # counted within the scene's own run: rows of one photo share it
    family: str
    severity: float
    longer_px: int
    measured: dict[str, float]
    also: dict[str, float] = field(default_factory=dict)  # what `also` of `make_examples` gave


@dataclass(frozen=True)
class Examples:
    """Measured photos, digests of the photos that they show, and a fingerprint of all pixels and parameters."""

    rows: tuple[Example, ...]
    photos: tuple[str, ...]
    fingerprint: str

    @property
    def measurements(self) -> NDArray[np.float64]:
        """float64 (n, len(MEASUREMENTS))."""
        return np.array([[row.measured[name] for name in MEASUREMENTS] for row in self.rows], dtype=np.float64)

    @property
    def labels(self) -> NDArray[np.str_]:
        """The class of each row."""
        return np.array([row.label for row in self.rows])

    @property
    def scenes(self) -> NDArray[np.str_]:
        """The scene of each row."""
        return np.array([row.scene for row in self.rows])

    def __add__(self, other: Examples) -> Examples:
        digest = hashlib.sha256(f"{self.fingerprint}/{other.fingerprint}".encode()).hexdigest()[:16]
        return Examples(self.rows + other.rows, tuple(sorted({*self.photos, *other.photos})), digest)


def make_examples(
    photos: Iterable[GoodPhoto],
    seed: int,
    *,
    copies: int = 1,
    good_copies: int = 1,
    families: Mapping[str, tuple[str, ...]] = TAUGHT,
    keep_size: bool = False,
    looks: bool = True,
    mildness: float = 1.0,
    also: Also | None = None,
    progress: Callable[[int], None] | None = None,
) -> Examples:
    """`copies` examples of every kind of damage and `good_copies` without, of every photo.

    Each has the look of a camera of its own, unless not `looks`, and goes through a JPEG as that would write it.
    `keep_size` keeps the photos' sizes, which else vary between half and all of it. Severities are even numbers to the
    power of `mildness`: above 1, mild ones come more often. `also` adds numbers of its own from the JPEG.
    Raises ValueError where `photos` is empty.
    """
    shown: set[str] = set()
    digest = hashlib.sha256(
        f"{seed}/{copies}/{good_copies}/{sorted(families.items())}/{WORKING_PX}/{looks}/{mildness}".encode()
    )

    def given() -> Iterator[tuple[int, GoodPhoto]]:
        for index, photo in enumerate(photos):
            digest.update(photo.rgb.tobytes())
            shown.update(photo.parts)
            yield index, photo

    def made(item: tuple[int, GoodPhoto]) -> list[Example]:
        index, photo = item
        rng = np.random.default_rng([seed, 2, index])
        wanted = [("good", "")] * good_copies
        for kind in photo.damages:
            wanted += [(kind, families[kind][int(rng.integers(len(families[kind])))]) for _ in range(copies)]
        rgb = photo.rgb if keep_size else _rescaled(photo.rgb, rng)
        found = []
        for kind, family in wanted:
            severity = float(rng.uniform()) ** mildness if family else 0.0
            look = cameras.look if looks else _as_it_is
            seen = damaged(rgb, kind, family, severity, rng, look) if family else still_good(rgb, rng, look)
            data = cameras.stored(seen, rng)
            measured = measure(decode_grey(data, read_header(data)))
            more = dict(also(data)) if also is not None else {}
            found.append(Example(kind, photo.scene, index, family, severity, max(rgb.shape[:2]), measured, more))
        return found

    rows: list[Example] = []
    batches = map_ordered(
        made,
        given(),
        threads=os.cpu_count() or 1,
        budget_bytes=_IN_FLIGHT_BYTES,
        size_of=lambda item: item[1].rgb.nbytes,
    )
    for index, batch in enumerate(batches):
        rows += batch
        if progress is not None:
            progress(index + 1)
    if not rows:
        raise ValueError("no readable photo to train with; name a folder of sharp, well exposed photos")
    return Examples(tuple(rows), tuple(sorted(shown)), digest.hexdigest()[:16])


def _as_it_is(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    return rgb


def damaged(rgb: Pixels, kind: str, family: str, severity: float, rng: np.random.Generator, look: Look) -> Pixels:
    """`rgb` damaged as `imaging.degrade` does. `look` is laid on behind the lens and the shutter, before the rest."""
    if kind in _BEFORE_THE_SENSOR:
        return look(degrade(rgb, kind, severity, rng, family), rng)
    return degrade(look(rgb, rng), kind, severity, rng, family)


def still_good(rgb: Pixels, rng: np.random.Generator, look: Look = _as_it_is) -> Pixels:
    """A good photo as cameras differ: in light, contrast, softness, sharpening and noise. See `imaging.degrade`.

    `look` is laid on behind the lens.
    """
    unit = max(1.0, max(rgb.shape[:2]) / WORKING_PX)
    seen = rgb
    chance = rng.uniform(size=4)
    if chance[0] < 0.3:
        seen = convolve(seen, disc(float(rng.uniform(0.3, 0.8)) * unit))
    elif chance[0] < 0.45:
        soft = cv2.GaussianBlur(seen, (0, 0), 1.0)
        seen = np.asarray(cv2.addWeighted(seen, 1.5, soft, -0.5, 0), np.uint8)
    seen = look(seen, rng)
    if chance[1] < 0.7:
        seen = to_pixels(to_light(seen) * np.float32(2.0 ** rng.uniform(-1.0, 0.5)))
    if chance[2] < 0.4:
        contrast = rng.uniform(0.7, 1.0)
        seen = np.asarray(
            cv2.addWeighted(seen, contrast, seen, 0.0, float((1 - contrast) * rng.uniform(60, 150))), np.uint8
        )
    if chance[3] < 0.5:
        sigma = np.float32(rng.uniform(0.3, 2.5) * 1.4)
        grain = sigma * rng.standard_normal(seen.shape, dtype=np.float32)
        seen = np.clip(np.rint(seen + grain), 0, 255).astype(np.uint8)
    return seen


def one_hot(labels: NDArray[np.str_]) -> NDArray[np.float64]:
    """float64 (n, 7): 1 in the column of each label's class."""
    return np.asarray(labels[:, None] == np.array(CLASSES)[None, :], np.float64)


def _rescaled(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """The photo at a size between half and its own, and never under 300 pixels: cameras differ."""
    longer = max(rgb.shape[0], rgb.shape[1])
    if rng.uniform() < 0.4:
        return rgb
    return resized(rgb, min(longer, max(_SMALLEST_PX, round(longer * rng.uniform(0.5, 1.0)))))
