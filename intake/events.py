"""An event, or an envelope {"received_at": …, "event": …} that a gateway wrote, made into records for master."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from intake.places import Refusal
from intake.records import AnnotationFields, CaptureFields, OneRow, Photo, Record, Told
from schemas.boxes import shown
from schemas.events import Annotation, Capture, DoorEvent, Event, Parsed, Planogram
from schemas.reasons import Reason
from schemas.times import parse_time
from schemas.validate import parse_record

Locate = Callable[[str], str | Refusal]


@dataclasses.dataclass(frozen=True, slots=True)
class Offset:
    """Where in Kafka an event lies."""

    topic: str
    partition: int
    offset: int


def records_of(
    parsed: Parsed,
    raw: bytes,
    origin: str,
    source: str,
    locate: Locate,
    received_at: datetime | None,
    max_inline_bytes: int,
    offset: Offset | None = None,
) -> Iterator[Record]:
    """Yields what a parsed event tells; `locate` says where its image_uri leads."""
    for refused in parsed.rejected:
        whole = parsed.event is None
        yield dataclasses.replace(
            refused, payload=raw if whole else refused.payload, occurred_at=refused.occurred_at or received_at
        )
    if parsed.event is not None:
        row = OneRow(origin, raw, about(parsed.event))
        yield from _records(parsed.event, received_at, row, source, locate, max_inline_bytes, offset)


def open_envelope(raw: bytes, origin: str) -> tuple[Parsed, datetime | None]:
    """The event, and when the gateway received it, None where there is no envelope.

    Raises ValueError where the envelope's own time is wrong.
    """
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


def about(event: Event) -> dict[str, Any]:
    """device_id, store_id and occurred_at, for a refusal of the event."""
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
    event: Event,
    received_at: datetime | None,
    row: OneRow,
    source: str,
    locate: Locate,
    max_inline_bytes: int,
    offset: Offset | None,
) -> Iterator[Record]:
    if isinstance(event, DoorEvent):
        yield Told(dataclasses.replace(event, received_at=received_at), source)
        return
    if isinstance(event, Planogram):
        yield Told(event, source)
        return
    inline = event.image_bytes if isinstance(event, Capture) else None
    if inline is not None and len(inline) > max_inline_bytes:
        detail = f"image_bytes has {len(inline)} bytes, limit {max_inline_bytes}; send an image_uri instead"
        yield from row.rejected(Reason.TOO_MANY_BYTES, detail, None)
        return
    uri = event.image_uri
    location = uri if uri is None or inline is not None else locate(uri)
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
        *((offset.topic, offset.partition, offset.offset) if offset is not None else ()),
    )
    seen = None
    if event.boxes is not None:
        seen = AnnotationFields(event.boxes, f"device:{event.device_id}", event.captured_at)
    yield Photo(location, row, source, capture, seen, event.sha256, inline)
