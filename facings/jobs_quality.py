"""What the quality model is trained and evaluated on: folders of good photos, renders of the demo, labels in a lake."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batch.quality.evaluate import evaluate, goals
from batch.quality.labelled import labelled_examples, read_labels
from batch.quality.peers import seconds_per_megapixel
from batch.quality.report import write_report
from batch.quality.train import train, train_baseline
from facings.quality_sets import EvaluationSize, Progress, evaluation_parts, held_out, training_examples
from facings.settings import Settings
from imaging.header import Limits
from imaging.model import BASELINE, Model
from imaging.network import NetworkModel
from lake import FacingsError, Lake

_TIMED = EvaluationSize(small=12, large=1)


class SameSeed(FacingsError):
    """An evaluation with the seed of the training would show damages that the model has seen."""


class NoReport(FacingsError):
    """A folder has no report to put timings into."""


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
    limits = _limits(settings)
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
    timing: bool = True,
) -> EvaluationReport:
    """Evaluate with the settings of this process and write the report; without seconds unless `timing`.

    Raises NoPhotos, and SameSeed where the model was trained with this seed.
    """
    asked, seen = _known(model, seed)
    limits = _limits(settings)
    parts = evaluation_parts(folders, seed, size, seen=seen, cameras=cameras, limits=limits, progress=progress)
    sources = " ".join(folder.name + "/" for folder in folders) + "".join(f" --camera {c.name}/" for c in cameras)
    untimed = "" if timing else " --no-timing"
    figures = evaluate(asked, Model.load(BASELINE), parts, seed) | {
        "training": asked.document()["training"],
        "seconds_per_megapixel": _timed(folders, seed, size, seen, limits) if timing else {},
        "command": f"facings evaluate {sources} --seed {seed} --small {size.small} --large {size.large}"
        f" --renders {size.renders} --peers-every {size.peers_every}{untimed} --out {out.name}/",
    }
    return EvaluationReport(str(write_report(figures, out)), figures, goals(figures))


def run_timing(
    folders: Sequence[Path], out: Path, seed: int, settings: Settings, *, model: Path | None
) -> EvaluationReport:
    """Take the seconds a megapixel again, on a machine that does nothing else, and put them into the report in `out`.

    Raises NoPhotos, SameSeed, and NoReport where there is none.
    """
    _, seen = _known(model, seed)
    try:
        figures = json.loads((out / "report.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise NoReport(f"{out} has no report.json; evaluate without --only-timing first") from error
    figures["seconds_per_megapixel"] = _timed(folders, seed, EvaluationSize(), seen, _limits(settings))
    return EvaluationReport(str(write_report(figures, out)), figures, goals(figures))


def _known(model: Path | None, seed: int) -> tuple[Model, frozenset[str]]:
    """The model, and the photos that it has seen. Raises SameSeed."""
    asked = Model.load(model)
    if not isinstance(asked, NetworkModel):
        return asked, frozenset()
    if asked.training.seed == seed:
        raise SameSeed(f"{asked.model_id} was trained with seed {seed}: its damages are known; give another --seed")
    return asked, frozenset(asked.training.photos)


def _timed(
    folders: Sequence[Path], seed: int, size: EvaluationSize, seen: frozenset[str], limits: Limits
) -> dict[str, dict[str, float]]:
    within = EvaluationSize(small=min(size.small, _TIMED.small), large=min(size.large, _TIMED.large))
    sets = zip(("350 px", "12 MP"), held_out(folders, seed, within, seen=seen, limits=limits), strict=True)
    return {name: seconds_per_megapixel([photo.rgb for photo in photos]) for name, photos in sets if photos}


def _limits(settings: Settings) -> Limits:
    return Limits(max_bytes=settings.max_bytes, max_pixels=settings.max_pixels)
