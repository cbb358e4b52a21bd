"""The quality model: a small network over transformed measurements, stored as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.model import Model, Numbers, finite, softmax
from schemas.tables import CLASSES, MEASUREMENTS

KIND = "network/v1"
_APPLY: dict[str, Callable[[Any], Any]] = {"identity": np.asarray, "log1p": np.log1p, "sqrt": np.sqrt}
_LOG = ("laplacian_var", "sobel_var", "noise_sigma", "noise_flat", "noise_coarse", "p01_luma", "local_contrast")
_ROOT = ("clip_dark", "clip_bright", "glare", "rms_contrast", "motion_ratio", "edge_share", "tile_blurred", "tile_flat",
         "moire_cover")  # fmt: skip
TRANSFORMS = {name: "log1p" if name in _LOG else "sqrt" if name in _ROOT else "identity" for name in MEASUREMENTS}
FURTHEST = 6.0  # standard deviations: what lies further out is no stranger than that

Rows = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Layer:
    """`weights` has a row an input and a column an output."""

    weights: Rows
    biases: tuple[float, ...]


@dataclass(frozen=True)
class Training:
    """What a model was made from: fingerprints of examples and code, the seed, and digests of the photos shown."""

    examples: str
    code: str
    seed: int
    photos: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True)
class NetworkModel(Model):
    """Standardised inputs, hidden layers of max(0, x), and probabilities whose `temperature` makes them calibrated.

    Rows are scored one by one: a matrix product by BLAS rounds a row alone otherwise than among many.
    """

    names: tuple[str, ...]
    transforms: tuple[str, ...]
    centres: tuple[float, ...]
    scales: tuple[float, ...]
    layers: tuple[Layer, ...]
    temperature: float
    training: Training

    @classmethod
    def from_document(cls, stored: Mapping[str, Any]) -> NetworkModel:
        """The model of a stored document. Raises ValueError for other classes or measurements, KeyError for a gap."""
        names = stored["measurements"]
        if stored["classes"] != list(CLASSES) or not set(names) <= set(MEASUREMENTS):
            raise ValueError("other classes or measurements")
        layers = tuple(
            Layer(tuple(tuple(row) for row in each["weights"]), tuple(each["biases"])) for each in stored["layers"]
        )
        made = stored["training"]
        training = Training(made["examples"], made["code"], made["seed"], tuple(made["photos"]), made["note"])
        transforms, centres, scales = (tuple(stored[name]) for name in ("transforms", "centres", "scales"))
        return cls(tuple(names), transforms, centres, scales, layers, stored["temperature"], training)

    def predict(self, measurements: Numbers) -> Numbers:
        """float64 (n, 7) probabilities, see `Model.predict`."""
        return softmax(self.scores(measurements) / self.temperature)

    def scores(self, measurements: Numbers) -> Numbers:
        """float64 (n, 7): logarithms of odds before calibration."""
        values = finite(measurements)[:, [MEASUREMENTS.index(name) for name in self.names]]
        values = standardise(values, self.transforms, np.array(self.centres), np.array(self.scales))
        return np.stack([self._score(row) for row in values])

    def _score(self, values: Numbers) -> Numbers:
        """float64 (7,) of one standardised row."""
        for index, (weights, biases) in enumerate(self._arrays):
            if index:
                values = np.maximum(values, 0.0)
            values = biases + np.sum(weights * values[:, None], axis=0)
        return values

    @cached_property
    def _arrays(self) -> tuple[tuple[Numbers, Numbers], ...]:
        return tuple((np.array(each.weights, np.float64), np.array(each.biases, np.float64)) for each in self.layers)

    def document(self) -> dict[str, Any]:
        """What `save` writes."""
        return {
            "kind": KIND,
            "classes": list(CLASSES),
            "measurements": list(self.names),
            "transforms": list(self.transforms),
            "centres": list(self.centres),
            "scales": list(self.scales),
            "layers": [
                {"weights": [list(row) for row in each.weights], "biases": list(each.biases)} for each in self.layers
            ],
            "temperature": self.temperature,
            "training": {
                "examples": self.training.examples,
                "code": self.training.code,
                "seed": self.training.seed,
                "photos": list(self.training.photos),
                "note": self.training.note,
            },
        }


def transformed(values: Numbers, transforms: tuple[str, ...]) -> Numbers:
    """float64 (n, m): each column by its named transform, which brings it nearer to a Gaussian."""
    columns = [_APPLY[name](values[:, index]) for index, name in enumerate(transforms)]
    return np.stack(columns, axis=1).astype(np.float64)


def standardise(
    values: Numbers, transforms: tuple[str, ...], centres: NDArray[np.float64], scales: NDArray[np.float64]
) -> Numbers:
    """float64 (n, m): transformed, in standard deviations from the training's mean, at most 6 to either side."""
    return np.clip((transformed(values, transforms) - centres) / scales, -FURTHEST, FURTHEST)
