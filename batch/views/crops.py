"""views/crops: every box of a photo's latest annotation, cut from the upright photo and encoded once."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

import imaging
from batch.views import photos
from batch.views.declare import REJECT_FIELDS, MapView, Parameters, Source
from imaging.crops import CropSettings, cut, pixel_box
from imaging.decode import decode_rgb
from imaging.header import Limits, read_header
from schemas.tables import CROPS

SCRATCH_BYTES = 64 << 20
_local = threading.local()
_OUTPUT = pa.schema([*CROPS.schema, *REJECT_FIELDS])


def crop_photos(batches: Iterator[pa.RecordBatch], parameters: Parameters) -> Iterator[pa.RecordBatch]:
    """One row a box. The photo is decoded once; every box is cut from the same array (H, W, 3), then it is dropped."""
    settings = CropSettings(quality=parameters["crop_quality"], subsampling=parameters["crop_subsampling"])
    limits = Limits(max_bytes=parameters["max_bytes"], max_pixels=parameters["max_pixels"])

    def rows_of(photo: Mapping[str, Any]) -> list[dict[str, Any]]:
        if not photo["boxes"]:
            return []
        data = photo["bytes"]
        header = read_header(data, limits)
        rgb = decode_rgb(data, header, _scratch(header.width * header.height * 3))
        height, width = rgb.shape[:2]
        rows = []
        for index, box in enumerate(photo["boxes"]):
            box_px = pixel_box(box["xmin"], box["xmax"], box["ymin"], box["ymax"], width, height)
            x0, y0, x1, y1 = box_px
            rows.append(
                {
                    "crop_id": crop_id(photo["sha256"], photo["annotation_id"], index),
                    "sha256": photo["sha256"],
                    "box_index": index,
                    "label": box["label"],
                    "x0": x0,
                    "y0": y0,
                    "x1": x1,
                    "y1": y1,
                    "jpeg": cut(rgb, box_px, settings),
                    "annotation_id": photo["annotation_id"],
                }
            )
        return rows

    return photos.map_photos(batches, _OUTPUT, rows_of)


def _scratch(size_bytes: int) -> bytearray | None:
    """This thread's memory for one decoded photo, kept from photo to photo; None where the photo is unusually large."""
    if size_bytes > SCRATCH_BYTES:
        return None
    held: bytearray | None = getattr(_local, "scratch", None)
    if held is None or len(held) < size_bytes:
        held = _local.scratch = bytearray(size_bytes)
    return held


def crop_id(sha256: str, annotation_id: str, box_index: int) -> str:
    """Stable name of a crop: 20 hex digits of the photo, the annotation and the box's place in it."""
    return hashlib.sha256(f"{sha256}/{annotation_id}/{box_index}".encode()).hexdigest()[:20]


VIEW = MapView(
    table=CROPS,
    sources=(
        Source("master/images", ("sha256",), "SELECT sha256 FROM changed", "sha256 IN (SELECT sha256 FROM scopes)"),
        Source(
            "master/annotations",
            ("annotation_id", "sha256", "boxes", "annotated_at"),
            "SELECT sha256 FROM changed",
            "sha256 IN (SELECT sha256 FROM scopes)",
        ),
    ),
    scope=("sha256",),
    sql="""
        WITH ranked AS (
            SELECT sha256, annotation_id, boxes,
                   row_number() OVER (PARTITION BY sha256 ORDER BY annotated_at DESC, annotation_id DESC) AS place
            FROM annotations
        )
        SELECT i.sha256, r.annotation_id, r.boxes, array_size(r.boxes) AS units
        FROM images i JOIN ranked r ON r.sha256 = i.sha256
        WHERE r.place = 1
    """,
    function=crop_photos,
    code=(imaging,),
    parameters=("crop_quality", "crop_subsampling", "max_bytes", "max_pixels"),
)
