"""Captures to measure on, read from a folder of shelf photos or synthesised from a seed, and lakes filled with them."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import simplejpeg

from batch.engines.embedded import EmbeddedEngine
from batch.rebuild import RebuildReport, RebuildSettings, rebuild
from lake import Lake
from schemas.tables import ANNOTATIONS, CAPTURES, IMAGES, PLANOGRAMS, Table

DEFAULT_SHELVES = Path(__file__).resolve().parents[2] / "shared" / "data" / "shelves"
DEVICES = 30
_DAY = date(2026, 11, 1)
_START = datetime(2026, 11, 1, 6, tzinfo=UTC)
_APPEND_BYTES = 64 << 20

Box = dict[str, Any]


@dataclass(frozen=True)
class Photo:
    """A JPEG, its size in pixels, and its normalised boxes (label, xmin, xmax, ymin, ymax, confidence)."""

    jpeg: bytes
    width: int
    height: int
    boxes: tuple[Box, ...]


def shelf_photos(folder: Path) -> list[Photo]:
    """The photos that `folder`/annotations.csv names, in its order; 12 synthesised ones where there is no such file."""
    table = folder / "annotations.csv"
    if not table.exists():
        return [synthesise(seed, 4284, 2968, columns=12, shelves=7) for seed in range(12)]
    boxes: dict[str, list[Box]] = {}
    with table.open(newline="") as source:
        for row in csv.DictReader(source):
            edges = {name: float(row[name]) for name in ("xmin", "xmax", "ymin", "ymax")}
            boxes.setdefault(row["image"], []).append({"label": row["label"], **edges, "confidence": None})
    photos = []
    for name, found in boxes.items():
        data = (folder / name).read_bytes()
        height, width = simplejpeg.decode_jpeg_header(data)[:2]
        photos.append(Photo(data, width, height, tuple(found)))
    return photos


def synthesise(seed: int, width: int, height: int, *, columns: int, shelves: int) -> Photo:
    """A grid of bordered, grained rectangles, one a box: JPEG of quality 90, the same for the same seed."""
    random = np.random.default_rng(seed)
    rgb = np.full((height, width, 3), 215, np.uint8)
    boxes = []
    for shelf in range(shelves):
        for column in range(columns):
            x0, x1 = column * width // columns + width // 300 + 1, (column + 1) * width // columns - width // 300 - 1
            y0, y1 = shelf * height // shelves + height // 60, (shelf + 1) * height // shelves - height // 60
            sku = int(random.integers(24))
            colour = [60 + sku * 41 % 170, 60 + sku * 73 % 170, 60 + sku * 97 % 170]
            cv2.rectangle(rgb, (x0, y0), (x1 - 1, y1 - 1), colour, -1)
            label = (x1 - x0) // 6, (y1 - y0) // 4
            cv2.rectangle(rgb, (x0 + label[0], y0 + label[1]), (x1 - label[0], y1 - label[1]), (240, 240, 235), 3)
            edges = {"xmin": x0 / width, "xmax": x1 / width, "ymin": y0 / height, "ymax": y1 / height}
            boxes.append({"label": f"sku-{sku:02d}", **edges, "confidence": None})
    grain = random.integers(-9, 10, (height, width, 1), np.int16)
    rgb = np.clip(rgb.astype(np.int16) + grain, 0, 255).astype(np.uint8)
    return Photo(bytes(simplejpeg.encode_jpeg(rgb, 90, "RGB", "420", False)), width, height, tuple(boxes))


def small_photos(first: int, count: int) -> Iterator[Photo]:
    """Photos `first`, `first` + 1, … of 640 x 480 with 8 boxes."""
    for number in range(first, first + count):
        yield synthesise(number, 640, 480, columns=4, shelves=2)


def repeated(photos: Sequence[Photo], count: int) -> Iterator[Photo]:
    """`count` photos; those after the first round carry a comment segment, so that each has a hash of its own."""
    for number in range(count):
        photo = photos[number % len(photos)]
        if number >= len(photos):
            comment = f"capture {number}".encode()
            segment = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment
            photo = Photo(photo.jpeg[:2] + segment + photo.jpeg[2:], photo.width, photo.height, photo.boxes)
        yield photo


def append_captures(lake: Lake, photos: Iterable[Photo], first: int = 0) -> None:
    """Appends photos, annotations and captures numbered from `first`, a minute apart, `DEVICES` devices in turn."""
    rows: dict[str, list[dict[str, Any]]] = {"images": [], "annotations": [], "captures": []}
    held = 0
    for number, photo in enumerate(photos, first):
        sha256 = hashlib.sha256(photo.jpeg).hexdigest()
        at = _START + timedelta(minutes=number)
        rows["images"].append(
            {"sha256": sha256, "bytes": photo.jpeg, "size_bytes": len(photo.jpeg), "format": "jpeg"}
            | {"width": photo.width, "height": photo.height, "orientation": 1, "ingest_date": _DAY}
        )
        rows["annotations"].append(
            {"annotation_id": f"a{number}", "sha256": sha256, "boxes": list(photo.boxes)}
            | {"annotator": "bench", "annotated_at": at, "ingest_date": _DAY}
        )
        device = number % DEVICES
        rows["captures"].append(
            {"capture_id": f"c{number}", "device_id": f"d{device}", "store_id": f"s{device % 5}", "sha256": sha256}
            | {"captured_at": at, "received_at": at + timedelta(seconds=20), "ingest_date": _DAY}
        )
        held += len(photo.jpeg)
        if held >= _APPEND_BYTES:
            _append(lake, rows)
            held = 0
    _append(lake, rows)


def append_planograms(lake: Lake) -> None:
    """Appends one planogram of 24 SKUs for each device."""
    rows = [
        {"planogram_id": f"p{device}", "device_id": f"d{device}", "store_id": f"s{device % 5}", "valid_from": _START}
        | {"shelf": 0, "sku": f"sku-{sku:02d}", "facings": 1, "ingest_date": _DAY}
        for device in range(DEVICES)
        for sku in range(24)
    ]
    lake.append_new(PLANOGRAMS.name, pa.Table.from_pylist(rows, PLANOGRAMS.schema))


def run_rebuild(
    lake: Lake, run_id: str, *, threads: int, names: Sequence[str] = (), full: bool = False
) -> RebuildReport:
    """Rebuilds views with the embedded engine and the shipped settings."""
    engine = EmbeddedEngine(threads=threads)
    settings = RebuildSettings(cores=threads)
    return rebuild(
        lake, names, engine=engine, settings=settings, clock=lambda: datetime.now(UTC), run_id=run_id, full=full
    )


def _append(lake: Lake, rows: dict[str, list[dict[str, Any]]]) -> None:
    # Photos first: what a capture refers to is there before it.
    tables: tuple[tuple[str, Table], ...] = (("images", IMAGES), ("annotations", ANNOTATIONS), ("captures", CAPTURES))
    for name, table in tables:
        lake.append_new(table.name, pa.Table.from_pylist(rows[name], table.schema))
        rows[name].clear()
