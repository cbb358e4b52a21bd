"""How events reach the lake: in seconds, or late, in batches, out of order and sometimes twice."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from demo.cast import Cast
from demo.draw import Drawn, Order
from demo.faults import Hostile
from demo.story import History, Shot, Visit

Event = dict[str, Any]
_UPLOAD_EVERY = timedelta(minutes=62)
_NOT_BEFORE = timedelta(minutes=20)
_RESENT_SHARE = 1 / 3
_COPIES = 2  # a device


@dataclass(frozen=True)
class Sent:
    """One line of events.jsonl. `capture_id` names the capture it carries; `again` counts earlier lines with it."""

    received_at: datetime
    line: bytes
    capture_id: str | None = None
    visit_id: str | None = None
    again: bool = False


@dataclass
class Mail:
    """All lines, and what became of captures: `copies` maps a new capture id to the one whose photo it sends again,
    made smaller where it is in `shrunk`; `in_transit` are captures that had not arrived at the end."""

    sent: list[Sent] = field(default_factory=list)
    copies: dict[str, str] = field(default_factory=dict)
    shrunk: list[str] = field(default_factory=list)
    in_transit: list[str] = field(default_factory=list)

    def first(self) -> dict[str, datetime]:
        """When each capture was received first."""
        return {each.capture_id: each.received_at for each in reversed(self.sorted()) if each.capture_id is not None}

    def sorted(self) -> list[Sent]:
        """Lines in order of receipt."""
        return sorted(self.sent, key=lambda each: (each.received_at, each.line))


def stamp(at: datetime) -> str:
    """RFC 3339 in UTC to the millisecond, e.g. 2026-11-20T18:00:00.000Z."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def photo_uri(store_id: str, device_id: str, capture_id: str) -> str:
    """Where a photo lies, relative to the events file. A store id that is no folder's name never becomes one."""
    folder = store_id if store_id.replace("-", "").isalnum() else "odd-store"
    return f"photos/{folder}/{device_id}/{capture_id}.jpg"


def enclosed(received_at: datetime, event: Event) -> bytes:
    """The envelope of an event, one line."""
    return json.dumps({"received_at": stamp(received_at), "event": event}, separators=(",", ":")).encode()


def capture_event(visit: Visit, shot: Shot, drawn: Drawn, sent_at: datetime) -> Event:
    """The capture/v1 event of a photo."""
    device = visit.device
    event: Event = {
        "schema": "capture/v1",
        "capture_id": shot.capture_id,
        "device_id": device.device_id,
        "store_id": device.store_id,
        "captured_at": stamp(shot.at),
        "image_uri": photo_uri(device.store_id, device.device_id, shot.capture_id),
        "trigger": "door" if visit.door else "manual",
        "boxes": list(drawn.detected),
        "sent_at": stamp(sent_at),
    }
    if drawn.sha256 is not None:
        event["sha256"] = drawn.sha256
    if visit.door:
        event["door_event_id"] = visit.visit_id
    return event


def deliver(
    histories: Sequence[History],
    drawn: dict[str, Drawn],
    bad_boxes: dict[str, dict[str, Any]],
    parts: Cast,
    begin: datetime,
    until: datetime,
    seed: int,
) -> Mail:
    """Every visit's events on their way. What would arrive after `until` has not been received.

    `bad_boxes` are added to the good ones of a capture.
    """
    mail = Mail()
    for history in histories:
        rng = np.random.default_rng([seed, 5, history.device.index])
        late = history.device.store_id == parts.late_store
        room = _COPIES if late else 0
        for visit in history.visits:
            upload = _upload(visit.ended_at, begin) if late else None
            if upload is not None and upload + timedelta(minutes=1) > until:
                mail.in_transit += [shot.capture_id for shot in visit.shots]
                continue
            for event in _door_events(visit):
                at = _arrival(datetime.fromisoformat(event["at"]), upload, rng)
                mail.sent.append(Sent(at, enclosed(at, event), visit_id=visit.visit_id))
            for shot in visit.shots:
                at = _arrival(shot.at, upload, rng)
                event = capture_event(visit, shot, drawn[shot.capture_id], at - timedelta(seconds=1.2))
                event["boxes"] += [bad_boxes[shot.capture_id]] if shot.capture_id in bad_boxes else []
                mail.sent.append(Sent(at, enclosed(at, event), shot.capture_id, visit.visit_id))
                again = at + timedelta(minutes=float(rng.uniform(3, 15)))
                if late and rng.random() < _RESENT_SHARE and again < until:
                    mail.sent.append(Sent(again, enclosed(again, event), shot.capture_id, visit.visit_id, again=True))
                    if room and rng.random() < 0.5 and shot.at != visit.shots[0].at:
                        room -= 1
                        _send_copy(mail, visit, event, again)
    return mail


def _send_copy(mail: Mail, visit: Visit, event: Event, at: datetime) -> None:
    """The same photo under a new capture id: a device that lost its memory of what it sent. Every other time it spares
    its network: a smaller photo, and so other bytes."""
    capture_id = f"{event['capture_id']}-copy"
    uri = photo_uri(visit.device.store_id, visit.device.device_id, capture_id)
    copy = {**event, "capture_id": capture_id, "image_uri": uri, "sent_at": stamp(at - timedelta(seconds=1))}
    if len(mail.copies) % 2 == 0:
        mail.shrunk.append(capture_id)
        copy.pop("sha256", None)
    mail.sent.append(Sent(at, enclosed(at, copy), capture_id, visit.visit_id))
    mail.copies[capture_id] = event["capture_id"]


def mix_in(mail: Mail, lines: Iterable[Hostile], begin: datetime, until: datetime, seed: int) -> None:
    """Puts hostile lines among the others, at any time."""
    rng = np.random.default_rng([seed, 7])
    for each in lines:
        at = begin + (until - begin) * float(rng.uniform(0.05, 0.98))
        at = at.replace(microsecond=at.microsecond // 1000 * 1000)
        line = each.line if each.line is not None else enclosed(at, each.event or {})
        mail.sent.append(Sent(at, line))


def orders(histories: Sequence[History], out: Path, seed: int) -> list[Order]:
    """What there is to draw, below the folder `out`."""
    return [
        Order(
            shot,
            history.device.camera,
            history.device.kind,
            out / photo_uri(history.device.store_id, history.device.device_id, shot.capture_id),
            (seed, history.device.index, number, k),
        )
        for history in histories
        for number, visit in enumerate(history.visits)
        for k, shot in enumerate(visit.shots)
    ]


def _door_events(visit: Visit) -> list[Event]:
    if not visit.door:
        return []
    base = {"schema": "door_event/v1", "door_event_id": visit.visit_id}
    place = {"device_id": visit.device.device_id, "store_id": visit.device.store_id}
    found = [{**base, "kind": "open", **place, "at": stamp(visit.opened_at)}]
    if visit.closed_at is not None:
        found.append({**base, "kind": "close", **place, "at": stamp(visit.closed_at)})
    return found


def _upload(ended_at: datetime, begin: datetime) -> datetime:
    """The late store's network comes back every 62 minutes; what is younger than 20 minutes waits for the next time."""
    ready = ended_at + _NOT_BEFORE - begin
    return begin + _UPLOAD_EVERY * -(-ready // _UPLOAD_EVERY)


def _arrival(at: datetime, upload: datetime | None, rng: np.random.Generator) -> datetime:
    latency_s = float(np.clip(rng.lognormal(np.log(3.4), 0.35), 1.5, 12))
    found = at + timedelta(seconds=latency_s) if upload is None else upload + timedelta(seconds=latency_s * 6)
    return found.replace(microsecond=found.microsecond // 1000 * 1000)
