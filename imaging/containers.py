"""The containers of the accepted formats, walked without decoding: sizes, EXIF, and whether the end is missing.

Each reader takes the whole file. It raises struct.error or IndexError where the header ends early, ValueError where it
contradicts itself, and ImageError("unsupported-format") for a variant that is not accepted.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from imaging import exif
from imaging.errors import UNSUPPORTED_FORMAT, ImageError
from imaging.exif import NO_TAGS, Tags

_START_OF_FRAME = frozenset({0xC0, 0xC1, 0xC2, 0xC9, 0xCA})  # baseline, extended, progressive; Huffman or arithmetic
_OTHER_FRAMES = frozenset({0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF})  # lossless and hierarchical
_NO_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_FILL, _END_OF_IMAGE, _START_OF_SCAN, _APP1 = 0xFF, 0xD9, 0xDA, 0xE1
_EIGHT_BITS, _SIXTEEN_BITS, _FLOAT = 8, 16, 3
_COMPONENTS = (1, 3, 4)
_PNG_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)
_BMP_CORE_HEADER = 12


@dataclass(frozen=True)
class Facts:
    """Pixels as stored, tags, the size of the largest tile (TIFF), and whether the container's end is missing."""

    width: int
    height: int
    tags: Tags = NO_TAGS
    tile_pixels: int = 0
    cut_off: bool = False


def read_jpeg(data: bytes) -> Facts:
    """Facts of a JPEG, from its segments before the first scan (ITU-T T.81, annex B)."""
    size: tuple[int, int] | None = None
    tags: Tags | None = None
    position = 2
    while True:
        position = data.find(b"\xff", position)
        if position < 0:
            raise IndexError("no scan")
        while data[position] == _FILL:
            position += 1
        marker = data[position]
        position += 1
        if marker in _NO_LENGTH or marker == 0:
            continue
        if marker == _END_OF_IMAGE or (marker == _START_OF_SCAN and size is None):
            raise ValueError("no frame before the first scan")
        if marker == _START_OF_SCAN and size is not None:
            return Facts(*size, tags or NO_TAGS)
        (length,) = struct.unpack_from(">H", data, position)
        if length < 2 or (marker in _START_OF_FRAME and size is not None):
            raise ValueError(f"segment {marker:#x} is out of order")
        if marker in _START_OF_FRAME:
            size = _jpeg_frame(data, position)
        elif marker in _OTHER_FRAMES:
            raise ImageError(UNSUPPORTED_FORMAT, f"JPEG process {marker:#x}: lossless or hierarchical")
        elif marker == _APP1 and tags is None and data[position + 2 : position + 8] == b"Exif\x00\x00":
            tags = exif.read_exif(data[position + 2 : position + length])
        position += length


def _jpeg_frame(data: bytes, position: int) -> tuple[int, int]:
    bits, height, width, components = struct.unpack_from(">BHHB", data, position + 2)
    if bits != _EIGHT_BITS or components not in _COMPONENTS:
        raise ImageError(UNSUPPORTED_FORMAT, f"JPEG of {bits} bits and {components} components")
    return width, height


def png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(type, start, length) of each PNG chunk's content, in order; stops at the file's end or after IEND."""
    position = 8
    while position + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        if position + 12 + length > len(data):
            return
        yield kind, position + 8, length
        if kind == b"IEND":
            return
        position += 12 + length


def read_png(data: bytes) -> Facts:
    """Facts of a PNG (W3C PNG, third edition). EXIF may stand before or after the pixels."""
    length, kind, width, height, depth, colour = struct.unpack_from(">I4sIIBB", data, 8)
    if kind != b"IHDR" or length != 13 or depth not in _PNG_DEPTHS.get(colour, ()):
        raise ValueError("no valid IHDR")
    tags, ended = NO_TAGS, False
    for name, start, size in png_chunks(data):
        if name == b"eXIf" and tags is NO_TAGS:
            tags = exif.read_exif(data[start : start + size])
        ended = ended or name == b"IEND"
    return Facts(width, height, tags, cut_off=not ended)


def read_webp(data: bytes) -> Facts:
    """Facts of a WebP (RFC 9649): lossy, lossless or extended, still or animated."""
    (riff_size,) = struct.unpack_from("<I", data, 4)
    first = data[12:16]
    if first == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
    elif first == b"VP8L":
        signature, bits = struct.unpack_from("<BI", data, 20)
        if signature != 0x2F:
            raise ValueError("no VP8L signature")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif first == b"VP8 ":
        code, width, height = struct.unpack_from("<3sHH", data, 23)
        if code != b"\x9d\x01\x2a":
            raise ValueError("no VP8 key frame")
        width, height = width & 0x3FFF, height & 0x3FFF
    elif len(first) < 4:
        raise IndexError("no first chunk")
    else:
        raise ValueError(f"first chunk {first!r}")
    if len(data) < 30:
        raise IndexError("header")
    return Facts(width, height, _webp_tags(data), cut_off=riff_size + 8 > len(data))


def _webp_tags(data: bytes) -> Tags:
    position = 12
    while position + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, position)
        if kind == b"EXIF":
            return exif.read_exif(data[position + 8 : position + 8 + size])
        position += 8 + size + size % 2
    return NO_TAGS


def read_tiff_facts(data: bytes) -> Facts:
    """Facts of a TIFF's first page (TIFF 6.0). Samples of more than 16 bits, and floating point, are not photos."""
    tags = exif.read_tiff(data)
    width, height = tags.first(exif.WIDTH), tags.first(exif.HEIGHT)
    if width is None or height is None:
        raise ValueError("no width or height in the first directory")
    bits = max(tags.integers.get(exif.BITS_PER_SAMPLE, (1,)), default=1)
    if bits > _SIXTEEN_BITS or _FLOAT in tags.integers.get(exif.SAMPLE_FORMAT, ()):
        raise ImageError(UNSUPPORTED_FORMAT, f"TIFF samples of {bits} bits or floating point")
    tile_pixels = (tags.first(exif.TILE_WIDTH) or 0) * (tags.first(exif.TILE_HEIGHT) or 0)
    return Facts(width, height, tags, tile_pixels)


def read_bmp(data: bytes) -> Facts:
    """Facts of a BMP. Text that merely begins with "BM" is told apart by the size of the header that follows."""
    (header_bytes,) = struct.unpack_from("<I", data, 14)
    if header_bytes not in _BMP_HEADERS:
        raise ImageError(UNSUPPORTED_FORMAT, f'starts with "BM", but has no BMP header ({header_bytes} bytes)')
    width, height = struct.unpack_from("<HH" if header_bytes == _BMP_CORE_HEADER else "<ii", data, 18)
    return Facts(width, abs(height))  # a negative height stores the rows from the top


def read_gif(data: bytes) -> Facts:
    """Facts of a GIF's first frame (GIF89a): the screen, or the frame where it reaches beyond the screen."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    position = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    while True:
        block = data[position]
        if block == ord(","):
            left, top, frame_width, frame_height = struct.unpack_from("<HHHH", data, position + 1)
            return Facts(max(width, left + frame_width), max(height, top + frame_height))
        if block != ord("!"):
            raise ValueError("no first frame")
        position += 2
        while data[position]:
            position += data[position] + 1
        position += 1
