"""Upkeep of tables: small files made into large ones, checkpoints, and the removal of files that nothing needs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
from deltalake._internal import RemoveAction
from deltalake.transaction import AddAction
from pyarrow import fs as pafs

from lake.commit import commit
from lake.errors import CommitConflict, LakeError, LakeTooNew
from lake.handles import find_table, open_handle, unknown_columns
from lake.keep import pinned_versions
from lake.lake import Lake
from lake.log import LOG, commit_path, log_versions
from lake.parquet import FILE_BYTES, FileWriter, conform, read_groups
from schemas.tables import TABLES, Table

KEY = "facings_upkeep"
CHECKPOINT_EVERY = 20
COMMIT_BYTES = 1 << 30
GRACE_LOCAL_H, GRACE_REMOTE_H = 1, 24
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Optimised:
    """What compaction did to a table. `note` says why a table with small files was left as it is."""

    table: str
    files_before: int
    files_after: int
    bytes_rewritten: int
    checkpoint: bool
    version: int
    note: str | None = None


@dataclass(frozen=True)
class Vacuumed:
    """Files that no kept version names, older than the retention. `deleted` False: they were only listed."""

    table: str
    files: tuple[str, ...]
    size_bytes: int
    kept_versions: tuple[int, ...]
    deleted: bool
    note: str | None = None


def optimise(
    lake: Lake,
    names: Sequence[str] = (),
    *,
    small_bytes: int = FILE_BYTES // 2,
    progress: Progress = lambda step, done, total: None,
) -> list[Optimised]:
    """Makes files under `small_bytes` into larger ones, each inside its partition, in the layout of lake.parquet.

    No row changes (dataChange false), so that the next rebuild sees nothing new. Safe beside writers: one that was
    faster makes the table wait for the next time.
    """
    done = []
    for number, name in enumerate(names or TABLES):
        done.append(_optimise(lake, find_table(name), small_bytes))
        progress("optimise", number + 1, len(names or TABLES))
    return done


def small_files(lake: Lake, table: Table, small_bytes: int = FILE_BYTES // 2) -> list[list[dict[str, Any]]]:
    """Groups of files that optimise would make into one each."""
    actions = pa.table(lake.handle(table.name).get_add_actions(flatten=True)).to_pylist()
    partitions: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for action in sorted(actions, key=lambda a: (a["modification_time"], a["path"])):
        if action["size_bytes"] < small_bytes:
            partitions.setdefault(tuple(action[f"partition.{c}"] for c in table.partition_by), []).append(action)
    groups = []
    for files in partitions.values():
        group: list[dict[str, Any]] = []
        for action in files:
            group.append(action)
            if sum(a["size_bytes"] for a in group) >= FILE_BYTES:
                groups.append(group)
                group = []
        groups.append(group)
    return [group for group in groups if len(group) > 1]


def _optimise(lake: Lake, table: Table, small_bytes: int) -> Optimised:
    before, moved, note = len(lake.paths(table.name)), 0, None
    unknown = unknown_columns(lake.handle(table.name), table)
    if unknown:
        raise LakeTooNew(f"{table.name} has columns of a later release ({', '.join(unknown)}): upgrade Facings")
    for groups in _portions(small_files(lake, table, small_bytes)):
        try:
            moved += _compact(lake, table, groups)
        except CommitConflict as error:
            note = str(error)
            break
    checkpoint = _checkpoint(lake, table)
    version = lake.version(table.name)
    return Optimised(table.name, before, len(lake.paths(table.name)), moved, checkpoint, version, note)


def _portions(groups: Iterable[list[dict[str, Any]]]) -> Iterator[list[list[dict[str, Any]]]]:
    portion: list[list[dict[str, Any]]] = []
    for group in groups:
        portion.append(group)
        if sum(action["size_bytes"] for part in portion for action in part) >= COMMIT_BYTES:
            yield portion
            portion = []
    if portion:
        yield portion


def _compact(lake: Lake, table: Table, groups: list[list[dict[str, Any]]]) -> int:
    storage = lake.storage
    files = storage.table_files(table.name)
    writers: list[FileWriter] = []
    adds: list[AddAction] = []
    removes: list[RemoveAction] = []
    try:
        for group in groups:
            values = {column: str(group[0][f"partition.{column}"]) for column in table.partition_by}
            writer = FileWriter(table, storage, max(_ms(action) for action in group), values)
            writers.append(writer)
            for action in group:
                for _, rows in read_groups(files, action["path"], table.schema.names):
                    for batch in conform(rows, table.schema).to_batches():
                        writer.write(batch)
                now_ms = time.time_ns() // 1_000_000
                removes.append(RemoveAction(action["path"], False, now_ms, action["size_bytes"], {**values}))
            adds += [replace(add, data_change=False) for add in writer.finish().adds]
        with storage.lock(table.name):
            handle = open_handle(storage, table)
            live = set(pa.table(handle.get_add_actions(flatten=True))["path"].to_pylist())
            if not {remove.path for remove in removes} <= live:
                raise CommitConflict(f"{table.name}: its files were replaced meanwhile; run `facings optimise` again")
            size = sum(add.size for add in adds)
            what = {"operation": "optimise", "files": len(removes), "size_bytes": size}
            commit(storage, handle, table, adds, removes, {KEY: json.dumps(what)})
    except CommitConflict:
        for writer in writers:
            writer.discard()
        raise
    return size


def _ms(action: dict[str, Any]) -> int:
    value = action["modification_time"]
    return int(value.timestamp() * 1000) if isinstance(value, datetime) else int(value)


def _checkpoint(lake: Lake, table: Table) -> bool:
    """Writes a checkpoint where the log has grown by many commits since the last; True where it did."""
    files = lake.storage.table_files(table.name)
    newest = lake.version(table.name)
    names = [info.base_name for info in files.get_file_info(pafs.FileSelector(LOG))]
    last = max((int(name[:20]) for name in names if ".checkpoint." in name and name[:20].isdigit()), default=0)
    if newest - last < CHECKPOINT_EVERY:
        return False
    lake.handle(table.name).create_checkpoint()
    names = [info.base_name for info in files.get_file_info(pafs.FileSelector(LOG))]
    made = [f"{LOG}/{name}" for name in names if name.startswith(f"{newest:020d}.checkpoint")]
    lake.storage.sync(table.name, [*made, f"{LOG}/_last_checkpoint"])
    return True


def vacuum(
    lake: Lake, *, retain_h: int, now: datetime, delete: bool = False, progress: Progress = lambda s, d, t: None
) -> list[Vacuumed]:
    """Lists, and with `delete` deletes, files that neither a kept version nor a writer under way can need.

    Kept are: the newest version, all of the last `retain_h` hours, and those that lineage of these pins, so that what
    is shown can be traced and made again. Files that no version ever named (a killed rebuild's) go by the same age.
    Raises LakeError for a retention shorter than a writer may take.
    """
    grace = GRACE_REMOTE_H if lake.storage.local is None else GRACE_LOCAL_H
    if retain_h < grace:
        raise LakeError(f"retention of {retain_h} h: at least {grace} h here, for files of writers under way")
    pinned = pinned_versions(lake, now - timedelta(hours=retain_h))
    done = []
    for number, name in enumerate(TABLES):
        done.append(vacuum_table(lake, name, retain_h, pinned[name], delete=delete))
        progress("vacuum", number + 1, len(TABLES))
    return done


def vacuum_table(lake: Lake, name: str, retain_h: int, keep: Sequence[int], *, delete: bool) -> Vacuumed:
    """Vacuums one table under its lock: a rebuild under way is waited for. `keep` are versions besides the newest."""
    files = lake.storage.table_files(name)
    with lake.storage.lock(name):
        handle = lake.handle(name)
        options: dict[str, Any] = {"enforce_retention_duration": False, "full": True, "keep_versions": list(keep)}
        paths = sorted(handle.vacuum(retain_h, dry_run=True, **options))
        size = sum(info.size or 0 for info in files.get_file_info(paths))
        if delete and paths:
            before = handle.version()
            handle.vacuum(retain_h, dry_run=False, **options)
            new = [v for v in log_versions(lake.storage, name) if v > before]
            lake.storage.sync(name, [commit_path(v) for v in new])
    return Vacuumed(name, tuple(paths), size, tuple(keep), delete and bool(paths))
