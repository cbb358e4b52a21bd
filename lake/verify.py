"""Damage in a lake, found without trusting it: log, files, keys, content. Reads everything in bounded memory.

Every fault is a `Fault`; nothing is repaired.
"""

from __future__ import annotations

import hashlib
import itertools
import random
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs as pafs

from imaging.errors import ImageError
from imaging.header import Limits, read_header
from lake import sql
from lake.erase import unsealed
from lake.errors import LakeError, TableCorrupt
from lake.handles import find_table
from lake.lake import Lake
from lake.log import commit_path, info_of, log_versions, read_commit
from lake.parquet import read_groups
from lake.storage import Storage
from schemas.tables import Table

LISTED = 20  # faults of one kind and table; more are counted in the last one's words
Step = Callable[[int, int], None]


@dataclass(frozen=True)
class Fault:
    """What is wrong, where, which law it breaks, and what to do. `code` is short and stable."""

    code: str
    law: int
    table: str
    detail: str
    remedy: str


_COPY = "restore the table from a copy (`facings copy`), or erase and take it in again"
_REBUILD = "facings rebuild --full"


def check_log(storage: Storage, name: str) -> Iterator[Fault]:
    """Yields commits that are empty, damaged or missing (law 4)."""
    versions = log_versions(storage, name)
    for before, version in itertools.pairwise(versions):
        if version != before + 1:
            detail = f"commits {before + 1} to {version - 1} are missing between others"
            yield Fault("gap-in-log", 4, name, detail, _COPY)
    for version in versions:
        try:
            actions = read_commit(storage, name, version)
        except TableCorrupt as error:
            last = version == versions[-1]
            code = "empty-commit" if "is empty" in str(error) else "damaged-commit"
            remedy = f"it was never acknowledged: delete {name}/{commit_path(version)} and run again" if last else _COPY
            yield Fault(code, 4, name, str(error), remedy if code == "empty-commit" else _COPY)
            continue
        info = info_of(actions)
        ours = info.get("operation") == "WRITE" and str(info.get("engineInfo", "")).startswith("delta-rs")
        if ours and not any("txn" in action for action in actions):
            detail = f"commit {version} ends before its transaction: it was cut between two lines"
            yield Fault("damaged-commit", 4, name, detail, _COPY)


def check_files(lake: Lake, name: str, step: Step) -> Iterator[Fault]:
    """Yields data files of the newest version that are missing, cut, unreadable, or hold other than their count."""
    try:
        actions = pa.table(lake.handle(name).get_add_actions(flatten=True)).to_pylist()
    except LakeError as error:
        yield Fault("unreadable-table", 4, name, str(error), _COPY)
        return
    if unsealed(lake.handle(name), find_table(name)):
        remedy = "run the `facings erase` that was broken off again; it closes the table"
        yield Fault("not-append-only", 4, name, "the table is open for changes: an erasure was broken off", remedy)
    files = lake.storage.table_files(name)
    for number, action in enumerate(actions):
        yield from _check_file(files, name, action["path"], action["size_bytes"], action["num_records"])
        step(number + 1, len(actions))


def _check_file(files: pafs.FileSystem, name: str, path: str, size: int, rows: int) -> Iterator[Fault]:
    remedy = _REBUILD if name.startswith("views/") else _COPY
    info = files.get_file_info(unquote(path))
    if info.type == pafs.FileType.NotFound:
        yield Fault("missing-file", 4, name, f"{path} is not there", remedy)
        return
    if info.size != size:
        yield Fault("cut-file", 4, name, f"{path} has {info.size} bytes, its commit says {size}", remedy)
        return
    try:
        with files.open_input_file(unquote(path)) as source:
            found = pq.ParquetFile(source).metadata.num_rows
    except (OSError, pa.ArrowException) as error:
        yield Fault("unreadable-file", 4, name, f"{path}: {str(error)[:200]}", remedy)
        return
    if rows is not None and found != rows:
        yield Fault("other-count", 4, name, f"{path} has {found} rows, its commit says {rows}", remedy)


def check_keys(lake: Lake, name: str) -> Iterator[Fault]:
    """Yields keys that more than one row has (law 5). Sorts spill to disk."""
    table = find_table(name)
    keys = ", ".join(f'"{column}"' for column in table.key)
    with tempfile.TemporaryDirectory(prefix="facings-") as spill:
        connection = sql.connect({"t": lake.dataset(name)}, spill=spill, memory="1GB")
        twice = connection.sql(f"SELECT {keys}, count(*) AS n FROM t GROUP BY {keys} HAVING count(*) > 1 ORDER BY n")
        rows = twice.limit(LISTED).to_arrow_table().to_pylist()
    for row in rows:
        shown = "/".join(str(row[column]) for column in table.key)
        remedy = _REBUILD if name.startswith("views/") else _COPY
        yield Fault("duplicate-key", 5, name, f"{shown} has {row['n']} rows", remedy)


def check_images(lake: Lake, sample: int | None, rng: random.Random, step: Step) -> Iterator[Fault]:
    """Yields photos whose bytes are not what their hash, size or header columns say (law 2). `sample`: so many."""
    files, name = lake.storage.table_files("master/images"), "master/images"
    places = list(_groups(files, lake.paths(name)))
    count = sum(rows for _, _, rows in places)
    if sample is not None:
        rng.shuffle(places)
    done = 0
    for path, group, rows in places:
        if sample is not None and done >= sample:
            break
        try:
            ((_, stored),) = read_groups(files, path, ["sha256", "bytes", "size_bytes", "width", "height"], [group])
        except (OSError, pa.ArrowException) as error:
            yield Fault("unreadable-file", 2, name, f"{path}, row group {group}: {str(error)[:200]}", _COPY)
            continue
        for batch in stored.to_batches():
            for index in range(batch.num_rows):
                yield from _check_image({c: batch.column(c)[index].as_py() for c in batch.schema.names})
        done += rows
        step(done, count if sample is None else min(count, sample))


def _groups(files: pafs.FileSystem, paths: list[str]) -> Iterator[tuple[str, int, int]]:
    for path in paths:
        with files.open_input_file(unquote(path)) as source:
            metadata = pq.ParquetFile(source).metadata
            yield from ((path, group, metadata.row_group(group).num_rows) for group in range(metadata.num_row_groups))


def _check_image(row: dict[str, object]) -> Iterator[Fault]:
    data, name = row["bytes"], str(row["sha256"])
    if not isinstance(data, bytes):
        yield Fault("no-bytes", 2, "master/images", f"{name} has no bytes", _COPY)
        return
    found = hashlib.sha256(data).hexdigest()
    if found != name:
        yield Fault("hash-mismatch", 2, "master/images", f"{name}: its bytes have the hash {found}", _COPY)
    elif len(data) != row["size_bytes"]:
        detail = f"{name} has {len(data)} bytes, its row says {row['size_bytes']}"
        yield Fault("hash-mismatch", 2, "master/images", detail, _COPY)
    else:
        try:
            header = read_header(data, Limits(max_bytes=1 << 40, max_pixels=1 << 40))
        except ImageError:
            return  # taken by an older or more lenient release: views/unreadable names it
        if (header.width, header.height) != (row["width"], row["height"]):
            detail = f"{name} is {header.width} x {header.height}, its row says {row['width']} x {row['height']}"
            yield Fault("hash-mismatch", 2, "master/images", detail, _COPY)


def columns_of(table: Table) -> str:
    """Key columns of a table for SQL, joined by / as one text."""
    return f"concat_ws('/', {', '.join(f'CAST({column} AS VARCHAR)' for column in table.key)})"
