"""A copy of a lake at one moment in another place, verified byte by byte. It may be broken off and gone on with.

1. The versions are pinned and written down at the destination.  2. Data files are copied, those of the pinned versions
and of the ones that their lineage pins.  3. Logs up to those versions, `master/captures` last.  4. Rows are counted on
both sides, and the destination becomes a lake. Before 4 it refuses to be opened as one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote

from pyarrow import fs as pafs

from lake.errors import LakeError
from lake.format import FORMAT, read_mark, write_mark
from lake.keep import pinned_versions
from lake.lake import Lake
from lake.log import LOG
from lake.storage import Storage
from schemas.tables import MASTER, REALTIME, TABLES

_CHUNK = 4 << 20
_LAST_CHECKPOINT = "_last_checkpoint"
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Copied:
    """What was copied. `resumed` files were there from a copy that was broken off; they were verified as well."""

    to: str
    versions: Mapping[str, int]
    files: int
    resumed: int
    size_bytes: int


def copy_lake(
    lake: Lake,
    to: str,
    *,
    at: datetime | None = None,
    options: Mapping[str, str] | None = None,
    progress: Progress = lambda step, done, total: None,
) -> Copied:
    """Copies the lake as it is, or was at `at`. Raises LakeError where the place holds something else."""
    target = Storage.at(to, options)
    versions = _begin(lake, target, _versions(lake, at))
    files = [(name, path) for name in versions for path in _data(lake, name, versions)]
    logs = [(name, path) for name in _captures_last(versions) for path in _log(lake, name, versions[name])]
    size = resumed = 0
    for number, (name, path) in enumerate(files):
        copied, there = _copy(lake.storage.table_files(name), target, name, path)
        size, resumed = size + copied, resumed + there
        progress("data files", number + 1, len(files))
    for number, (name, path) in enumerate(logs):
        size += _copy(lake.storage.table_files(name), target, name, path)[0]
        progress("logs", number + 1, len(logs))
    write_mark(target, {"format": FORMAT})
    _count(lake, Lake.open(to, options=options), versions)
    return Copied(target.root, versions, len(files) + len(logs), resumed, size)


def _versions(lake: Lake, at: datetime | None) -> dict[str, int]:
    """Views before master, so that what a view was made from comes along; captures before what they refer to."""
    last = {table.name for table in MASTER}
    realtime = {table.name for table in REALTIME}
    order = sorted(TABLES, key=lambda n: (n not in realtime, n in last, n in last and n != "master/captures"))
    if at is None:
        return {name: lake.version(name) for name in order}
    found = {}
    for name in order:
        with contextlib.suppress(LakeError):  # younger than that
            found[name] = lake.version_at(name, at)
    if "master/captures" not in found:
        raise LakeError(f"the lake is younger than {at.isoformat()}")
    return found


def _begin(lake: Lake, target: Storage, versions: dict[str, int]) -> dict[str, int]:
    mark = read_mark(target)
    begun = (mark or {}).get("copying")
    if begun is None and (mark is not None or target.has_table("master/captures")):
        raise LakeError(f"{target.root} holds a lake already: copy to an empty place")
    if begun is None:
        write_mark(target, {"format": FORMAT, "copying": {"from": lake.storage.root, "versions": versions}})
        return versions
    if begun["from"] != lake.storage.root:
        raise LakeError(f"{target.root} holds part of a copy of {begun['from']}: go on with that, or empty it")
    return {str(name): int(version) for name, version in begun["versions"].items()}


def _data(lake: Lake, name: str, versions: Mapping[str, int]) -> Iterator[str]:
    pinned = pinned_versions(lake, versions=versions)
    wanted = {version for version in pinned[name] if version <= versions[name]} | {versions[name]}
    yield from sorted({unquote(path) for version in wanted for path in lake.paths(name, version)})


def _log(lake: Lake, name: str, version: int) -> Iterator[str]:
    """Yields the log's files up to a version: checkpoints, then commits in order."""
    files = lake.storage.table_files(name)
    names = sorted(info.base_name for info in files.get_file_info(pafs.FileSelector(LOG)))
    kept = [n for n in names if n[:20].isdigit() and int(n[:20]) <= version]
    yield from (f"{LOG}/{n}" for n in kept if ".checkpoint." in n)
    yield from (f"{LOG}/{n}" for n in kept if n.endswith(".json") and ".checkpoint." not in n)
    if _LAST_CHECKPOINT in names:
        with files.open_input_file(f"{LOG}/{_LAST_CHECKPOINT}") as source:
            if int(json.loads(source.readall())["version"]) <= version:
                yield f"{LOG}/{_LAST_CHECKPOINT}"


def _captures_last(versions: Mapping[str, int]) -> list[str]:
    return sorted(versions, key=lambda name: name == "master/captures")


def _copy(source: pafs.FileSystem, target: Storage, name: str, path: str) -> tuple[int, bool]:
    """Copies one file unless it is there whole; its size, and whether it was there. Raises LakeError on a mismatch."""
    files = target.table_files(name)
    info = files.get_file_info(path)
    size = source.get_file_info(path).size
    there = info.type == pafs.FileType.File and info.size == size and not path.startswith(LOG)
    if not there:
        _write(source, files, target, name, path)
    if _hash(source, path) != _hash(files, path):
        raise LakeError(f"{target.root}/{name}/{path} is not what was copied: delete it and run again")
    return int(size), there


def _write(source: pafs.FileSystem, files: pafs.FileSystem, target: Storage, name: str, path: str) -> None:
    local = target.local is not None
    if local:
        files.create_dir(path.rpartition("/")[0] or ".", recursive=True)
    part = f"{path}.part" if local else path  # an object appears whole
    with source.open_input_stream(path) as reader, files.open_output_stream(part) as writer:
        while data := reader.read(_CHUNK):
            writer.write(data)
    if local:
        files.move(part, path)
        target.sync(name, [path])


def _hash(files: pafs.FileSystem, path: str) -> bytes:
    state = hashlib.sha256()
    with files.open_input_stream(path) as reader:
        while data := reader.read(_CHUNK):
            state.update(data)
    return state.digest()


def _count(lake: Lake, made: Lake, versions: Mapping[str, int]) -> None:
    for name, version in versions.items():
        here, there = lake.count(name, version), made.count(name, version)
        if here != there:
            raise LakeError(f"{made.storage.root}: {name} has {there} rows, {here} were copied: copy again")
