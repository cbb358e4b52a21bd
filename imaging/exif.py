"""Tags of a TIFF structure, which is also what an EXIF block is (TIFF 6.0; CIPA DC-008 EXIF 2.32)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, datetime

WIDTH, HEIGHT, BITS_PER_SAMPLE, SAMPLE_FORMAT, TILE_WIDTH, TILE_HEIGHT = 256, 257, 258, 339, 322, 323
ORIENTATION, EXIF_IFD, DATE_TIME_ORIGINAL = 274, 0x8769, 0x9003
_SHORT, _LONG, _ASCII = 3, 4, 2
_INTEGER_SIZES = {_SHORT: 2, _LONG: 4}
_MAX_VALUES = 16
_DATE_TIME_LENGTH = 19
_PREFIX = b"Exif\x00\x00"
_UPRIGHT, _LAST_ORIENTATION = 1, 8


@dataclass(frozen=True)
class Tags:
    """Integer tags of the first directory, by number, and when the photo was taken (None where it does not say)."""

    integers: dict[int, tuple[int, ...]]
    captured_at: datetime | None = None

    @property
    def orientation(self) -> int:
        """EXIF orientation, 1 to 8; 1 (upright) where there is none or it is out of range."""
        value = self.first(ORIENTATION)
        return value if value is not None and _UPRIGHT <= value <= _LAST_ORIENTATION else _UPRIGHT

    def first(self, tag: int) -> int | None:
        """The tag's first value, or None."""
        values = self.integers.get(tag)
        return values[0] if values else None


NO_TAGS = Tags({})


def read_exif(block: bytes) -> Tags:
    """Tags of an EXIF block, with or without its "Exif" prefix. Damage gives `NO_TAGS`: the photo is still good."""
    try:
        return read_tiff(block.removeprefix(_PREFIX))
    except (struct.error, ValueError):
        return NO_TAGS


def read_tiff(data: bytes) -> Tags:
    """Tags of the first directory of a classic TIFF.

    Raises struct.error where it ends too early and ValueError where it is not one.
    """
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(data[:4])
    if order is None:
        raise ValueError("not a classic TIFF structure")
    (offset,) = struct.unpack_from(order + "I", data, 4)
    integers, _ = _directory(data, order, offset)
    captured_at = None
    if integers.get(EXIF_IFD):
        try:
            captured_at = _parse_time(_directory(data, order, integers[EXIF_IFD][0])[1])
        except (struct.error, ValueError):
            captured_at = None
    return Tags(integers, captured_at)


def _directory(data: bytes, order: str, offset: int) -> tuple[dict[int, tuple[int, ...]], bytes]:
    """Integer tags of the directory at `offset`, and the text of DateTimeOriginal (empty where there is none)."""
    integers: dict[int, tuple[int, ...]] = {}
    text = b""
    (entries,) = struct.unpack_from(order + "H", data, offset)
    for position in range(offset + 2, offset + 2 + 12 * entries, 12):
        tag, kind, count = struct.unpack_from(order + "HHI", data, position)
        if kind in _INTEGER_SIZES:
            count = min(count, _MAX_VALUES)
            size = _INTEGER_SIZES[kind] * count
            start = position + 8 if size <= 4 else struct.unpack_from(order + "I", data, position + 8)[0]
            if start + size <= len(data):
                integers[tag] = struct.unpack_from(f"{order}{count}{'H' if kind == _SHORT else 'I'}", data, start)
        elif tag == DATE_TIME_ORIGINAL and kind == _ASCII and count >= _DATE_TIME_LENGTH:
            (start,) = struct.unpack_from(order + "I", data, position + 8)
            text = data[start : start + _DATE_TIME_LENGTH]
    return integers, text


def _parse_time(text: bytes) -> datetime | None:
    """ "YYYY:MM:DD HH:MM:SS" as UTC (EXIF names no zone), or None where it is not that."""
    if len(text) != _DATE_TIME_LENGTH:
        return None
    fields = [text[start:end] for start, end in ((0, 4), (5, 7), (8, 10), (11, 13), (14, 16), (17, 19))]
    if not all(field.isdigit() for field in fields):
        return None
    year, month, day, hour, minute, second = map(int, fields)
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
