"""The whole way, photos in and views out, beside the known truth of simulated stores."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from facings.jobs import run_rebuild
from facings.settings import Settings
from facings.story import run_demo
from lake import Lake

UNTIL = datetime(2026, 3, 2, 18, tzinfo=UTC)

Told = tuple[Lake, dict[str, Any]]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    lake = Lake.open(tmp_path_factory.mktemp("story"), create=True)
    run_demo(lake, Settings(), seed=11, until=UNTIL, hours=30, stores=3, steps=3, progress=_quiet)
    return lake, json.loads((Path(lake.storage.root) / "demo" / "truth.json").read_text())


def _quiet(step: str, done: int, total: int) -> None:
    """No bars in a test."""


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_every_capture_that_arrived_is_there_once(told: Told) -> None:
    lake, truth = told
    stored = lake.read("master/captures", columns=["capture_id"])["capture_id"].to_pylist()
    assert sorted(stored) == sorted(k for k, c in truth["captures"].items() if c["outcome"] != "rejected")


def test_everything_that_was_refused_has_its_reason(told: Told) -> None:
    lake, truth = told
    assert Counter(lake.read("master/rejected")["reason"].to_pylist()) == truth["rejects"]
    unreadable = lake.sql(
        "SELECT u.reason, count(*) AS n FROM views_unreadable u JOIN captures c USING (sha256) GROUP BY u.reason"
    )
    assert dict(zip(*unreadable.to_pydict().values(), strict=True)) == truth["unreadable"]


def test_inventory_counts_what_the_detector_saw(told: Told) -> None:
    lake, truth = told
    counted: dict[str, dict[str, int]] = {}
    expected: dict[str, dict[str, int]] = {}
    for row in lake.read("views/inventory").to_pylist():
        if row["facings"] is not None:
            counted.setdefault(row["capture_id"], {})[row["sku"]] = row["facings"]
        if row["expected"] is not None:
            expected.setdefault(row["device_id"], {})[row["sku"]] = row["expected"]
    for name, capture in truth["captures"].items():
        if capture["outcome"] == "accepted" and capture["copy_of"] is None:
            assert {k: v for k, v in counted[name].items() if v} == {k: v for k, v in capture["seen"].items() if v}
    assert expected == {device: plan for device, plan in truth["planograms"].items() if device in expected}


def test_trust_follows_the_camera(told: Told) -> None:
    lake, truth = told
    verdicts = lake.sql(
        "SELECT DISTINCT capture_id, trusted FROM views_inventory WHERE facings IS NOT NULL"
    ).to_pylist()
    wrong = [v["capture_id"] for v in verdicts if v["trusted"] != truth["captures"][v["capture_id"]]["trusted"]]
    assert len(verdicts) > 50
    assert len(wrong) <= 0.02 * len(verdicts), wrong


def test_what_is_out_of_stock_at_the_end(told: Told) -> None:
    lake, truth = told
    found = lake.sql(
        """
        WITH latest AS (
            SELECT *, rank() OVER (PARTITION BY device_id ORDER BY captured_at DESC, capture_id DESC) AS place
            FROM views_inventory WHERE trusted
        )
        SELECT device_id, sku FROM latest WHERE place = 1 AND facings = 0 AND expected > 0
        """
    ).to_pylist()
    blurred = (truth["blurred"] or {}).get("device_id")
    real = {(o["device_id"], o["sku"]) for o in truth["out_of_stock"] if o["device_id"] != blurred}
    assert {(row["device_id"], row["sku"]) for row in found if row["device_id"] != blurred} == real
    assert real


def test_throughput_by_device_and_hour(told: Told) -> None:
    lake, truth = told
    columns = ("captures", "late", "unreadable")
    found = {
        (row["device_id"], row["hour"]): tuple(row[name] for name in columns)
        for row in lake.read("views/throughput").to_pylist()
        if row["captures"]
    }
    real = {
        (hour["device_id"], _moment(hour["hour"])): tuple(hour[name] for name in columns)
        for hour in truth["hours"]
        if hour["captures"]
    }
    assert found == real


def test_visits_are_the_doors_that_opened(told: Told) -> None:
    lake, truth = told
    found = {row["visit_id"]: row for row in lake.read("views/visits").to_pylist()}
    doors = [visit for visit in truth["visits"] if visit["door"]]
    assert {v["visit_id"] for v in doors} == {name for name, row in found.items() if row["door"]}
    for visit in doors:
        row = found[visit["visit_id"]]
        assert (row["device_id"], row["captures"]) == (visit["device_id"], visit["captures"])
        assert row["opened_at"] == _moment(visit["opened_at"])
        if visit["closed_at"] is not None:
            assert row["closed_at"] == _moment(visit["closed_at"])
    loose = [sorted(v["capture_ids"]) for v in truth["visits"] if not v["door"] and v["captures"]]
    assert sum(not row["door"] for row in found.values()) == len(loose)


def test_a_photo_sent_again_repeats_the_first(told: Told) -> None:
    lake, truth = told
    found = {row["capture_id"]: row["repeat_of"] for row in lake.read("views/repeats").to_pylist()}
    assert found == truth["duplicates"]["copies"]
    assert truth["duplicates"]["shrunk"]
    counted = lake.sql("SELECT DISTINCT capture_id, repeat_of FROM views_inventory").to_pylist()
    assert {row["capture_id"]: row["repeat_of"] for row in counted if row["repeat_of"]} == found


def test_the_camera_out_of_focus_is_raised_with_its_beginning(told: Told) -> None:
    lake, truth = told
    latest = lake.sql(
        "SELECT device_id, drift, since FROM views_cameras QUALIFY row_number() OVER"
        " (PARTITION BY device_id ORDER BY day DESC) = 1"
    ).to_pylist()
    drifting = [row for row in latest if row["drift"] is not None]
    assert [(row["device_id"], row["drift"]) for row in drifting] == [(truth["blurred"]["device_id"], "unsharp")]
    blurred = [_moment(c["captured_at"]) for c in truth["captures"].values() if _blurred(c, truth)]
    assert drifting[0]["since"] == min(blurred)


def _blurred(capture: dict[str, Any], truth: dict[str, Any]) -> bool:
    since = _moment(truth["blurred"]["since"])
    mine = capture["device_id"] == truth["blurred"]["device_id"]
    return bool(mine and capture["outcome"] == "accepted" and _moment(capture["captured_at"]) >= since)


def test_telling_it_again_adds_nothing(told: Told) -> None:
    lake, _ = told
    before = lake.versions(["master/captures", "master/images", "master/rejected", "views/crops"])
    report = run_demo(lake, Settings(), seed=11, until=UNTIL, hours=30, stores=3, steps=3, progress=_quiet)
    assert "told before" in report["note"]
    assert lake.versions(before) == before


def test_an_interrupted_story_is_told_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake.open(tmp_path, create=True)
    told: dict[str, Any] = {"seed": 3, "until": UNTIL, "hours": 4, "stores": 1, "steps": 2, "progress": _quiet}
    calls: list[int] = []

    def dying(*arguments: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return run_rebuild(*arguments, **named)

    monkeypatch.setattr("facings.story.run_rebuild", dying)
    with pytest.raises(KeyboardInterrupt):
        run_demo(lake, Settings(), **told)
    report = run_demo(lake, Settings(), **{**told, "until": UNTIL.replace(day=9), "seed": 5})
    truth = json.loads((tmp_path / "demo" / "truth.json").read_text())
    assert report["until"] == UNTIL.isoformat()
    assert report["captures"] == sum(c["outcome"] != "rejected" for c in truth["captures"].values())
    assert lake.count("views/quality") + lake.count("views/unreadable") == report["images"]
