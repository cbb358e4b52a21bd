"""Law 1 across flushes and retries: what was counted is in the tables, and a failure does not stand in the way."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from batch.ingest import IngestReport, IngestSettings, ingest
from lake import Lake
from tests.corpus import encode, scene


def now() -> datetime:
    return datetime(2026, 11, 21, tzinfo=UTC)


def take(lake: Lake, source: Path, run_id: str, settings: IngestSettings | None = None) -> IngestReport:
    report = ingest(lake, [str(source)], settings=settings or IngestSettings(), clock=now, run_id=run_id)
    assert report.rows_in == report.ok + report.skipped + report.rejected
    return report


@pytest.mark.parametrize("flush_bytes", [1, 2_500, 64 << 20])
def test_every_photo_and_every_capture_is_stored_however_often_it_flushes(tmp_path, flush_bytes):
    folder = tmp_path / "device-1"
    folder.mkdir()
    for side in range(30, 38):
        (folder / f"{side}.jpg").write_bytes(encode(scene(side, side)))
    lake = Lake.open(tmp_path / "lake", create=True)
    report = take(lake, folder, "r1", IngestSettings(flush_bytes=flush_bytes))
    images = set(lake.read("master/images", columns=["sha256"])["sha256"].to_pylist())
    captures = lake.read("master/captures", columns=["sha256"])["sha256"].to_pylist()
    assert (report.ok, len(images), sorted(captures)) == (8, 8, sorted(images))
    assert take(lake, folder, "r2").skipped == 8


def test_every_refused_row_is_in_the_ledger_however_often_it_flushes(tmp_path):
    table = tmp_path / "boxes.csv"
    table.write_text("image,xmin,xmax,ymin,ymax\n" + "a.jpg,0.5,0.1,0,1\n" * 200)
    lake = Lake.open(tmp_path / "lake", create=True)
    report = take(lake, table, "r1", IngestSettings(flush_bytes=20_000))
    assert report.rejected == report.rows_in == lake.count("master/rejected") == 200
    assert take(lake, table, "r2").rejected == 200
    assert lake.count("master/rejected") == 200


def test_a_capture_told_again_counts_when_its_first_telling_failed(tmp_path):
    (tmp_path / "whole.jpg").write_bytes(encode(scene()))
    told = {"schema": "capture/v1", "capture_id": "c-1", "device_id": "d", "store_id": "s"}
    lines = [{**told, "captured_at": "2026-11-20T00:00:00Z", "image_uri": uri} for uri in ("gone.jpg", "whole.jpg")]
    (tmp_path / "events.jsonl").write_text("\n".join(map(json.dumps, lines)))
    lake = Lake.open(tmp_path / "lake", create=True)
    report = take(lake, tmp_path / "events.jsonl", "r1")
    assert (report.ok, report.rejected, report.captures_added) == (1, 1, 1)
