"""What every reader yields: photos with what hangs on them, events, refusals, files passed over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from schemas.events import Box, DoorEvent, Planogram, Rejected
from schemas.reasons import Reason


class Rows(Protocol):
    """The rows of a source that stand or fall with one photo."""

    @property
    def count(self) -> int:
        """How many rows."""
        ...

    def rejected(self, reason: Reason, detail: str, content: bytes | None) -> Iterator[Rejected]:
        """Yields one refusal a row; `content` is the photo, for rows that are the photo itself."""
        ...


@dataclass(frozen=True, slots=True)
class OneRow:
    """A single row. `payload` None says that the row is the photo itself."""

    origin: str
    payload: bytes | None = None
    about: dict[str, Any] = field(default_factory=dict)
    count: int = 1

    def rejected(self, reason: Reason, detail: str, content: bytes | None) -> Iterator[Rejected]:
        """Yields the row's refusal."""
        yield Rejected(self.origin, reason, detail, content if self.payload is None else self.payload, **self.about)


@dataclass(frozen=True, slots=True)
class ManyRows:
    """Rows with an (origin, payload) each."""

    rows: tuple[tuple[str, bytes], ...]

    @property
    def count(self) -> int:
        """How many rows."""
        return len(self.rows)

    def rejected(self, reason: Reason, detail: str, content: bytes | None) -> Iterator[Rejected]:
        """Yields one refusal a row."""
        for origin, payload in self.rows:
            yield Rejected(origin, reason, detail, payload)


@dataclass(frozen=True, slots=True)
class CaptureFields:
    """What a source tells about a capture; what it does not tell is filled in when the photo is known."""

    capture_id: str | None = None
    device_id: str | None = None
    store_id: str | None = None
    captured_at: datetime | None = None
    trigger: str | None = None
    door_event_id: str | None = None
    sent_at: datetime | None = None
    received_at: datetime | None = None
    schema: str = "capture/v1"
    kafka_topic: str | None = None
    kafka_partition: int | None = None
    kafka_offset: int | None = None


@dataclass(frozen=True, slots=True)
class AnnotationFields:
    """Boxes of one photo, by whom and when; `annotated_at` None where the source does not tell."""

    boxes: tuple[Box, ...]
    annotator: str
    annotated_at: datetime | None = None
    annotation_id: str | None = None


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo to take in. `location` is its absolute path or URL, None where `sha256` alone names it.

    `source` is the file, URL or topic that told of it. Without `capture` only its annotation counts. `data` is the
    photo where it came with the record; then nothing is read from `location`.
    """

    location: str | None
    rows: Rows
    source: str
    capture: CaptureFields | None = None
    annotation: AnnotationFields | None = None
    sha256: str | None = None
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """A door event or a planogram, which needs no photo. One row."""

    event: DoorEvent | Planogram
    source: str


@dataclass(frozen=True, slots=True)
class Passed:
    """A file that is passed over on purpose. One row, skipped."""

    origin: str
    why: str


Record = Photo | Told | Rejected | Passed
"""A `Rejected` that a reader yields is one row."""
