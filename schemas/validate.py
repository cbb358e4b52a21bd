"""A record made into a typed event, or into a rejected row with its reason. Bad input never raises."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from schemas.boxes import Fault, check_box, is_clean, shown
from schemas.contracts import first_fault
from schemas.decode import NotAnObject, decode_object, encode_record
from schemas.events import (
    MAX_BOXES,
    Annotation,
    Box,
    Capture,
    DoorEvent,
    Event,
    Parsed,
    Planogram,
    Rejected,
    Slot,
    storable,
)
from schemas.reasons import Reason
from schemas.times import parse_time
from schemas.upcast import NEWEST, looks_like_capture_v0, upcast

_TIMES = ("captured_at", "sent_at", "annotated_at", "at", "valid_from")
_OWN_TIME = ("captured_at", "at", "annotated_at", "valid_from", "sent_at")
_MAX_ID_CHARS = 200


class _Refused(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def parse_record(
    record: bytes | str | Mapping[str, Any], *, origin: str, received_at: datetime | None = None
) -> Parsed:
    """The event of a record, in the newest version of its contract, and what of it was refused. Never raises on data.

    A bad box is refused on its own, and its payload is that box; the event and its good boxes go on. More than
    MAX_BOXES are refused together. Where no box is left of those that were sent, a capture goes on without boxes, and
    an annotation is refused: an empty one would say that the photo shows nothing.
    """
    loaded: dict[str, Any] = {}
    try:
        loaded = dict(record) if isinstance(record, Mapping) else decode_object(record)
        return _parse(loaded, origin, received_at)
    except (_Refused, NotAnObject) as refused:
        reason, detail = refused.reason, str(refused)
    except (RecursionError, ValueError, OverflowError, TypeError) as error:
        reason, detail = Reason.INVALID_FIELD, f"the record can't be read: {type(error).__name__}"
    return Parsed(None, (Rejected(origin, reason, detail, encode_record(record), **told(loaded)),))


def told(record: Mapping[str, Any]) -> dict[str, Any]:
    """device_id, store_id and occurred_at, as far as a record tells them in a usable form."""
    found: dict[str, Any] = {"occurred_at": None}
    for name, old in (("device_id", "device"), ("store_id", "store")):
        value = record.get(name, record.get(old))
        usable = isinstance(value, str) and 0 < len(value) <= _MAX_ID_CHARS and is_clean(value)
        found[name] = value if usable else None
    for name in _OWN_TIME:
        try:
            found["occurred_at"] = parse_time(record[name])
            break
        except (KeyError, ValueError, TypeError):
            continue
    return found


def _parse(record: dict[str, Any], origin: str, received_at: datetime | None) -> Parsed:
    contract, version = _contract(record)
    newest = upcast(record, contract, version)
    if newest is None:
        raise _Refused(Reason.UNKNOWN_SCHEMA, f"{contract}/v{version} is not known; {_known()}")
    raw_boxes = newest.get("boxes")
    checked = {**newest, "boxes": []} if isinstance(raw_boxes, list) else newest
    name = _name(newest, contract)
    fault = first_fault(checked, contract, NEWEST[contract])
    if fault is not None:
        raise _Refused(fault[0], f"{name}: {fault[1]}")
    times = {field: _time(newest, field, name) for field in _TIMES}
    boxes, rejected = _boxes(raw_boxes, name, origin, told(newest)) if isinstance(raw_boxes, list) else (None, ())
    if contract == "annotation" and boxes is None:
        return Parsed(None, rejected)
    event = _event(newest, contract, f"{contract}/v{version}", times, boxes)
    if received_at is not None and isinstance(event, Capture | DoorEvent):
        event = replace(event, received_at=received_at)
    return Parsed(event, rejected)


def _contract(record: dict[str, Any]) -> tuple[str, int]:
    if looks_like_capture_v0(record):
        return "capture", 0
    if "schema" not in record:
        raise _Refused(Reason.MISSING_FIELD, f"schema is missing; {_known()}")
    contract, slash, version = schema.partition("/v") if isinstance(schema := record["schema"], str) else ("", "", "")
    if not (slash and contract in NEWEST and version.isascii() and version.isdigit() and len(version) <= 4):
        raise _Refused(Reason.UNKNOWN_SCHEMA, f"schema is {shown(schema)}; {_known()}")
    return contract, int(version)


def _known() -> str:
    return "this release knows " + ", ".join(f"{contract}/v{version}" for contract, version in NEWEST.items())


def _name(record: dict[str, Any], contract: str) -> str:
    name = record.get(f"{contract}_id")
    return f"{contract} {storable(name, 80)}" if isinstance(name, str) and name else contract


def _time(record: dict[str, Any], field: str, name: str) -> datetime | None:
    value = record.get(field)
    if value is None:
        return None
    if not isinstance(value, str):  # a field that this contract does not have
        return None
    try:
        return parse_time(value)
    except ValueError as error:
        raise _Refused(Reason.INVALID_FIELD, f"{name}: {field} is {shown(value)}: {error}") from error


def _inline(encoded: str | None, name: str) -> bytes | None:
    """The photo that came with the event. Strict base64: a lenient reader would take damage for content."""
    if encoded is None:
        return None
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise _Refused(Reason.INVALID_FIELD, f"capture {name}: image_bytes is not base64: {error}") from error


def _boxes(
    raw: list[Any], name: str, origin: str, known: dict[str, Any]
) -> tuple[tuple[Box, ...] | None, tuple[Rejected, ...]]:
    """(good boxes, refused ones); None for the boxes where there were some and none is left."""
    if len(raw) > MAX_BOXES:
        detail = f"{name}: {len(raw)} boxes, limit {MAX_BOXES}"
        return None, (Rejected(f"{origin}#boxes", Reason.TOO_MANY_BOXES, detail, encode_record(raw), **known),)
    boxes: list[Box] = []
    rejected: list[Rejected] = []
    for index, value in enumerate(raw):
        where = f"{name}: box {index}"
        if isinstance(value, Mapping):
            found = check_box(value, where)
        else:
            found = Fault(Reason.INVALID_FIELD, f"{where} is {shown(value)}, not an object")
        if isinstance(found, Box):
            boxes.append(found)
        else:
            payload = encode_record(value)
            rejected.append(Rejected(f"{origin}#boxes/{index}", found.reason, found.detail, payload, **known))
    return (tuple(boxes) if boxes or not rejected else None), tuple(rejected)


def _event(
    record: dict[str, Any], contract: str, schema: str, times: dict[str, datetime | None], boxes: tuple[Box, ...] | None
) -> Event:
    text: dict[str, Any] = record
    sha256 = text.get("sha256")
    sha256 = sha256.lower() if isinstance(sha256, str) else None
    at = times["captured_at"] or times["at"] or times["valid_from"]
    if contract == "annotation":
        return Annotation(
            boxes or (),
            text["annotator"],
            text.get("image_uri"),
            sha256,
            text.get("annotation_id"),
            times["annotated_at"],
        )
    assert at is not None  # required by the contract of each of the others
    if contract == "capture":
        return Capture(
            text["capture_id"],
            text["device_id"],
            text["store_id"],
            at,
            text["image_uri"],
            text.get("trigger"),
            sha256,
            boxes,
            text.get("door_event_id"),
            times["sent_at"],
            schema=schema,
            image_bytes=_inline(text.get("image_bytes"), text["capture_id"]),
        )
    if contract == "door_event":
        return DoorEvent(text["door_event_id"], text["kind"], text["device_id"], text["store_id"], at)
    slots = {(int(shelf["shelf"]), str(slot["sku"])): 0 for shelf in text["shelves"] for slot in shelf["slots"]}
    for shelf in text["shelves"]:
        for slot in shelf["slots"]:
            slots[int(shelf["shelf"]), str(slot["sku"])] += int(slot["facings"])
    return Planogram(
        text["planogram_id"],
        text["device_id"],
        text["store_id"],
        at,
        tuple(Slot(shelf, sku, facings) for (shelf, sku), facings in slots.items()),
    )
