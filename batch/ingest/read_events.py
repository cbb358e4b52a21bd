"""JSONL of events: a line is an event, or an envelope {"received_at": …, "event": …} that a gateway wrote down."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from batch.ingest.lines import Line, read_lines
from intake.events import open_envelope, records_of
from intake.places import Places
from intake.records import Record
from schemas.decode import MAX_RECORD_BYTES
from schemas.events import Rejected
from schemas.reasons import Reason


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
        parsed, received_at = open_envelope(raw, origin)
    except ValueError as error:
        yield Rejected(origin, Reason.INVALID_FIELD, str(error), raw)
        return
    locate = partial(places.given_by_device, base=base)
    yield from records_of(parsed, raw, origin, source, locate, received_at, max_inline_bytes=MAX_RECORD_BYTES)
