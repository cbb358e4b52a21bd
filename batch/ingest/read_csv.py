"""CSV, one row a box: rows of a photo are gathered even when they are not adjacent, in little memory a row.

Columns: image or ImgUrl; xmin, xmax, ymin, ymax (fractions of the upright photo); optional label, confidence, box
(orders the boxes), sha256, capture_id, device_id, store_id, captured_at, annotator. A row without any coordinate is a
photo without boxes. Commas, semicolons (then also decimal commas) and tabs; BOM and CRLF are tolerated.
"""

from __future__ import annotations

import csv
import math
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from batch.ingest.boxes import ANNOTATOR
from batch.ingest.lines import Line, read_lines
from intake.places import Places, Refusal
from intake.records import AnnotationFields, CaptureFields, Photo, Record
from schemas.boxes import SIDES, check_box, is_clean, shown
from schemas.decode import MAX_RECORD_BYTES
from schemas.events import MAX_BOXES, Box, Rejected
from schemas.reasons import Reason
from schemas.times import parse_time

_IMAGE = ("image", "imgurl")
_META = ("sha256", "capture_id", "device_id", "store_id", "captured_at", "annotator")
_IDS = ("capture_id", "device_id", "store_id", "annotator")
_MAX_ID_CHARS = 200
_MAX_LINES_A_ROW = 20
_ZONE = re.compile(r"([zZ]|[+-]\d\d:\d\d)$")
Key = tuple[str, ...]


@dataclass(slots=True)
class _Group:
    """Boxes of one photo: seven numbers each, and where each row lies in the file."""

    numbers: array[float] = field(default_factory=lambda: array("d"))
    labels: list[str | None] = field(default_factory=list)
    lines: array[int] = field(default_factory=lambda: array("q"))
    rows: int = 0


@dataclass(frozen=True, slots=True)
class CsvRows:
    """The rows of one photo; their bytes are read again from the file when one is refused."""

    path: Path
    source: str
    lines: array[int]  # number, offset, size of each

    @property
    def count(self) -> int:
        """How many rows."""
        return len(self.lines) // 3

    def rejected(self, reason: Reason, detail: str, content: bytes | None) -> Iterator[Rejected]:
        """Yields one refusal a row, with its line as payload."""
        with self.path.open("rb") as file:
            for index in range(0, len(self.lines), 3):
                number, offset, size = self.lines[index : index + 3]
                file.seek(offset)
                yield Rejected(f"{self.source}:{number}", reason, detail, file.read(size))


def read_csv(path: Path, places: Places, source: str) -> Iterator[Record]:
    """Yields refused rows as they are met, then one photo each with its good boxes, in the order of first mention."""
    rows = _rows(path)
    first = next(rows, None)
    if first is None:
        yield Rejected(source, Reason.EMPTY_FILE, f"{path.name} has no header; name the columns in its first line", b"")
        return
    header_line, header_bytes = first
    delimiter = _delimiter(header_bytes)
    header = [name.strip().lower() for name in _split(header_bytes, delimiter) or []]
    image_at = next((header.index(name) for name in _IMAGE if name in header), None)
    if image_at is None:
        detail = f"{path.name} has no column image or ImgUrl; its columns are {', '.join(header)[:200]}"
        yield Rejected(f"{source}:{header_line.number}", Reason.MISSING_FIELD, detail, header_bytes)
        return
    groups: dict[Key, _Group] = {}
    for line, raw in rows:
        if not raw.strip():
            continue
        refused = _take(line, raw, delimiter, header, image_at, groups)
        if refused is not None:
            reason, detail = refused
            payload = raw if line.raw is not None else None
            yield Rejected(f"{source}:{line.number}", reason, f"line {line.number}: {detail}", payload)
    for key in list(groups):
        yield from _photo(key, groups.pop(key), path, places, source)


def _take(
    line: Line, raw: bytes, delimiter: str, header: list[str], image_at: int, groups: dict[Key, _Group]
) -> tuple[Reason, str] | None:
    if line.raw is None:
        return Reason.TOO_MANY_BYTES, f"{line.size} bytes, limit {MAX_RECORD_BYTES}"
    cells = _split(raw, delimiter)
    if cells is None:
        return Reason.INVALID_FIELD, "not CSV in UTF-8"
    if len(cells) > len(header):
        return Reason.INVALID_FIELD, f"{len(cells)} cells under {len(header)} columns"
    if len(cells) <= image_at or not (image := cells[image_at].strip()):
        return Reason.MISSING_FIELD, "the image is missing"
    row = {name: cell.strip() for name, cell in zip(header, cells, strict=False)}
    meta = tuple(row.get(name, "") for name in _META)
    fault = _meta_fault(image, dict(zip(_META, meta, strict=True)))
    if fault is not None:
        return Reason.INVALID_FIELD, fault
    group = groups.setdefault((image, *meta), _Group())
    if not any(row.get(name) for name in SIDES):
        group.lines.extend((line.number, line.offset, len(raw)))
        return None
    return _take_box(line, raw, delimiter, row, group)


def _take_box(line: Line, raw: bytes, delimiter: str, row: dict[str, str], group: _Group) -> tuple[Reason, str] | None:
    if group.rows >= MAX_BOXES:
        return Reason.TOO_MANY_BOXES, f"the photo has more than {MAX_BOXES} boxes; those after are refused"
    values: dict[str, object] = {name: _number(row[name], delimiter) for name in SIDES if name in row}
    values["label"] = row.get("label") or None
    if row.get("confidence"):
        values["confidence"] = _number(row["confidence"], delimiter)
    box = check_box(values, f"box {row.get('box') or group.rows}")
    if not isinstance(box, Box):
        return box.reason, box.detail
    number = _number(row.get("box", ""), delimiter)
    place = number if isinstance(number, float) and math.isfinite(number) else math.inf
    confidence = math.nan if box.confidence is None else box.confidence
    group.numbers.extend((place, box.xmin, box.xmax, box.ymin, box.ymax, confidence))
    group.labels.append(box.label)
    group.lines.extend((line.number, line.offset, len(raw)))
    group.rows += 1
    return None


def _photo(key: Key, group: _Group, path: Path, places: Places, source: str) -> Iterator[Record]:
    image, sha256, capture_id, device_id, store_id, captured_at, annotator = key
    rows = CsvRows(path, source, group.lines)
    location = places.given_by_operator(image, path.parent)
    if isinstance(location, Refusal):
        yield from rows.rejected(location.reason, location.detail, None)
        return
    capture = CaptureFields(capture_id or None, device_id or None, store_id or None, _time(captured_at))
    boxes = _boxes(group)
    annotation = AnnotationFields(boxes, annotator or ANNOTATOR) if boxes else None
    yield Photo(location, rows, source, capture, annotation, sha256.lower() or None)


def _boxes(group: _Group) -> tuple[Box, ...]:
    numbers = group.numbers
    order = sorted(range(group.rows), key=lambda index: numbers[index * 6])
    boxes = []
    for index in order:
        xmin, xmax, ymin, ymax, confidence = numbers[index * 6 + 1 : index * 6 + 6]
        known = None if math.isnan(confidence) else confidence
        boxes.append(Box(group.labels[index], xmin, xmax, ymin, ymax, known))
    return tuple(boxes)


def _meta_fault(image: str, meta: dict[str, str]) -> str | None:
    if not is_clean(image):
        return f"the image {shown(image)} has control characters"
    for name in _IDS:
        if len(meta[name]) > _MAX_ID_CHARS or not is_clean(meta[name]):
            return f"{name} is {shown(meta[name])}; use at most {_MAX_ID_CHARS} characters without control characters"
    sha256 = meta["sha256"]
    if sha256 and not (len(sha256) == 64 and all(char in "0123456789abcdefABCDEF" for char in sha256)):
        return f"sha256 is {shown(sha256)}; give 64 hex digits"
    try:
        _time(meta["captured_at"])
    except ValueError as error:
        return f"captured_at is {shown(meta['captured_at'])}: {error}"
    return None


def _time(text: str) -> datetime | None:
    zone = "" if _ZONE.search(text) else "Z"  # a table's times without an offset are UTC
    return parse_time(text + zone) if text else None


def _number(text: str, delimiter: str) -> object:
    if not text:
        return None
    try:
        return float(text.replace(",", ".") if delimiter == ";" else text)
    except ValueError:
        return text


def _rows(path: Path) -> Iterator[tuple[Line, bytes]]:
    """Yields each record with its bytes; one with line breaks inside quotes spans lines, up to twenty of them."""
    pending: list[Line] = []
    for line in read_lines(path):
        pending.append(line)
        quotes = sum(part.raw.count(b'"') for part in pending if part.raw is not None)
        if quotes % 2 == 0:
            yield _joined(pending)
            pending = []
        elif line.raw is None or len(pending) >= _MAX_LINES_A_ROW:
            # A stray quote: it must not swallow the rest of the file.
            yield from (_joined([part]) for part in pending)
            pending = []
    yield from (_joined([part]) for part in pending)


def _joined(lines: list[Line]) -> tuple[Line, bytes]:
    return lines[0], b"\r\n".join(part.raw or b"" for part in lines) if len(lines) > 1 else lines[0].raw or b""


def _split(raw: bytes, delimiter: str) -> list[str] | None:
    try:
        return next(csv.reader(raw.decode("utf-8").splitlines(keepends=True), delimiter=delimiter, strict=True), [])
    except (UnicodeDecodeError, csv.Error):
        return None


def _delimiter(header: bytes) -> str:
    text = header.decode("utf-8", "replace")
    return max(",;\t", key=text.count)
