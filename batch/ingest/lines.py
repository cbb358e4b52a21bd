"""Lines of a file, byte for byte, whatever their length."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from schemas.decode import MAX_RECORD_BYTES

_BOM = b"\xef\xbb\xbf"
_SKIP_BYTES = 1 << 20


class Line(NamedTuple):
    """One line without its end. `raw` is None where it is longer than the limit."""

    number: int
    offset: int
    size: int
    raw: bytes | None


def read_lines(path: Path, limit: int = MAX_RECORD_BYTES) -> Iterator[Line]:
    """Yields the lines of a file in bounded memory; a byte order mark is left out. Numbers begin at 1."""
    with path.open("rb") as file:
        number, offset = 0, 0
        if file.read(len(_BOM)) == _BOM:
            offset = len(_BOM)
        file.seek(offset)
        while data := file.readline(limit + 2):
            number += 1
            size = len(data)
            too_long = size > limit and not data.endswith(b"\n")
            if too_long:
                size += _skip(file)
            raw = data.rstrip(b"\r\n")
            yield Line(number, offset, size if too_long else len(raw), None if too_long else raw)
            offset += size


def _skip(file: BinaryIO) -> int:
    skipped = 0
    while part := file.readline(_SKIP_BYTES):
        skipped += len(part)
        if part.endswith(b"\n"):
            break
    return skipped
