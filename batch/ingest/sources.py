"""What the operator named: each source found out, and its reader chosen. One stream of typed records comes out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from batch.ingest.read_coco import read_coco
from batch.ingest.read_csv import read_csv
from batch.ingest.read_events import read_events
from batch.ingest.read_folder import read_folder, walk
from batch.ingest.read_voc import read_voc
from batch.ingest.read_yolo import read_yolo
from intake.places import Places, is_url
from intake.records import CaptureFields, OneRow, Photo, Record
from intake.settings import IngestError

Reader = Callable[[Path, Places, str], Iterator[Record]]
READERS: dict[str, Reader] = {
    "csv": read_csv,
    "coco": read_coco,
    "voc": read_voc,
    "yolo": read_yolo,
    "events": read_events,
}
SUFFIXES = {
    "csv": (".csv", ".tsv"),
    "coco": (".json",),
    "voc": (".xml",),
    "yolo": (".txt", ".yaml", ".yml"),
    "events": (".jsonl", ".ndjson"),
}
_LABEL_SUFFIXES = {**SUFFIXES, "yolo": (".txt",)}
_NAMES_FILE = "classes.txt"
_SNIFF_BYTES = 4096


def read_sources(sources: Sequence[str], annotations: str | None, form: str | None) -> Iterator[Record]:
    """The records of all sources, then of the annotations. IngestError where a source or format is not there."""
    if form is not None and form not in READERS:
        raise IngestError(f"format {form!r} is not known; use one of {', '.join(READERS)}")
    named = [source if is_url(source) else _existing(source) for source in sources]
    extra = _existing(annotations) if annotations is not None else None
    places = Places(tuple(path for path in named if isinstance(path, Path) and path.is_dir()))
    streams = [_read(source, places, form, extra) for source in named]
    if extra is not None:
        streams.append(_read_annotations(extra, places, form))
    return chain.from_iterable(streams)


def detect(path: Path) -> str | None:
    """Format of a file by its name and its first bytes; None for what is to be taken as a photo."""
    suffix = path.suffix.lower()
    for form in ("csv", "voc", "events"):
        if suffix in SUFFIXES[form]:
            return form
    if suffix == ".json":
        with path.open("rb") as file:
            start = file.read(_SNIFF_BYTES)
        return "events" if b'"schema"' in start or b'"ImgUrl"' in start else "coco"
    return "yolo" if suffix == ".txt" else None


def _existing(source: str) -> Path:
    path = Path(os.path.abspath(Path(source).expanduser()))  # noqa: PTH100  # keeps the names of symbolic links
    if not path.exists():
        raise IngestError(f"no such file or folder: {source}; check the path")
    return path


def _read(source: Path | str, places: Places, form: str | None, annotations: Path | None) -> Iterator[Record]:
    if isinstance(source, str):
        yield Photo(source, OneRow(source), source, CaptureFields())
    elif source.is_dir():
        yield from _read_folder(source, places, form, annotations)
    elif (found := _form_of(source, form if annotations is None else None)) is None:
        yield Photo(str(source), OneRow(str(source)), str(source), CaptureFields())
    else:
        yield from READERS[found](source, places, str(source))


def _form_of(path: Path, form: str | None) -> str | None:
    # A photo stays a photo whatever format was given: only files that can hold that format are read as it.
    found = detect(path)
    return form if form is not None and (found is not None or path.suffix.lower() not in _PHOTO_SUFFIXES) else found


_PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif")


def _read_folder(folder: Path, places: Places, form: str | None, annotations: Path | None) -> Iterator[Record]:
    inside = annotations is None and form is not None
    suffixes = SUFFIXES[form] if form is not None and inside else ()

    def is_side_file(path: Path) -> bool:
        if annotations is not None and (path == annotations or path.is_relative_to(annotations)):
            return True
        return path.suffix.lower() in suffixes

    yield from read_folder(folder, is_side_file, str(folder))
    if form is not None and inside:
        yield from _read_annotations(folder, places, form)


def _read_annotations(path: Path, places: Places, form: str | None) -> Iterator[Record]:
    if not path.is_dir():
        found = form or detect(path)
        if found is None:
            raise IngestError(f"the format of {path} can't be told from its name; give it with --format")
        yield from READERS[found](path, places, str(path))
        return
    for file in walk(path):
        found = form or detect(file)
        if found is None or file.suffix.lower() not in _LABEL_SUFFIXES[found] or file.name == _NAMES_FILE:
            continue
        yield from READERS[found](file, places, str(file))
