"""A small lake with a known story, written table by table: what the dashboard's tests look at.

Two stores of two coolers, 24 hours, one capture an hour and device. `cola` is out at cooler-1 for the last 3 hours;
cooler-2 is blurred for the last 6; south sends late; one record each is truncated, not JSON and hostile.
"""

from __future__ import annotations

import hashlib
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa

from lake import Lake
from lake.offsets import OffsetTable, Span
from lake.parquet import conform
from schemas.tables import CLASSES, MEASUREMENTS, REALTIME_QUALITY, REALTIME_THROUGHPUT, TABLES

END = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOURS = 24
DEVICES = {"cooler-1": "north", "cooler-2": "north", "cooler-3": "south", "cooler-4": "south"}
PLAN = {"cola": 3, "lemonade": 2, "water": 2}
HOSTILE = "<img src=x onerror=alert(1)> [x](javascript:alert(1)) **bold** $x$ www.example.com"
COLOURS = {"cola": (40, 40, 190), "lemonade": (60, 200, 220), "water": (200, 140, 60)}
WIDTH, HEIGHT = 420, 240


def shelf(device: str, hour: int, facings: dict[str, int]) -> tuple[bytes, list[tuple[str, int, int, int, int]]]:
    """A drawn shelf as JPEG, and its boxes: label, x0, y0, x1, y1 in pixels."""
    image = np.full((HEIGHT, WIDTH, 3), 235, np.uint8)
    cv2.rectangle(image, (0, 205), (WIDTH, 215), (120, 120, 120), -1)
    cv2.putText(image, f"{device} {hour}", (8, 233), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (90, 90, 90), 1)
    boxes, left = [], 8
    for sku, planned in PLAN.items():
        for place in range(planned):
            if place < facings[sku]:
                cv2.rectangle(image, (left, 40), (left + 48, 204), COLOURS[sku], -1)
                cv2.putText(image, sku[:5], (left + 3, 120), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1)
                boxes.append((sku, left, 40, left + 49, 205))
            left += 57
    if blurred(device, hour):
        image = cv2.GaussianBlur(image, (31, 31), 9).astype(np.uint8)
    return cv2.imencode(".jpg", image)[1].tobytes(), boxes


def blurred(device: str, hour: int) -> bool:
    return device == "cooler-2" and hour >= HOURS - 6


def facings_at(device: str, hour: int) -> dict[str, int]:
    cola = 0 if device == "cooler-1" and hour >= HOURS - 3 else 3 - hour % 3 if device == "cooler-1" else 3
    return {"cola": cola, "lemonade": 1 if device == "cooler-3" else 2, "water": 2}


def rows() -> dict[str, list[dict[str, Any]]]:
    """Rows of each table, by its name."""
    tables: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    for device, store in DEVICES.items():
        for sku, planned in PLAN.items():
            plan = {"planogram_id": f"p-{device}", "device_id": device, "store_id": store, "shelf": 0, "sku": sku}
            tables["master/planograms"].append({**plan, "facings": planned, "valid_from": END - timedelta(days=9)})
        for hour in range(HOURS):
            capture(tables, device, store, hour)
    refused(tables)
    ledger(tables)
    return tables


def capture(tables: dict[str, list[dict[str, Any]]], device: str, store: str, hour: int) -> None:
    at = END - timedelta(hours=HOURS - 1 - hour, minutes=5)
    delay_s = 7200.0 if store == "south" else 4.0
    facings = facings_at(device, hour)
    data, boxes = shelf(device, hour, facings)
    sha256, capture_id = hashlib.sha256(data).hexdigest(), f"c-{device}-{hour:02d}"
    good = 0.04 if blurred(device, hour) else 0.93
    size = {"size_bytes": len(data), "format": "jpeg", "width": WIDTH, "height": HEIGHT, "orientation": 1}
    tables["master/images"].append({"sha256": sha256, "bytes": data, **size})
    who = {"device_id": device, "store_id": store, "captured_at": at, "capture_id": capture_id}
    origin = {
        "trigger": "door",
        "image_uri": f"file:/photos/{capture_id}.jpg",
        "source": "events.jsonl",
        "schema": "capture/v1",
    }
    tables["master/captures"].append(
        {**who, **origin, "sha256": sha256, "received_at": at + timedelta(seconds=delay_s)}
    )
    chances = {f"p_{name}": 0.0 for name in CLASSES} | {"p_good": good, "p_blur": 1 - good}
    measured = {name: float(hour + place) for place, name in enumerate(MEASUREMENTS)}
    tables["views/quality"].append({"sha256": sha256, **measured, **chances, "model_id": "test-1"})
    for index, (label, x0, y0, x1, y1) in enumerate(boxes):
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert pixels is not None
        jpeg = cv2.imencode(".jpg", pixels[y0:y1, x0:x1])[1].tobytes()
        place = {"x0": x0, "y0": y0, "x1": x1, "y1": y1, "jpeg": jpeg, "annotation_id": f"a-{capture_id}"}
        tables["views/crops"].append(
            {"crop_id": f"{capture_id}-{index}", "sha256": sha256, "box_index": index, "label": label, **place}
        )
    for sku, planned in PLAN.items():
        seen = {"sku": sku, "facings": facings[sku], "expected": planned, "trusted": good >= 0.5, "p_good": good}
        tables["views/inventory"].append({**who, **seen})
    late = 1 if delay_s > 900 else 0
    flow = {"captures": 1, "images": 1, "bytes": len(data), "rejected": 0, "late": late, "unreadable": 0}
    spans = {f"capture_to_receipt_{p}_s": delay_s for p in ("p50", "p99")} | {
        f"receipt_to_view_{p}_s": 30.0 for p in ("p50", "p99")
    }
    hour_at = at.replace(minute=0)
    tables["views/throughput"].append({"store_id": store, "device_id": device, "hour": hour_at, **flow, **spans})


def refused(tables: dict[str, list[dict[str, Any]]]) -> None:
    cases = [("truncated", b"\xff\xd8\xff\xe0 cut", "cooler-3", "south"), ("not-json", b'{"half": ', None, None)]
    for number, (reason, payload, device, store) in enumerate(
        [*cases, ("invalid-field", HOSTILE.encode(), HOSTILE, "north")]
    ):
        at = END - timedelta(hours=number + 1)
        what = {
            "reason": reason,
            "detail": f"case {number}: {HOSTILE}",
            "payload": payload,
            "attempts": 1,
            "origin": f"events.jsonl:{number}",
        }
        tables["master/rejected"].append(
            {
                "reject_id": f"r-{number}",
                "rejected_at": at,
                "occurred_at": at,
                "device_id": device,
                "store_id": store,
                **what,
            }
        )


def ledger(tables: dict[str, list[dict[str, Any]]]) -> None:
    for number, step in enumerate(["ingest", "crops", "quality", "inventory", "throughput"]):
        at = END + timedelta(seconds=10 * number)
        counts = {
            "rows_in": 100,
            "rows_ok": 97,
            "rows_skipped": 0,
            "rows_rejected": 3,
            "bytes_in": 1_500_000,
            "bytes_out": 900,
        }
        what = {
            "engine": "embedded",
            "mode": "full",
            "status": "ok",
            "code": "abc123",
            "version": 1,
            "seconds": 1.5 + number,
        }
        moments = {
            "started_at": at,
            "finished_at": at + timedelta(seconds=1.5 + number),
            "parameters": '{"trust_threshold": 0.5}',
        }
        tables["runs"].append(
            {"run_id": "run-1", "step": step, "sources": '{"master/captures": 1}', **what, **moments, **counts}
        )


def build(path: Path) -> Lake:
    """A lake at `path` with the story in it."""
    lake = Lake.open(path, create=True)
    for name, found in rows().items():
        schema = TABLES[name].schema
        if not found:
            continue
        if "ingest_date" in schema.names:
            found = [{**row, "ingest_date": END.date()} for row in found]
        table = conform(pa.Table.from_pylist(found, schema), schema)
        if name.startswith("views/"):
            lake.replace(name, table.to_batches(), scopes=None)
        else:
            lake.append_new(name, table)
    return lake


SOURCE = "kafka:one/topic"


def live(lake: Lake) -> datetime:
    """Adds 7 events that only the speed layer saw, and returns when: of a lake's newest hour.

    5 tell of captures, c-live-0 to c-live-4 (0 and 2 are late; 0 to 3 scored, 3 as unusable), 2 could not be parsed.
    """
    newest = END - timedelta(minutes=5)
    minute = newest.replace(second=0, microsecond=0)
    events: list[dict[str, Any]] = [
        {"offset": n, "capture_id": f"c-live-{n}", "rejected": False, "late": n in (0, 2), "size_bytes": 900}
        for n in range(5)
    ]
    events += [{"offset": n, "capture_id": None, "rejected": True, "late": False, "size_bytes": 9} for n in (5, 6)]
    where = {"store_id": "south", "device_id": "cooler-4", "source": SOURCE, "kafka_partition": 0}
    counted = {"minute": minute, "events": 7, "captures": 5, "rejected": 2, "late": 2, "bytes": 4518, "seen": events}
    scored = [
        {"capture_id": f"c-live-{n}", "captured_at": newest, "scored_at": newest + timedelta(minutes=1),
         "kafka_offset": n, "p_good": 0.1 if n == 3 else 0.9, "sampling_probability": 0.8, "latency_s": 0.5}
        for n in range(4)
    ]  # fmt: skip
    for table, rows in (
        (REALTIME_THROUGHPUT, [{**where, **counted, "kafka_offset": 0}]),
        (REALTIME_QUALITY, [{**where, **row} for row in scored]),
    ):
        found = conform(pa.Table.from_pylist(rows, table.schema), table.schema)
        OffsetTable(lake.storage, table).append(found, [Span(f"{SOURCE}/0", None, 7)])
    return newest


if __name__ == "__main__":
    build(Path(sys.argv[1]))
