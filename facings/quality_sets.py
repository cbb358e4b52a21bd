"""The sets of photos that the quality model is trained with and evaluated on."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from batch.quality import patterns, scenes
from batch.quality.evaluate import Part
from batch.quality.examples import TAUGHT, UNTAUGHT, Examples, make_examples
from batch.quality.peers import look
from batch.quality.scenes import GoodPhoto
from demo.optics import Camera
from demo.render import random_shelves, render_shelf
from imaging.header import Limits
from imaging.jpeg import Pixels
from lake import FacingsError

Progress = Callable[[str, int, int], None]
LARGE_PX = 4000  # 12 megapixels
LARGEST_PX = 4300
_DENSE_PX = 2600
_CROPS_A_FRAME = 5
_MILDNESS = 1.5  # of what is taught on scenes: large photos of mild damage are the hardest to tell
_PHOTOS_A_PATTERN = 4  # one of each surface and pattern for every fourth photo


class NoPhotos(FacingsError):
    """A folder has no photo that can be used."""


@dataclass(frozen=True)
class EvaluationSize:
    """How much an evaluation looks at: photos as they are, shelves of 12 megapixels put together from them, renders.

    The peers look at one of `peers_every` small examples; 0 is none.
    """

    small: int = 150
    large: int = 12
    renders: int = 16
    peers_every: int = 6


def training_examples(
    folders: Sequence[Path], seed: int, *, left_out: frozenset[str], renders: int, limits: Limits, progress: Progress
) -> Examples:
    """Examples of every photo in `folders` but those named in `left_out`, of scenes made from them, and of renders.

    Raises NoPhotos.
    """
    photos = read_photos(folders, limits, keep=lambda name: name not in left_out)
    composed = scenes.compose(photos, np.random.default_rng([seed, 1]), LARGEST_PX)
    dense = scenes.dense(photos, np.random.default_rng([seed, 11]), _DENSE_PX)
    deceptive = scenes.fooling(photos, np.random.default_rng([seed, 8]))
    hard = scenes.hard(len(photos) // _PHOTOS_A_PATTERN, np.random.default_rng([seed, 9]))
    found = [
        make_examples(photos, seed, copies=2, good_copies=4, progress=_told(progress, "photos", len(photos))),
        make_examples(
            composed, seed + 10_000, good_copies=2, mildness=_MILDNESS, progress=_told(progress, "scenes", 0)
        ),
        make_examples(
            dense, seed + 50_000, copies=2, mildness=_MILDNESS, progress=_told(progress, "dense shelves", len(photos))
        ),
        make_examples(deceptive, seed + 30_000, progress=_told(progress, "surfaces and patterns", 0)),
        make_examples(hard, seed + 40_000, progress=_told(progress, "hard ones", 0)),
    ]
    if renders:
        drawn = rendered(renders, seed)
        found.append(make_examples(drawn, seed + 20_000, good_copies=2, progress=_told(progress, "renders", renders)))
    return sum(found[1:], found[0])


def evaluation_parts(
    folders: Sequence[Path],
    seed: int,
    size: EvaluationSize,
    *,
    seen: frozenset[str],
    cameras: Sequence[Path],
    limits: Limits,
    progress: Progress,
) -> tuple[Part, ...]:
    """The parts of a report, from photos of `folders` that the model has not `seen`, other cameras, renders, patterns.

    Photos of other cameras keep the look that they have. Raises NoPhotos where all photos have been seen.
    """
    photos, shelves = held_out(folders, seed, size, seen=seen, limits=limits)
    made: list[Part] = []

    def add(name: str, title: str, given: Sequence[GoodPhoto], every: int = 0, **options: bool) -> None:
        for taught, families in ((True, TAUGHT), (False, UNTAUGHT)):
            if not given:
                return
            also = _peers(every) if taught and every else None
            called = name if taught else f"{name}, other damage"
            examples = make_examples(
                given, seed + 1000 * len(made), good_copies=2, families=families, also=also,
                progress=_told(progress, called, len(given)), **options,
            )  # fmt: skip
            made.append(Part(called, title if taught else f"{title}, by families that were not taught", examples))

    add("350 px", "photos of the same folder that were held out", photos, size.peers_every)
    add("12 MP", "shelves of 4000 x 3000 pixels made of held-out photos", shelves, keep_size=True)
    for folder in cameras:
        frames = read_photos([folder], limits)
        add(f"camera {folder.name}", f"{folder.name}/ as they are", frames, keep_size=True, looks=False)
        cut = list(scenes.crops(frames, np.random.default_rng([seed, 10]), _CROPS_A_FRAME))
        title = f"parts of {folder.name}/, scaled as cameras of fewer pixels would see them"
        add(f"camera {folder.name}, parts", title, cut, keep_size=True, looks=False)
    add("renders", "the demo's renders with other seeds", list(rendered(size.renders, seed)))
    for name, title, fooling in _fooling(photos, seed):
        examples = make_examples(fooling, seed + 90_000, progress=_told(progress, name, len(fooling)))
        made.append(Part(name, title, examples))
    return tuple(made)


def held_out(
    folders: Sequence[Path], seed: int, size: EvaluationSize, *, seen: frozenset[str], limits: Limits
) -> tuple[list[GoodPhoto], list[GoodPhoto]]:
    """`size.small` photos of `folders` that the model has not `seen`, and `size.large` shelves made of them.

    Raises NoPhotos where all photos have been seen.
    """
    photos = list(scenes.without(read_photos(folders, limits), seen))
    if not photos:
        raise NoPhotos(f"the model has seen every photo of {', '.join(map(str, folders))}: hold some out in training")
    rng = np.random.default_rng([seed, 1])
    photos = [photos[int(place)] for place in np.sort(rng.permutation(len(photos))[: size.small])]
    shelves = []
    for _ in range(size.large):
        picked = [photos[int(place)] for place in rng.permutation(len(photos))[:108]]
        shelves.append(scenes.montage(picked, rng, LARGE_PX))
    return photos, shelves


def read_photos(
    folders: Sequence[Path], limits: Limits, keep: Callable[[str], bool] = lambda name: True
) -> list[GoodPhoto]:
    """Every readable photo of the folders. Raises NoPhotos where one has none."""
    found: list[GoodPhoto] = []
    for folder in folders:
        if not folder.is_dir():
            raise NoPhotos(f"{folder} is not a folder; name one of sharp, well exposed photos")
        photos = list(scenes.read_folder(folder, limits, keep))
        if not photos:
            raise NoPhotos(f"{folder}: no readable photo; name a folder of sharp, well exposed photos")
        found += photos
    return found


def rendered(count: int, seed: int) -> Iterator[GoodPhoto]:
    """Yields renders of the demo's shelves as good cameras see them."""
    rng = np.random.default_rng([seed, 6])
    for _ in range(count):
        camera = Camera(
            tilt_deg=float(rng.uniform(-1, 1)),
            exposure=float(rng.uniform(0.9, 1.1)),
            warmth=float(rng.uniform(-0.05, 0.05)),
            noise=float(rng.uniform(1.0, 2.6)),
            glare=float(rng.choice((0.0, 0.0, 0.3))),
        )
        place = int(rng.integers(1 << 30))
        yield GoodPhoto("render", render_shelf(random_shelves(place), seed=place, camera=camera).rgb)


def _fooling(photos: Sequence[GoodPhoto], seed: int) -> Iterator[tuple[str, str, list[GoodPhoto]]]:
    rng = np.random.default_rng([seed, 7])
    plain = [scenes.surface(rng).rgb for _ in range(450)]
    plain += [
        patterns.surface(rng, name)[0]
        for name in (*patterns.HARD_SURFACES, *patterns.OTHER_SURFACES)
        for _ in range(150)
    ]
    yield (
        "plain surfaces",
        "sharp photos of walls, doors, boxes, wood; cardboard was not taught",
        _good(plain, "plain"),
    )
    strict = [patterns.periodic(rng) for _ in range(300)]
    strict += [
        patterns.periodic(rng, (name,))
        for name in sorted((*patterns.HARD_PERIODIC, *patterns.OTHER_PERIODIC))
        for _ in range(120)
    ]
    strict += [patterns.repeated(photos[int(rng.integers(len(photos)))].rgb, rng) for _ in range(240)]
    title = "sharp repeated packages, tags, blinds, grids, perforated panels; bricks and ribs were not taught"
    yield "periodic", title, _good(strict, "periodic")


def _good(pictures: Sequence[Pixels], scene: str) -> list[GoodPhoto]:
    return [GoodPhoto(scene, rgb, (), ()) for rgb in pictures]


def _peers(every: int) -> Callable[[bytes], dict[str, float]]:
    """Lets the peers look at one example in `every`, chosen by its bytes: each class and photo has the same chance."""
    return lambda data: look(data) if zlib.crc32(data) % every == 0 else {}


def _told(progress: Progress, name: str, total: int) -> Callable[[int], None]:
    return lambda done: progress(name, done, total)
