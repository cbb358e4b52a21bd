"""The baseline that a quality model must beat: Gaussian naive Bayes over thirteen decorrelated measurements."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.model import Model, Numbers, finite, softmax
from schemas.tables import CLASSES, MEASUREMENTS

KIND = "gaussian-naive-bayes/v1"
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
_COLUMNS = [MEASUREMENTS.index(name) for name in TRANSFORMS]


@dataclass(frozen=True)
class Component:
    """One Gaussian of a class, which may have one for each kind of scene, over 13 decorrelated axes."""

    label: str
    weight: float
    means: tuple[float, ...]
    variances: tuple[float, ...]


@dataclass(frozen=True)
class GaussianModel(Model):
    """A mixture of Gaussians a class. `temperature` above 1 softens what naive Bayes is too sure of.

    `mixing` is the 13 x 13 matrix from transformed measurements, in the order of `TRANSFORMS`, to decorrelated axes.
    """

    components: tuple[Component, ...]
    transforms: tuple[str, ...]
    mixing: tuple[tuple[float, ...], ...]
    temperature: float
    training: str  # fingerprint of the training data and its parameters

    @classmethod
    def from_document(cls, stored: Mapping[str, Any]) -> GaussianModel:
        """The model of a stored document. Raises ValueError for other classes or measurements, KeyError for a gap."""
        if stored["classes"] != list(CLASSES) or stored["measurements"] != list(TRANSFORMS):
            raise ValueError("other classes or measurements")
        components = tuple(
            Component(each["label"], each["weight"], tuple(each["means"]), tuple(each["variances"]))
            for each in stored["components"]
        )
        mixing = tuple(tuple(row) for row in stored["mixing"])
        return cls(components, tuple(stored["transforms"]), mixing, stored["temperature"], stored["training"])

    def predict(self, measurements: Numbers) -> Numbers:
        """float64 (n, 7) probabilities, see `Model.predict`."""
        axes = decorrelate(transform(finite(measurements)[:, _COLUMNS], self.transforms), self.mixing)
        return softmax(self._log_likelihood(axes) / self.temperature)

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

    def document(self) -> dict[str, Any]:
        """What `save` writes."""
        return {
            "kind": KIND,
            "classes": list(CLASSES),
            "measurements": list(TRANSFORMS),
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
) -> GaussianModel:
    """A model of (n, len(MEASUREMENTS)) measurements with a class each; one Gaussian a class and kind of scene.

    Classes get equal priors. Variances have a floor, so that no measurement decides alone.
    Raises ValueError for a class without rows.
    """
    transforms = tuple(TRANSFORMS.values())
    values = transform(np.asarray(measurements, dtype=np.float64)[:, _COLUMNS], transforms)
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
    return GaussianModel(components, transforms, mixing, temperature, training)


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
