"""The format of a lake as a whole: one number in a file at its root. Columns may be added without a new one."""

from __future__ import annotations

import json
from typing import Any

from lake.errors import LakeError, LakeTooNew, TableCorrupt
from lake.storage import Storage

FORMAT = 1
FILE = ".facings.json"
Mark = dict[str, Any]


def write_format(storage: Storage) -> None:
    """Marks a lake that is made now. One that has a mark keeps it."""
    if read_mark(storage) is None:
        write_mark(storage, {"format": FORMAT})


def write_mark(storage: Storage, mark: Mark) -> None:
    """Puts the mark in place, as a whole: what was there before is there until the new one is."""
    if storage.local is not None:
        storage.local.mkdir(parents=True, exist_ok=True)
    final = _path(storage)
    part = f"{final}.part" if storage.local is not None else final
    with storage.files.open_output_stream(part) as file:
        file.write(json.dumps(mark).encode())
    if part != final:
        storage.files.move(part, final)


def read_mark(storage: Storage) -> Mark | None:
    """The mark; None where there is none, as on lakes made before there was one. Raises TableCorrupt."""
    try:
        with storage.files.open_input_file(_path(storage)) as file:
            text = file.readall()
    except FileNotFoundError:
        return None
    try:
        mark: Mark = json.loads(text)
        int(mark["format"])
    except (ValueError, KeyError, TypeError) as error:
        raise TableCorrupt(f"{storage.root}/{FILE} is damaged: delete it and run again") from error
    return mark


def check_format(storage: Storage) -> None:
    """Raises LakeTooNew for a lake that a later release made, and LakeError for a copy that is not whole yet."""
    mark = read_mark(storage)
    if mark is None:
        return
    if int(mark["format"]) > FORMAT:
        known = f"this release knows up to {FORMAT}: upgrade Facings"
        raise LakeTooNew(f"the lake at {storage.root} has format {mark['format']}; {known}")
    if "copying" in mark:
        origin = mark["copying"].get("from")
        raise LakeError(f"{storage.root} is part of a copy of {origin}: run `facings copy` again to complete it")


def _path(storage: Storage) -> str:
    return f"{storage.prefix.rstrip('/')}/{FILE}"
