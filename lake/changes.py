"""What changed in a table between two versions, from its log: rows added and rows taken away.

Files that were only moved (compaction: dataChange false) don't count, so that the cost is that of the new rows.
Source: Delta protocol, actions "add" and "remove".
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from lake.errors import ChangesLost
from lake.parquet import conform
from lake.sql import connect, query
from lake.storage import Storage
from schemas.tables import Table


def changed_rows(storage: Storage, table: Table, since: int, until: int, columns: Sequence[str]) -> pa.Table:
    """Rows, in these columns, that are there `until` and were not `since`, or the other way round.

    A row that a commit only carried from one file into another is none of them.
    Raises ChangesLost where the log was cleaned or a file was vacuumed.
    """
    files = storage.table_files(table.name)
    schema = pa.schema([table.schema.field(name) for name in columns])
    added, removed = [schema.empty_table()], [schema.empty_table()]
    for path, (count, values) in _changed_files(files, table.name, since, until).items():
        if count:
            rows = conform(_read(files, path, columns), schema, constants=_typed(values, table))
            (added if count > 0 else removed).append(rows)
    there, gone = pa.concat_tables(added), pa.concat_tables(removed)
    if not gone.num_rows:
        return there
    with connect({"there": there, "gone": gone}) as connection:
        rows = query(connection, "(FROM there EXCEPT ALL FROM gone) UNION ALL (FROM gone EXCEPT ALL FROM there)")
    return rows.cast(schema)


def _changed_files(files: pafs.FileSystem, name: str, since: int, until: int) -> dict[str, tuple[int, dict[str, str]]]:
    """By path: 1 added, -1 taken away, 0 both; and the values of its partition."""
    found: dict[str, tuple[int, dict[str, str]]] = {}
    for version in range(since + 1, until + 1):
        try:
            with files.open_input_file(f"_delta_log/{version:020d}.json") as source:
                lines = source.readall().decode().splitlines()
        except FileNotFoundError as error:
            raise ChangesLost(f"{name}: the log of version {version} is gone; rebuild in full") from error
        for line in lines:
            entry = json.loads(line)
            for kind, step in (("add", 1), ("remove", -1)):
                action = entry.get(kind)
                if action and action.get("dataChange"):
                    count, values = found.get(action["path"], (0, {}))
                    found[action["path"]] = count + step, values or action.get("partitionValues") or {}
    return found


def _read(files: pafs.FileSystem, path: str, columns: Sequence[str]) -> pa.Table:
    try:
        with files.open_input_file(unquote(path)) as source:
            reader = pq.ParquetFile(source)
            present = [name for name in columns if name in reader.schema_arrow.names]
            return reader.read(columns=present)
    except FileNotFoundError as error:
        raise ChangesLost(f"{path} was vacuumed; rebuild in full") from error


def _typed(values: dict[str, str], table: Table) -> dict[str, object]:
    return {k: pa.scalar(v).cast(table.schema.field(k).type).as_py() for k, v in values.items() if v is not None}
