"""Settings turned into the arguments of upkeep: replays, and erasure with its rebuild."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from batch.ingest.ingest import Progress
from batch.replay import ReplayReport, replay
from batch.runs import append_run
from facings.jobs import ingest_settings, run_rebuild, told
from facings.settings import Settings
from lake import Lake
from lake.erase import Erasure, erase_rows, purge
from schemas.tables import REALTIME


@dataclass(frozen=True)
class Erased:
    """What an erasure did, or with `dry_run` would do. `rows` by table; `breaks` say what is no longer so."""

    erasure_id: str
    store_id: str
    why: str
    dry_run: bool
    rows: Mapping[str, int]
    shared_photos: int
    files_deleted: int
    bytes_deleted: int
    breaks: tuple[str, ...]


def run_erase(
    lake: Lake,
    settings: Settings,
    clock: Callable[[], datetime],
    run_id: str,
    progress: Progress,
    *,
    store: str,
    why: str,
    dry_run: bool = False,
) -> Erased:
    """Erases a store: its rows, then what views made of them, then every file that held either."""
    began, started_at = time.monotonic(), clock()
    erasure, keys = erase_rows(lake, store, why, run_id, started_at, dry_run=dry_run)
    files = size = 0
    if not dry_run:
        with lake.storage.lock("views/unreadable"):
            lake.replace("views/unreadable", [], scopes=keys["master/images"].select(["sha256"]))
        run_rebuild(lake, [], settings, clock, run_id, progress)
        gone = purge(lake)
        files, size = sum(len(table.files) for table in gone), sum(table.size_bytes for table in gone)
        total = sum(erasure.rows.values())
        append_run(
            lake,
            {
                "run_id": run_id,
                "step": "erase",
                "mode": "erase",
                "status": "ok",
                "started_at": started_at,
                "finished_at": clock(),
                "seconds": round(time.monotonic() - began, 3),
                "rows_in": total,
                "rows_ok": total,
                "rows_skipped": 0,
                "rows_rejected": 0,
                "parameters": json.dumps({"store_id": store, "why": why, "rows": dict(erasure.rows)}),
                "detail": why,
            },
        )
    return Erased(run_id, store, why, dry_run, erasure.rows, erasure.shared, files, size, tuple(_breaks(lake, erasure)))


def _breaks(lake: Lake, erasure: Erasure) -> Iterator[str]:
    yield "Older versions of every table can't be read any more, and what was made from them can't be made again."
    yield "Copies of the lake, exports, and sources (folders, topics) still hold the photos: see to them."
    nameless = lake.sql("SELECT count(*) AS n FROM rejected WHERE store_id IS NULL AND device_id IS NULL")
    if (count := nameless.column("n")[0].as_py()) > 0:
        yield f"{count:,} refusals name neither store nor device and stay: look through `facings rejected list`."
    if erasure.shared:
        yield f"{erasure.shared:,} photos are other stores' as well, by content; they stay."
    if lake.storage.local is None and any(lake.count(table.name) for table in REALTIME):
        yield "On an object store nothing locks writers out: stop the services before erasing."


def run_replay(
    lake: Lake,
    settings: Settings,
    clock: Callable[[], datetime],
    run_id: str,
    progress: Progress,
    *,
    ids: Sequence[str] = (),
    reason: str | None = None,
    corrected: Path | None = None,
    dry_run: bool = False,
    store: str | None = None,
    device: str | None = None,
) -> ReplayReport:
    """Replay with the settings of this process."""
    with told(lake, settings, run_id):
        return replay(
            lake,
            ids=ids,
            reason=reason,
            corrected=corrected,
            dry_run=dry_run,
            store_id=store,
            device_id=device,
            settings=ingest_settings(settings),
            clock=clock,
            run_id=run_id,
            progress=progress,
        )
