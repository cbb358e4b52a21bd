"""Erasure: a store's rows taken out of append-only tables on purpose, on record, and their bytes out of the files.

1. What will go is written into `master/erased`, by key.  2. Table by table, captures first, the rows go in one commit:
the table stops being append-only, is rewritten without them, and is append-only again, all under its lock.  3. The
views are rebuilt (by the caller).  4. Every file that is not of a newest version is deleted, orphans too.

A crash leaves a state that doing it again completes: the keys of 1 say what is still to go.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from deltalake._internal import RemoveAction
from deltalake.transaction import AddAction

from lake.commit import commit
from lake.errors import LakeError, LakeTooNew
from lake.handles import open_handle, unknown_columns
from lake.lake import Lake
from lake.log import commit_path
from lake.parquet import FileWriter
from lake.sql import alias
from lake.upkeep import Vacuumed, vacuum_table
from lake.write import drop_scopes
from schemas.tables import CAPTURES, ERASED, IMAGES, MASTER, REALTIME, TABLES, Table

KEY = "facings_erasure"
_APPEND_ONLY = "delta.appendOnly"
_CHILDREN = (("master/annotations", "sha256", "master/images"), ("master/replays", "reject_id", "master/rejected"))


@dataclass(frozen=True)
class Erasure:
    """What goes, or went, by table; `shared` photos are other stores' as well and stay."""

    erasure_id: str
    store_id: str
    why: str
    rows: Mapping[str, int]
    shared: int


def find_rows(lake: Lake, store_id: str) -> tuple[dict[str, pa.Table], int]:
    """Keys of all rows that are the store's, a table each, and the number of its photos that others have too.

    A refusal that names no store is the store's where its device is. A photo is where no other store's capture has it.
    """
    found: dict[str, pa.Table] = {}
    for table in (*REALTIME, *MASTER):
        if "store_id" in table.schema.names and table != ERASED:
            found[table.name] = _ask(lake, table, "store_id = $store", store_id)
    devices = "SELECT device_id FROM captures WHERE store_id = $store"
    mine = f"store_id = $store OR (store_id IS NULL AND device_id IN ({devices}))"
    found["master/rejected"] = _ask(lake, TABLES["master/rejected"], mine, store_id)
    noted = f"SELECT row_key FROM erased WHERE table_name = '{IMAGES.name}' AND store_id = $store"
    photos = f"SELECT sha256 FROM captures WHERE store_id = $store AND sha256 IS NOT NULL UNION {noted}"
    others = "SELECT sha256 FROM captures WHERE store_id <> $store AND sha256 IS NOT NULL"
    found[IMAGES.name] = _ask(lake, IMAGES, f"sha256 IN ({photos}) AND sha256 NOT IN ({others})", store_id)
    shared = _ask(lake, IMAGES, f"sha256 IN ({photos}) AND sha256 IN ({others})", store_id).num_rows
    for name, column, parent in _CHILDREN:
        keys = found[parent].column(column)
        where = pc.field(column).isin(keys.combine_chunks())
        found[name] = lake.read(name, columns=list(TABLES[name].key), where=where)
    return found, shared


def erase_rows(
    lake: Lake, store_id: str, why: str, erasure_id: str, now: datetime, *, dry_run: bool = False
) -> tuple[Erasure, dict[str, pa.Table]]:
    """Steps 1 and 2, or with `dry_run` what they would do; also the keys.

    Raises LakeError for a store that the lake never had, LakeTooNew, both before anything goes.
    """
    keys, shared = find_rows(lake, store_id)
    erasure = Erasure(erasure_id, store_id, why, {name: rows.num_rows for name, rows in keys.items()}, shared)
    if not any(erasure.rows.values()) and not lake.read(ERASED.name, where=pc.field("store_id") == store_id).num_rows:
        raise LakeError(f"nothing in the lake is of store {store_id!r}: check its name")
    if dry_run:
        return erasure, keys
    for name in keys:
        unknown = unknown_columns(lake.handle(name), TABLES[name])
        if unknown:
            raise LakeTooNew(f"{name} has columns of a later release ({', '.join(unknown)}): upgrade Facings")
    noted = [row for name in sorted(keys) for row in _noted(name, keys[name], erasure, now)]
    if noted:
        lake.append_new(ERASED.name, pa.Table.from_pylist(noted, ERASED.schema))
    for name in sorted(keys, key=lambda name: name != CAPTURES.name):
        if keys[name].num_rows:
            _take_out(lake, TABLES[name], keys[name], erasure)
    for table in MASTER:
        _seal(lake, table)
    return erasure, keys


def purge(lake: Lake) -> list[Vacuumed]:
    """Step 4. Ends every older version: no file is left that the newest does not name."""
    return [vacuum_table(lake, name, 0, [], delete=True) for name in TABLES]


def unfinished(lake: Lake) -> list[str]:
    """Stores whose erasure began and is not on record in `runs` as done: bytes may still be in older files."""
    begun = lake.read(ERASED.name, columns=["store_id", "erased_at"])
    newest = begun.group_by("store_id").aggregate([("erased_at", "max")]).sort_by("store_id").to_pylist()
    where = (pc.field("step") == "erase") & (pc.field("status") == "ok")
    ended = lake.read("runs", columns=["parameters", "started_at"], where=where).to_pylist()
    done = [(json.loads(row["parameters"])["store_id"], row["started_at"]) for row in ended]
    return [
        row["store_id"]
        for row in newest
        if not any(store == row["store_id"] and at >= row["erased_at_max"] for store, at in done)
    ]


def unsealed(handle: DeltaTable, table: Table) -> bool:
    """Is the table not append-only although it should be, as an erasure that was broken off leaves it?"""
    return table.append_only and handle.metadata().configuration.get(_APPEND_ONLY) != "true"


def _ask(lake: Lake, table: Table, where: str, store_id: str) -> pa.Table:
    columns = ", ".join(table.key)
    return lake.sql(f"SELECT {columns} FROM {alias(table.name)} WHERE {where}", {"store": store_id})


def _noted(name: str, keys: pa.Table, erasure: Erasure, now: datetime) -> Iterator[dict[str, object]]:
    if not name.startswith("master/"):
        return
    for row in keys.to_pylist():
        yield {
            "table_name": name,
            "row_key": "/".join(str(value) for value in row.values()),
            "erasure_id": erasure.erasure_id,
            "erased_at": now,
            "store_id": erasure.store_id,
            "why": erasure.why,
            "ingest_date": now.date(),
        }


def _take_out(lake: Lake, table: Table, keys: pa.Table, erasure: Erasure) -> None:
    storage, at_ms = lake.storage, time.time_ns() // 1_000_000
    schema = pa.schema([table.schema.field(name) for name in table.key])
    scopes = keys.select(table.key).cast(schema)
    with storage.lock(table.name):
        _set_append_only(lake, table, "false")
        handle = open_handle(storage, table)
        adds: list[AddAction] = []
        removes: list[RemoveAction] = []
        writers: list[FileWriter] = []
        try:
            for action in pa.table(handle.get_add_actions(flatten=True)).to_pylist():
                values = {column: str(action[f"partition.{column}"]) for column in table.partition_by}
                writer = FileWriter(table, storage, at_ms, values)
                writers.append(writer)
                if drop_scopes(storage, table, action["path"], scopes, writer):
                    removes.append(RemoveAction(action["path"], True, at_ms, action["size_bytes"], {**values}))
                    adds += writer.finish().adds
        except BaseException:
            for writer in writers:
                writer.discard()
            raise
        if removes:
            what = {"erasure_id": erasure.erasure_id, "store_id": erasure.store_id, "why": erasure.why}
            commit(storage, handle, table, adds, removes, {KEY: json.dumps(what)})
        _set_append_only(lake, table, "true")


def _seal(lake: Lake, table: Table) -> None:
    with lake.storage.lock(table.name):
        _set_append_only(lake, table, "true")


def _set_append_only(lake: Lake, table: Table, value: str) -> None:
    handle = open_handle(lake.storage, table)
    if table.append_only and handle.metadata().configuration.get(_APPEND_ONLY) != value:
        handle.alter.set_table_properties({_APPEND_ONLY: value})
        lake.storage.sync(table.name, [commit_path(handle.version())])
