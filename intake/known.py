"""What master already holds of a chunk of records: looked up once a chunk, kept true while the chunk is taken in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from intake.places import as_text
from intake.records import Photo, Told
from lake import Lake
from schemas.events import DoorEvent

_PREFIX_CHARS = 16
_PREFIX = f"S{_PREFIX_CHARS}"


@dataclass(frozen=True, slots=True)
class Latest:
    """The annotation of a photo that wins on read."""

    annotated_at: datetime
    annotation_id: str
    annotator: str


@dataclass
class Known:
    """Keys that master holds. `versions`: location to (version to sha256)."""

    captures: set[str] = field(default_factory=set)
    versions: dict[str, dict[str, str]] = field(default_factory=dict)
    images: set[str] = field(default_factory=set)
    doors: set[tuple[str, str]] = field(default_factory=set)
    planograms: set[str] = field(default_factory=set)
    annotations: set[str] = field(default_factory=set)
    latest: dict[str, Latest] = field(default_factory=dict)
    looked_up: set[str] = field(default_factory=set)

    annotated: npt.NDArray[np.bytes_] = field(default_factory=lambda: np.empty(0, _PREFIX))

    def perhaps_annotated(self, sha256s: Sequence[str]) -> list[str]:
        """Those photos that may have annotations in master; the others have none. Saves a look-up each."""
        listed = np.array(list(sha256s), _PREFIX)
        places = np.searchsorted(self.annotated, listed)
        hits = places < len(self.annotated)
        hits[hits] = self.annotated[places[hits]] == listed[hits]
        return [sha for sha, hit in zip(sha256s, hits, strict=True) if hit]

    def see_annotation(self, sha256: str, found: Latest) -> None:
        """Counts an annotation in."""
        self.annotations.add(found.annotation_id)
        best = self.latest.get(sha256)
        if best is None or (best.annotated_at, best.annotation_id) < (found.annotated_at, found.annotation_id):
            self.latest[sha256] = found


def look_up(lake: Lake, photos: Sequence[Photo], told: Sequence[Told]) -> Known:
    """What master holds of these records, but for annotations: their photos may not be known yet."""
    known = Known()
    locations = {as_text(photo.location) for photo in photos if photo.location is not None}
    ids = {photo.capture.capture_id for photo in photos if photo.capture is not None and photo.capture.capture_id}
    columns = ["capture_id", "image_uri", "sha256", "source_version"]
    for row in _rows(lake, "master/captures", columns, "image_uri", locations):
        known.captures.add(row["capture_id"])
        if row["source_version"] is not None and row["sha256"] is not None:
            known.versions.setdefault(row["image_uri"], {})[row["source_version"]] = row["sha256"]
    look_up_captures(lake, known, ids)
    named = {photo.sha256 for photo in photos if photo.sha256 is not None}
    known.images = {row["sha256"] for row in _rows(lake, "master/images", ["sha256"], "sha256", named)}
    doors = {item.event.door_event_id for item in told if isinstance(item.event, DoorEvent)}
    known.doors = {
        (row["door_event_id"], row["kind"])
        for row in _rows(lake, "master/door_events", ["door_event_id", "kind"], "door_event_id", doors)
    }
    plans = {item.event.planogram_id for item in told if not isinstance(item.event, DoorEvent)}
    if any(photo.annotation is not None for photo in photos):
        sha256s = lake.read("master/annotations", columns=["sha256"]).column(0)
        prefixes = pc.utf8_slice_codeunits(sha256s, 0, _PREFIX_CHARS).to_numpy().astype(_PREFIX)
        known.annotated = np.unique(prefixes)
    rows = _rows(lake, "master/planograms", ["planogram_id"], "planogram_id", plans)
    known.planograms = {row["planogram_id"] for row in rows}
    return known


def look_up_captures(lake: Lake, known: Known, ids: Iterable[str]) -> None:
    """Adds those of `ids` that master holds to `known.captures`."""
    rows = _rows(lake, "master/captures", ["capture_id"], "capture_id", set(ids))
    known.captures.update(row["capture_id"] for row in rows)


def look_up_annotations(lake: Lake, known: Known, sha256s: Iterable[str]) -> None:
    """Adds the annotations of these photos, without their boxes."""
    fresh = set(sha256s) - known.looked_up
    known.looked_up |= fresh
    columns = ["annotation_id", "sha256", "annotator", "annotated_at"]
    for row in _rows(lake, "master/annotations", columns, "sha256", fresh):
        known.see_annotation(row["sha256"], Latest(row["annotated_at"], row["annotation_id"], row["annotator"]))


def _rows(lake: Lake, table: str, columns: list[str], key: str, values: set[Any]) -> list[dict[str, Any]]:
    if not values:
        return []
    found: list[dict[str, Any]] = lake.read(
        table, columns=columns, where=pc.field(key).isin(pa.array(sorted(values), pa.string()))
    ).to_pylist()
    return found
