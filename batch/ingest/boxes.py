"""Boxes of one photo, gathered row by row by the readers of annotation formats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from intake.places import Places, Refusal
from intake.records import AnnotationFields, CaptureFields, ManyRows, Photo, Record
from schemas.boxes import check_box, is_clean, shown
from schemas.events import MAX_BOXES, Box, Rejected
from schemas.reasons import Reason

ANNOTATOR = "file"


def fractions(low: float, high: float, extent: float, slack: float) -> tuple[float, float]:
    """Two edges as fractions of `extent`; what rounding put outside by up to `slack` is moved onto the border."""
    low = 0.0 if -slack <= low < 0 else low
    high = extent if extent < high <= extent + slack else high
    return low / extent, high / extent


class Boxes:
    """Good boxes and their rows; a bad one is refused on its own."""

    def __init__(self, source: str):
        self._source = source
        self._boxes: list[Box] = []
        self._rows: list[tuple[str, bytes]] = []

    def add(self, origin: str, payload: bytes, raw: Mapping[str, object], where: str) -> Iterator[Rejected]:
        """Takes one row; yields its refusal if it is bad."""
        if len(self._boxes) >= MAX_BOXES:
            yield Rejected(
                origin, Reason.TOO_MANY_BOXES, f"{where}: the photo has more than {MAX_BOXES} boxes", payload
            )
            return
        found = check_box(raw, where)
        if isinstance(found, Box):
            self._boxes.append(found)
            self._rows.append((origin, payload))
        else:
            yield Rejected(origin, found.reason, found.detail, payload)

    def add_empty(self, origin: str, payload: bytes) -> None:
        """Takes the row of a photo without boxes."""
        self._rows.append((origin, payload))

    def rows(self) -> ManyRows:
        """The rows of the good boxes."""
        return ManyRows(tuple(self._rows))

    def photo(self, name: str, base: Path, places: Places) -> Iterator[Record]:
        """Yields the photo with its boxes, or its rows refused."""
        rows = self.rows()
        location: str | Refusal = (
            places.given_by_operator(name, base)
            if is_clean(name)
            else Refusal(Reason.INVALID_FIELD, f"the image {shown(name)} has control characters")
        )
        if isinstance(location, Refusal):
            yield from rows.rejected(location.reason, location.detail, None)
            return
        annotation = AnnotationFields(tuple(self._boxes), ANNOTATOR) if self._boxes else None
        yield Photo(location, rows, self._source, CaptureFields(), annotation)
