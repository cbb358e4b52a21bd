"""The same captures in every form that a case reads: a lake, a Parquet dataset, and files with a table of boxes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bench.captures import Photo, append_captures, repeated
from lake import Lake

_FILE_PHOTOS = 16
_BOX = pa.struct([(name, pa.float64()) for name in ("xmin", "xmax", "ymin", "ymax")])
_SCHEMA = pa.schema([("sha256", pa.string()), ("bytes", pa.binary()), ("boxes", pa.list_(_BOX))])


def write_lake(photos: Sequence[Photo], count: int, folder: Path) -> Lake:
    """A lake of `count` captures, each with a hash of its own."""
    lake = Lake.open(folder, create=True)
    append_captures(lake, repeated(photos, count))
    return lake


def write_inputs(photos: Sequence[Photo], count: int, few: int, folder: Path) -> int:
    """Writes all forms into `folder`; the boxes of `few` captures as rows. Gives the boxes of all `count`."""
    write_lake(photos, count, folder / "lake")
    (folder / "captures").mkdir()
    made, boxes = repeated(photos, count), 0
    for number in range(0, count, _FILE_PHOTOS):
        rows = [
            {"sha256": hashlib.sha256(photo.jpeg).hexdigest(), "bytes": photo.jpeg, "boxes": list(photo.boxes)}
            for photo in islice(made, _FILE_PHOTOS)
        ]
        boxes += sum(len(row["boxes"]) for row in rows)
        table = pa.Table.from_pylist(rows, _SCHEMA)
        pq.write_table(table, folder / "captures" / f"{number:06d}.parquet", row_group_size=1, compression="none")
    _write_boxes(list(repeated(photos, few)), folder)
    return boxes


def _write_boxes(photos: Sequence[Photo], folder: Path) -> None:
    rows = []
    for number, photo in enumerate(photos):
        path = folder / f"photo-{number}.jpg"
        path.write_bytes(photo.jpeg)
        for index, box in enumerate(photo.boxes):
            edges = {name: box[name] for name in ("xmin", "xmax", "ymin", "ymax")}
            rows.append({"ImgUrl": str(path), "crop": f"{number}-{index}", **edges})
    pq.write_table(pa.Table.from_pylist(rows), folder / "boxes.parquet")
