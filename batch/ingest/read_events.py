"""JSONL of events: a line is an event, or an envelope {"received_at": …, "event": …} that a gateway wrote down."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from batch.ingest.lines import Line, read_lines
from intake.places import Places, Refusal
from intake.records import AnnotationFields, CaptureFields, OneRow, Photo, Record, Told
from schemas.boxes import shown
from schemas.decode import MAX_RECORD_BYTES
from schemas.events import Annotation, Capture, DoorEvent, Event, Parsed, Planogram, Rejected
from schemas.reasons import Reason
from schemas.times import parse_time
from schemas.validate import parse_record


def read_events(path: Path, places: Places, source: str) -> Iterator[Record]:
    """Yields what each line tells; blank lines are no rows. A line's origin is "path:line"."""
    for line in read_lines(path):
        if line.raw is None:
            detail = f"the line has {line.size} bytes, limit {MAX_RECORD_BYTES}"
            yield Rejected(f"{source}:{line.number}", Reason.TOO_MANY_BYTES, detail)
        elif line.raw.strip():
            yield from _read_line(line, path.parent, places, source)


def _read_line(line: Line, base: Path, places: Places, source: str) -> Iterator[Record]:
    raw = line.raw or b""
    origin = f"{source}:{line.number}"
    try:
        parsed, received_at = _open_envelope(raw, origin)
    except ValueError as error:
        yield Rejected(origin, Reason.INVALID_FIELD, str(error), raw)
        return
    for refused in parsed.rejected:
        whole = parsed.event is None
        yield dataclasses.replace(
            refused, payload=raw if whole else refused.payload, occurred_at=refused.occurred_at or received_at
        )
    if parsed.event is not None:
        yield from _records(parsed.event, received_at, OneRow(origin, raw, _about(parsed.event)), base, places, source)


def _open_envelope(raw: bytes, origin: str) -> tuple[Parsed, datetime | None]:
    if b'"received_at"' not in raw or b'"event"' not in raw:
        return parse_record(raw, origin=origin), None
    try:
        opened = json.loads(raw)
    except (ValueError, RecursionError):
        return parse_record(raw, origin=origin), None
    if not (isinstance(opened, dict) and "event" in opened and "received_at" in opened):
        return parse_record(raw, origin=origin), None
    try:
        received_at = parse_time(opened["received_at"])
    except (ValueError, TypeError) as error:
        raise ValueError(f"the envelope's received_at is {shown(opened['received_at'])}: {error}") from error
    event = opened["event"]
    if not isinstance(event, (dict, str)):
        event = json.dumps(event)
    return parse_record(event, origin=origin), received_at


def _about(event: Event) -> dict[str, Any]:
    if isinstance(event, Annotation):
        return {"occurred_at": event.annotated_at}
    at = (
        event.captured_at
        if isinstance(event, Capture)
        else event.at
        if isinstance(event, DoorEvent)
        else event.valid_from
    )
    return {"device_id": event.device_id, "store_id": event.store_id, "occurred_at": at}


def _records(
    event: Event, received_at: datetime | None, row: OneRow, base: Path, places: Places, source: str
) -> Iterator[Record]:
    if isinstance(event, DoorEvent):
        yield Told(dataclasses.replace(event, received_at=received_at), source)
        return
    if isinstance(event, Planogram):
        yield Told(event, source)
        return
    location = None if event.image_uri is None else places.given_by_device(event.image_uri, base)
    if isinstance(location, Refusal):
        if isinstance(event, Capture) or event.sha256 is None:
            yield from row.rejected(location.reason, location.detail, None)
            return
        location = None
    if isinstance(event, Annotation):
        annotation = AnnotationFields(event.boxes, event.annotator, event.annotated_at, event.annotation_id)
        yield Photo(None if event.sha256 else location, row, source, None, annotation, event.sha256)
        return
    capture = CaptureFields(
        event.capture_id,
        event.device_id,
        event.store_id,
        event.captured_at,
        event.trigger,
        event.door_event_id,
        event.sent_at,
        received_at,
        event.schema,
    )
    seen = None
    if event.boxes is not None:
        seen = AnnotationFields(event.boxes, f"device:{event.device_id}", event.captured_at)
    yield Photo(location, row, source, capture, seen, event.sha256)
