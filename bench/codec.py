"""The work itself, with nothing around it: what every case of bench.engines does to a photo, and the origin's way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import simplejpeg
from PIL import Image

BoxPx = tuple[int, int, int, int]


def cut_crops(jpeg: bytes, boxes: Iterable[Mapping[str, Any]]) -> list[bytes]:
    """JPEG of each box, quality 90, 4:2:0, from one decode of the photo; nothing is checked."""
    rgb = simplejpeg.decode_jpeg(jpeg, "RGB", fastdct=False, fastupsample=False)
    height, width = rgb.shape[:2]
    crops = []
    for x0, x1, y0, y1 in pixel_boxes(boxes, width, height):
        crops.append(bytes(simplejpeg.encode_jpeg(rgb[y0:y1, x0:x1], 90, "RGB", "420", False)))
    return crops


def cut_all(photos: Sequence[tuple[bytes, Sequence[Mapping[str, Any]]]], threads: int) -> int:
    """Crops made of photos in memory by a thread pool; nothing is read or stored."""
    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(lambda photo: len(cut_crops(*photo)), photos))


def save_box(photo: Path, box: Mapping[str, Any], to: Path) -> None:
    """Saves one box with Pillow, which opens and decodes the photo for it: the origin's code for a row."""
    with Image.open(photo) as image:
        ((x0, x1, y0, y1),) = pixel_boxes([box], *image.size)
        image.crop((x0, y0, x1, y1)).save(to, quality=90, subsampling="4:2:0")


def pixel_boxes(boxes: Iterable[Mapping[str, Any]], width: int, height: int) -> list[BoxPx]:
    """(x0, x1, y0, y1) of normalised boxes, half-open, rounded."""
    sides = (("xmin", width), ("xmax", width), ("ymin", height), ("ymax", height))
    found = []
    for box in boxes:
        x0, x1, y0, y1 = (int(box[name] * size + 0.5) for name, size in sides)
        found.append((x0, x1, y0, y1))
    return found
