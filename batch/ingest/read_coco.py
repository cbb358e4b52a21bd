"""COCO JSON: boxes in pixels of the upright photo, made into fractions by the image's width and height."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from batch.ingest.boxes import Boxes, fractions
from intake.places import Places
from intake.records import Record
from schemas.boxes import as_float, shown
from schemas.events import Rejected
from schemas.reasons import Reason

MAX_DOCUMENT_BYTES = 64 << 20
_BBOX = 4


def read_coco(path: Path, places: Places, source: str) -> Iterator[Record]:
    """Yields each image with its boxes. A row is an annotation, or an image without any."""
    document = _load(path, source)
    if isinstance(document, Rejected):
        yield document
        return
    names = {
        _key(entry.get("id")): str(entry["name"]) for entry in _objects(document.get("categories")) if "name" in entry
    }
    by_image: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    for index, entry in enumerate(document["annotations"]):
        key = _key(entry.get("image_id")) if isinstance(entry, dict) else ""
        by_image.setdefault(key, []).append((index, entry))
    for index, image in enumerate(document["images"]):
        key = _key(image.get("id")) if isinstance(image, dict) else ""
        entries = by_image.pop(key, [])
        name = image.get("file_name") or image.get("coco_url") if isinstance(image, dict) else None
        boxes = Boxes(source)
        for place, entry in entries:
            origin = f"{source}#annotations/{place}"
            raw = _raw_box(entry, image if isinstance(image, dict) else {}, names)
            yield from boxes.add(origin, json.dumps(entry).encode(), raw, f"annotation {place}")
        if not entries:
            boxes.add_empty(f"{source}#images/{index}", json.dumps(image).encode())
        if not isinstance(name, str):
            yield from boxes.rows().rejected(Reason.MISSING_FIELD, f"image {index} has no file_name", None)
        else:
            yield from boxes.photo(name, path.parent, places)
    for entries in by_image.values():
        for place, entry in entries:
            image_id = entry.get("image_id") if isinstance(entry, dict) else None
            detail = f"annotation {place} names image {shown(image_id)}, which is not in the file"
            yield Rejected(f"{source}#annotations/{place}", Reason.MISSING_FIELD, detail, json.dumps(entry).encode())


def _load(path: Path, source: str) -> dict[str, Any] | Rejected:
    size = path.stat().st_size
    if size > MAX_DOCUMENT_BYTES:
        return Rejected(source, Reason.TOO_MANY_BYTES, f"{size} bytes, limit {MAX_DOCUMENT_BYTES}; split it")
    data = path.read_bytes()
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        return Rejected(source, Reason.NOT_JSON, f"{path.name}: {type(error).__name__}: {str(error)[:200]}", data)
    lists = isinstance(document, dict) and all(isinstance(document.get(k), list) for k in ("images", "annotations"))
    if not lists:
        return Rejected(
            source, Reason.UNKNOWN_SCHEMA, f"{path.name} is not COCO: no lists images and annotations", data
        )
    return dict(document)


def _raw_box(entry: object, image: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, object]:
    if not isinstance(entry, dict):
        return {}
    bbox = entry.get("bbox")
    width, height = as_float(image.get("width")), as_float(image.get("height"))
    if not (isinstance(bbox, list) and len(bbox) == _BBOX and width > 0 and height > 0):
        return {}
    x, y, w, h = (as_float(value) for value in bbox)
    (xmin, xmax), (ymin, ymax) = fractions(x, x + w, width, 1), fractions(y, y + h, height, 1)
    sides: dict[str, object] = {"xmin": xmin, "xmax": xmax, "ymin": ymin, "ymax": ymax}
    score = entry.get("score")
    return {**sides, "label": names.get(_key(entry.get("category_id"))), "confidence": score}


def _objects(value: object) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _key(value: object) -> str:
    return shown(value)
