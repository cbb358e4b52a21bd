"""A quality model: measurements in, a probability a class out. Stored as JSON, told apart by the document's `kind`."""

from __future__ import annotations

import hashlib
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.tables import CLASSES, MEASUREMENTS

__all__ = ["BASELINE", "CLASSES", "Model"]

_MODELS = files("imaging") / "models"  # reads from inside an archive, too
BASELINE = _MODELS / "baseline.json"
SHIPPED = _MODELS / "quality.json"

Numbers = NDArray[np.float64]


class Model(ABC):
    """A trained classifier. The same measurements give the same probabilities, to the bit, alone or among many rows."""

    @abstractmethod
    def predict(self, measurements: Numbers) -> Numbers:
        """float64 (n, 7) probabilities in the order of `CLASSES`, each row adding up to 1.

        `measurements` is (n, len(MEASUREMENTS)) in that order. Raises ValueError where one is not finite.
        """

    @abstractmethod
    def document(self) -> dict[str, Any]:
        """What `save` writes: JSON types, with the `kind` that `load` knows it by."""

    @classmethod
    def load(cls, path: Traversable | str | None = None) -> Model:
        """The model stored at `path`; without one, the one that is shipped.

        Raises ValueError for another kind of file, OSError where there is none.
        """
        from imaging import bayes, network

        source = Path(path) if isinstance(path, str) else path or SHIPPED
        kinds: dict[str, Callable[[Any], Model]] = {
            bayes.KIND: bayes.GaussianModel.from_document,
            network.KIND: network.NetworkModel.from_document,
        }
        try:
            stored = json.loads(source.read_text(encoding="utf-8"))
            return kinds[stored["kind"]](stored)
        except (TypeError, KeyError, ValueError) as error:
            raise ValueError(f"{source} is no model of this release ({error!r}); train it again") from error

    def save(self, path: Path) -> None:
        """Write the model as JSON. `load` gives an equal model with the same `model_id`."""
        path.write_text(json.dumps(self.document(), indent=1, sort_keys=True) + "\n", encoding="utf-8")

    @cached_property
    def model_id(self) -> str:
        """The kind's first word, "-", and 12 hex digits of the SHA-256 of the model's canonical JSON."""
        document = self.document()
        canonical = json.dumps(document, sort_keys=True, separators=(",", ":"))
        return f"{re.split('[-/]', document['kind'])[0]}-{hashlib.sha256(canonical.encode()).hexdigest()[:12]}"

    def predict_one(self, measured: dict[str, float]) -> dict[str, float]:
        """Probability of each of `CLASSES` by name, of what `imaging.quality.measure` gave."""
        row = self.predict(np.array([[measured[name] for name in MEASUREMENTS]], dtype=np.float64))[0]
        return dict(zip(CLASSES, row.tolist(), strict=True))


def finite(measurements: Numbers) -> Numbers:
    """`measurements` as float64 (n, m). Raises ValueError where one is not finite."""
    values = np.atleast_2d(np.asarray(measurements, dtype=np.float64))
    if not np.isfinite(values).all():
        raise ValueError("measurements must be finite")
    return values


def softmax(scores: Numbers) -> Numbers:
    """float64 (n, 7): scores as probabilities that add up to 1 in each row."""
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities: Numbers = odds / odds.sum(axis=1, keepdims=True)
    return probabilities
