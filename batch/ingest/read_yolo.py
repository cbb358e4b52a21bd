"""YOLO labels, a text file a photo: "class cx cy w h [confidence]", fractions of the upright photo.

The photo has the same name beside its labels, or in `images` where the labels are in `labels`, or in a source folder.
Names of classes come from classes.txt or data.yaml beside the labels or above; without, the number is the label.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from batch.ingest.boxes import Boxes, fractions
from batch.ingest.lines import read_lines
from intake.places import Places
from intake.records import Record
from schemas.events import Rejected
from schemas.reasons import Reason

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif")
_MAX_LINE_BYTES = 10_000
_MAX_NAMES_BYTES = 1 << 20
_LEVELS = 3
_SLACK = 1e-3  # centre and size are often rounded to three digits


def read_yolo(path: Path, places: Places, source: str) -> Iterator[Record]:
    """Yields the photo with its boxes. A row is a line, or the file where it is empty."""
    names = _class_names(path.parent)
    boxes = Boxes(source)
    seen = False
    for line in read_lines(path, _MAX_LINE_BYTES):
        if line.raw is not None and not line.raw.strip():
            continue
        seen = True
        origin = f"{source}:{line.number}"
        if line.raw is None:
            yield Rejected(origin, Reason.TOO_MANY_BYTES, f"{line.size} bytes, limit {_MAX_LINE_BYTES}")
        else:
            yield from boxes.add(origin, line.raw, _raw_box(line.raw, names), f"line {line.number}")
    if not seen:
        boxes.add_empty(source, b"")
    image = _image_of(path, places)
    if image is None:
        detail = f"no photo named {path.stem} beside {path.name}, in images/ or in a source folder"
        yield from boxes.rows().rejected(Reason.MISSING_FILE, detail, None)
    else:
        yield from boxes.photo(str(image), path.parent, places)


def _raw_box(raw: bytes, names: dict[int, str]) -> dict[str, object]:
    cells = raw.decode("utf-8", "replace").split()
    if len(cells) not in (5, 6):
        return {}
    try:
        cx, cy, w, h = map(float, cells[1:5])
        confidence = float(cells[5]) if len(cells) > 5 else None
    except ValueError:
        return {side: raw.decode("utf-8", "replace") for side in ("xmin", "xmax", "ymin", "ymax")}
    label = (
        names.get(int(cells[0]), cells[0])
        if cells[0].isascii() and cells[0].isdigit() and len(cells[0]) < 9
        else cells[0]
    )
    xmin, xmax = fractions(cx - w / 2, cx + w / 2, 1, _SLACK)
    ymin, ymax = fractions(cy - h / 2, cy + h / 2, 1, _SLACK)
    sides: dict[str, object] = {"xmin": xmin, "xmax": xmax, "ymin": ymin, "ymax": ymax}
    return {**sides, "label": label, "confidence": confidence}


def _image_of(path: Path, places: Places) -> Path | None:
    folders = [path.parent]
    parts = list(path.parent.parts)
    if "labels" in parts:
        at = len(parts) - 1 - parts[::-1].index("labels")
        folders.append(Path(*parts[:at], "images", *parts[at + 1 :]))
    folders.extend(places.folders)
    for folder in folders:
        for suffix in (*SUFFIXES, *(suffix.upper() for suffix in SUFFIXES)):
            if (folder / (path.stem + suffix)).exists():
                return folder / (path.stem + suffix)
    return None


def _class_names(folder: Path) -> dict[int, str]:
    for level in (folder, *list(folder.parents)[: _LEVELS - 1]):
        listed = _text(level / "classes.txt")
        if listed is not None:
            return dict(enumerate(line.strip() for line in listed.splitlines() if line.strip()))
        for name in ("data.yaml", "data.yml"):
            found = _text(level / name)
            if found is not None:
                return _names_of_yaml(found)
    return {}


def _names_of_yaml(text: str) -> dict[int, str]:
    """The `names` of a data.yaml, as list or mapping, inline or a line each, as YOLO tools write it."""
    match = re.search(r"^names\s*:\s*(\[[^\]]*\]|\{[^}]*\})?", text, re.MULTILINE)
    if match is None:
        return {}
    if match[1]:
        items = [item.strip() for item in match[1][1:-1].split(",") if item.strip()]
    else:
        block = re.match(r"(?:[ \t]*(?:#.*)?\n|[ \t]*-[ \t].*\n|[ \t]+\d+[ \t]*:.*\n)*", text[match.end() :] + "\n")
        items = [line.strip().removeprefix("- ").strip() for line in (block[0] if block else "").splitlines()]
        items = [item for item in items if item and not item.startswith("#")]
    names: dict[int, str] = {}
    for index, item in enumerate(items):
        keyed = re.match(r"(\d{1,8})\s*:\s*(.*)", item)
        key, value = (int(keyed[1]), keyed[2]) if keyed else (index, item)
        names[key] = value.strip().strip("'\"")
    return names


def _text(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_NAMES_BYTES).decode("utf-8", "replace")
    except OSError:
        return None
