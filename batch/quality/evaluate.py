"""The figures of a model, of the baseline and of its peers, on examples that none of them was trained with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batch.quality import metrics
from batch.quality.examples import Examples, one_hot
from batch.quality.metrics import Numbers, area, area_under_curve
from batch.quality.peers import CLEANVISION, ORIGIN
from imaging.model import CLASSES, Model
from imaging.quality import MEASUREMENTS

TRUST = 0.5
SIZES = ("350 px", "12 MP")
_USABLE, _EACH_CLASS, _FALSE_ALARMS = 0.995, 0.98, 0.02  # what is asked for
RECALLS = (0.90, 0.95, 0.99)
SEVERITIES = (0.0, 0.25, 0.5, 0.75)
SINGLE = ("laplacian_var", "sobel_var", "fft_high", "reblur", "noise_sigma", "moire_peak", "mean_luma")
_CLEANVISION_OF = {"blur": CLEANVISION[0], "dark": CLEANVISION[1], "bright": CLEANVISION[2]}


@dataclass(frozen=True)
class Part:
    """A set of examples that is reported on by itself. `title` says in a line what it is."""

    name: str
    title: str
    examples: Examples


def evaluate(model: Model, baseline: Model, parts: tuple[Part, ...], seed: int) -> dict[str, Any]:
    """All figures as JSON types: by part, by class, by severity and by method."""
    return {
        "model_id": model.model_id,
        "baseline_id": baseline.model_id,
        "seed": seed,
        "trust_threshold": TRUST,
        "parts": {part.name: _figures(model, part, seed) for part in parts},
        "methods": {part.name: _methods(model, baseline, part.examples, seed) for part in parts if _compared(part)},
    }


def _mixed(part: Part) -> bool:
    return len(set(part.examples.labels.tolist())) > 1


def _compared(part: Part) -> bool:
    """Whether the peers have looked at some of it."""
    return _mixed(part) and any(ORIGIN[0] in row.also for row in part.examples.rows)


def _figures(model: Model, part: Part, seed: int) -> dict[str, Any]:
    examples, chances = part.examples, model.predict(part.examples.measurements)
    labels, good = examples.labels, examples.labels == "good"
    p_good, guesses = chances[:, 0], np.array(CLASSES)[chances.argmax(axis=1)]
    figures: dict[str, Any] = {
        "title": part.title,
        "photos": len({(row.scene, row.photo) for row in examples.rows}),
        "examples": len(labels),
        "longer_px": [min(row.longer_px for row in examples.rows), max(row.longer_px for row in examples.rows)],
        "false_alarms": _share(p_good[good] < TRUST),
        "false_alarms_by_scene": {
            scene: _share(p_good[good & (examples.scenes == scene)] < TRUST)
            for scene in sorted(set(examples.scenes[good].tolist()))
        },
    }
    if not _mixed(part):
        return figures
    return figures | {
        "missed": _share(p_good[~good] >= TRUST),
        "usable": _area(area(p_good, good, seed)),
        "classes": {
            name: _area(area(chances[:, index], labels == name, seed))
            for index, name in enumerate(CLASSES)
            if (labels == name).any()
        },
        "precision_of_flagged_at_recall": {
            f"{recall:.2f}": round(metrics.precision_at_recall(1 - p_good, ~good, recall), 4) for recall in RECALLS
        },
        "confusion": metrics.confusion(labels, guesses, CLASSES),
        "brier": round(metrics.brier(chances, one_hot(labels)), 4),
        "brier_usable": round(float(np.mean((p_good - good) ** 2)), 4),
        "reliability": [vars(each) for each in metrics.reliability(p_good, good)],
        "by_severity": {name: _by_severity(chances, examples, name) for name in CLASSES[1:] if (labels == name).any()},
        "by_family": _by_family(chances, examples, seed),
    }


def _by_severity(chances: Numbers, examples: Examples, name: str) -> list[dict[str, float]]:
    severities = np.array([row.severity for row in examples.rows])
    own, good = examples.labels == name, examples.labels == "good"
    found = []
    for low in SEVERITIES:
        rows = own & (severities >= low) & (severities < low + 0.25 + (low == SEVERITIES[-1]))
        if rows.any():
            both = rows | good
            found.append(
                {
                    "from": low,
                    "examples": int(rows.sum()),
                    "flagged": _share(chances[rows, 0] < TRUST),
                    "usable_auc": round(area_under_curve(chances[both, 0], good[both]), 4),
                }
            )
    return found


def _by_family(chances: Numbers, examples: Examples, seed: int) -> dict[str, dict[str, float]]:
    families = np.array([f"{row.label}: {row.family}" for row in examples.rows])
    good = examples.labels == "good"
    found = {}
    for name in sorted(set(families[~good].tolist())):
        rows = (families == name) | good
        flagged = _share(chances[families == name, 0] < TRUST)
        found[name] = {"flagged": flagged, "usable_auc": round(area_under_curve(chances[rows, 0], good[rows]), 4)}
    return found


def _methods(model: Model, baseline: Model, examples: Examples, seed: int) -> dict[str, Any]:
    """Areas by method, for usable and for each class, on the rows that every method has looked at."""
    rows = tuple(row for row in examples.rows if ORIGIN[0] in row.also)
    own = Examples(rows, examples.photos, examples.fingerprint)
    labels, good = own.labels, own.labels == "good"
    chances = {
        "Facings": model.predict(own.measurements),
        "Gaussian naive Bayes, 13 measurements": baseline.predict(own.measurements),
    }
    three = np.array([[row.also[name] for name in ORIGIN] for row in rows])
    chances["the origin: 3 measurements, Gaussian naive Bayes"] = metrics.cross_fitted(
        _naive_bayes, three, labels, seed
    )
    found: dict[str, Any] = {name: _areas(made, labels) for name, made in chances.items()}
    if CLEANVISION[0] in rows[0].also:
        scores = {name: np.array([row.also[name] for row in rows]) for name in CLEANVISION}
        lowest = np.min([scores[name] for name in CLEANVISION], axis=0)
        by_class = {
            name: round(area_under_curve(1 - scores[of], labels == name), 4)
            for name, of in _CLEANVISION_OF.items()
            if (labels == name).any()
        }
        found["CleanVision"] = {"usable": round(area_under_curve(lowest, good), 4), **by_class}
    for name in SINGLE:
        value = own.measurements[:, MEASUREMENTS.index(name)]
        side = area_under_curve(value, good)
        found[f"`{name}` alone"] = {"usable": round(max(side, 1 - side), 4)}
    return {"examples": len(rows), "areas": found}


def _naive_bayes(values: Numbers, labels: NDArray[np.str_]) -> Any:
    from sklearn.naive_bayes import GaussianNB

    made = GaussianNB().fit(values, labels)
    places = [list(made.classes_).index(name) if name in made.classes_ else -1 for name in CLASSES]

    def predict(asked: Numbers) -> Numbers:
        chances = np.concatenate([made.predict_proba(asked), np.zeros((len(asked), 1))], axis=1)
        return np.asarray(chances[:, places], dtype=np.float64)

    return predict


def _areas(chances: Numbers, labels: NDArray[np.str_]) -> dict[str, float]:
    usable = {"usable": round(area_under_curve(chances[:, 0], labels == "good"), 4)}
    return usable | {
        name: round(area_under_curve(chances[:, index], labels == name), 4)
        for index, name in enumerate(CLASSES)
        if index and (labels == name).any()
    }


def _share(which: NDArray[np.bool_]) -> float:
    return round(float(which.mean()), 4) if which.size else 0.0


def _area(found: metrics.Area) -> dict[str, float]:
    return {name: round(value, 4) for name, value in vars(found).items()}


def goals(figures: Mapping[str, Any]) -> list[tuple[str, float, float, bool]]:
    """(what, goal, figure, met) of every part: areas where there is damage, else false alarms."""
    rows: list[tuple[str, float, float, bool]] = []
    alarms: list[tuple[str, float, float, bool]] = []
    for name, part in figures["parts"].items():
        if "usable" not in part:
            share = part["false_alarms"]
            alarms.append((f"{name}: false alarms", _FALSE_ALARMS, share, share <= _FALSE_ALARMS))
            continue
        usable = part["usable"]["value"]
        rows.append((f"{name}: usable, AUC", _USABLE, usable, usable >= _USABLE))
        worst = min(part["classes"], key=lambda each: part["classes"][each]["value"])
        value = part["classes"][worst]["value"]
        rows.append((f"{name}: worst class ({worst}), AUC", _EACH_CLASS, value, value >= _EACH_CLASS))
    return rows + alarms
