"""Records become events or refusals, and nothing that a sender can write makes that raise."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from schemas.contracts import load_schema
from schemas.events import MAX_BOXES, Annotation, Box, Capture, DoorEvent, Planogram, Rejected, Slot
from schemas.reasons import Reason
from schemas.validate import parse_record

CAPTURE = {
    "schema": "capture/v1",
    "capture_id": "c-17",
    "device_id": "d-1",
    "store_id": "s-1",
    "captured_at": "2026-03-01T12:00:00.5+02:00",
    "image_uri": "a.jpg",
}
BOX = {"xmin": 0.1, "xmax": 0.4, "ymin": 0.2, "ymax": 0.5, "label": "cola"}
CONTRACTS = ("capture", "annotation", "door_event", "planogram")


def only(record) -> Rejected:
    parsed = parse_record(record, origin="f:1")
    assert parsed.event is None
    (rejected,) = parsed.rejected
    return rejected


def boxes_of(*boxes, **more):
    return parse_record({**CAPTURE, "boxes": list(boxes), **more}, origin="f:1")


def test_a_capture_is_typed_and_its_times_are_utc():
    parsed = parse_record(json.dumps(CAPTURE).encode(), origin="f:1")
    assert parsed.event == Capture("c-17", "d-1", "s-1", datetime(2026, 3, 1, 10, 0, 0, 500_000, UTC), "a.jpg")
    assert parsed.rejected == ()


def test_every_contract_is_a_valid_schema():
    for contract in CONTRACTS:
        Draft202012Validator.check_schema(load_schema(contract, 1))


def test_fields_of_a_newer_sender_pass():
    assert parse_record({**CAPTURE, "lens": {"mm": 4}}, origin="x").event is not None


def test_capture_v0_is_upcast():
    old = {"id": "c-1", "device": "d", "store": "s", "ts": 1_767_225_600_000, "ImgUrl": "u.jpg"}
    event = parse_record(old, origin="x").event
    assert event == Capture("c-1", "d", "s", datetime(2026, 1, 1, tzinfo=UTC), "u.jpg", schema="capture/v0")
    assert parse_record({**old, "schema": "capture/v0"}, origin="x").event == event


def test_the_other_contracts():
    door = {"schema": "door_event/v1", "door_event_id": "e", "kind": "open", "device_id": "d", "store_id": "s"}
    at = datetime(2026, 1, 1, tzinfo=UTC)
    received = at + timedelta(minutes=1)
    parsed = parse_record({**door, "at": "2026-01-01T00:00:00Z"}, origin="x", received_at=received)
    assert parsed.event == DoorEvent("e", "open", "d", "s", at, received)
    slots = [{"sku": "a", "facings": 2}, {"sku": "b", "facings": 1}, {"sku": "a", "facings": 3}]
    plan: dict[str, object] = {"schema": "planogram/v1", "planogram_id": "p", "device_id": "d", "store_id": "s"}
    plan |= {"valid_from": "2026-01-01T00:00:00Z", "shelves": [{"shelf": 0, "slots": slots}]}
    expected = Planogram("p", "d", "s", at, (Slot(0, "a", 5), Slot(0, "b", 1)))
    assert parse_record(plan, origin="x").event == expected
    note = {"schema": "annotation/v1", "sha256": "AB" * 32, "boxes": [], "annotator": "ann"}
    assert parse_record(note, origin="x").event == Annotation((), "ann", sha256="ab" * 32)


def test_a_bad_box_costs_the_box_and_the_message_names_it():
    parsed = boxes_of(BOX, BOX, BOX, {**BOX, "xmin": 0.4, "xmax": 0.21})
    assert isinstance(parsed.event, Capture)
    assert len(parsed.event.boxes or ()) == 3
    (rejected,) = parsed.rejected
    assert (rejected.reason, rejected.detail) == (Reason.BOX_INVERTED, "capture c-17: box 3 has xmax 0.21 < xmin 0.4")
    assert rejected.device_id == "d-1"
    assert rejected.origin != "f:1"


@pytest.mark.parametrize(
    "change,reason",
    [
        ({"xmin": float("nan")}, Reason.BOX_NOT_FINITE),
        ({"xmin": None}, Reason.BOX_NOT_FINITE),
        ({"xmax": float("inf")}, Reason.BOX_NOT_FINITE),
        ({"xmin": -0.1}, Reason.BOX_OUT_OF_RANGE),
        ({"ymax": 1.1}, Reason.BOX_OUT_OF_RANGE),
        ({"ymax": 0.2}, Reason.BOX_INVERTED),
        ({"xmin": "0.1"}, Reason.INVALID_FIELD),
        ({"xmin": True}, Reason.INVALID_FIELD),
        ({"label": "a\x00b"}, Reason.INVALID_FIELD),
        ({"label": "\ud800"}, Reason.INVALID_FIELD),
        ({"confidence": 2}, Reason.INVALID_FIELD),
    ],
)
def test_reasons_of_a_bad_box(change, reason):
    (rejected,) = boxes_of(BOX, {**BOX, **change}).rejected
    assert rejected.reason is reason


def test_rounding_at_the_border_is_clamped():
    event = boxes_of({"xmin": -1e-7, "xmax": 1 + 1e-7, "ymin": 0, "ymax": 1}).event
    assert isinstance(event, Capture)
    assert event.boxes == (Box(None, 0, 1, 0, 1),)


def test_too_many_boxes_are_refused_together_and_the_capture_stays():
    parsed = boxes_of(*[BOX] * (MAX_BOXES + 1))
    assert isinstance(parsed.event, Capture)
    assert parsed.event.boxes is None
    assert [rejected.reason for rejected in parsed.rejected] == [Reason.TOO_MANY_BOXES]


def test_an_annotation_of_bad_boxes_does_not_become_an_empty_one():
    bad = {**BOX, "xmax": 0.0}
    parsed = parse_record({"schema": "annotation/v1", "image_uri": "a", "boxes": [bad], "annotator": "a"}, origin="x")
    assert parsed.event is None
    assert [rejected.reason for rejected in parsed.rejected] == [Reason.BOX_INVERTED]


@pytest.mark.parametrize(
    "record,reason",
    [
        (b"\xff\xfe", Reason.NOT_JSON),
        (b"", Reason.NOT_JSON),
        (b"[1]", Reason.NOT_JSON),
        (b"[" * 100_000, Reason.NOT_JSON),
        (b'{"a":' * 100_000, Reason.NOT_JSON),
        (b"9" * 5000, Reason.NOT_JSON),
        (b'{"schema": "capture/v1", "schema": "capture/v1"}', Reason.INVALID_FIELD),
        ({}, Reason.MISSING_FIELD),
        ({"schema": "capture/v9"}, Reason.UNKNOWN_SCHEMA),
        ({"schema": 7}, Reason.UNKNOWN_SCHEMA),
        ({**CAPTURE, "captured_at": "2026-03-01T12:00:00"}, Reason.INVALID_FIELD),
        ({**CAPTURE, "captured_at": "0001-01-01T00:00:00+23:59"}, Reason.INVALID_FIELD),
        ({**CAPTURE, "captured_at": 10**400}, Reason.INVALID_FIELD),
        ({**CAPTURE, "device_id": "x" * 200_000}, Reason.INVALID_FIELD),
        ({**CAPTURE, "device_id": "a\n"}, Reason.INVALID_FIELD),
        ({**CAPTURE, "device_id": "\udcff"}, Reason.INVALID_FIELD),
        ({**CAPTURE, "sha256": "ab"}, Reason.INVALID_FIELD),
        ({**CAPTURE, "boxes": "none"}, Reason.INVALID_FIELD),
        ({key: value for key, value in CAPTURE.items() if key != "image_uri"}, Reason.MISSING_FIELD),
    ],
)
def test_reasons_of_a_bad_record(record, reason):
    rejected = only(record)
    assert rejected.reason is reason
    assert len(rejected.detail) <= 500
    assert rejected.detail.isprintable()
    rejected.detail.encode()


def test_the_payload_is_the_record_byte_for_byte():
    raw = b'{"schema":  "capture/v1" }'
    assert only(raw).payload == raw


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=200) | st.text(max_size=200) | st.dictionaries(st.text(max_size=8), json_values, max_size=5))
def test_nothing_raises(record):
    parsed = parse_record(record, origin="x")
    assert parsed.event is not None or parsed.rejected


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.sampled_from([*CAPTURE, "boxes", "sent_at", "trigger", "sha256"]), json_values)
def test_no_value_of_a_field_raises(field, value):
    parsed = parse_record({**CAPTURE, field: value}, origin="x")
    assert parsed.event is not None or parsed.rejected


fraction = st.integers(0, 1000).map(lambda value: value / 1000)
box = st.tuples(fraction, fraction, fraction, fraction, st.none() | fraction).filter(
    lambda b: b[0] < b[1] and b[2] < b[3]
)
ids = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=30)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    ids,
    ids,
    st.datetimes(datetime(1971, 1, 1), datetime(2199, 1, 1)),
    st.lists(box, max_size=4),
    st.integers(-720, 720),
)
def test_a_valid_capture_round_trips(capture_id, store_id, at, boxes, offset_min):
    moment = at.replace(tzinfo=timezone(timedelta(minutes=offset_min)))
    told = [dict(zip(("xmin", "xmax", "ymin", "ymax", "confidence"), b, strict=True)) for b in boxes]
    record = {
        **CAPTURE,
        "capture_id": capture_id,
        "store_id": store_id,
        "captured_at": moment.isoformat(),
        "boxes": told,
    }
    Draft202012Validator(load_schema("capture", 1)).validate(record)
    parsed = parse_record(json.dumps(record).encode(), origin="x")
    assert parsed.rejected == ()
    assert isinstance(parsed.event, Capture)
    assert (parsed.event.capture_id, parsed.event.store_id, parsed.event.captured_at) == (capture_id, store_id, moment)
    assert parsed.event.boxes == tuple(Box(None, *b) for b in boxes)
