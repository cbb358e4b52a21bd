"""Commits: append once into master, rebuild a view. One way for both, in numbered steps (docs/guarantees.md).

1. Read the table's version through a handle of its own.
2. Write data files; nothing names them yet.
3. Make the files and their folders durable.
4. Commit through the handle, with a transaction of the same app id in every commit: if any came between, this fails.
5. Make the commit durable. Only then is it acknowledged.

Steps 2 to 5 are in lake.commit, for lake.offsets, too. A crash before 4 leaves files that no version names; a crash
after 4 leaves a whole commit.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from deltalake._internal import RemoveAction
from deltalake.transaction import AddAction

from lake.commit import ATTEMPTS, commit, delete_files, discarding, now_ms, write_rows
from lake.errors import CommitConflict
from lake.handles import open_handle
from lake.lineage import Lineage
from lake.parquet import FileWriter, conform, read_groups
from lake.storage import Storage
from schemas.tables import Table

LOCK_PATIENCE_S = 10.0  # a stopped process may hold the lock for ever; the commit decides without it, too


@dataclass(frozen=True)
class Appended:
    """What an append did: rows added, rows skipped because their key was there, the version after it."""

    added: int
    skipped: int
    version: int


@dataclass(frozen=True)
class Replaced:
    """What a rebuild's commit did: rows written, old rows kept and dropped, bytes written, the version after it."""

    written: int
    kept: int
    dropped: int
    size_bytes: int
    version: int


def append_new(storage: Storage, table: Table, rows: pa.Table) -> Appended:
    """Appends the rows whose key is neither in the table nor earlier in `rows`.

    Raises CommitConflict when other writers came first fifty times in a row.
    """
    rows = _first_of_key(conform(rows, table.schema), table.key)
    given = rows.num_rows
    for _ in range(ATTEMPTS):
        with storage.lock(table.name, patience_s=LOCK_PATIENCE_S):
            handle = open_handle(storage, table)
            fresh = without_known(handle, storage, table, rows)
            if fresh.num_rows == 0:
                return Appended(0, given, handle.version())
            try:
                version = _append(storage, handle, table, fresh)
            except CommitConflict:
                continue
            return Appended(fresh.num_rows, given - fresh.num_rows, version)
    raise CommitConflict(f"{table.name}: other writers came first {ATTEMPTS} times; try again when fewer write")


def _append(storage: Storage, handle: DeltaTable, table: Table, rows: pa.Table) -> int:
    adds = write_rows(storage, table, rows)
    try:
        return commit(storage, handle, table, adds, [], {})
    except CommitConflict:
        delete_files(storage, table, adds)
        raise


def replace(
    storage: Storage,
    table: Table,
    batches: Iterable[pa.RecordBatch],
    *,
    scopes: pa.Table | None,
    lineage: Lineage | None = None,
    expect: int | None = None,
) -> Replaced:
    """Puts `batches` in the place of all rows (`scopes` None) or of the rows whose scope columns are in `scopes`.

    Files without such rows stay as they are, so the cost is that of the scopes. `expect` is the version that the
    caller planned on; CommitConflict when the table has moved on.
    """
    handle = open_handle(storage, table, expect)
    writer = FileWriter(table, storage, now_ms())
    dropped = None
    with discarding() as writers:
        writers.append(writer)
        if scopes is not None:
            gone = {path: drop_scopes(storage, table, path, scopes, writer) for path in _present(handle)}
            dropped = {path: rows for path, rows in gone.items() if rows}
        for batch in batches:
            writer.write(batch)
        adds = writer.finish().adds
    return _swap(storage, handle, table, adds, dropped, lineage)


def put_files(
    storage: Storage,
    table: Table,
    adds: Sequence[AddAction],
    *,
    dropped: Mapping[str, int] | None,
    lineage: Lineage | None = None,
    expect: int | None = None,
) -> Replaced:
    """Commits files that other processes wrote (step 2) in the place of `dropped` files; steps 1 and 3 to 5.

    `dropped` maps each file that goes to how many of its rows do; its other rows are in `adds`. None: every file goes.
    On CommitConflict the files written are deleted.
    """
    return _swap(storage, open_handle(storage, table, expect), table, adds, dropped, lineage)


def drop_scopes(storage: Storage, table: Table, path: str, scopes: pa.Table, writer: FileWriter) -> int:
    """How many rows of a file are in `scopes`; if any are, the file's other rows are written to `writer`."""
    files = storage.table_files(table.name)
    masks = {group: _in(keys, scopes) for group, keys in read_groups(files, path, scopes.column_names)}
    gone = sum(pc.sum(mask).as_py() or 0 for mask in masks.values())
    if gone:
        for group, rows in read_groups(files, path, table.schema.names):
            for batch in conform(rows.filter(pc.invert(masks[group])), table.schema).to_batches():
                writer.write(batch)
    return int(gone)


def _present(handle: DeltaTable) -> dict[str, tuple[int, int]]:
    actions = pa.table(handle.get_add_actions(flatten=True)).to_pylist()
    return {action["path"]: (action["num_records"], action["size_bytes"]) for action in actions}


def _swap(
    storage: Storage,
    handle: DeltaTable,
    table: Table,
    adds: Sequence[AddAction],
    dropped: Mapping[str, int] | None,
    lineage: Lineage | None,
) -> Replaced:
    present = _present(handle)
    going = {path: rows for path, (rows, _) in present.items()} if dropped is None else dropped
    removes = [RemoveAction(path, True, now_ms(), present[path][1], {}) for path in going]
    try:
        version = commit(storage, handle, table, adds, removes, lineage.metadata() if lineage is not None else {})
    except CommitConflict:
        delete_files(storage, table, adds)
        raise
    gone = sum(going.values())
    moved = sum(present[path][0] for path in going) - gone
    written = sum(json.loads(add.stats)["numRecords"] for add in adds)
    kept = sum(rows for rows, _ in present.values()) - gone
    return Replaced(written - moved, kept, gone, sum(add.size for add in adds), version)


def _in(rows: pa.Table, keys: pa.Table) -> pa.Array:
    """Boolean per row: are its key columns together in `keys`."""
    if len(keys.column_names) == 1:
        return pc.is_in(rows.column(0), keys.column(0).combine_chunks()).combine_chunks()
    wanted = set(zip(*(keys.column(name).to_pylist() for name in keys.column_names), strict=True))
    have = zip(*(rows.column(name).to_pylist() for name in keys.column_names), strict=True)
    return pa.array([key in wanted for key in have], pa.bool_())


def _first_of_key(rows: pa.Table, key: tuple[str, ...]) -> pa.Table:
    seen: set[tuple[object, ...]] = set()
    keep = []
    for index, values in enumerate(zip(*(rows.column(name).to_pylist() for name in key), strict=True)):
        if values not in seen:
            seen.add(values)
            keep.append(index)
    return rows if len(keep) == rows.num_rows else rows.take(keep)


def without_known(handle: DeltaTable, storage: Storage, table: Table, rows: pa.Table) -> pa.Table:
    """The rows whose key the handle's version of the table does not have."""
    if rows.num_rows == 0 or handle.version() == 0:
        return rows
    # The newest rows' keys are looked for in the old ones, not the other way round: memory is that of the new.
    dataset = handle.to_pyarrow_dataset(filesystem=storage.table_files(table.name))
    first = rows.column(table.key[0]).combine_chunks()
    known = dataset.to_table(columns=list(table.key), filter=pc.field(table.key[0]).isin(first))
    return rows.filter(pc.invert(_in(rows.select(table.key), known))) if known.num_rows else rows
