"""Parquet files of a table: written in bounded memory, laid out so that one photo is read without its neighbours."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake.transaction import AddAction
from pyarrow import fs as pafs

from lake.storage import Storage
from schemas.tables import Table

ROW_GROUP_BYTES = 16 << 20
BLOB_ROW_GROUP_BYTES = 4 << 20  # what a reader of one photo has to touch
FILE_BYTES = 128 << 20


@dataclass(frozen=True)
class Written:
    """Files that a commit may add: their actions, rows and bytes."""

    adds: tuple[AddAction, ...]
    rows: int
    size_bytes: int


class FileWriter:
    """Writes record batches of one table into Parquet files; `finish` gives their add actions.

    Nothing is visible to readers before a commit names the files. `discard` deletes them.
    """

    def __init__(
        self, table: Table, storage: Storage, written_at_ms: int, partition: dict[str, str] | None = None
    ) -> None:
        self._table, self._storage, self._at = table, storage, written_at_ms
        self._files = storage.table_files(table.name)
        self._partition = partition or {}
        self._schema = pa.schema([f for f in table.schema if f.name not in table.partition_by])
        self._folder = "".join(f"{k}={v}/" for k, v in self._partition.items())
        self._group_bytes = BLOB_ROW_GROUP_BYTES if table.blobs else ROW_GROUP_BYTES
        self._pending: list[pa.RecordBatch] = []
        self._pending_bytes = 0
        self._writer: pq.ParquetWriter | None = None
        self._path, self._rows = "", 0
        self._adds: list[AddAction] = []
        self.paths: list[str] = []

    def write(self, batch: pa.RecordBatch) -> None:
        """Adds rows. Memory held: at most one row group."""
        step = max(1, min(batch.num_rows, 65_536))
        if batch.nbytes > self._group_bytes and batch.num_rows:
            step = max(1, int(batch.num_rows * self._group_bytes / batch.nbytes))
        for start in range(0, batch.num_rows, step):
            part = batch.slice(start, step).select(self._schema.names)
            self._pending.append(part)
            self._pending_bytes += part.nbytes
            if self._pending_bytes >= self._group_bytes:
                self._flush()

    def finish(self) -> Written:
        """Closes the last file and gives what a commit needs."""
        self._flush()
        self._close()
        adds = tuple(self._adds)
        rows = sum(json.loads(add.stats)["numRecords"] for add in adds)
        return Written(adds, rows, sum(add.size for add in adds))

    def discard(self) -> None:
        """Deletes every file written: the commit did not happen."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        for path in self.paths:
            with contextlib.suppress(FileNotFoundError):  # an object store has a file only once it is closed
                self._files.delete_file(path)
        self.paths, self._adds = [], []

    def _flush(self) -> None:
        if not self._pending:
            return
        group = pa.Table.from_batches(self._pending, self._schema)
        self._pending, self._pending_bytes = [], 0
        if self._writer is None:
            self._open()
        assert self._writer is not None
        self._writer.write_table(group, row_group_size=max(1, group.num_rows))
        self._rows += group.num_rows
        if self._sink.tell() >= FILE_BYTES:
            self._close()

    def _open(self) -> None:
        plain = [name for name in self._schema.names if name not in self._table.blobs]
        self._path = f"{self._folder}part-{uuid.uuid4().hex}.parquet"
        if self._folder and self._storage.local is not None:
            self._files.create_dir(self._folder, recursive=True)
        self._sink = self._files.open_output_stream(self._path)
        self.paths.append(self._path)
        self._writer = pq.ParquetWriter(
            self._sink,
            self._schema,
            compression={name: "zstd" if name in plain else "none" for name in _leaves(self._schema, plain)},
            use_dictionary=[name for name in plain if pa.types.is_string(self._schema.field(name).type)],
            write_statistics=plain,
        )

    def _close(self) -> None:
        if self._writer is None:
            return
        self._writer.close()
        self._sink.close()
        self._writer = None
        self._storage.sync(self._table.name, [self._path])  # now, while others still compute the next file's rows
        size = self._files.get_file_info(self._path).size
        stats = json.dumps({"numRecords": self._rows})
        self._adds.append(AddAction(self._path, size, dict(self._partition), self._at, True, stats))
        self._rows = 0


def _leaves(schema: pa.Schema, plain: list[str]) -> Iterator[str]:
    # Parquet names the columns inside a list of structs by their path; compression is given by leaf.
    for field in schema:
        if pa.types.is_list(field.type) and pa.types.is_struct(field.type.value_type):
            yield from (f"{field.name}.list.element.{child.name}" for child in field.type.value_type)
        else:
            yield field.name


def read_groups(
    files: pafs.FileSystem, path: str, columns: Iterable[str], groups: Iterable[int] | None = None
) -> Iterator[tuple[int, pa.Table]]:
    """Yields (row group number, its rows) of one file; columns that the file lacks are left out."""
    with files.open_input_file(unquote(path)) as source:
        reader = pq.ParquetFile(source)
        present = [name for name in columns if name in reader.schema_arrow.names]
        for group in range(reader.num_row_groups) if groups is None else groups:
            yield group, reader.read_row_group(group, columns=present, use_threads=False)


def conform(table: pa.Table, schema: pa.Schema, constants: dict[str, Any] | None = None) -> pa.Table:
    """`table` with the columns, order and types of `schema`; missing columns are `constants` or null."""
    columns = []
    for field in schema:
        if field.name in table.column_names:
            columns.append(table.column(field.name).cast(field.type))
        else:
            value = (constants or {}).get(field.name)
            columns.append(pa.array([value] * table.num_rows, field.type))
    return pa.Table.from_arrays(columns, schema=schema)
