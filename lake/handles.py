"""Delta handles: a table as it was at one version, made ahead of its writers and checked before it is trusted."""

from __future__ import annotations

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from lake.errors import LakeError, TableCorrupt
from lake.storage import Storage
from schemas.tables import TABLES, Table


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


def create_table(storage: Storage, table: Table) -> None:
    """Makes one table unless it is there."""
    uri = storage.table_uri(table.name)
    options = dict(storage.options) or None
    if DeltaTable.is_deltatable(uri, options):
        return
    if storage.local is not None:
        (storage.local / table.name).mkdir(parents=True, exist_ok=True)
    DeltaTable.create(
        uri,
        table.schema,
        mode="ignore",
        partition_by=list(table.partition_by),
        configuration={"delta.appendOnly": "true"} if table.append_only else None,
        storage_options=options,
    )
    storage.sync(table.name, ["_delta_log/00000000000000000000.json"])


def open_handle(storage: Storage, table: Table, version: int | None = None) -> DeltaTable:
    """A handle of its own, frozen at the version it was read at: a commit through it compares and swaps.

    Makes a table that came with a later release. Raises LakeError for a version that isn't there, TableCorrupt.
    """
    uri, options = storage.table_uri(table.name), dict(storage.options) or None
    if not DeltaTable.is_deltatable(uri, options):
        create_table(storage, table)
    try:
        found = DeltaTable(uri, version, options)
    except DeltaError as error:
        if version is None:
            raise TableCorrupt(f"{table.name}: its log can't be read: {error}") from error
        raise LakeError(f"{table.name} has no version {version}: `facings status` shows the newest") from error
    refuse_empty_commit(storage, table.name, found.version())
    return found


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
