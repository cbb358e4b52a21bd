"""JPEG to and from arrays by libjpeg-turbo, strict: any warning of the decoder is an error, so damage never passes."""

from __future__ import annotations

from typing import Literal

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from imaging.errors import TRUNCATED, UNDECODABLE, ImageError

Pixels = NDArray[np.uint8]
Subsampling = Literal["444", "422", "420"]
_CMYK = ("CMYK", "YCCK")
_ADOBE_INVERTED = b"Adobe"
_NO_SUBSAMPLING = "Could not determine subsampling"
_OPAQUE = 255


class UnusualSamplingError(Exception):
    """A JPEG whose colours are sampled in a way that TurboJPEG's interface has no name for."""


def decode_rgb(data: bytes, into: bytearray | None = None) -> Pixels:
    """uint8 (height, width, 3) RGB as stored, in `into` where it is given: it must be large enough.

    Raises ImageError "truncated" or "undecodable"; UnusualSamplingError.
    """
    if _colour_space(data) in _CMYK:
        return _cmyk_to_rgb(_decode(data, "CMYK", 0, 0), _is_inverted(data))
    return _decode(data, "RGB", 0, 0, into)


def decode_grey(data: bytes, min_width: int, min_height: int) -> Pixels:
    """uint8 (h, w) grey by the smallest DCT scale (n / 8) with w >= `min_width` and h >= `min_height`.

    Raises as `decode_rgb` does, for the same photos: every coefficient is read at every scale.
    """
    if _colour_space(data) in _CMYK:
        from imaging.opencv import cv2

        rgb = _cmyk_to_rgb(_decode(data, "CMYK", min_width, min_height), _is_inverted(data))
        return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    return _decode(data, "GRAY", min_width, min_height)[:, :, 0]


def encode(rgb: Pixels, quality: int, subsampling: Subsampling, fast_dct: bool) -> bytes:
    """JPEG (JFIF) of a uint8 (h, w, 3) RGB array, which may be part of a larger one: nothing is copied.

    `quality` is 1 to 100.
    """
    return bytes(simplejpeg.encode_jpeg(rgb, quality, "RGB", subsampling, fast_dct))


def _colour_space(data: bytes) -> str:
    try:
        return str(simplejpeg.decode_jpeg_header(data)[2])
    except ValueError as error:
        raise _refusal(error) from error


def _decode(data: bytes, colour_space: str, min_width: int, min_height: int, into: bytearray | None = None) -> Pixels:
    try:
        pixels = simplejpeg.decode_jpeg(
            data,
            colour_space,
            fastdct=False,
            fastupsample=False,
            min_height=min_height,
            min_width=min_width,
            buffer=into,
            strict=True,
        )
    except (ValueError, MemoryError, OverflowError) as error:
        raise _refusal(error) from error
    return np.asarray(pixels, dtype=np.uint8)


def _refusal(error: Exception) -> Exception:
    message = str(error)
    if _NO_SUBSAMPLING in message:
        return UnusualSamplingError(message)
    lower = message.lower()
    cut = "premature end of jpeg" in lower or "premature end of input" in lower
    return ImageError(TRUNCATED if cut else UNDECODABLE, message)


def _is_inverted(data: bytes) -> bool:
    """Whether CMYK is stored as Adobe does, 255 for no ink: told by the APP14 segment before the pixels."""
    position = 2
    while data[position : position + 1] == b"\xff" and position + 4 <= len(data) and data[position + 1] != 0xDA:
        if data[position + 1] == 0xEE and data[position + 4 : position + 9] == _ADOBE_INVERTED:
            return True
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return False


def _cmyk_to_rgb(cmyk: Pixels, inverted: bool) -> Pixels:
    """uint8 (h, w, 3): R, G and B are the product of what the ink and black let through. No ICC profile."""
    light = cmyk if inverted else _OPAQUE - cmyk
    black = light[:, :, 3:].astype(np.uint16)
    rgb = (light[:, :, :3] * black + _OPAQUE // 2) // _OPAQUE
    return rgb.astype(np.uint8)
