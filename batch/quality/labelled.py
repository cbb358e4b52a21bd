"""Photos of a lake whose class somebody told: rows of a CSV beside the photos in master."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from pathlib import Path

from batch.quality.examples import Example, Examples
from batch.quality.scenes import digest
from imaging.decode import decode_grey
from imaging.errors import ImageError
from imaging.header import Header, Limits, read_header
from imaging.quality import measure
from lake import FacingsError, Lake
from schemas.tables import CLASSES

_KEYS = ("sha256", "capture_id")


class LabelsError(FacingsError):
    """The file of labels can't be used; the message names line and remedy."""


def read_labels(path: Path) -> list[tuple[str, str, str]]:
    """(column, key, class) of each row of a CSV with a column `class` and one of `sha256` or `capture_id`.

    Raises LabelsError.
    """
    with path.open(newline="", encoding="utf-8-sig") as source:
        reader = csv.DictReader(source)
        columns = [name for name in _KEYS if name in (reader.fieldnames or ())]
        if not columns or "class" not in (reader.fieldnames or ()):
            raise LabelsError(f"{path}: needs a column `class` and one of {', '.join(_KEYS)}; has {reader.fieldnames}")
        rows = []
        for number, row in enumerate(reader, 2):
            if row["class"] not in CLASSES:
                raise LabelsError(f"{path}, line {number}: class {row['class']!r} is none of {', '.join(CLASSES)}")
            rows.append((columns[0], row[columns[0]], row["class"]))
    return rows


def labelled_examples(lake: Lake, labels: list[tuple[str, str, str]], limits: Limits) -> Examples:
    """The labelled photos of the lake, measured; photos that don't decode are left out. Raises LabelsError for none."""
    rows: list[Example] = []
    shown: list[str] = []
    for index, (label, data) in enumerate(_photos(lake, labels)):
        try:
            header: Header = read_header(data, limits)
            measured = measure(decode_grey(data, header))
        except ImageError:
            continue
        shown.append(digest(data))
        severity = 0.0 if label == "good" else 0.5
        rows.append(Example(label, "lake", index, "", severity, max(header.width, header.height), measured))
    if not rows:
        raise LabelsError(f"none of {len(labels)} labelled rows is a readable photo of {lake.storage.root}")
    named = "/".join(f"{row.label}:{photo}" for row, photo in zip(rows, shown, strict=True))
    return Examples(tuple(rows), tuple(sorted(set(shown))), hashlib.sha256(named.encode()).hexdigest()[:16])


def _photos(lake: Lake, labels: list[tuple[str, str, str]]) -> Iterator[tuple[str, bytes]]:
    for column, key, label in labels:
        if column == "capture_id":
            found = lake.sql("SELECT sha256 FROM captures WHERE capture_id = ?", [key])["sha256"].to_pylist()
            key = found[0] if found and found[0] else ""
        data = lake.blob("master/images", "bytes", {"sha256": key}) if key else None
        if data is not None:
            yield label, data
