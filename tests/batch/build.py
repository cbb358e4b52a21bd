"""Small lakes with real photos, filled by hand: every test of the views starts from one."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import simplejpeg

from batch.engines.embedded import EmbeddedEngine
from batch.rebuild import RebuildReport, RebuildSettings, rebuild
from lake import Lake
from schemas.tables import TABLES, VIEWS

DAY = date(2026, 3, 1)
START = datetime(2026, 3, 1, 8, tzinfo=UTC)
BOXES = ((0.0, 0.5, 0.0, 0.5), (0.25, 0.75, 0.25, 0.75), (0.5, 1.0, 0.5, 1.0))


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def photo(seed: int, size: int = 64) -> bytes:
    """A seeded JPEG of smooth colours and edges, size x size."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)
    return bytes(simplejpeg.encode_jpeg(np.kron(coarse, np.ones((size // 8, size // 8, 1), np.uint8)), 95))


def sent_again(data: bytes, quality: int = 70) -> bytes:
    """The same photo in other bytes."""
    return bytes(simplejpeg.encode_jpeg(simplejpeg.decode_jpeg(data), quality))


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def boxes(*labels: str | None) -> list[dict[str, Any]]:
    return [
        {"label": label, "xmin": x0, "xmax": x1, "ymin": y0, "ymax": y1, "confidence": 0.9}
        for label, (x0, x1, y0, y1) in zip(labels, BOXES, strict=False)
    ]


def put(lake: Lake, table: str, *rows: dict[str, Any]) -> None:
    """Appends rows to a master table."""
    filled = [{"ingest_date": DAY, **row} for row in rows]
    lake.append_new(f"master/{table}", pa.Table.from_pylist(filled, TABLES[f"master/{table}"].schema))


def put_image(lake: Lake, data: bytes, size: int = 64) -> str:
    name = sha(data)
    facts = {"format": "jpeg", "width": size, "height": size, "orientation": 1}
    put(lake, "images", {"sha256": name, "bytes": data, "size_bytes": len(data), **facts})
    return name


def put_capture(lake: Lake, name: str, sha256: str, *, device: str = "d1", taken: float = 0, **more: Any) -> None:
    row = {"capture_id": name, "device_id": device, "store_id": f"store-of-{device}", "captured_at": at(taken)}
    put(lake, "captures", {**row, "received_at": at(taken + 3), "sha256": sha256, **more})


def put_boxes(lake: Lake, sha256: str, *labels: str | None, made: float = 0) -> str:
    name = hashlib.sha256(repr((sha256, labels, made)).encode()).hexdigest()[:16]
    row = {"annotation_id": name, "sha256": sha256, "boxes": boxes(*labels), "annotator": "test"}
    put(lake, "annotations", {**row, "annotated_at": at(made)})
    return name


class Clock:
    """A clock that moves on by a second each time it is asked."""

    def __init__(self, hours: float = 24) -> None:
        self.now = at(hours * 3600)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


def run(lake: Lake, *names: str, clock: Clock | None = None, threads: int = 2, **more: Any) -> RebuildReport:
    """A rebuild by the embedded engine; `settings` fields go in by `settings=`."""
    settings = more.pop("settings", RebuildSettings())
    run_id = more.pop("run_id", f"run-{lake.count('runs')}")
    engine = more.pop("engine", EmbeddedEngine(threads=threads))
    when = clock or Clock()
    return rebuild(lake, names, engine=engine, settings=settings, clock=when, run_id=run_id, **more)


def rows(lake: Lake, *views: str) -> dict[str, list[str]]:
    """Every row of the views, blobs included, in an order of their own: equal views are equal here."""
    names = [f"views/{view}" for view in views] or [view.name for view in VIEWS]
    return {name: sorted(map(repr, _all(lake, name))) for name in names}


def _all(lake: Lake, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = lake.read(name, columns=TABLES[name].schema.names).to_pylist()
    return found


def lake_at(path: Path) -> Lake:
    return Lake.open(path, create=True)
