"""Writes a table out: Parquet, CSV, or crops as COCO with their photos. Streams; a partial file never has the name."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from batch.engines.base import Progress
from lake import FacingsError, Lake
from schemas.tables import TABLES, Table

FORMATS = ("parquet", "csv", "coco")
_SUFFIX = {"jpeg": ".jpg", "png": ".png", "webp": ".webp", "tiff": ".tif", "bmp": ".bmp", "gif": ".gif"}


class ExportError(FacingsError):
    """The export can't be made as asked: correct the view, the format or the place."""


@dataclass(frozen=True)
class ExportReport:
    """What was written and where."""

    table: str
    version: int
    to: str
    format: str
    rows: int
    note: str


def export_table(
    lake: Lake,
    view: str,
    to: Path,
    *,
    form: str | None = None,
    version: int | None = None,
    force: bool = False,
    progress: Progress = lambda step, done, total: None,
) -> ExportReport:
    """Writes one table at a version. Raises ExportError for an unknown view or format, or where something is there."""
    table = find_table(view)
    form = form or _by_ending(to)
    if form not in FORMATS:
        raise ExportError(f"format {form!r}: there are {', '.join(FORMATS)}")
    if to.exists() and not force:
        raise ExportError(f"{to} is there already: give another name, or --force to write over it")
    pinned = lake.version(table.name) if version is None else version
    partial = to.with_name(f".{to.name}.partial")
    _remove(partial)
    to.parent.mkdir(parents=True, exist_ok=True)
    writers = {"parquet": _write_parquet, "csv": _write_csv, "coco": _write_coco}
    rows, note = writers[form](lake, table, pinned, partial, progress)
    _remove(to)
    partial.replace(to)
    return ExportReport(table.name, pinned, str(to), form, rows, note)


def find_table(view: str) -> Table:
    """The table that a name on the command line means: `crops`, `views/crops`, `captures`. Raises ExportError."""
    for name in (view, f"views/{view}", f"master/{view}"):
        if name in TABLES:
            return TABLES[name]
    raise ExportError(f"no view named {view!r}; there are {', '.join(name.rpartition('/')[2] for name in TABLES)}")


def _by_ending(to: Path) -> str:
    return {".parquet": "parquet", ".csv": "csv", "": "coco"}.get(to.suffix.lower(), to.suffix.lstrip("."))


def _batches(
    lake: Lake, table: Table, version: int, columns: list[str], progress: Progress
) -> Iterator[pa.RecordBatch]:
    total, done = lake.count(table.name, version), 0
    for batch in lake.scan(table.name, columns=columns, version=version):
        yield batch
        done += batch.num_rows
        progress(f"export {table.name}", done, total)


def _write_parquet(lake: Lake, table: Table, version: int, to: Path, progress: Progress) -> tuple[int, str]:
    rows = 0
    with pq.ParquetWriter(to, table.schema, compression="zstd") as writer:
        for batch in _batches(lake, table, version, table.schema.names, progress):
            writer.write_batch(batch.select(table.schema.names).cast(table.schema))
            rows += batch.num_rows
    return rows, ""


def _write_csv(lake: Lake, table: Table, version: int, to: Path, progress: Progress) -> tuple[int, str]:
    rows = 0
    with to.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(table.columns)
        for batch in _batches(lake, table, version, list(table.columns), progress):
            for row in batch.select(list(table.columns)).to_pylist():
                writer.writerow([_cell(value) for value in row.values()])
            rows += batch.num_rows
    return rows, f"without the bytes of {', '.join(table.blobs)}" if table.blobs else ""


def _cell(value: object) -> object:
    if isinstance(value, (list, dict)):
        return json.dumps(value, sort_keys=True)
    if isinstance(value, str) and value[:1] in "=+-@\t\r" and value[:1]:
        return f"'{value}"  # a spreadsheet would run it as a formula
    return value.isoformat() if hasattr(value, "isoformat") else value


def _write_coco(lake: Lake, table: Table, version: int, to: Path, progress: Progress) -> tuple[int, str]:
    if table.name != "views/crops":
        raise ExportError(f"{table.name} has no boxes: coco is for crops")
    crops = lake.read(table.name, version=version).sort_by([("sha256", "ascending"), ("box_index", "ascending")])
    shas = sorted(set(crops.column("sha256").to_pylist()))
    labels = sorted({label or "unlabelled" for label in crops.column("label").to_pylist()})
    (to / "images").mkdir(parents=True)
    images = _write_photos(lake, shas, to / "images", progress)
    ids = {image["sha256"]: image["id"] for image in images}
    annotations = [
        {
            "id": number,
            "image_id": ids[crop["sha256"]],
            "category_id": labels.index(crop["label"] or "unlabelled") + 1,
            "bbox": [crop["x0"], crop["y0"], crop["x1"] - crop["x0"], crop["y1"] - crop["y0"]],
            "area": (crop["x1"] - crop["x0"]) * (crop["y1"] - crop["y0"]),
            "iscrowd": 0,
            "crop_id": crop["crop_id"],
        }
        for number, crop in enumerate(crops.to_pylist(), 1)
    ]
    categories = [{"id": number, "name": label} for number, label in enumerate(labels, 1)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (to / "annotations.json").write_text(json.dumps(content), encoding="utf-8")
    return len(annotations), f"{len(images)} photos; boxes are pixels of the upright photo"


def _write_photos(lake: Lake, shas: list[str], folder: Path, progress: Progress) -> list[dict[str, object]]:
    wanted, found = set(shas), {}
    columns = ["sha256", "bytes", "format", "width", "height", "orientation"]
    for batch in lake.scan("master/images", columns=columns):
        for row in batch.to_pylist():
            if row["sha256"] in wanted:
                name = row["sha256"] + _SUFFIX.get(row["format"], ".img")
                (folder / name).write_bytes(row["bytes"])
                turned = row["orientation"] >= 5
                width, height = (row["height"], row["width"]) if turned else (row["width"], row["height"])
                found[row["sha256"]] = {"file_name": f"images/{name}", "width": width, "height": height}
                progress("photos", len(found), len(wanted))
    return [{"id": number, "sha256": sha, **found[sha]} for number, sha in enumerate(shas, 1)]


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
