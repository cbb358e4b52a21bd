"""A folder of photos: every regular file accounted for, in sorted order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from intake.records import CaptureFields, OneRow, Passed, Photo, Record

_LITTER = {"thumbs.db", "desktop.ini", ".ds_store"}


def read_folder(folder: Path, is_side_file: Callable[[Path], bool], source: str) -> Iterator[Record]:
    """Yields a photo a file, whatever its name: the content decides. Hidden files and folders are left out."""
    for path in walk(folder):
        if path.name.lower() in _LITTER:
            yield Passed(str(path), "left by a file manager")
        elif is_side_file(path):
            yield Passed(str(path), "a side file of annotations")
        else:
            yield Photo(str(path), OneRow(str(path)), source, CaptureFields())


def walk(folder: Path) -> Iterator[Path]:
    """Yields the files of a folder, recursive and sorted. A folder that links lead to twice is walked once."""
    yield from _walk(Path(os.path.abspath(folder)), set())  # noqa: PTH100  # keeps the names of symbolic links


def _walk(folder: Path, seen: set[tuple[int, int]]) -> Iterator[Path]:
    try:
        stat = folder.stat()
        if (stat.st_dev, stat.st_ino) in seen:
            return
        seen.add((stat.st_dev, stat.st_ino))
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        yield folder  # a folder that can't be listed is accounted for as one file that can't be read
        return
    if any(entry.name == "_delta_log" for entry in entries):
        return  # a table, of this lake or another: no photos of ours
    for entry in entries:
        if entry.name.startswith(".") and entry.name.lower() not in _LITTER:
            continue
        path = folder / entry.name
        if path.is_dir():
            yield from _walk(path, seen)
        else:
            yield path
