"""Makes a golden lake: a small one of every kind of row, kept so that each later release is tested to read it.

Run once a format, with the release that it is of: python -m tests.golden.make_lake /tmp/golden/lake-v1, and zip it
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from lake import Lake
from schemas.tables import TABLES
from tests.batch import build
from tests.batch.build import Clock, at, photo, put, put_boxes, put_capture, put_image, run

KEPT = "expected.json"  # beside the tables: rows a table, and the keys of the crops


def make(folder: Path) -> Lake:
    """A lake of four photos, one of them unreadable, with annotations of two times, a visit, a planogram, a reject."""
    lake, clock = Lake.open(folder, create=True), Clock()
    for seed in range(3):
        name = put_image(lake, photo(seed))
        put_capture(lake, f"c{seed}", name, taken=seed * 60, door_event_id="door-1" if seed else None)
        put_boxes(lake, name, "cola", "milk")
    run(lake, clock=clock, run_id="first")
    for kind, when in (("open", 50), ("close", 200)):
        event = {"door_event_id": "door-1", "kind": kind, "device_id": "d1", "store_id": "store-of-d1"}
        put(lake, "door_events", {**event, "happened_at": at(when), "received_at": at(when)})
    plan = {"planogram_id": "p1", "device_id": "d1", "store_id": "store-of-d1", "valid_from": at(0), "shelf": 0}
    put(lake, "planograms", {**plan, "sku": "cola", "facings": 2})
    refusal = {"reject_id": "r-1", "reason": "box-inverted", "origin": "boxes.csv:5", "detail": "box 0"}
    refused = {**refusal, "payload": b"x", "attempts": 1, "device_id": "d1"}
    put(lake, "rejected", {**refused, "rejected_at": at(0), "occurred_at": at(0)})
    broken = put_image(lake, photo(3)[:-300])
    put_capture(lake, "c3", broken, taken=300)
    put_boxes(lake, broken, "cola")
    put_boxes(lake, build.sha(photo(0)), "juice", made=10)
    run(lake, clock=clock, run_id="second")
    crops = lake.read("views/crops", columns=["crop_id"]).column(0).to_pylist()
    kept = {"rows": {name: lake.count(name) for name in TABLES}, "crops": sorted(crops)}
    (folder / KEPT).write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
    return lake


if __name__ == "__main__":
    make(Path(sys.argv[1]))
