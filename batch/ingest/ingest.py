"""Ingest: sources into master, each thing once; what fails is kept with its reason, the rest goes on."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from batch.ingest.sources import read_sources
from batch.runs import append_run
from intake.batches import ORDER, Batches
from intake.content import Loader
from intake.records import Passed, Photo, Record, Told
from intake.settings import IngestReport, IngestSettings
from intake.take import Taker
from intake.tally import Tally
from lake import Lake
from schemas.events import Rejected

Progress = Callable[[str, int, int], None]
STEP = "ingest"
_CHUNK_RECORDS = 4096
_CHUNK_BOXES = 100_000
_CHUNK_BYTES = 32 << 20  # of photos that come with their records


def ingest(
    lake: Lake,
    sources: Sequence[str],
    *,
    annotations: str | None = None,
    format: str | None = None,
    store_id: str | None = None,
    device_id: str | None = None,
    settings: IngestSettings = IngestSettings(),  # noqa: B008  # frozen
    clock: Callable[[], datetime],
    progress: Progress | None = None,
    run_id: str,
) -> IngestReport:
    """Takes files, folders, URLs and tables into master; the same source again adds nothing. A row in `runs` says so.

    A photo is named in `captures.image_uri` by its absolute path or its URL, and with `source_version` that is what
    spares reading it again. Raises IngestError before anything is read where a source or the format is not there.
    """
    return take_records(
        lake,
        read_sources(sources, annotations, format),
        step=STEP,
        parameters={
            "sources": list(sources),
            "annotations": annotations,
            "format": format,
            "store_id": store_id,
            "device_id": device_id,
        },
        store_id=store_id,
        device_id=device_id,
        settings=settings,
        clock=clock,
        progress=progress,
        run_id=run_id,
    )


def take_records(
    lake: Lake,
    records: Iterator[Record],
    *,
    step: str,
    parameters: Mapping[str, Any],
    store_id: str | None = None,
    device_id: str | None = None,
    settings: IngestSettings,
    clock: Callable[[], datetime],
    progress: Progress | None = None,
    run_id: str,
    batches: Batches | None = None,
    make_tally: Callable[[Batches], Tally] = Tally,
    recorded: bool = True,
) -> IngestReport:
    """Takes records into master as one step of a run, by the one way that there is; see `ingest`."""
    began, started_at = time.monotonic(), clock()
    batches = batches or Batches(lake, settings.flush_bytes, clock)
    tally = make_tally(batches)
    limits = {"max_bytes": settings.limits.max_bytes, "max_pixels": settings.limits.max_pixels}
    run = {
        "run_id": run_id,
        "step": step,
        "mode": "append",
        "started_at": started_at,
        "parameters": json.dumps({**parameters, **limits}),
    }
    try:
        with Loader(settings) as loader:
            taker = Taker(lake, loader, batches, tally, clock, store_id=store_id, device_id=device_id)
            _take_all(records, taker, tally, step, progress or _silent)
        batches.flush()
        tally.summarise()
    except BaseException as error:
        detail = f"{type(error).__name__}: {error}"[:500]
        ended = {**run, **_figures(tally, batches, began, settings), "status": "failed", "detail": detail}
        with contextlib.suppress(Exception):
            append_run(lake, {**ended, "finished_at": clock()})
        raise
    figures = _figures(tally, batches, began, settings)
    if recorded:
        versions = lake.versions(ORDER)
        ended = {**run, **figures, "status": "ok", "sources": json.dumps(versions)}
        append_run(lake, {**ended, "finished_at": clock(), "version": versions["master/captures"]})
    added = batches.added
    return IngestReport(
        run_id,
        tally.rows_in,
        tally.ok,
        tally.skipped,
        tally.rejected,
        added["master/images"],
        added["master/captures"],
        added["master/annotations"],
        added["master/door_events"],
        added["master/planograms"],
        tally.bytes_in,
        figures["seconds"],
        dict(sorted(tally.reasons.items())),
    )


def _take_all(records: Iterator[Record], taker: Taker, tally: Tally, step: str, progress: Progress) -> None:
    done = 0
    for photos, told in _chunks(records, tally):
        total = done + len({photo.location for photo in photos}) + len(told)
        done += len(told)
        progress(step, done, total)
        for _ in taker.take(photos, told):
            done += 1
            progress(step, done, total)
        done = total
        progress(step, done, total)


def _chunks(records: Iterator[Record], tally: Tally) -> Iterator[tuple[list[Photo], list[Told]]]:
    """Yields the records in chunks of bounded memory; refusals and files passed over are counted on the way."""
    photos: list[Photo] = []
    told: list[Told] = []
    boxes = held = 0
    for record in records:
        if isinstance(record, Rejected):
            tally.reject(record)
        elif isinstance(record, Passed):
            tally.settle(1, new=False)
        elif isinstance(record, Told):
            told.append(record)
        else:
            photos.append(record)
            boxes += len(record.annotation.boxes) if record.annotation is not None else 0
            held += len(record.data or b"")
        if len(photos) + len(told) >= _CHUNK_RECORDS or boxes >= _CHUNK_BOXES or held >= _CHUNK_BYTES:
            yield photos, told
            photos, told, boxes, held = [], [], 0, 0
    yield photos, told


def _figures(tally: Tally, batches: Batches, began: float, settings: IngestSettings) -> dict[str, Any]:
    seconds = round(time.monotonic() - began, 3)
    rate = settings.cost_per_core_hour
    return {
        "seconds": seconds,
        "rows_in": tally.rows_in,
        "rows_ok": tally.ok,
        "rows_skipped": tally.skipped,
        "rows_rejected": tally.rejected,
        "bytes_in": tally.bytes_in,
        "bytes_out": batches.bytes_out,
        "cost": None if rate is None else seconds / 3600 * rate,
    }


def _silent(step: str, done: int, total: int) -> None:
    return None
