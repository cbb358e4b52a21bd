"""Lakes that have aged: what upkeep may take away depends on time, and no test waits for it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from lake import Lake
from schemas.tables import TABLES
from tests.batch.build import DAY, Clock, lake_at, photo, put, put_boxes, put_capture, run, sha


@pytest.fixture(scope="session")
def small_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four appends of a photo each, over two ingest dates, with a rebuild after each: copy it, then change the copy."""
    lake = lake_at(tmp_path_factory.mktemp("small") / "lake")
    for seed in range(4):
        data = photo(seed)
        facts = {"format": "jpeg", "width": 64, "height": 64, "orientation": 1, "size_bytes": len(data)}
        day = DAY + timedelta(days=seed % 2)
        put(lake, "images", {"sha256": sha(data), "bytes": data, "ingest_date": day, **facts})
        put_capture(lake, f"c{seed}", sha(data), taken=seed * 60, ingest_date=day)
        put_boxes(lake, sha(data), "cola", "milk")
        run(lake, clock=Clock(24 + seed))
    return Path(lake.storage.root)


@pytest.fixture
def at_age() -> Callable[[Lake, float], None]:
    """Makes everything in a lake look `hours` older: files by their own time, removals by their time in the log."""

    def age(lake: Lake, hours: float) -> None:
        for name in TABLES:
            folder = Path(lake.storage.table_uri(name))
            for path in folder.rglob("*.parquet"):
                then = path.stat().st_mtime - hours * 3600
                os.utime(path, (then, then))
            for path in (folder / "_delta_log").glob("*.json"):
                path.write_text("".join(_older(line, hours) for line in path.read_text().splitlines()))

    return age


def _older(line: str, hours: float) -> str:
    action = json.loads(line)
    if "remove" in action:
        action["remove"]["deletionTimestamp"] -= int(hours * 3_600_000)
    return json.dumps(action) + "\n"
