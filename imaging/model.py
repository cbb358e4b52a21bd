"""The quality model: Gaussian naive Bayes over measurements that were decorrelated first, stored as JSON."""

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
_SHRINKAGE = 0.3  # share of the correlations that is not believed
_KIND = "gaussian-naive-bayes/v1"

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Component:
    """One Gaussian of a class, which may have one for each kind of scene, over 13 decorrelated axes."""

    label: str
    weight: float
    means: tuple[float, ...]
    variances: tuple[float, ...]


@dataclass(frozen=True)
class Model:
    """A trained classifier of measurements. `temperature` above 1 softens what naive Bayes is too sure of.

    `mixing` is the 13 x 13 matrix from transformed measurements, in the order of `MEASUREMENTS`, to decorrelated axes.
    """

    components: tuple[Component, ...]
    transforms: tuple[str, ...]
    mixing: tuple[tuple[float, ...], ...]
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
        mixing = tuple(tuple(row) for row in stored["mixing"])
        return cls(components, tuple(stored["transforms"]), mixing, stored["temperature"], stored["training"])

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
        axes = decorrelate(transform(values, self.transforms), self.mixing)
        scores = self._log_likelihood(axes) / self.temperature
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
            "mixing": [list(row) for row in self.mixing],
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


def decorrelate(values: Numbers, mixing: Sequence[Sequence[float]]) -> Numbers:
    """float64 (n, 13): `values` times `mixing`. Column by column: BLAS rounds a row alone otherwise than among many."""
    axes = np.zeros_like(values)
    for index, row in enumerate(mixing):
        axes += values[:, index : index + 1] * np.array(row, dtype=np.float64)
    return axes


def fit(
    measurements: Numbers, labels: Sequence[str], scenes: Sequence[str], training: str, temperature: float = 2.0
) -> Model:
    """A model of (n, 13) measurements with a class each; one Gaussian for every class and kind of scene that occurs.

    Classes get equal priors. Variances have a floor, so that no measurement decides alone.
    Raises ValueError for a class without rows.
    """
    transforms = tuple(TRANSFORMS[name] for name in MEASUREMENTS)
    values = transform(np.asarray(measurements, dtype=np.float64), transforms)
    names, kinds = np.asarray(labels), np.asarray(scenes)
    groups: list[tuple[str, float, NDArray[np.bool_]]] = []
    for label in CLASSES:
        count = int((names == label).sum())
        if not count:
            raise ValueError(f"no training row of class {label}")
        for kind in sorted(set(kinds[names == label].tolist())):
            rows = (names == label) & (kinds == kind)
            groups.append((label, int(rows.sum()) / count / len(CLASSES), rows))
    mixing = _whitening(values, [rows for _, _, rows in groups])
    axes = decorrelate(values, mixing)
    floor = np.maximum(axes.var(axis=0) * _VARIANCE_FLOOR, 1e-6)
    components = tuple(
        Component(
            label,
            round(weight, _DECIMALS),
            _rounded(axes[rows].mean(axis=0)),
            _rounded(np.maximum(axes[rows].var(axis=0), floor)),
        )
        for label, weight, rows in groups
    )
    return Model(components, transforms, mixing, temperature, training)


def _whitening(values: Numbers, groups: Sequence[NDArray[np.bool_]]) -> tuple[tuple[float, ...], ...]:
    """A 13 x 13 matrix after which the measurements vary by 1 and hardly together within a group of photos alike."""
    rest = values.copy()
    for rows in groups:
        rest[rows] -= values[rows].mean(axis=0)
    spread = np.maximum(rest.std(axis=0), 1e-3)
    scaled = rest / spread
    size = len(spread)
    together = (1 - _SHRINKAGE) * np.einsum("ni,nj->ij", scaled, scaled) / len(scaled) + _SHRINKAGE * np.eye(size)
    mixing = np.linalg.inv(np.linalg.cholesky(together)).T / spread[:, None]
    return tuple(_rounded(row) for row in mixing)


def _rounded(values: Numbers) -> tuple[float, ...]:
    return tuple(round(float(value), _DECIMALS) for value in values)
