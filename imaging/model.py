"""The quality model: Gaussian naive Bayes over transformed measurements, stored as JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.quality import MEASUREMENTS

CLASSES = ("good", "blur", "motion", "dark", "bright", "noise", "moire")
BASELINE = Path(__file__).parent / "models" / "baseline.json"
TRANSFORMS = {
    "laplacian_var": "log1p",
    "sobel_var": "log1p",
    "fft_high": "identity",
    "moire_peak": "identity",
    "reblur": "identity",
    "motion_ratio": "sqrt",
    "noise_sigma": "log1p",
    "mean_luma": "identity",
    "p01_luma": "log1p",
    "p99_luma": "identity",
    "clip_dark": "sqrt",
    "clip_bright": "sqrt",
    "rms_contrast": "sqrt",
}
_APPLY: dict[str, Callable[[Any], Any]] = {"identity": np.asarray, "log1p": np.log1p, "sqrt": np.sqrt}
_DECIMALS = 9
_VARIANCE_FLOOR = 0.02  # share of a measurement's variance over all photos
_KIND = "gaussian-naive-bayes/v1"

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Component:
    """One Gaussian of a class, which may have one for each kind of scene. Lists are in the order of `MEASUREMENTS`."""

    label: str
    weight: float
    means: tuple[float, ...]
    variances: tuple[float, ...]


@dataclass(frozen=True)
class Model:
    """A trained classifier of measurements. `temperature` above 1 softens what naive Bayes is too sure of."""

    components: tuple[Component, ...]
    transforms: tuple[str, ...]
    temperature: float
    training: str  # fingerprint of the training data and its parameters

    @classmethod
    def load(cls, path: Path | str | None = None) -> Model:
        """The model stored at `path`; without one, the baseline that is shipped.

        Raises ValueError for another kind of file, OSError where there is none.
        """
        source = Path(path) if path else BASELINE
        stored = json.loads(source.read_text(encoding="utf-8"))
        expected = {"kind": _KIND, "classes": list(CLASSES), "measurements": list(MEASUREMENTS)}
        if not isinstance(stored, dict) or any(stored.get(name) != value for name, value in expected.items()):
            raise ValueError(f"{source} is not a {_KIND} model of this release; train it again")
        components = tuple(
            Component(each["label"], each["weight"], tuple(each["means"]), tuple(each["variances"]))
            for each in stored["components"]
        )
        return cls(components, tuple(stored["transforms"]), stored["temperature"], stored["training"])

    def save(self, path: Path) -> None:
        """Write the model as JSON. `load` gives an equal model with the same `model_id`."""
        path.write_text(json.dumps(self._document(), indent=1, sort_keys=True) + "\n", encoding="utf-8")

    @cached_property
    def model_id(self) -> str:
        """ "baseline-" and 12 hex digits of the SHA-256 of the model's canonical JSON."""
        canonical = json.dumps(self._document(), sort_keys=True, separators=(",", ":"))
        return "baseline-" + hashlib.sha256(canonical.encode()).hexdigest()[:12]

    def predict(self, measurements: Numbers) -> Numbers:
        """float64 (n, 7) probabilities in the order of `CLASSES`, each row adding up to 1, of (n, 13) measurements.

        Raises ValueError where a measurement is not finite.
        """
        values = np.atleast_2d(np.asarray(measurements, dtype=np.float64))
        if not np.isfinite(values).all():
            raise ValueError("measurements must be finite")
        scores = self._log_likelihood(transform(values, self.transforms)) / self.temperature
        scores -= scores.max(axis=1, keepdims=True)
        odds = np.exp(scores)
        probabilities: Numbers = odds / odds.sum(axis=1, keepdims=True)
        return probabilities

    def predict_one(self, measured: dict[str, float]) -> dict[str, float]:
        """Probability of each of `CLASSES` by name, of what `imaging.quality.measure` gave."""
        row = self.predict(np.array([[measured[name] for name in MEASUREMENTS]], dtype=np.float64))[0]
        return dict(zip(CLASSES, row.tolist(), strict=True))

    def _log_likelihood(self, values: Numbers) -> Numbers:
        """float64 (n, 7): log of prior times density; a class is the mixture of its components."""
        means, variances, weights, owner = self._arrays
        gaps = values[:, None, :] - means[None, :, :]
        logs = weights - 0.5 * (gaps**2 / variances + np.log(2 * np.pi * variances)).sum(axis=2)
        result = np.full((len(values), len(CLASSES)), -np.inf)
        for index in range(len(CLASSES)):
            result[:, index] = np.logaddexp.reduce(logs[:, owner == index], axis=1)
        return result

    @cached_property
    def _arrays(self) -> tuple[Numbers, Numbers, Numbers, NDArray[np.intp]]:
        return (
            np.array([each.means for each in self.components], dtype=np.float64),
            np.array([each.variances for each in self.components], dtype=np.float64),
            np.log(np.array([each.weight for each in self.components], dtype=np.float64)),
            np.array([CLASSES.index(each.label) for each in self.components], dtype=np.intp),
        )

    def _document(self) -> dict[str, Any]:
        return {
            "kind": _KIND,
            "classes": list(CLASSES),
            "measurements": list(MEASUREMENTS),
            "transforms": list(self.transforms),
            "temperature": self.temperature,
            "training": self.training,
            "components": [
                {
                    "label": each.label,
                    "weight": each.weight,
                    "means": list(each.means),
                    "variances": list(each.variances),
                }
                for each in self.components
            ],
        }


def transform(measurements: Numbers, transforms: Sequence[str]) -> Numbers:
    """float64 (n, 13): each column by its named transform, which brings it nearer to a Gaussian."""
    columns = [_APPLY[name](measurements[:, index]) for index, name in enumerate(transforms)]
    return np.stack(columns, axis=1).astype(np.float64)


def fit(
    measurements: Numbers, labels: Sequence[str], scenes: Sequence[str], training: str, temperature: float = 3.0
) -> Model:
    """A model of (n, 13) measurements with a class each; one Gaussian for every class and kind of scene that occurs.

    Classes get equal priors. Variances have a floor, so that no measurement decides alone.
    Raises ValueError for a class without rows.
    """
    transforms = tuple(TRANSFORMS[name] for name in MEASUREMENTS)
    values = transform(np.asarray(measurements, dtype=np.float64), transforms)
    floor = np.maximum(values.var(axis=0) * _VARIANCE_FLOOR, 1e-6)
    names, kinds = np.asarray(labels), np.asarray(scenes)
    components: list[Component] = []
    for label in CLASSES:
        count = int((names == label).sum())
        if not count:
            raise ValueError(f"no training row of class {label}")
        for kind in sorted(set(kinds[names == label].tolist())):
            rows = values[(names == label) & (kinds == kind)]
            weight = len(rows) / count / len(CLASSES)
            means, variances = rows.mean(axis=0), np.maximum(rows.var(axis=0), floor)
            components.append(Component(label, round(weight, _DECIMALS), _rounded(means), _rounded(variances)))
    return Model(tuple(components), transforms, temperature, training)


def _rounded(values: Numbers) -> tuple[float, ...]:
    return tuple(round(float(value), _DECIMALS) for value in values)
