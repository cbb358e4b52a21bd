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
from lake.storage import Storage
from schemas.tables import Table


def changed_rows(storage: Storage, table: Table, since: int, until: int, columns: Sequence[str]) -> pa.Table:
    """Rows of every file that commits `since`+1 to `until` added or removed: all changed rows, perhaps some others.

    Raises ChangesLost where the log was cleaned or a file was vacuumed.
    """
    files = storage.table_files(table.name)
    schema = pa.schema([table.schema.field(name) for name in columns])
    parts = [
        conform(_read(files, path, columns), schema, constants=_typed(values, table))
        for path, values in _changed_files(files, table.name, since, until).items()
    ]
    return pa.concat_tables([schema.empty_table(), *parts])


def _changed_files(files: pafs.FileSystem, name: str, since: int, until: int) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for version in range(since + 1, until + 1):
        try:
            with files.open_input_file(f"_delta_log/{version:020d}.json") as source:
                lines = source.readall().decode().splitlines()
        except FileNotFoundError as error:
            raise ChangesLost(f"{name}: the log of version {version} is gone; rebuild in full") from error
        for line in lines:
            entry = json.loads(line)
            action = entry.get("add") or entry.get("remove")
            if action and action.get("dataChange"):
                found[action["path"]] = action.get("partitionValues") or {}
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
