"""Delta handles: a table as it was at one version, made ahead of its writers and checked before it is trusted."""

from __future__ import annotations

import logging

import pyarrow as pa
from deltalake import DeltaTable, Schema
from deltalake.exceptions import DeltaError, TableNotFoundError

from lake.errors import LakeError, TableCorrupt
from lake.format import write_format
from lake.storage import Storage
from schemas.tables import TABLES, Table

log = logging.getLogger(__name__)
CHECKPOINT_COMMITS = "10"  # on an object store, where opening a table costs two requests a commit since the last


def find_table(name: str) -> Table:
    """Declaration of a table by its full name. Raises LakeError that lists the names."""
    if name not in TABLES:
        raise LakeError(f"no table named {name!r}; there are {', '.join(TABLES)}")
    return TABLES[name]


def create_tables(storage: Storage) -> None:
    """Makes every table that is missing. Ahead of all writers: racing creators of a table would both commit."""
    with storage.lock("lake"):
        for table in TABLES.values():
            create_table(storage, table)
        write_format(storage)


def create_table(storage: Storage, table: Table) -> None:
    """Makes one table unless it is there."""
    uri = storage.table_uri(table.name)
    options = dict(storage.options) or None
    if storage.has_table(table.name):
        return
    if storage.local is not None:
        (storage.local / table.name).mkdir(parents=True, exist_ok=True)
    configuration = {"delta.appendOnly": "true"} if table.append_only else {}
    if storage.local is None:
        configuration["delta.checkpointInterval"] = CHECKPOINT_COMMITS
    DeltaTable.create(
        uri,
        table.schema,
        mode="ignore",
        partition_by=list(table.partition_by),
        configuration=configuration or None,
        storage_options=options,
    )
    storage.sync(table.name, ["_delta_log/00000000000000000000.json"])


def open_handle(storage: Storage, table: Table, version: int | None = None) -> DeltaTable:
    """A handle of its own, frozen at the version it was read at: a commit through it compares and swaps.

    Makes a table that came with a later release. Raises LakeError for a version that isn't there, TableCorrupt, and
    StoreRefused.
    """
    uri, options = storage.table_uri(table.name), dict(storage.options) or None
    try:
        try:
            found = DeltaTable(uri, version, options)
        except TableNotFoundError:
            create_table(storage, table)
            found = DeltaTable(uri, version, options)
    except (DeltaError, OSError) as error:
        if (refusal := storage.refused(error)) is not None:
            raise refusal from error
        if isinstance(error, OSError):
            raise
        if version is None:
            raise TableCorrupt(f"{table.name}: its log can't be read: {str(error).splitlines()[0]}") from error
        raise LakeError(f"{table.name} has no version {version}: `facings status` shows the newest") from error
    refuse_empty_commit(storage, table.name, found.version())
    return _evolved(storage, table, found) if version is None else found


def unknown_columns(handle: DeltaTable, table: Table) -> list[str]:
    """Columns of the lake's table that this release does not know: rewriting its rows would lose them."""
    return [field.name for field in handle.schema().fields if field.name not in table.schema.names]


def _evolved(storage: Storage, table: Table, found: DeltaTable) -> DeltaTable:
    """The handle after the columns that an older release did not know were added; as it is where none are missing."""
    if not _missing(table, found):
        return found
    uri, options = storage.table_uri(table.name), dict(storage.options) or None
    with storage.lock("lake"):
        found = DeltaTable(uri, None, options)
        missing = _missing(table, found)
        if not missing:
            return found
        try:
            found.alter.add_columns(Schema.from_arrow(pa.schema(missing)).fields)
        except (DeltaError, OSError) as error:  # a reader may lack the right to write; its rows show null
            log.info("%s lacks the columns of this release, and they can't be added: %s", table.name, error)
            return DeltaTable(uri, None, options)
        storage.sync(table.name, [f"_delta_log/{found.version():020d}.json"])
    return DeltaTable(uri, None, options)


def _missing(table: Table, found: DeltaTable) -> list[pa.Field]:
    present = {field.name for field in found.schema().fields}
    return [field for field in table.schema if field.name not in present]


def refuse_empty_commit(storage: Storage, name: str, version: int) -> None:
    """Raises TableCorrupt where a version's commit has no bytes: delta-rs would read it as a commit of nothing."""
    if storage.local is None:
        return
    commit = storage.local / name / "_delta_log" / f"{version:020d}.json"
    if commit.exists() and commit.stat().st_size == 0:
        raise TableCorrupt(
            f"{name}: commit {version} is empty (a crash before it reached the disk); "
            f"it was never acknowledged: delete {commit} and run again"
        )
