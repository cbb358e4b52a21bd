"""What every commit has in common, whoever makes it: data files by partition, the compare and swap, durability.

The numbers are those of lake.write and docs/guarantees.md: `write_rows` is steps 2 and 3, `commit` is 4 and 5.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake._internal import RemoveAction
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction

from lake.errors import CommitConflict
from lake.log import commit_path, paths_of, read_commit
from lake.parquet import FileWriter
from lake.storage import Storage
from schemas.tables import Table

APP_ID = "facings"
ATTEMPTS = 50
_BATCH_ROWS = 65_536


def write_rows(storage: Storage, table: Table, rows: pa.Table) -> list[AddAction]:
    """Data files of the rows, durable, by partition. Nothing names them yet; where one fails, none is left."""
    adds: list[AddAction] = []
    with discarding() as writers:
        for partition, part in _by_partition(table, rows):
            writer = FileWriter(table, storage, now_ms(), partition)
            writers.append(writer)
            for batch in part.to_batches(max_chunksize=_BATCH_ROWS):
                writer.write(batch)
            adds.extend(writer.finish().adds)
    return adds


@contextlib.contextmanager
def discarding() -> Iterator[list[FileWriter]]:
    """Deletes what the writers wrote when writing fails. Around step 2 alone: later, a commit may name the files."""
    writers: list[FileWriter] = []
    try:
        yield writers
    except BaseException:
        for writer in writers:
            writer.discard()
        raise


def delete_files(storage: Storage, table: Table, adds: Iterable[AddAction]) -> None:
    """Deletes files that no commit names, as far as they are there."""
    files = storage.table_files(table.name)
    for add in adds:
        with contextlib.suppress(FileNotFoundError):
            files.delete_file(unquote(add.path))


def commit(
    storage: Storage,
    handle: DeltaTable,
    table: Table,
    adds: Iterable[AddAction],
    removes: Iterable[RemoveAction],
    metadata: Mapping[str, str],
    offsets: Sequence[Transaction] = (),
) -> int:
    """The new version, which adds and removes files that are durable (FileWriter closes them so), with `offsets`.

    CommitConflict when any commit came after the handle was read: then none names the files of `adds`.
    """
    adds, removes = list(adds), list(removes)
    version = int(handle.version()) + 1  # without retries a commit lands there or nowhere
    properties = CommitProperties(
        custom_metadata=dict(metadata) or None,
        max_commit_retries=0,
        app_transactions=[Transaction(APP_ID, version), *offsets],
    )
    try:
        handle.create_write_transaction(
            [*removes, *adds],
            "append",
            table.schema,
            partition_by=list(table.partition_by),
            commit_properties=properties,
        )
    except CommitFailedError as error:
        if not _landed(storage, table, version, adds, removes):
            raise CommitConflict(f"{table.name}: another writer committed first; run again ({error})") from error
    storage.sync(table.name, [commit_path(version)])
    return version


def _landed(
    storage: Storage, table: Table, version: int, adds: Sequence[AddAction], removes: Sequence[RemoveAction]
) -> bool:
    """Did an object store take a commit that it then refused? Where an answer is lost, delta-rs asks a second time,
    finds the version taken and can't tell that it was by itself. A data file's name is in one commit alone; a commit of
    offsets without files counts as another's, and the offsets that are there then say what to do.
    """
    if storage.local is not None or not (adds or removes):
        return False
    try:
        actions = read_commit(storage, table.name, version)
    except FileNotFoundError:
        return False
    kind, mine = ("add", adds) if adds else ("remove", removes)
    return {action.path for action in mine} <= set(paths_of(actions, kind))


def _by_partition(table: Table, rows: pa.Table) -> list[tuple[dict[str, str], pa.Table]]:
    if not table.partition_by or not rows.num_rows:
        return [({}, rows)] if rows.num_rows else []
    (name,) = table.partition_by
    values = sorted(set(rows.column(name).to_pylist()))
    if len(values) == 1:
        return [({name: str(values[0])}, rows)]
    return [
        ({name: str(value)}, rows.filter(pc.equal(rows.column(name), pa.scalar(value, rows.schema.field(name).type))))
        for value in values
    ]


def now_ms() -> int:
    """Milliseconds since 1970, which Delta's actions carry."""
    return time.time_ns() // 1_000_000
