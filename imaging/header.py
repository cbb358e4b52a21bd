"""What a photo says about itself, read from its first bytes: no pixel is decoded and nothing large is allocated."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from imaging.containers import Facts, read_bmp, read_gif, read_jpeg, read_png, read_tiff_facts, read_webp
from imaging.errors import (
    EMPTY_FILE,
    TOO_MANY_BYTES,
    TOO_MANY_PIXELS,
    TRUNCATED,
    UNDECODABLE,
    UNSUPPORTED_FORMAT,
    ImageError,
)

MIB = 1 << 20
_SIGNATURE_BYTES = 12


@dataclass(frozen=True)
class Limits:
    """What is refused before any decode: more bytes in the file, or more pixels in the header."""

    max_bytes: int = 64 * MIB
    max_pixels: int = 64_000_000


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class Header:
    """A photo's header. `width` and `height` are pixels as stored, before `orientation` (EXIF 1 to 8; 1 is upright).

    `format` is one of `FORMATS`: what the content is, whatever its name says. `captured_at` is EXIF DateTimeOriginal,
    which has no zone and is taken as UTC; None where it is missing.
    """

    format: str
    width: int
    height: int
    orientation: int
    captured_at: datetime | None = None

    @property
    def upright_size(self) -> tuple[int, int]:
        """(width, height) in pixels after orientation: the size that boxes refer to."""
        swapped = self.orientation >= _FIRST_SWAPPED
        return (self.height, self.width) if swapped else (self.width, self.height)


_FIRST_SWAPPED = 5
_READERS: dict[str, Callable[[bytes], Facts]] = {
    "jpeg": read_jpeg,
    "png": read_png,
    "webp": read_webp,
    "tiff": read_tiff_facts,
    "bmp": read_bmp,
    "gif": read_gif,
}
FORMATS = tuple(_READERS)


def sniff(data: bytes) -> str | None:
    """One of `FORMATS` by the leading bytes, or None. A polyglot is what its first bytes are."""
    start = data[:_SIGNATURE_BYTES]
    if start.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return "webp"
    if start.startswith((b"II*\x00", b"MM\x00*")):
        return "tiff"
    if start.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    return "bmp" if start.startswith(b"BM") else None


def read_header(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Header:
    """The photo's `Header`, in about 10 to 50 microseconds and a few kilobytes.

    Raises ImageError: "empty-file", "too-many-bytes", "unsupported-format", "too-many-pixels", "truncated" where the
    container shows that it was cut off, and "undecodable" where it contradicts itself.
    """
    if not data:
        raise ImageError(EMPTY_FILE, "0 bytes")
    if len(data) > limits.max_bytes:
        raise ImageError(TOO_MANY_BYTES, f"{len(data)} bytes, limit {limits.max_bytes}")
    found = sniff(data)
    if found is None:
        raise ImageError(UNSUPPORTED_FORMAT, f"starts with {data[:8]!r}")
    try:
        facts = _READERS[found](data)
    except (struct.error, IndexError) as error:
        raise ImageError(TRUNCATED, f"{found} header ends after {len(data)} bytes") from error
    except ValueError as error:
        raise ImageError(UNDECODABLE, f"{found}: {error}") from error
    if facts.width < 1 or facts.height < 1:
        raise ImageError(UNDECODABLE, f"{found} of {facts.width} x {facts.height} pixels")
    pixels = max(facts.width * facts.height, facts.tile_pixels)
    if pixels > limits.max_pixels:
        raise ImageError(TOO_MANY_PIXELS, f"{facts.width} x {facts.height}: {pixels} pixels, limit {limits.max_pixels}")
    if facts.cut_off:
        raise ImageError(TRUNCATED, f"{found} ends after {len(data)} bytes, before its last part")
    return Header(found, facts.width, facts.height, facts.tags.orientation, facts.tags.captured_at)
