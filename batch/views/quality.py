"""views/quality: measurements of every photo at a fixed working scale, and the model's probabilities of each class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import pyarrow as pa

import imaging
from batch.views import photos
from batch.views.declare import REJECT_FIELDS, MapView, Parameters, Source
from imaging.header import Limits
from imaging.model import Model
from imaging.score import score_photo
from schemas.tables import QUALITY

_OUTPUT = pa.schema([*QUALITY.schema, *REJECT_FIELDS])


def score_photos(batches: Iterator[pa.RecordBatch], parameters: Parameters) -> Iterator[pa.RecordBatch]:
    """One row a photo: the measurements as stored facts, the probabilities as the model's opinion of them."""
    model = load_model(parameters["model"])
    limits = Limits(max_bytes=parameters["max_bytes"], max_pixels=parameters["max_pixels"])

    def rows_of(photo: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [{"sha256": photo["sha256"], **score_photo(photo["bytes"], limits, model)}]

    return photos.map_photos(batches, _OUTPUT, rows_of)


@lru_cache(maxsize=4)
def load_model(path: str | None) -> Model:
    """The model in a file, or the shipped one."""
    return Model.load(path)


VIEW = MapView(
    table=QUALITY,
    sources=(
        Source("master/images", ("sha256",), "SELECT sha256 FROM changed", "sha256 IN (SELECT sha256 FROM scopes)"),
    ),
    scope=("sha256",),
    sql="SELECT sha256, 1 AS units FROM images",
    function=score_photos,
    code=(imaging,),
    parameters=("model", "model_id", "max_bytes", "max_pixels"),
)
