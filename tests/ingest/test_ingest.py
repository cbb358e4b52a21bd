"""Ingest: every row accounted for, each thing once, and the rest goes on when one fails."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from batch.ingest import IngestSettings, ingest
from lake import Lake
from tests.corpus import encode, scene, strange_files
from tests.ingest.web import send, serving

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BOX = {"xmin": 0.1, "xmax": 0.4, "ymin": 0.2, "ymax": 0.5}


@pytest.fixture
def lake(tmp_path):
    return Lake.open(tmp_path / "lake", create=True)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "cooler-7"
    folder.mkdir()
    for index in range(3):
        (folder / f"{index}.jpg").write_bytes(encode(scene(64 + index, 48)))
    return folder


def take(lake: Lake, *sources: Path | str, **more):
    run_id = f"run-{lake.count('runs')}"
    report = ingest(lake, [str(s) for s in sources], clock=lambda: NOW, run_id=run_id, **more)
    assert report.rows_in == report.ok + report.skipped + report.rejected
    assert sum(report.reasons.values()) == report.rejected
    (row,) = [run for run in lake.read("runs").to_pylist() if run["run_id"] == run_id]
    assert (row["rows_in"], row["rows_ok"]) == (report.rows_in, report.ok)
    assert (row["rows_skipped"], row["rows_rejected"]) == (report.skipped, report.rejected)
    return report


def rejected(lake: Lake):
    columns = ["origin", "reason", "payload", "detail"]
    return sorted(lake.read("master/rejected", columns=columns).to_pylist(), key=lambda row: row["origin"])


def test_a_folder_twice_adds_nothing(lake, photos):
    first = take(lake, photos)
    assert (first.rows_in, first.ok, first.images_added, first.captures_added) == (3, 3, 3, 3)
    again = take(lake, photos)
    assert (again.rows_in, again.skipped, again.images_added, again.captures_added, again.bytes_in) == (3, 3, 0, 0, 0)
    rows = lake.read("master/captures").to_pylist()
    assert {row["device_id"] for row in rows} == {"cooler-7"}
    assert {row["store_id"] for row in rows} == {"unassigned"}
    data = (photos / "1.jpg").read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    assert lake.blob("master/images", "bytes", {"sha256": sha256}) == data


@pytest.mark.parametrize("flush_bytes", [1, 1500, 5000])
def test_small_commits_lose_nothing(lake, photos, flush_bytes):
    rows = [f"{index % 3}.jpg,{index},a,0.1,0.2,0.1,0.2" for index in range(9)]
    bad = [f"{index % 3}.jpg,{index},a,0.3,0.2,0.1,0.2" for index in range(9)]
    report = take(lake, csv_of(photos, *rows, *bad), settings=IngestSettings(flush_bytes=flush_bytes))
    assert (report.ok, report.rejected) == (9, 9)
    counts = [lake.count(f"master/{name}") for name in ("images", "captures", "annotations", "rejected")]
    assert counts == [3, 3, 3, 9]
    captured = lake.read("master/captures", columns=["sha256"]).column(0).to_pylist()
    assert set(captured) == set(lake.read("master/images", columns=["sha256"]).column(0).to_pylist())


def test_a_file_that_changed_is_a_new_capture(lake, photos):
    take(lake, photos)
    (photos / "0.jpg").write_bytes(encode(scene(99, 48)))
    os.utime(photos / "1.jpg", (1, 1))
    report = take(lake, photos)
    assert (report.ok, report.skipped, report.images_added) == (1, 2, 1)


def test_every_strange_file_is_accounted_for(lake, tmp_path):
    folder = tmp_path / "strange"
    folder.mkdir()
    expected = strange_files(folder)
    (folder / "loop").symlink_to(folder)
    (folder / "gone.jpg").symlink_to(folder / "nowhere.jpg")
    os.mkfifo(folder / "pipe.jpg")
    (folder / os.fsdecode(b"odd-\xff.jpg")).write_bytes(encode(scene(70, 50)))
    (folder / "Thumbs.db").write_bytes(b"x")
    (folder / ".hidden").write_bytes(b"x")
    report = take(lake, folder)
    assert report.rows_in == len(expected) + 4
    assert report.skipped >= 1
    reasons = {Path(row["origin"]).name: row["reason"] for row in rejected(lake)}
    assert reasons["gone.jpg"] == "missing-file"
    assert reasons["pipe.jpg"] == "unreadable-file"
    assert take(lake, folder).images_added == 0
    assert len(rejected(lake)) == report.rejected


def csv_of(folder: Path, *rows: str, header: str = "image,box,label,xmin,xmax,ymin,ymax", end: str = "\n") -> Path:
    path = folder / "annotations.csv"
    path.write_bytes(end.join([header, *rows, ""]).encode())
    return path


def test_a_csv_of_boxes_with_bad_rows(lake, photos):
    good = [f"{index}.jpg,{box},a,0.{box + 1},0.{box + 2},0.1,0.5" for box in range(2) for index in range(3)]
    bad = {
        "0.jpg,7,a,nan,0.5,0.1,0.5": "box-not-finite",
        "0.jpg,7,a,,0.5,0.1,0.5": "box-not-finite",
        "1.jpg,7,a,0.6,0.5,0.1,0.5": "box-inverted",
        "1.jpg,7,a,0.1,1.5,0.1,0.5": "box-out-of-range",
        "1.jpg,7,a,x,0.5,0.1,0.5": "invalid-field",
        "gone.jpg,0,a,0.1,0.5,0.1,0.5": "missing-file",
        ",0,a,0.1,0.5,0.1,0.5": "missing-field",
    }
    path = csv_of(photos, *good, *bad, end="\r\n")
    report = take(lake, path)
    assert (report.rows_in, report.ok, report.rejected) == (13, 6, 7)
    assert {row["payload"].decode(): row["reason"] for row in rejected(lake)} == bad
    assert {row["origin"] for row in rejected(lake)} == {f"{path}:{line}" for line in range(8, 15)}
    boxes = lake.read("master/annotations", columns=["boxes"]).column(0).to_pylist()
    assert [[box["xmin"] for box in each] for each in boxes] == [[0.1, 0.2]] * 3
    again = take(lake, path)
    assert (again.ok, again.skipped, again.annotations_added, again.bytes_in) == (0, 6, 0, 0)
    assert len(rejected(lake)) == 7


def test_a_csv_as_a_spreadsheet_writes_it(lake, photos):
    header = "\ufeffImgUrl;Label;xmin;xmax;ymin;ymax;captured_at;store_id"
    report = take(
        lake, csv_of(photos, '0.jpg;"a;b";0,1;0,2;0,1;0,2;2026-01-02T03:04:05;s-9', header=header, end="\r\n")
    )
    assert report.ok == 1
    (row,) = lake.read("master/captures").to_pylist()
    assert (row["captured_at"], row["store_id"]) == (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "s-9")
    assert lake.read("master/annotations").to_pylist()[0]["boxes"][0]["label"] == "a;b"


def test_too_many_boxes_of_one_photo(lake, photos):
    report = take(lake, csv_of(photos, *["0.jpg,,a,0.1,0.2,0.1,0.2"] * 10_005))
    assert (report.rows_in, report.ok) == (10_005, 10_000)
    assert report.reasons == {"too-many-boxes": 5}


def test_a_new_annotation_of_a_known_photo_is_a_new_row(lake, photos):
    take(lake, csv_of(photos, "0.jpg,0,a,0.1,0.2,0.1,0.2"))
    report = take(lake, csv_of(photos, "0.jpg,0,b,0.1,0.2,0.1,0.2"))
    assert (report.ok, report.annotations_added, report.captures_added, report.bytes_in) == (1, 1, 0, 0)


def test_coco_voc_and_yolo_say_the_same(lake, photos, tmp_path):
    """64 x 48 pixels; the box covers pixels 16 to 32 across and 12 to 24 down: 0.25 to 0.5 both ways."""
    coco = {
        "images": [{"id": 1, "file_name": "0.jpg", "width": 64, "height": 48}],
        "categories": [{"id": 5, "name": "cola"}],
        "annotations": [{"id": 9, "image_id": 1, "category_id": 5, "bbox": [16, 12, 16, 12]}],
    }
    size = "<size><width>64</width><height>48</height></size>"
    edges = "<xmin>17</xmin><ymin>13</ymin><xmax>32</xmax><ymax>24</ymax>"
    box = f"<object><name>cola</name><bndbox>{edges}</bndbox></object>"
    labels = tmp_path / "labels"
    labels.mkdir()
    (labels / "0.txt").write_text("0 0.375 0.375 0.25 0.25\n")
    (labels / "classes.txt").write_text("cola\n")
    (tmp_path / "c.json").write_text(json.dumps(coco))
    (tmp_path / "0.xml").write_text(f"<annotation><filename>0.jpg</filename>{size}{box}</annotation>")
    for form, path in (("coco", "c.json"), ("voc", "0.xml"), ("yolo", "labels")):
        fresh = Lake.open(tmp_path / form, create=True)
        report = take(fresh, photos, annotations=str(tmp_path / path), format=form)
        assert (report.rows_in, report.rejected, report.annotations_added) == (4, 0, 1), form
        (found,) = fresh.read("master/annotations").to_pylist()
        (value,) = found["boxes"]
        assert (value["label"], value["xmin"], value["xmax"]) == ("cola", 0.25, 0.5), form
        assert (value["ymin"], value["ymax"]) == (0.25, 0.5), form
        assert fresh.count("master/captures") == 3, form


def test_an_xml_bomb_is_refused(lake, photos, tmp_path):
    bomb = '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><annotation><filename>&c;</filename></annotation>'
    (tmp_path / "0.xml").write_text(bomb)
    assert take(lake, tmp_path / "0.xml").reasons == {"invalid-field": 1}


def event(name: str, uri: str, **more) -> dict:
    shared = {"schema": "capture/v1", "device_id": "d", "store_id": "s", "captured_at": "2026-01-01T00:00:00Z"}
    return {**shared, "capture_id": name, "image_uri": uri, **more}


def test_lines_of_events(lake, photos):
    sha256 = hashlib.sha256((photos / "0.jpg").read_bytes()).hexdigest()
    lines = [
        event("c-1", "0.jpg", sha256=sha256, boxes=[BOX]),
        event("c-1", "0.jpg", sha256=sha256, boxes=[BOX]),
        {"received_at": "2026-01-01T00:05:00Z", "event": event("c-2", "1.jpg", boxes=[BOX, {**BOX, "xmax": 0.0}])},
        event("c-3", "2.jpg", sha256=sha256),
        event("c-4", "../secret.jpg"),
        {"schema": "door_event/v1", "door_event_id": "e", "kind": "open", "device_id": "d", "store_id": "s",
         "at": "2026-01-01T00:00:00Z"},
        {"schema": "annotation/v1", "sha256": "ab" * 32, "boxes": [BOX], "annotator": "ann"},
        {"schema": "capture/v9"},
    ]  # fmt: skip
    path = photos / "events.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines) + "\nnot json\n")
    report = take(lake, path)
    assert (report.rows_in, report.ok, report.skipped, report.rejected) == (10, 4, 1, 5)
    assert report.reasons == {
        "box-inverted": 1, "hash-mismatch": 1, "fetch-refused": 1, "unknown-schema": 1, "not-json": 1,
    }  # fmt: skip
    rows = {row["capture_id"]: row for row in lake.read("master/captures").to_pylist()}
    assert set(rows) == {"c-1", "c-2"}
    assert rows["c-2"]["received_at"] == datetime(2026, 1, 1, 0, 5, tzinfo=UTC)
    annotators = sorted(row["annotator"] for row in lake.read("master/annotations").to_pylist())
    assert annotators == ["ann", "device:d", "device:d"]
    again = take(lake, path)
    assert (again.ok, again.skipped, again.rejected) == (0, 5, 5)
    assert len(rejected(lake)) == 5


def test_urls_are_fetched_once_and_then_asked_whether_they_changed(lake, photos, tmp_path):
    data = (photos / "0.jpg").read_bytes()

    def answer(handler, count):
        known = handler.headers.get("if-none-match") == '"v1"'
        (send(b"", 304, etag='"v1"') if known else send(data, etag='"v1"'))(handler, count)

    with serving() as web:
        web.answers |= {"/cam/0.jpg": answer, "/cam/1.jpg": send(b"<html>", 200), "/cam/2.jpg": send(b"", 404)}
        settings = IngestSettings(allow_hosts=("127.0.0.1",), retries=0)
        rows = [f"{web.url('/cam/0.jpg')},{box},a,0.1,0.2,0.1,0.2" for box in range(96)]
        path = csv_of(tmp_path, *rows, *(f"{web.url(f'/cam/{index}.jpg')},0,a,0.1,0.2,0.1,0.2" for index in (1, 2)))
        report = take(lake, path, settings=settings)
        assert (report.ok, report.reasons) == (96, {"unsupported-format": 1, "fetch-status": 1})
        assert web.hits.count("/cam/0.jpg") == 1
        again = take(lake, path, settings=settings)
        assert (again.ok, again.skipped, again.bytes_in) == (0, 96, 0)
        refused = take(lake, web.url("/cam/0.jpg"))
        assert refused.reasons == {"fetch-refused": 1}
    assert lake.read("master/captures").to_pylist()[0]["device_id"] == "cam"


def _take(root: str, folder: str, name: str) -> None:
    ingest(Lake.open(root), [folder], device_id="d", clock=lambda: NOW, run_id=name)


def _take_often(root: str, folder: str, started, ended) -> None:
    started.set()
    for name in range(20):
        _take(root, folder, f"there-{name}")
        if ended.is_set():
            break


def test_the_same_photo_three_times_from_two_processes_is_one_row(lake, tmp_path):
    folder = tmp_path / "same"
    folder.mkdir()
    for index in range(3):
        (folder / f"{index}.jpg").write_bytes(encode(scene()))
    context = multiprocessing.get_context("spawn")
    started, ended = context.Event(), context.Event()
    worker = context.Process(target=_take_often, args=(str(tmp_path / "lake"), str(folder), started, ended))
    worker.start()
    started.wait(60)
    _take(str(tmp_path / "lake"), str(folder), "here")
    ended.set()
    worker.join()
    assert worker.exitcode == 0
    assert (lake.count("master/images"), lake.count("master/captures")) == (1, 1)


def test_a_crash_between_commits_is_completed_by_the_next_run(lake, photos, monkeypatch):
    path = csv_of(photos, *(f"{index}.jpg,0,a,0.1,0.2,0.1,0.2" for index in range(3)))
    whole = Lake.append_new

    def crash(self, name, rows):
        if name == "master/captures":
            raise KeyboardInterrupt
        return whole(self, name, rows)

    monkeypatch.setattr(Lake, "append_new", crash)
    with pytest.raises(KeyboardInterrupt):
        ingest(lake, [str(path)], clock=lambda: NOW, run_id="crash")
    monkeypatch.undo()
    assert lake.count("master/captures") == 0
    report = take(lake, path)
    assert (report.ok, report.captures_added, report.images_added, report.annotations_added) == (3, 3, 0, 0)
