"""Photos to upright arrays, by one rule for every format: EXIF applied, alpha on white, first frame only."""

from __future__ import annotations

import io
import struct
import warnings
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from imaging import jpeg
from imaging.containers import png_chunks
from imaging.errors import TOO_MANY_PIXELS, TRUNCATED, UNDECODABLE, UNSUPPORTED_FORMAT, ImageError
from imaging.header import Header
from imaging.jpeg import Pixels, UnusualSamplingError
from imaging.opencv import cv2

WORKING_PX = 1024
_PILLOW_FORMATS = {
    "jpeg": ("JPEG",),
    "png": ("PNG",),
    "webp": ("WEBP",),
    "tiff": ("TIFF",),
    "bmp": ("BMP",),
    "gif": ("GIF",),
}
_SIXTEEN_BIT_MODES = frozenset({"I;16", "I;16L", "I;16B", "I;16N"})
_PLAIN_MODES = frozenset({"1", "L", "RGB", "P", "YCbCr", "CMYK", "RGBX"})
_ALPHA_MODES = frozenset({"LA", "La", "PA", "RGBA", "RGBa"})
_WHITE = 255
_FIRST_SWAPPED = 5
_TRUNCATION_WORDS = (
    "truncated",
    "premature end",
    "unexpected end",
    "not enough image data",
    "buffer is not large enough",
)


def decode_rgb(data: bytes, header: Header, into: bytearray | None = None) -> Pixels:
    """uint8 (height, width, 3) RGB, upright and contiguous: `header.upright_size` pixels.

    16-bit samples keep their high byte. Transparency is composited on white. CMYK is converted without a profile.
    `into` is memory that the pixels may lie in: fresh pages for each photo cost a tenth of its decode.
    Raises ImageError "truncated" or "undecodable".
    """
    room = into if into is not None and len(into) >= header.width * header.height * 3 else None
    return _orient(_stored_rgb(data, header, room), header.orientation)


def decode_grey(data: bytes, header: Header, working_px: int = WORKING_PX) -> Pixels:
    """uint8 (h, w) grey (BT.601 luma), upright, its longer side `working_px`; a smaller photo keeps its size.

    JPEGs are decoded at a reduced DCT scale, then averaged down by area.
    Raises as `decode_rgb` does, for the same photos.
    """
    width, height = working_size(header.width, header.height, working_px)
    if header.format == "jpeg":
        try:
            grey = jpeg.decode_grey(data, width, height)
        except UnusualSamplingError:
            grey = _to_grey(_stored_rgb(data, header))
    else:
        grey = _to_grey(_stored_rgb(data, header))
    if grey.shape[0] < height or grey.shape[1] < width:
        raise _contradiction(grey, header)
    return _orient(shrink(grey, width, height), header.orientation)


def working_size(width: int, height: int, working_px: int = WORKING_PX) -> tuple[int, int]:
    """(width, height) in pixels with the longer side at most `working_px`, rounded, at least 1 each."""
    longer = max(width, height)
    if longer <= working_px:
        return width, height
    return max(1, round(width * working_px / longer)), max(1, round(height * working_px / longer))


def shrink(pixels: Pixels, width: int, height: int) -> Pixels:
    """`pixels` averaged down by area to (height, width); the same array where it has that size already."""
    if pixels.shape[:2] == (height, width):
        return np.ascontiguousarray(pixels)
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def working_grey(rgb: Pixels, working_px: int = WORKING_PX) -> Pixels:
    """uint8 (h, w) grey at the working scale of an RGB array that is in memory already."""
    height, width = rgb.shape[:2]
    return shrink(_to_grey(rgb), *working_size(width, height, working_px))


def _contradiction(pixels: Pixels, header: Header) -> ImageError:
    height, width = pixels.shape[:2]
    return ImageError(UNDECODABLE, f"decoded to {width} x {height}, header {header.width} x {header.height}")


def _to_grey(rgb: Pixels) -> Pixels:
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def _stored_rgb(data: bytes, header: Header, into: bytearray | None = None) -> Pixels:
    """uint8 (header.height, header.width, 3), as stored, before orientation."""
    rgb: Pixels | None = None
    if header.format == "jpeg":
        try:
            rgb = jpeg.decode_rgb(data, into)
        except UnusualSamplingError:
            rgb = None
    if rgb is None:
        rgb = _pillow_rgb(data, header)
    if rgb.shape != (header.height, header.width, 3):
        raise _contradiction(rgb, header)
    return rgb


def _pillow_rgb(data: bytes, header: Header) -> Pixels:
    """Pixels by Pillow, from a format that is named. Whatever Pillow raises for damaged input becomes an ImageError."""
    if header.format == "png":
        _check_png(data)
    # Added at each call, as it costs 2 µs: catch_warnings is not safe with threads, and test runners reset filters.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    try:
        with Image.open(io.BytesIO(data), formats=_PILLOW_FORMATS[header.format]) as image:
            if sorted(image.size) != sorted((header.width, header.height)):
                raise ImageError(UNDECODABLE, f"opens as {image.size}, header {header.width} x {header.height}")
            rgb = _flatten(image)
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageError(TOO_MANY_PIXELS, str(error)) from error
    except UnidentifiedImageError as error:
        raise ImageError(UNDECODABLE, f"{header.format} header is damaged") from error
    except Exception as error:  # what Pillow raises on damaged input is open-ended
        text = f"{type(error).__name__}: {error}"
        cut = isinstance(error, EOFError) or any(word in text.lower() for word in _TRUNCATION_WORDS)
        raise ImageError(TRUNCATED if cut else UNDECODABLE, text[:200]) from error
    if header.format == "tiff":
        # Pillow turns a TIFF while it loads: turn it back, so that the one rule applies to it too.
        return _orient(rgb, _INVERSE.get(header.orientation, header.orientation))
    return rgb


def _flatten(image: Image.Image) -> Pixels:
    """uint8 (h, w, 3) of the first frame, in any of Pillow's modes that a photo can have."""
    image.load()
    if image.mode in _SIXTEEN_BIT_MODES:
        high = (np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8)
        return np.ascontiguousarray(np.broadcast_to(high[:, :, None], (*high.shape, 3)))
    if image.mode in _ALPHA_MODES or (image.mode in ("P", "L", "RGB", "1") and "transparency" in image.info):
        opaque = image.convert("RGBA")
        ground = Image.new("RGBA", opaque.size, (_WHITE, _WHITE, _WHITE, _WHITE))
        ground.alpha_composite(opaque)
        image = ground
    elif image.mode not in _PLAIN_MODES:
        raise ImageError(UNSUPPORTED_FORMAT, f"pixels of mode {image.mode}")
    return np.ascontiguousarray(np.asarray(image.convert("RGB"), dtype=np.uint8))


def _check_png(data: bytes) -> None:
    """Check the CRC of every chunk that pixels depend on. Pillow skips those of the pixel data."""
    view = memoryview(data)
    for kind, start, length in png_chunks(data):
        if kind[:1].isupper():
            (expected,) = struct.unpack_from(">I", data, start + length)
            if zlib.crc32(view[start - 4 : start + length]) != expected:
                raise ImageError(UNDECODABLE, f"PNG chunk {kind!r} at byte {start - 8} has a wrong checksum")


_INVERSE = {6: 8, 8: 6}


def _orient(pixels: NDArray[np.uint8], orientation: int) -> Pixels:
    """`pixels` upright and contiguous (EXIF 2.32, tag 274); the same array where orientation is 1."""
    if orientation == 1:
        return np.ascontiguousarray(pixels)
    if orientation in _ROTATE:
        return np.asarray(cv2.rotate(pixels, _ROTATE[orientation]), dtype=np.uint8)
    if orientation in _FLIP:
        return np.asarray(cv2.flip(pixels, _FLIP[orientation]), dtype=np.uint8)
    turned = cv2.transpose(pixels)  # 5: over the main diagonal
    return np.asarray(turned if orientation == _FIRST_SWAPPED else cv2.rotate(turned, cv2.ROTATE_180), dtype=np.uint8)


_ROTATE = {3: cv2.ROTATE_180, 6: cv2.ROTATE_90_CLOCKWISE, 8: cv2.ROTATE_90_COUNTERCLOCKWISE}
_FLIP = {2: 1, 4: 0}
