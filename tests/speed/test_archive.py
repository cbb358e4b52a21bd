"""archive, batch by batch: what becomes of each kind of event, and that a batch done twice is done once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from intake.content import Loader
from intake.places import Places
from lake import Lake
from lake.offsets import Fenced
from schemas.reasons import Reason
from speed import archive
from speed.archive import Archive
from tests.batch.build import photo
from tests.speed import stream
from tests.speed.stream import Clock, Letters, Log, capture, take


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.open(tmp_path / "lake", create=True)


@pytest.fixture
def loader() -> Iterator[Loader]:
    with stream.make_loader() as made:
        yield made


@pytest.fixture
def letters() -> Letters:
    return Letters()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "one.jpg").write_bytes(photo(1))
    return folder


@pytest.fixture
def sink(lake: Lake, loader: Loader, letters: Letters, photos: Path) -> Archive:
    return Archive(lake, loader, Places((photos,)), letters, Clock(), max_inline_bytes=5_000, flush_bytes=1 << 20)


def _by_uri(name: str, uri: str, **more: Any) -> bytes:
    return capture(name, image_bytes=None, image_uri=uri, **more)


def _send(*events: bytes) -> Log:
    log = Log(1)
    for event in events:
        log.send(0, event)
    return log


def _reasons(lake: Lake) -> dict[str, str]:
    rows = lake.read("master/rejected", columns=["origin", "reason"]).to_pylist()
    return {row["origin"]: row["reason"] for row in rows}


def test_each_kind_of_event_lands_in_its_table(lake, sink, photos):
    door = {"schema": "door_event/v1", "door_event_id": "x1", "kind": "open", "device_id": "d1", "store_id": "s1"}
    shelf = {"shelf": 0, "slots": [{"sku": "cola", "facings": 3}]}
    plan = {"schema": "planogram/v1", "planogram_id": "p1", "device_id": "d1", "store_id": "s1", "shelves": [shelf]}
    boxes = [{"label": "cola", "xmin": 0.1, "xmax": 0.5, "ymin": 0.1, "ymax": 0.5, "confidence": 0.9}]
    log = _send(
        capture("c1", 1, boxes=boxes),
        _by_uri("c2", str(photos / "one.jpg")),
        _by_uri("c3", (photos / "one.jpg").as_uri()),
        json.dumps({**door, "at": "2026-03-01T08:00:00Z"}).encode(),
        json.dumps({**plan, "valid_from": "2026-03-01T00:00:00Z"}).encode(),
    )
    taken = take(sink, log.batch(lake, archive.TABLE, 10))
    assert (taken.events, taken.ok, taken.rejected) == (5, 5, 0)
    tables = ("images", "captures", "annotations", "door_events", "planograms", "rejected")
    assert [lake.count(f"master/{name}") for name in tables] == [1, 3, 1, 1, 1, 0]
    rows = {row["capture_id"]: row for row in lake.read("master/captures").to_pylist()}
    assert {row["sha256"] for row in rows.values()} == {hashlib.sha256(photo(1)).hexdigest()}
    assert [rows[name]["kafka_offset"] for name in ("c1", "c2", "c3")] == [0, 1, 2]
    assert rows["c1"]["source"] == "kafka:cluster-id/topic-id"
    assert rows["c1"]["kafka_topic"] == "captures"


def test_what_can_not_be_taken_is_refused_by_name_and_goes_on(lake, sink, letters, tmp_path):
    (tmp_path / "secret.jpg").write_bytes(photo(2))
    refused = {
        b"\xff\xfe not json": Reason.NOT_JSON,
        b"": Reason.NOT_JSON,
        b'{"schema": "capture/v9"}': Reason.UNKNOWN_SCHEMA,
        _by_uri("r1", str(tmp_path / "secret.jpg")): Reason.FETCH_REFUSED,
        _by_uri("r2", "../secret.jpg"): Reason.FETCH_REFUSED,
        _by_uri("r3", "nowhere.jpg"): Reason.MISSING_FILE,
        _by_uri("r4", "http://169.254.169.254/latest.jpg"): Reason.FETCH_REFUSED,
        capture("r5", image_bytes=stream.inline(photo(1, 512))): Reason.TOO_MANY_BYTES,
        capture("r6", image_bytes="no base64!"): Reason.INVALID_FIELD,
        capture("r7", image_bytes=stream.inline(b"<html>")): Reason.UNSUPPORTED_FORMAT,
        capture("r8", sha256="0" * 64): Reason.HASH_MISMATCH,
    }
    log = _send(*refused, capture("good", 1))
    taken = take(sink, log.batch(lake, archive.TABLE, 20))
    assert (taken.ok, taken.rejected) == (1, len(refused))
    assert [(one.payload, one.reason) for one in sorted(letters.kept, key=lambda one: int(one.origin[17:-9]))] == list(
        refused.items()
    )
    assert _reasons(lake) == {one.origin: one.reason.value for one in letters.kept}
    assert letters.kept[0].origin.startswith("kafka:captures/0/")
    assert lake.read("master/captures", columns=["capture_id"]).column(0).to_pylist() == ["good"]


def test_a_bad_box_is_refused_on_its_own(lake, sink, letters):
    good = {"label": "cola", "xmin": 0.1, "xmax": 0.5, "ymin": 0.1, "ymax": 0.5}
    take(sink, _send(capture("c1", boxes=[good, {**good, "xmax": 0.05}])).batch(lake, archive.TABLE, 5))
    assert [one.reason for one in letters.kept] == [Reason.BOX_INVERTED]
    assert [len(row["boxes"]) for row in lake.read("master/annotations", columns=["boxes"]).to_pylist()] == [1]


def test_a_batch_that_was_committed_is_fenced_and_one_that_was_sent_again_adds_nothing(lake, sink, letters):
    log = _send(capture("c1", 1), capture("c2", 2), b"bad")
    batch = log.batch(lake, archive.TABLE, 5)
    take(sink, batch)
    with pytest.raises(Fenced):
        take(sink, batch)
    for event in list(log.events[0]):
        log.send(0, event)
    taken = take(sink, log.batch(lake, archive.TABLE, 5))
    assert (taken.ok, taken.skipped, taken.rejected) == (0, 2, 1)
    assert lake.count("master/captures") == 2
    assert lake.count("master/rejected") == 2  # another event, refused as well


def test_a_refusal_stands_though_the_crash_came_before_its_offset(lake, sink, loader, letters, photos):
    """Else the same event would be refused and taken: in = ok + rejected would no longer hold."""
    log = _send(_by_uri("late", "late.jpg"), capture("c1", 1))
    batch = log.batch(lake, archive.TABLE, 5)
    append = sink._offsets.append

    def dies(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    setattr(sink._offsets, "append", dies)  # noqa: B010  # the process ends before its last commit
    with pytest.raises(KeyboardInterrupt):
        take(sink, batch)
    setattr(sink._offsets, "append", append)  # noqa: B010
    assert lake.count("master/captures") == 0
    (photos / "late.jpg").write_bytes(photo(5))
    again = Archive(lake, loader, Places((photos,)), letters, Clock(), max_inline_bytes=5_000, flush_bytes=1 << 20)
    taken = take(again, batch)
    assert (taken.ok, taken.skipped, taken.rejected) == (1, 1, 0)
    assert list(_reasons(lake).values()) == ["missing-file"]
    assert lake.read("master/captures", columns=["capture_id"]).column(0).to_pylist() == ["c1"]


def test_an_envelope_of_a_gateway_tells_when_the_event_was_received(lake, sink):
    event = json.loads(capture("c1", 1))
    take(
        sink,
        _send(json.dumps({"received_at": "2026-03-01T08:00:09Z", "event": event}).encode()).batch(
            lake, archive.TABLE, 5
        ),
    )
    (row,) = lake.read("master/captures", columns=["received_at"]).to_pylist()
    assert row["received_at"].isoformat() == "2026-03-01T08:00:09+00:00"
