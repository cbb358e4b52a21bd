"""Typed events: what a valid record becomes, and what becomes of one that is not.

All times are UTC. Boxes are fractions of the upright photo.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from schemas.reasons import Reason

MAX_BOXES = 10_000
MAX_DETAIL_CHARS = 500


def storable(text: str, limit: int | None = None) -> str:
    """`text` without what UTF-8 or a log line cannot hold (lone surrogates and control characters are escaped), and
    no longer than `limit` characters."""
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


@dataclass(frozen=True, slots=True)
class Box:
    """One labelled rectangle. 0 <= xmin < xmax <= 1 and 0 <= ymin < ymax <= 1, fractions of the upright photo."""

    label: str | None
    xmin: float
    xmax: float
    ymin: float
    ymax: float
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Capture:
    """One photo taken by a device. `boxes` is None where the device told none, () where it saw no product.

    `image_bytes` is the photo where it came with the event; `image_uri` is then only its name.
    """

    capture_id: str
    device_id: str
    store_id: str
    captured_at: datetime
    image_uri: str
    trigger: str | None = None
    sha256: str | None = None
    boxes: tuple[Box, ...] | None = None
    door_event_id: str | None = None
    sent_at: datetime | None = None
    received_at: datetime | None = None
    schema: str = "capture/v1"
    image_bytes: bytes | None = None


@dataclass(frozen=True, slots=True)
class Annotation:
    """The boxes of one photo, which is named by `sha256`, `image_uri` or both."""

    boxes: tuple[Box, ...]
    annotator: str
    image_uri: str | None = None
    sha256: str | None = None
    annotation_id: str | None = None
    annotated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DoorEvent:
    """A door opened or closed; `kind` is "open" or "close"."""

    door_event_id: str
    kind: str
    device_id: str
    store_id: str
    at: datetime
    received_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """Expected facings of one SKU on one shelf (0 is the top)."""

    shelf: int
    sku: str
    facings: int


@dataclass(frozen=True, slots=True)
class Planogram:
    """What should stand where from `valid_from` on. A SKU occurs once a shelf."""

    planogram_id: str
    device_id: str
    store_id: str
    valid_from: datetime
    slots: tuple[Slot, ...]


@dataclass(frozen=True, slots=True)
class Rejected:
    """What could not be taken. `payload` is the record byte for byte, None where it never arrived or was too large.

    `origin` and `detail` are always storable as UTF-8.
    """

    origin: str
    reason: Reason
    detail: str
    payload: bytes | None = None
    device_id: str | None = None
    store_id: str | None = None
    occurred_at: datetime | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "origin", storable(self.origin, 4096))
        object.__setattr__(self, "detail", storable(self.detail, MAX_DETAIL_CHARS))


Event = Capture | Annotation | DoorEvent | Planogram


@dataclass(frozen=True, slots=True)
class Parsed:
    """An event, or None where the record as a whole was refused, and what of it was refused (a box, or all of it)."""

    event: Event | None
    rejected: tuple[Rejected, ...] = ()
