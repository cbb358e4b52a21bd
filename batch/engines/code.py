"""The project's own code as one archive, for workers that have no checkout of it."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

WORKER = ("schemas", "imaging", "lake", "intake", "batch")
EVERYTHING = (*WORKER, "speed", "serving", "demo", "facings")  # for a driver that runs inside the cluster
_KEPT = (".py", ".json", ".toml")
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


def pack(to: Path, packages: Sequence[str] = WORKER) -> Path:
    """Writes the packages, as this process imports them, into a zip that Python imports from; equal code, equal bytes.

    Works from a checkout, an installed copy and from such an archive itself.
    """
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        for package in packages:
            for name, file in sorted(_walk(files(package), package), key=lambda entry: entry[0]):
                archive.writestr(zipfile.ZipInfo(name, _LONG_AGO), file.read_bytes(), zipfile.ZIP_DEFLATED)
    return to


def _walk(folder: Traversable, path: str) -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        name = f"{path}/{entry.name}"
        if entry.is_dir():
            if entry.name != "__pycache__":
                yield from _walk(entry, name)
        elif entry.name.endswith(_KEPT):
            yield name, entry
