"""Photos for the page: decoded by the one rule for orientation, scaled, with boxes drawn; JPEG bytes out."""

from __future__ import annotations

import numpy as np

from imaging.decode import decode_rgb
from imaging.errors import ImageError
from imaging.header import read_header
from imaging.jpeg import Pixels
from imaging.opencv import cv2

THUMBNAIL_PX = 320
PHOTO_PX = 1400
Box = tuple[int, int, int, int, str]  # x0, y0, x1, y1 in pixels of the upright photo, and the label
_LINE = (31, 111, 178)
_EDGE = (255, 255, 255)


def scaled(data: bytes, width_px: int) -> bytes | None:
    """The upright photo at most `width_px` wide, as JPEG; None where it does not decode."""
    pixels = _upright(data)
    return None if pixels is None else _jpeg(_fit(pixels, width_px)[0])


def boxed(data: bytes, boxes: tuple[Box, ...], width_px: int) -> bytes | None:
    """The upright photo at most `width_px` wide with each box outlined and numbered, as JPEG; None as in `scaled`."""
    pixels = _upright(data)
    if pixels is None:
        return None
    canvas, scale = _fit(pixels, width_px)
    canvas = np.ascontiguousarray(canvas).copy()
    for number, (x0, y0, x1, y1, _) in enumerate(boxes, start=1):
        left, top, right, bottom = (round(v * scale) for v in (x0, y0, x1, y1))
        cv2.rectangle(canvas, (left, top), (right - 1, bottom - 1), _EDGE, 3)
        cv2.rectangle(canvas, (left, top), (right - 1, bottom - 1), _LINE, 2)
        _number(canvas, str(number), left, top)
    return _jpeg(canvas)


def closeup(data: bytes, box: Box, width_px: int, margin: float = 0.35) -> bytes | None:
    """The upright photo around one box, `margin` of its size on each side, at its own scale, as JPEG; None as above."""
    pixels = _upright(data)
    if pixels is None:
        return None
    (x0, y0, x1, y1), (height, width) = box[:4], pixels.shape[:2]
    dx, dy = round(margin * (x1 - x0)), round(margin * (y1 - y0))
    part = pixels[max(0, y0 - dy) : min(height, y1 + dy), max(0, x0 - dx) : min(width, x1 + dx)]
    return _jpeg(_fit(np.ascontiguousarray(part), width_px)[0]) if part.size else None


def _number(canvas: Pixels, text: str, left: int, top: int) -> None:
    (wide, high), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.42, 1)
    cv2.rectangle(canvas, (left, top), (left + wide + 5, top + high + 6), _LINE, -1)
    cv2.putText(canvas, text, (left + 3, top + high + 3), cv2.FONT_HERSHEY_SIMPLEX, 0.42, _EDGE, 1, cv2.LINE_AA)


def _upright(data: bytes) -> Pixels | None:
    try:
        return decode_rgb(data, read_header(data))
    except ImageError:
        return None


def _fit(pixels: Pixels, width_px: int) -> tuple[Pixels, float]:
    height, width = pixels.shape[:2]
    scale = min(1.0, width_px / width)
    if scale == 1.0:
        return pixels, scale
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8), scale


def _jpeg(pixels: Pixels) -> bytes:
    _, data = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 82])
    return data.tobytes()


def scaled_crop(data: bytes, width_px: int = 96, height_px: int = 130) -> bytes:
    """A crop fitted into `width_px` by `height_px`, as JPEG; as it is where it does not decode."""
    pixels = _upright(data)
    if pixels is None:
        return data
    height, width = pixels.shape[:2]
    return _jpeg(_fit(pixels, min(width_px, round(width * height_px / height)))[0])


def icon() -> Pixels:
    """uint8 (32, 32, 3): two shelves of packages, for the browser's tab. Drawn here, since a named icon is fetched."""
    canvas = np.full((32, 32, 3), 255, np.uint8)
    for top in (3, 18):
        for left in (3, 12, 21):
            canvas[top : top + 9, left : left + 7] = _LINE
        canvas[top + 10 : top + 12, 1:31] = (90, 100, 110)
    return canvas
