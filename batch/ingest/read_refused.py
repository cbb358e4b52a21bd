"""Refusals of the ledger into the records that they would be today.

An event comes from its payload, a photo from its place or else from its payload, a row of a table from its source:
a line without its header, or a box without its photo, says nothing by itself.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from batch.ingest.sources import READERS, SUFFIXES, detect
from intake.events import Offset, open_envelope, records_of
from intake.places import Places, is_url
from intake.records import CaptureFields, OneRow, Photo, Record
from intake.settings import IngestError
from lake import Lake
from schemas.decode import MAX_RECORD_BYTES
from schemas.events import Rejected
from schemas.reasons import Reason

_PART = r"#(?:boxes|annotations|images|object)\b.*"
_ORIGIN = re.compile(rf"(?P<source>.*?)(?::(?P<line>\d+))?(?P<part>{_PART})?", re.DOTALL)
KAFKA = re.compile(r"kafka:(?P<topic>.+)/(?P<partition>\d+)/(?P<offset>\d+)(?:@(?P<id>[^#]+))?")
_TABLES = tuple(suffix for form in ("csv", "coco", "voc", "yolo") for suffix in SUFFIXES[form])


@dataclass(frozen=True)
class Origin:
    """An origin's parts: "SOURCE:LINE#PART", of which a photo has the first only."""

    source: str
    line: str | None = None
    part: str | None = None


def read_refused(
    lake: Lake, chosen: Sequence[Mapping[str, Any]], corrected: Path | None, seen: set[str]
) -> Iterator[Record]:
    """Yields what the refusals are today; names in `seen` those that led to anything."""
    if corrected is not None and not corrected.is_file():
        raise IngestError(f"no such file: {corrected}; check the path")
    photo = corrected if corrected is not None and is_photo(corrected) else None
    if corrected is not None and photo is None:
        seen |= {row["reject_id"] for row in chosen}
        yield from _of_file(corrected, {parse_origin(row["origin"]).source for row in chosen})
        return
    by_source: dict[str, list[Mapping[str, Any]]] = {}
    single: dict[str, Mapping[str, Any]] = {}
    for row in chosen:
        origin = parse_origin(row["origin"])
        if KAFKA.fullmatch(row["origin"]) or is_url(row["origin"]) or not is_table_row(origin):
            single.setdefault(row["reject_id"], row)
        else:
            by_source.setdefault(origin.source, []).append(row)
    yield from _singles(lake, single, photo, seen)
    for source, rows in by_source.items():
        yield from _of_source(Path(source), rows, photo, seen)


def _singles(lake: Lake, rows: Mapping[str, Mapping[str, Any]], photo: Path | None, seen: set[str]) -> Iterator[Record]:
    if not rows:
        return
    streams = lake.sql("SELECT DISTINCT source FROM captures WHERE kafka_topic IS NOT NULL").column(0).to_pylist()
    by_topic = {source.rpartition("/")[2]: source for source in streams}  # the ledger names a topic by its id alone
    done: set[tuple[str, Any]] = set()  # one record may have been refused for one reason after another
    where = pc.field("reject_id").isin(pa.array(sorted(rows), pa.string()))
    for batch in lake.scan("master/rejected", columns=["reject_id", "payload"], where=where):
        for name, payload in zip(batch.column(0).to_pylist(), batch.column(1), strict=True):
            row = rows[name]
            if (row["origin"], row["digest"]) not in done:
                done.add((row["origin"], row["digest"]))
                yield from _single(row, payload.as_py(), photo, by_topic)
            seen.add(name)


def _single(
    row: Mapping[str, Any], payload: bytes | None, photo: Path | None, by_topic: Mapping[str, str]
) -> Iterator[Record]:
    origin = row["origin"]
    parsed = parse_origin(origin)
    kafka = KAFKA.fullmatch(origin)
    if payload is not None and (kafka or parsed.line):
        source = parsed.source if kafka is None else by_topic.get(kafka["id"], f"kafka:{kafka['topic']}")
        offset = Offset(kafka["topic"], int(kafka["partition"]), int(kafka["offset"])) if kafka else None
        for record in _of_event(payload, origin, source, offset):
            yield _with_photo(record, photo)
        return
    there = is_url(origin) or Path(origin).exists()
    data = None if there else payload
    capture = CaptureFields(device_id=row["device_id"], store_id=row["store_id"])
    yield _with_photo(Photo(origin, OneRow(origin), origin, capture, data=data), photo)


def _of_event(payload: bytes, origin: str, source: str, offset: Offset | None) -> Iterator[Record]:
    try:
        parsed, received_at = open_envelope(payload, origin)
    except ValueError as error:
        yield Rejected(origin, Reason.INVALID_FIELD, str(error), payload)
        return
    locate = partial(Places().given_by_device, base=None if offset is not None else Path(source).parent)
    yield from records_of(parsed, payload, origin, source, locate, received_at, MAX_RECORD_BYTES, offset)


def _of_source(source: Path, rows: Sequence[Mapping[str, Any]], photo: Path | None, seen: set[str]) -> Iterator[Record]:
    """Yields the records of a file that hold the wanted rows, read as at first."""
    form = detect(source) if source.is_file() else None
    if form is None:
        return
    wanted: dict[str, list[str]] = {}
    for row in rows:
        wanted.setdefault(record_of(row["origin"]), []).append(row["reject_id"])
    for record in READERS[form](source, Places(), str(source)):
        found = [name for name in map(record_of, _origins(record)) if name in wanted]
        if found:
            seen.update(reject_id for name in found for reject_id in wanted[name])
            yield _with_photo(record, photo)


def _of_file(corrected: Path, sources: Iterable[str]) -> Iterator[Record]:
    form = detect(corrected)
    if form is None:
        raise IngestError(f"{corrected} is neither a photo nor a table of records: give one of {', '.join(READERS)}")
    folders = sorted({Path(source).parent for source in sources if Path(source).is_absolute()})
    yield from READERS[form](corrected, Places(tuple(f for f in folders if f.is_dir())), str(corrected))


def _origins(record: Record) -> Iterator[str]:
    if isinstance(record, Rejected):
        yield record.origin
    elif isinstance(record, Photo):
        yield from (refused.origin for refused in record.rows.rejected(Reason.INVALID_FIELD, "", None))


def _with_photo(record: Record, photo: Path | None) -> Record:
    if photo is None or not isinstance(record, Photo):
        return record
    return dataclasses.replace(record, data=photo.read_bytes(), source=str(photo), sha256=None)


def parse_origin(origin: str) -> Origin:
    """The parts of an origin as the ledger spells it."""
    found = _ORIGIN.fullmatch(origin)
    return Origin(*found.group("source", "line", "part")) if found is not None else Origin(origin)


def record_of(origin: str) -> str:
    """The origin of the record that a refused box belonged to: what is behind #boxes is a box of an event."""
    return origin.partition("#boxes")[0]


def is_table_row(origin: Origin) -> bool:
    """Is it a row of a file that must be read again to be understood, such as a line under a header?"""
    source = origin.source.lower()
    return origin.part is not None or (source.endswith(_TABLES) and not source.endswith(SUFFIXES["events"]))


def is_photo(path: Path) -> bool:
    """Is it a file that an ingest would take as a photo?"""
    return path.is_file() and detect(path) is None
