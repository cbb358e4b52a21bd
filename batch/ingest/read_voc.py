"""Pascal VOC XML, a file a photo: boxes in pixels from 1, made into fractions by its size element."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder, tostring
from xml.parsers import expat

from batch.ingest.boxes import Boxes, fractions
from intake.places import Places
from intake.records import Record
from schemas.events import Rejected
from schemas.reasons import Reason

MAX_XML_BYTES = 16 << 20


class _Forbidden(ValueError):
    pass


def read_voc(path: Path, places: Places, source: str) -> Iterator[Record]:
    """Yields the photo with its boxes. A row is an object, or the file where it has none."""
    size = path.stat().st_size
    if size > MAX_XML_BYTES:
        yield Rejected(source, Reason.TOO_MANY_BYTES, f"{size} bytes, limit {MAX_XML_BYTES}")
        return
    data = path.read_bytes()
    try:
        root = _parse(data)
    except (expat.ExpatError, ValueError, LookupError) as error:
        yield Rejected(source, Reason.INVALID_FIELD, f"{path.name} is not XML that is accepted: {error}", data)
        return
    name = (root.findtext("filename") or "").strip()
    if root.tag != "annotation" or not name:
        yield Rejected(
            source, Reason.UNKNOWN_SCHEMA, f"{path.name} is not Pascal VOC: no annotation with a filename", data
        )
        return
    width, height = _number(root.findtext("size/width")), _number(root.findtext("size/height"))
    boxes = Boxes(source)
    objects = root.findall("object")
    for index, entry in enumerate(objects):
        yield from boxes.add(
            f"{source}#object/{index}", tostring(entry), _raw_box(entry, width, height), f"object {index}"
        )
    if not objects:
        boxes.add_empty(source, data)
    yield from boxes.photo(name, path.parent, places)


def _parse(data: bytes) -> Element:
    """The root element. Raises ValueError for a document type, which is how entity bombs come in."""
    builder = TreeBuilder()
    parser = expat.ParserCreate()
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.Parse(data, True)
    return builder.close()


def _refuse_doctype(*_: object) -> None:
    raise _Forbidden("it declares a document type; remove that")


def _raw_box(entry: Element, width: float | None, height: float | None) -> dict[str, object]:
    raw: dict[str, object] = {"label": (entry.findtext("name") or "").strip() or None}
    for axis, extent in (("x", width), ("y", height)):
        texts = [entry.findtext(f"bndbox/{axis}{end}") for end in ("min", "max")]
        low, high = (_number(text) for text in texts)
        if low is not None and high is not None and extent and extent > 0:
            raw[f"{axis}min"], raw[f"{axis}max"] = fractions(low - 1, high, extent, 1)  # pixels count from 1, inclusive
        elif extent and extent > 0:
            raw.update(
                {f"{axis}{end}": text for end, text in zip(("min", "max"), texts, strict=True) if text is not None}
            )
    return raw


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None
