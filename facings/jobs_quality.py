"""What the quality model is trained and evaluated on: folders of good photos, renders of the demo, labels in a lake."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from batch.quality import patterns, scenes
from batch.quality.evaluate import SIZES, Part, evaluate, goals
from batch.quality.examples import UNTAUGHT, Examples, make_examples
from batch.quality.labelled import labelled_examples, read_labels
from batch.quality.peers import look
from batch.quality.report import write_report
from batch.quality.scenes import GoodPhoto
from batch.quality.train import train, train_baseline
from demo.optics import Camera
from demo.render import random_shelves, render_shelf
from facings.settings import Settings
from imaging.header import Limits
from imaging.jpeg import Pixels
from imaging.model import BASELINE, Model
from lake import FacingsError, Lake

Progress = Callable[[str, int, int], None]
LARGE_PX = 4000


class NoPhotos(FacingsError):
    """A folder has no photo that can be used."""


class SameSeed(FacingsError):
    """An evaluation with the seed of the training would show damages that the model has seen."""


@dataclass(frozen=True)
class EvaluationSize:
    """How much an evaluation looks at: photos as they are, shelves of 12 megapixels put together from them, renders.

    Of another camera, as many photos as of the shelves. The peers look at one of `peers_every` examples; 0 is none.
    """

    small: int = 150
    large: int = 6
    renders: int = 16
    peers_every: int = 3


@dataclass(frozen=True)
class TrainReport:
    """What a training made."""

    model_id: str
    out: str
    examples: int
    photos: int
    seed: int
    temperature: float


@dataclass(frozen=True)
class EvaluationReport:
    """Where the report is, its figures, and the goals as (what, goal, figure, met)."""

    path: str
    figures: dict[str, Any]
    goals: list[tuple[str, float, float, bool]]


def run_train(
    folders: Sequence[Path],
    out: Path,
    seed: int,
    settings: Settings,
    progress: Progress,
    *,
    leave_out: Path | None,
    renders: int,
    baseline: Path | None,
    lake: Lake | None,
    labels: Path | None,
) -> TrainReport:
    """Train with the settings of this process and write the model. Raises NoPhotos, LabelsError."""
    limits = Limits(max_bytes=settings.max_bytes, max_pixels=settings.max_pixels)
    left_out = frozenset(leave_out.read_text(encoding="utf-8").split()) if leave_out is not None else frozenset()
    examples = training_examples(folders, seed, left_out=left_out, renders=renders, limits=limits, progress=progress)
    if lake is not None and labels is not None:
        examples = examples + labelled_examples(lake, read_labels(labels), limits)
    model = train(examples, seed)
    model.save(out)
    if baseline is not None:
        train_baseline(examples).save(baseline)
    return TrainReport(model.model_id, str(out), len(examples.rows), len(examples.photos), seed, model.temperature)


def run_evaluate(
    folders: Sequence[Path],
    out: Path,
    seed: int,
    settings: Settings,
    progress: Progress,
    *,
    model: Path | None,
    cameras: Sequence[Path],
    size: EvaluationSize,
) -> EvaluationReport:
    """Evaluate with the settings of this process and write the report.

    Raises NoPhotos, and SameSeed where the model was trained with this seed.
    """
    asked = Model.load(model)
    training = asked.document()["training"]
    known = training if isinstance(training, dict) else {"photos": [], "seed": None}
    if known["seed"] == seed:
        raise SameSeed(f"{asked.model_id} was trained with seed {seed}: its damages are known; give another --seed")
    limits = Limits(max_bytes=settings.max_bytes, max_pixels=settings.max_pixels)
    seen = frozenset(known["photos"])
    parts = evaluation_parts(folders, seed, size, seen=seen, cameras=cameras, limits=limits, progress=progress)
    figures = evaluate(asked, Model.load(BASELINE), parts, seed) | {"training": known}
    sources = " ".join(folder.name + "/" for folder in folders) + "".join(f" --camera {c.name}/" for c in cameras)
    command = (
        f"facings evaluate {sources} --seed {seed} --small {size.small} --large {size.large} --renders {size.renders}"
        f" --peers-every {size.peers_every} --out {out.name}/"
    )
    path = write_report(figures, out, command)
    return EvaluationReport(str(path), figures, goals(figures, SIZES))


def training_examples(
    folders: Sequence[Path], seed: int, *, left_out: frozenset[str], renders: int, limits: Limits, progress: Progress
) -> Examples:
    """Examples of every photo in `folders` but those named in `left_out`, of scenes made from them, and of renders.

    Raises NoPhotos.
    """
    photos = read_photos(folders, limits, keep=lambda name: name not in left_out)
    rng = np.random.default_rng([seed, 1])
    composed = scenes.compose(photos, rng, large_every=24)
    found = [
        make_examples(photos, seed, good_copies=3, progress=_told(progress, "photos", len(photos))),
        make_examples(composed, seed + 10_000, good_copies=2, progress=_told(progress, "scenes", 0)),
    ]
    deceptive = scenes.fooling(photos, np.random.default_rng([seed, 8]))
    found.append(make_examples(deceptive, seed + 30_000, progress=_told(progress, "surfaces and patterns", 0)))
    hard = scenes.hard(len(photos) // 4, np.random.default_rng([seed, 9]))
    found.append(make_examples(hard, seed + 40_000, progress=_told(progress, "hard ones", 0)))
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

    Raises NoPhotos where all photos have been seen.
    """
    photos = list(scenes.without(read_photos(folders, limits), seen))
    if not photos:
        raise NoPhotos(f"the model has seen every photo of {', '.join(map(str, folders))}: hold some out in training")
    rng = np.random.default_rng([seed, 1])
    photos = [photos[int(place)] for place in np.sort(rng.permutation(len(photos))[: size.small])]
    shelves = [_shelf(photos, rng) for _ in range(size.large)]
    others = [photo for folder in cameras for photo in read_photos([folder], limits)[: size.large]]
    drawn = list(rendered(size.renders, seed))
    made: list[Part] = []

    def add(name: str, title: str, given: Sequence[GoodPhoto], every: int, **options: object) -> None:
        for offset, (suffix, families) in enumerate((("", None), (", other damage", UNTAUGHT))):
            taken = given if families is None else given[::2]
            if not taken:
                continue
            more = {} if families is None else {"families": families}
            also = _peers(every) if families is None and every else None
            told = _told(progress, name + suffix, len(taken))
            number = seed + 1000 * len(made) + offset
            examples = make_examples(taken, number, good_copies=2, also=also, progress=told, **options, **more)  # type: ignore[arg-type]  # keywords are gathered
            made.append(Part(name + suffix, title + (", by families that were not taught" if suffix else ""), examples))

    add("350 px", "photos of the same folder that were held out", photos, size.peers_every)
    add("12 MP", "shelves of 4000 x 3000 pixels made of held-out photos", shelves, size.peers_every, keep_size=True)
    add("other camera", "photos of a camera that was not trained on", others, 0, keep_size=True)
    add("renders", "the demo's renders with other seeds", drawn, 0)
    for name, title, fooling in _fooling(photos, seed):
        examples = make_examples(fooling, seed + 90_000, progress=_told(progress, name, len(fooling)))
        made.append(Part(name, title, examples))
    return tuple(made)


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


def _shelf(photos: Sequence[GoodPhoto], rng: np.random.Generator) -> GoodPhoto:
    picked = [photos[int(place)] for place in rng.permutation(len(photos))[:108]]
    return scenes.montage(picked, rng, LARGE_PX)


def _fooling(photos: Sequence[GoodPhoto], seed: int) -> Iterator[tuple[str, str, list[GoodPhoto]]]:
    rng = np.random.default_rng([seed, 7])
    plain = [scenes.surface(rng).rgb for _ in range(150)]
    plain += [
        patterns.surface(rng, name)[0]
        for name in (*patterns.HARD_SURFACES, *patterns.OTHER_SURFACES)
        for _ in range(50)
    ]
    yield (
        "plain surfaces",
        "sharp photos of walls, doors, boxes, wood; cardboard was not taught",
        _good(plain, "plain"),
    )
    strict = [patterns.periodic(rng) for _ in range(100)]
    strict += [
        patterns.periodic(rng, (name,))
        for name in sorted((*patterns.HARD_PERIODIC, *patterns.OTHER_PERIODIC))
        for _ in range(40)
    ]
    strict += [patterns.repeated(photos[int(rng.integers(len(photos)))].rgb, rng) for _ in range(80)]
    title = "sharp repeated packages, tags, blinds, grids, perforated panels; bricks and ribs were not taught"
    yield "periodic", title, _good(strict, "periodic")


def _good(pictures: Sequence[Pixels], scene: str) -> list[GoodPhoto]:
    return [GoodPhoto(scene, rgb, (), ()) for rgb in pictures]


def _peers(every: int) -> Callable[[bytes], dict[str, float]]:
    """Lets the peers look at one example in `every`, chosen by its bytes: each class and photo has the same chance."""
    return lambda data: look(data) if zlib.crc32(data) % every == 0 else {}


def _told(progress: Progress, name: str, total: int) -> Callable[[int], None]:
    return lambda done: progress(name, done, total)
