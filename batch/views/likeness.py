"""views/likeness: signatures by which photos of one exposure find each other though their bytes differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

import imaging
from batch.views import photos
from batch.views.declare import REJECT_FIELDS, MapView, Parameters, Source
from imaging.header import Limits
from imaging.likeness import describe_photo
from schemas.tables import LIKENESS

_OUTPUT = pa.schema([*LIKENESS.schema, *REJECT_FIELDS])


def describe_photos(batches: Iterator[pa.RecordBatch], parameters: Parameters) -> Iterator[pa.RecordBatch]:
    """One row a photo: its signatures, from a decode at an eighth of its size."""
    limits = Limits(max_bytes=parameters["max_bytes"], max_pixels=parameters["max_pixels"])

    def rows_of(photo: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [{"sha256": photo["sha256"], **describe_photo(photo["bytes"], limits)}]

    return photos.map_photos(batches, _OUTPUT, rows_of)


VIEW = MapView(
    table=LIKENESS,
    sources=(
        Source("master/images", ("sha256",), "SELECT sha256 FROM changed", "sha256 IN (SELECT sha256 FROM scopes)"),
    ),
    scope=("sha256",),
    sql="SELECT sha256, 1 AS units FROM images",
    function=describe_photos,
    code=(imaging,),
    parameters=("max_bytes", "max_pixels"),
)
