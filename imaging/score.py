"""A photo's quality as both layers see it: its measurements, and the model's opinion of them, from its bytes."""

from __future__ import annotations

import numpy as np

from imaging.decode import decode_grey
from imaging.header import Limits, read_header
from imaging.model import Model
from imaging.quality import MEASUREMENTS, measure
from schemas.tables import CLASSES


def score_photo(data: bytes, limits: Limits, model: Model) -> dict[str, float | str]:
    """The measurements, one probability a class (`p_good`, …) and `model_id`. Raises ImageError.

    A function of the bytes and the model alone: batch and speed give the same numbers, to the bit.
    """
    measured = measure(decode_grey(data, read_header(data, limits)))
    row = np.array([[measured[name] for name in MEASUREMENTS]], np.float64)
    chances = dict(zip((f"p_{name}" for name in CLASSES), model.predict(row)[0].tolist(), strict=True))
    return {**measured, **chances, "model_id": model.model_id}
