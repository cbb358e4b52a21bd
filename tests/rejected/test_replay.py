"""Replays of what was refused: after a fix, with corrected input, again and again; the ledger keeps everything."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from batch.ingest import IngestSettings, ingest
from batch.rejected import list_rejected, show_rejected
from batch.replay import ReplayReport, replay
from imaging.header import Limits
from lake import Lake, LakeError
from tests.batch.build import Clock, at, lake_at, photo, put, put_capture, rows, run, sha

SETTINGS = IngestSettings()


def event(name: str, uri: str, **more: Any) -> str:
    told = {"schema": "capture/v1", "capture_id": name, "device_id": "d1", "store_id": "s1", "image_uri": uri}
    return json.dumps({**told, "captured_at": at(0).isoformat(), **more})


def again(lake: Lake, name: str = "again", **more: Any) -> ReplayReport:
    settings = more.pop("settings", SETTINGS)
    report = replay(lake, settings=settings, clock=Clock(2 + lake.count("runs")), run_id=name, **more)
    _adds_up(lake)
    return report


def _adds_up(lake: Lake) -> None:
    for row in lake.read("runs").to_pylist():
        assert row["rows_in"] == row["rows_ok"] + row["rows_skipped"] + row["rows_rejected"]


def named(origin: str | None) -> str:
    path, hash_sign, box = (origin or "").partition("#")
    return Path(path).name + hash_sign + box


def states(lake: Lake) -> dict[str, str]:
    return {named(row.origin): row.state for row in list_rejected(lake).rows}


@pytest.fixture
def shop(tmp_path: Path) -> Lake:
    """Events and a table with one good line each, and every kind of refusal."""
    (tmp_path / "good.jpg").write_bytes(photo(1))
    (tmp_path / "cut.jpg").write_bytes(photo(2)[:90])
    lines = [
        event("c1", "good.jpg"),
        event("c2", "later.jpg"),
        event("c3", "cut.jpg"),
        "{not json",
        event("c4", "good.jpg", boxes=[{"label": "a", "xmin": 0.9, "xmax": 0.1, "ymin": 0, "ymax": 1}]),
    ]
    (tmp_path / "events.jsonl").write_text("\n".join(lines))
    table = "image,label,xmin,xmax,ymin,ymax\ngood.jpg,cola,0,0.5,0,0.5\ngood.jpg,milk,0.9,0.5,0,0.5\n"
    table += "no.jpg,cola,0,1,0,1\n"
    (tmp_path / "boxes.csv").write_text(table)
    lake = lake_at(tmp_path / "lake")
    for name in ("events.jsonl", "boxes.csv"):
        ingest(lake, [str(tmp_path / name)], clock=Clock(1), run_id=f"in-{name}")
    assert lake.count("master/rejected") == 6
    return lake


def test_without_a_fix_everything_is_refused_again_and_nothing_is_added(shop: Lake) -> None:
    before = {name: shop.count(f"master/{name}") for name in ("captures", "images", "annotations", "rejected")}
    report = again(shop)
    assert (report.ok, report.again) == (0, 6)
    assert {name: shop.count(f"master/{name}") for name in before} == before
    assert set(states(shop).values()) == {"replayed-again"}
    assert {row.attempts for row in list_rejected(shop).rows} == {2}


def test_a_dry_run_says_what_would_come_and_writes_nothing(shop: Lake, tmp_path: Path) -> None:
    (tmp_path / "later.jpg").write_bytes(photo(3))
    versions = {name: shop.version(name) for name in ("master/captures", "master/replays", "runs", "master/images")}
    report = again(shop, dry_run=True)
    assert (report.ok, report.again) == (1, 5)
    assert {name: shop.version(name) for name in versions} == versions


def test_after_a_fix_the_rows_are_those_of_a_first_time(shop: Lake, tmp_path: Path) -> None:
    (tmp_path / "later.jpg").write_bytes(photo(3))
    (tmp_path / "cut.jpg").write_bytes(photo(2))
    (tmp_path / "no.jpg").write_bytes(photo(4))
    text = (tmp_path / "boxes.csv").read_text().replace("0.9,0.5", "0.5,0.9")
    (tmp_path / "boxes.csv").write_text(text)
    report = again(shop)
    outcomes = {named(row.origin): row.outcome for row in report.rows}
    assert outcomes == {
        "events.jsonl:2": "ok",
        "events.jsonl:3": "ok",
        "events.jsonl:4": "again",
        "events.jsonl:5#boxes/0": "again",
        "boxes.csv:3": "ok",
        "boxes.csv:4": "ok",
    }
    assert shop.count("master/rejected") == 6
    assert states(shop)["boxes.csv:4"] == "replayed-ok"

    fresh = lake_at(tmp_path / "fresh")
    for name in ("events.jsonl", "boxes.csv"):
        ingest(fresh, [str(tmp_path / name)], clock=Clock(1), run_id=f"in-{name}")
    captures = ["capture_id", "device_id", "store_id", "captured_at", "image_uri", "sha256", "source"]
    both = [
        sorted(map(repr, lake.read("master/captures", columns=captures[:3] + captures[4:]).to_pylist()))
        for lake in (shop, fresh)
    ]
    assert both[0] == both[1]
    for lake in (shop, fresh):
        run(lake, "crops", "quality")
    jpegs = [sorted(lake.read("views/crops", columns=["jpeg"])["jpeg"].to_pylist()) for lake in (shop, fresh)]
    assert jpegs[0] == jpegs[1]
    assert rows(shop, "quality") == rows(fresh, "quality")

    third = again(shop, "third")
    assert {row.outcome for row in third.rows} == {"again"}
    assert len(third.rows) == 2
    assert list_rejected(shop, state="replayed-ok").total == 4


def test_only_one_reason(shop: Lake, tmp_path: Path) -> None:
    (tmp_path / "later.jpg").write_bytes(photo(3))
    report = again(shop, reason="missing-file")
    assert {row.was for row in report.rows} == {"missing-file"}
    assert (report.ok, report.again) == (1, 1)


def test_an_event_is_replayed_from_its_payload_when_its_file_is_gone(shop: Lake, tmp_path: Path) -> None:
    (tmp_path / "later.jpg").write_bytes(photo(3))
    (tmp_path / "events.jsonl").unlink()
    (tmp_path / "boxes.csv").unlink()
    outcomes = {named(row.origin): row for row in again(shop).rows}
    assert outcomes["events.jsonl:2"].outcome == "ok"
    assert outcomes["boxes.csv:3"].outcome == "again"
    assert "--corrected" in (outcomes["boxes.csv:3"].detail or "")


def test_a_corrected_photo_takes_the_place_of_the_broken_one(shop: Lake, tmp_path: Path) -> None:
    (name,) = [row.id for row in list_rejected(shop, reason="truncated").rows]
    fixed = tmp_path / "fixed"
    fixed.mkdir()
    (fixed / "sent-again.jpg").write_bytes(photo(2))
    assert again(shop, ids=[name], corrected=fixed / "sent-again.jpg").ok == 1
    (row,) = [r for r in shop.read("master/captures").to_pylist() if r["capture_id"] == "c3"]
    assert row["sha256"] == sha(photo(2))
    assert row["image_uri"] == str(tmp_path / "cut.jpg")
    assert row["source"] == str(fixed / "sent-again.jpg")


def test_corrected_records_stand_in(shop: Lake, tmp_path: Path) -> None:
    (name,) = [row.id for row in list_rejected(shop, reason="not-json").rows]
    fixed = tmp_path / "fixed.jsonl"
    fixed.write_text(event("c9", "good.jpg"))
    assert again(shop, ids=[name], corrected=fixed).ok == 1
    assert "c9" in shop.read("master/captures")["capture_id"].to_pylist()
    fixed.write_text("{still not")
    (box,) = [row.id for row in list_rejected(shop, reason="box-inverted").rows if "events" in (row.origin or "")]
    assert again(shop, "worse", ids=[box], corrected=fixed).again == 1
    assert list_rejected(shop, state="open").total == 5
    assert {row.state for row in list_rejected(shop, reason="not-json").rows} == {"replayed-ok", "open"}


def test_a_photo_above_the_limit_is_taken_from_its_payload_when_the_limit_is_raised(tmp_path: Path) -> None:
    folder = tmp_path / "cooler-7"
    folder.mkdir()
    (folder / "big.jpg").write_bytes(photo(5))
    lake = lake_at(tmp_path / "lake")
    strict = IngestSettings(limits=Limits(max_bytes=1 << 20, max_pixels=100))
    ingest(lake, [str(folder)], settings=strict, clock=Clock(1), run_id="strict")
    (folder / "big.jpg").unlink()
    assert again(lake, settings=strict).again == 1
    assert again(lake, "raised").ok == 1
    (row,) = lake.read("master/captures").to_pylist()
    assert (row["sha256"], row["device_id"]) == (sha(photo(5)), "cooler-7")


def test_an_event_of_a_topic_keeps_its_place_there(tmp_path: Path) -> None:
    (tmp_path / "good.jpg").write_bytes(photo(1))
    lake = lake_at(tmp_path / "lake")
    inline = {"image_bytes": base64.b64encode(photo(7)).decode()}
    first: dict[str, Any] = {
        "source": "kafka:cluster/topic-id",
        "kafka_topic": "captures",
        "kafka_partition": 0,
        "kafka_offset": 3,
    }
    put_capture(lake, "first", sha(photo(1)), **first)
    refused = json.loads(event("k1", "photos/7.jpg", **inline))
    origin, box = "kafka:captures/2/41@topic-id", "kafka:captures/2/42@topic-id#boxes/0"
    for name, where, payload in (("r-k", origin, json.dumps(refused).encode()), ("r-b", box, b"{}")):
        row = {"reject_id": name, "origin": where, "reason": "too-many-bytes", "payload": payload, "attempts": 1}
        put(lake, "rejected", {**row, "occurred_at": at(0), "rejected_at": at(0)})
    assert {row.reject_id: row.outcome for row in again(lake).rows} == {"r-k": "ok", "r-b": "again"}
    (row,) = [row for row in lake.read("master/captures").to_pylist() if row["capture_id"] == "k1"]
    assert (row["source"], row["kafka_topic"]) == ("kafka:cluster/topic-id", "captures")
    assert (row["kafka_partition"], row["kafka_offset"], row["sha256"]) == (2, 41, sha(photo(7)))


def test_show_has_the_bytes_and_every_replay(shop: Lake) -> None:
    (name,) = [row.id for row in list_rejected(shop, reason="not-json").rows]
    again(shop, ids=[name])
    again(shop, "twice", ids=[name])
    found = show_rejected(shop, name)
    assert found.payload == b"{not json"
    assert [replayed["run_id"] for replayed in found.replays] == ["again", "twice"]
    assert (found.row.state, found.row.attempts) == ("replayed-again", 3)
    with pytest.raises(LakeError, match="no refusal 'r-nothing'"):
        show_rejected(shop, "r-nothing")
    with pytest.raises(LakeError, match="no refusal 'r-nothing'"):
        again(shop, "none", ids=["r-nothing"])
