"""A small demo on disk: the same bytes every time, events that keep their contracts, and a truth that agrees."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg

from demo.faults import DAMAGE, damage
from demo.generate import generate
from demo.truth import DemoTruth
from schemas.reasons import Reason
from schemas.validate import parse_record

UNTIL = datetime(2026, 11, 20, 18, tzinfo=UTC)
SMALL: dict[str, Any] = {"seed": 5, "until": UNTIL, "hours": 4, "stores": 2, "coolers_per_store": 1}
PHOTO_REASONS = {reason for seen_at_ingest, reason in DAMAGE.values() if seen_at_ingest} | {Reason.FETCH_REFUSED}


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> tuple[Path, DemoTruth]:
    out = tmp_path_factory.mktemp("demo")
    return out, generate(out, workers=1, **SMALL)


@pytest.fixture(scope="module")
def lines(told) -> list[tuple[bytes, dict[str, Any] | None]]:
    """(line, its envelope; None where it is not JSON) of events.jsonl."""
    return [(line, _json(line)) for line in (told[0] / "events.jsonl").read_bytes().split(b"\n")[:-1]]


def _json(line: bytes) -> dict[str, Any] | None:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _digests(out: Path) -> dict[str, str]:
    files = (path for path in sorted(out.rglob("*")) if path.is_file())
    return {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_same_bytes_with_any_number_of_workers(told, tmp_path):
    calls: list[tuple[str, int, int]] = []
    again = generate(tmp_path, workers=2, progress=lambda *call: calls.append(call), **SMALL)
    assert _digests(tmp_path) == _digests(told[0])
    assert again == told[1]
    assert calls[-1][1] == calls[-1][2]
    assert [call[1] for call in calls] == sorted(call[1] for call in calls)
    assert DemoTruth(**json.loads((tmp_path / "truth.json").read_text())) == again


def test_every_good_event_passes_its_contract_and_each_bad_one_names_its_reason(told, lines):
    truth = told[1]
    expected = {each["capture_id"]: each["reason"] for each in truth.rejected}
    found: Counter[str] = Counter()
    for line, envelope in lines:
        event = line if envelope is None else envelope["event"]
        parsed = parse_record(event, origin="test")
        found.update(row.reason.value for row in parsed.rejected)
        name = None if envelope is None else event.get("capture_id")
        if parsed.rejected and envelope is not None:
            assert [row.reason.value for row in parsed.rejected] == [expected[name]]
    at_contract = {name: count for name, count in truth.rejects.items() if Reason(name) not in PHOTO_REASONS}
    assert found == at_contract


def test_lines_are_in_order_of_receipt_within_the_span(told, lines):
    received = [envelope["received_at"] for _, envelope in lines if envelope is not None]
    assert received == sorted(received)
    assert told[1].begin <= received[0]
    assert received[-1] <= told[1].until


def test_truth_agrees_with_the_events(told, lines):
    truth, repeats = told[1], 0
    firsts: dict[str, dict[str, Any]] = {}
    hostile = {each["name"] for each in truth.rejected}
    for _, envelope in lines:
        event = envelope["event"] if envelope else {}
        if event.get("schema") != "capture/v1" or event["capture_id"].removeprefix("hostile-") in hostile - {
            event["capture_id"]
        }:
            continue
        repeats += event["capture_id"] in firsts
        firsts.setdefault(event["capture_id"], envelope)
    assert set(firsts) == set(truth.captures)
    assert repeats == truth.duplicates["resent"] > 0
    for capture_id, envelope in firsts.items():
        event, capture = envelope["event"], truth.captures[capture_id]
        good = [box for box in event["boxes"] if 0 <= box["xmin"] < box["xmax"] <= 1]
        assert Counter(box["label"] for box in good) == capture["seen"]
        assert all(count <= capture["stock"][sku] for sku, count in capture["seen"].items())
        assert {name: event[name] for name in ("device_id", "store_id", "captured_at")}.items() <= capture.items()
        assert envelope["received_at"] == capture["received_at"]
    late = [c for c in truth.captures.values() if c["store_id"] == truth.late_store]
    assert late
    assert all(20 * 60 < _waited_s(capture) <= 90 * 60 for capture in late)
    assert sum(each["late"] for each in truth.hours) == len(late)
    counted = sum(capture["outcome"] != "rejected" for capture in truth.captures.values())
    assert sum(each["captures"] for each in truth.hours) == sum(each["captures"] for each in truth.visits) == counted


def _waited_s(capture: dict[str, Any]) -> float:
    return (
        datetime.fromisoformat(capture["received_at"]) - datetime.fromisoformat(capture["captured_at"])
    ).total_seconds()


def test_photos_are_what_the_truth_says(told, lines):
    out, truth = told
    for envelope in (envelope for _, envelope in lines if envelope is not None):
        event = envelope["event"]
        capture = truth.captures.get(event.get("capture_id"))
        if capture is None:
            continue
        path = out / event["image_uri"]
        if capture["outcome"] == "accepted":
            content = path.read_bytes()
            shrunk = event["capture_id"] in truth.duplicates["shrunk"]
            assert ("sha256" in event) is not shrunk
            assert hashlib.sha256(content).hexdigest() == event.get("sha256", hashlib.sha256(content).hexdigest())
            assert simplejpeg.decode_jpeg_header(content)[:2] == ((480, 640) if shrunk else (960, 1280))
        elif capture["outcome"] == "unreadable":
            with pytest.raises(ValueError, match=r"JPEG|jpeg"):
                simplejpeg.decode_jpeg(path.read_bytes(), strict=True)
    assert len(list(out.rglob("*.jpg"))) == len(truth.captures) - sum(
        capture["reason"] == Reason.MISSING_FILE for capture in truth.captures.values()
    )


def test_damage_by_hand():
    rng = np.random.default_rng(2)
    jpeg = simplejpeg.encode_jpeg(rng.integers(0, 255, (96, 128, 3), dtype=np.uint8), quality=85)
    assert damage(jpeg, "missing", rng) is None
    assert damage(jpeg, "empty", rng) == b""
    rotten = damage(jpeg, "bit-rot", rng)
    assert rotten is not None
    assert len(rotten) == len(jpeg)
    assert rotten[:300] == jpeg[:300]
    bomb = damage(jpeg, "bomb", rng)
    assert bomb is not None
    assert len(bomb) < 2000
    assert bomb[16:24] == (13000).to_bytes(4, "big") * 2
    cut = damage(jpeg, "truncated", rng)
    assert cut is not None
    assert jpeg.startswith(cut)
    assert b"\xff\xda" in cut


def test_arguments_are_checked(tmp_path):
    with pytest.raises(ValueError, match="zone"):
        generate(tmp_path, until=datetime(2026, 1, 1))
    with pytest.raises(ValueError, match="hour"):
        generate(tmp_path, until=UNTIL, hours=0)
