"""The lake: open, scan at a version, append once, rebuild by commit. Every layer reads and writes through it."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import reduce
from os import PathLike
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable
from deltalake.transaction import AddAction

from lake import changes, sql, write
from lake.errors import LakeError, LakeNotFound
from lake.format import check_format
from lake.handles import create_tables, find_table, open_handle, refuse_empty_commit
from lake.lineage import Commit, Lineage
from lake.parquet import read_groups
from lake.storage import Storage
from schemas.tables import TABLES

_SCAN = ds.ParquetFragmentScanOptions(pre_buffer=False, use_buffered_stream=True, buffer_size=1 << 20)


class Lake:
    """A folder or bucket prefix of Delta tables. Safe to share between threads and to open from many processes.

    Guarantees: a commit is whole or absent (law 4); a key is appended once (law 5); a version, once read, stays.
    """

    def __init__(self, storage: Storage):
        self.storage = storage
        self._handles: dict[str, DeltaTable] = {}
        self._guard = threading.Lock()
        self._local = threading.local()

    @classmethod
    def open(cls, uri: str | PathLike[str], *, create: bool = False, options: Mapping[str, str] | None = None) -> Lake:
        """The lake at a path or URI. With `create`, makes what is missing; without, raises LakeNotFound.

        `options` are those of an object store: see lake.stores. Raises StoreRefused within seconds.
        """
        storage = Storage.at(uri, options)
        there = storage.has_table("master/captures")  # the first contact: it tells in one line why a store refuses
        check_format(storage)
        lake = cls(storage)
        if not there:
            if not create:
                raise LakeNotFound(f"no lake at {storage.root}: run `facings ingest … --lake {storage.root}` first")
            create_tables(storage)
        return lake

    def handle(self, name: str, version: int | None = None) -> DeltaTable:
        """A Delta handle of its own, frozen at the version it was read at: commits through it compare and swap."""
        return open_handle(self.storage, find_table(name), version)

    def version(self, name: str) -> int:
        """Newest version of a table."""
        with self._guard:
            handle = self._handles.get(name)
            if handle is None:
                handle = self._handles[name] = self.handle(name)
            else:
                handle.update_incremental()
                refuse_empty_commit(self.storage, name, handle.version())
            return int(handle.version())

    def versions(self, names: Iterable[str]) -> dict[str, int]:
        """Newest version of each table."""
        return {name: self.version(name) for name in names}

    def version_at(self, name: str, at: datetime) -> int:
        """Version that was current at a moment (UTC); LakeError where the table is younger."""
        for commit in self.history(name):
            if commit.at <= at:
                return commit.version
        raise LakeError(f"{name} has no version at {at.isoformat()}: it was created later")

    def moment(self, as_of: str) -> datetime:
        """The time of a version of master/captures, or of an RFC 3339 text. Raises LakeError for what is neither."""
        if as_of.isdigit():
            for commit in self.history("master/captures"):
                if commit.version == int(as_of):
                    return commit.at
            raise LakeError(f"master/captures has no version {as_of}; `facings status` lists what there is")
        try:
            found = datetime.fromisoformat(as_of)
        except ValueError:
            found = datetime.min
        if found.tzinfo is None:
            raise LakeError(f"as of {as_of!r}: give a version of master/captures, or a time like 2026-03-01T12:00:00Z")
        return found

    def history(self, name: str, limit: int | None = None) -> list[Commit]:
        """Commits of a table, newest first, as far as its log reaches."""
        entries = self.handle(name).history(limit)
        return [
            Commit(
                int(entry["version"]),
                datetime.fromtimestamp(entry["timestamp"] / 1000, UTC),
                str(entry.get("operation", "")),
                Lineage.parse(entry),
            )
            for entry in entries
        ]

    def last_rebuild(self, name: str) -> Commit | None:
        """The newest commit of a view that a rebuild made, or None."""
        for limit in (20, None):
            commits = self.history(name, limit)
            for commit in commits:
                if commit.lineage is not None:
                    return commit
        return None

    def dataset(self, name: str, version: int | None = None) -> ds.Dataset:
        """The table's rows at a version as a pyarrow dataset; a column that the version lacks is null.

        A native file system: delta-rs's own aborts at exit.
        """
        handle = self.handle(name, version)
        return handle.to_pyarrow_dataset(filesystem=self.storage.table_files(name), schema=find_table(name).schema)

    def scan(
        self,
        name: str,
        *,
        columns: Sequence[str] | None = None,
        version: int | None = None,
        where: pc.Expression | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Yields the rows at a version in bounded memory: a few row groups, whatever the table's size."""
        blobs = set(find_table(name).blobs) & set(columns if columns is not None else find_table(name).schema.names)
        yield from self.dataset(name, version).to_batches(
            columns=list(columns) if columns is not None else None,
            filter=where,
            batch_size=64 if blobs else 65_536,
            batch_readahead=1,
            fragment_readahead=1,
            use_threads=not blobs,
            fragment_scan_options=_SCAN,
        )

    def read(
        self,
        name: str,
        *,
        columns: Sequence[str] | None = None,
        version: int | None = None,
        where: pc.Expression | None = None,
    ) -> pa.Table:
        """The rows at a version as one table; every column but the blobs unless `columns` names them."""
        names = list(columns if columns is not None else find_table(name).columns)
        return self.dataset(name, version).to_table(columns=names, filter=where, fragment_scan_options=_SCAN)

    def count(self, name: str, version: int | None = None) -> int:
        """Rows at a version, from the log alone."""
        adds = pa.table(self.handle(name, version).get_add_actions(flatten=True))
        return int(pc.sum(adds.column("num_records")).as_py() or 0) if adds.num_rows else 0

    def size_bytes(self, name: str, version: int | None = None) -> int:
        """Bytes of the data files of a version, from the log alone."""
        adds = pa.table(self.handle(name, version).get_add_actions(flatten=True))
        return int(pc.sum(adds.column("size_bytes")).as_py() or 0) if adds.num_rows else 0

    def blob(self, name: str, column: str, key: Mapping[str, Any], version: int | None = None) -> bytes | None:
        """One value of a column of bytes, by key, reading only its row group; None where no row has the key."""
        files = self.storage.table_files(name)
        for path in reversed(self.paths(name, version)):  # the newest are asked for most
            for group, keys in read_groups(files, path, list(key)):
                same = [pc.equal(keys.column(part), value).combine_chunks() for part, value in key.items()]
                row = pc.index(reduce(pc.and_, same), True).as_py()
                if row >= 0:
                    ((_, found),) = read_groups(files, path, [column], [group])
                    value: bytes | None = found.column(column)[row].as_py()
                    return value
        return None

    def paths(self, name: str, version: int | None = None) -> list[str]:
        """Data files of a version, relative to the table, oldest first."""
        adds = pa.table(self.handle(name, version).get_add_actions(flatten=True))
        return [
            str(p)
            for p in adds.sort_by([("modification_time", "ascending"), ("path", "ascending")])["path"].to_pylist()
        ]

    def changed(self, name: str, since: int, until: int, columns: Sequence[str]) -> pa.Table:
        """Rows that commits `since`+1 to `until` added or took away; see lake.changes."""
        return changes.changed_rows(self.storage, find_table(name), since, until, columns)

    def append_new(self, name: str, rows: pa.Table) -> write.Appended:
        """Appends the rows whose key is not there yet. Exactly once per key, whatever else writes; see lake.write."""
        return write.append_new(self.storage, find_table(name), rows)

    def replace(
        self,
        name: str,
        batches: Iterable[pa.RecordBatch],
        *,
        scopes: pa.Table | None,
        lineage: Lineage | None = None,
        expect: int | None = None,
    ) -> write.Replaced:
        """Rebuilds a view, whole (`scopes` None) or those scopes, in one commit; see lake.write."""
        return write.replace(self.storage, find_table(name), batches, scopes=scopes, lineage=lineage, expect=expect)

    def put_files(
        self,
        name: str,
        adds: Sequence[AddAction],
        *,
        dropped: Mapping[str, int] | None,
        lineage: Lineage | None = None,
        expect: int | None = None,
    ) -> write.Replaced:
        """Commits files that other processes wrote in the place of `dropped` ones; see lake.write."""
        return write.put_files(self.storage, find_table(name), adds, dropped=dropped, lineage=lineage, expect=expect)

    def connect(
        self, pins: Mapping[str, int] | None = None, names: Iterable[str] = TABLES
    ) -> duckdb.DuckDBPyConnection:
        """A locked-down DuckDB connection over the tables, at `pins` where given, else at their newest versions."""
        pinned = {name: (pins or {}).get(name) for name in names}
        return sql.connect({sql.alias(name): self.dataset(name, version) for name, version in pinned.items()})

    def sql(self, query: str, params: Sequence[object] | Mapping[str, object] | None = None) -> pa.Table:
        """Rows of a DuckDB query over the newest versions; values go in as parameters only. Raises QueryError."""
        versions = self.versions(TABLES)
        if getattr(self._local, "versions", None) != versions:
            self._local.connection, self._local.versions = self.connect(versions), versions
        return sql.query(self._local.connection, query, params)
