"""A view's stored rows against the same rows computed anew: what is missing, what is too much, what differs.

Both sides shrink to (key, digest) in a table that spills to disk, so the size of a view is no limit.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from batch.plan import source_connection
from batch.recompute import recompute
from batch.views.declare import SqlView
from lake import Lake, Lineage
from lake.sql import alias, connect
from schemas.tables import Table

_LISTED = 20
_SIDES = pa.schema([("name", pa.string()), ("digest", pa.string()), ("columns", pa.list_(pa.string()))])
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Difference:
    """One row that differs: `code` is row-changed, row-missing or row-extra; "" says how many `rows` were compared."""

    code: str
    table: str
    detail: str
    rows: int = 1


def compare(
    lake: Lake,
    view: SqlView,
    lineage: Lineage,
    *,
    sample: int | None,
    seed: int,
    threads: int,
    progress: Progress,
) -> Iterator[Difference]:
    """Yields the differences between a view's newest rows and what its lineage gives, of all or of `sample` scopes."""
    scopes = None if sample is None else _sample(lake, view, lineage, sample, seed)
    with tempfile.TemporaryDirectory(prefix="facings-") as spill:
        connection = connect({}, spill=spill, memory="512MB")
        names = ", ".join(f"{field.name} {'VARCHAR[]' if field.name == 'columns' else 'VARCHAR'}" for field in _SIDES)
        for side in ("made", "stored", "refused"):
            connection.execute(f"CREATE TABLE {side} ({names})")
        made = recompute(lake, view, lineage.sources, lineage.parameters, scopes, threads=threads)
        rows = 0
        for batch in made:
            good, refused = _parted(batch)
            _add(connection, "made", view.table, [good])
            if refused.num_rows:
                _refuse(connection, refused)
            rows += batch.num_rows
            progress(f"{view.name} anew", rows, 0)
        _add(connection, "stored", view.table, _stored(lake, view, scopes))
        yield Difference("", view.table.name, "", rows)
        yield from _differences(connection, view)
        yield from _unnamed(lake, connection)


def _parted(batch: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Rows of the view, and photos that were refused."""
    if "reason" not in batch.schema.names:
        return batch, batch.slice(0, 0)
    bad = pc.is_valid(batch.column("reason"))
    return batch.filter(pc.invert(bad)), batch.filter(bad)


def _stored(lake: Lake, view: SqlView, scopes: pa.Table | None) -> Iterator[pa.RecordBatch]:
    for batch in lake.scan(view.table.name, columns=view.table.schema.names):
        if scopes is None:
            yield batch
            continue
        keys = set(zip(*(scopes.column(name).to_pylist() for name in view.scope), strict=True))
        have = zip(*(batch.column(name).to_pylist() for name in view.scope), strict=True)
        yield batch.filter(pa.array([key in keys for key in have], pa.bool_()))


def _add(connection: duckdb.DuckDBPyConnection, side: str, table: Table, batches: Iterable[pa.RecordBatch]) -> None:
    columns = table.schema.names
    for batch in batches:
        rows = batch.select(columns).to_pylist()
        if not rows:
            continue
        listed = [
            {
                "name": _name(table.key, row),
                "digest": _digest(row.values()),
                "columns": [_digest([v]) for v in row.values()],
            }
            for row in rows
        ]
        connection.register("batch", pa.Table.from_pylist(listed, _SIDES))
        connection.execute(f"INSERT INTO {side} SELECT * FROM batch")
        connection.unregister("batch")


def _refuse(connection: duckdb.DuckDBPyConnection, refused: pa.RecordBatch) -> None:
    listed = [{"name": sha, "digest": None, "columns": None} for sha in refused.column("sha256").to_pylist()]
    connection.register("batch", pa.Table.from_pylist(listed, _SIDES))
    connection.execute("INSERT INTO refused SELECT * FROM batch")
    connection.unregister("batch")


def _name(key: Sequence[str], row: Mapping[str, Any]) -> str:
    return "/".join(str(row[column]) for column in key)


def _digest(values: Iterable[Any]) -> str:
    """16 hex digits. Numbers count to 12 places: the order of a sum may differ between engines."""
    state = hashlib.blake2b(digest_size=8)
    for value in values:
        state.update(value if isinstance(value, bytes) else _text(value).encode())
        state.update(b"\0")
    return state.hexdigest()


def _text(value: Any) -> str:
    return f"{value:.12g}" if isinstance(value, float) else repr(value)


def _differences(connection: duckdb.DuckDBPyConnection, view: SqlView) -> Iterator[Difference]:
    rows = connection.sql(
        "SELECT coalesce(m.name, s.name) AS name, m.columns AS made, s.columns AS stored "
        "FROM made m FULL OUTER JOIN stored s ON s.name = m.name "
        f"WHERE m.digest IS DISTINCT FROM s.digest ORDER BY 1 LIMIT {_LISTED}"
    ).fetchall()
    table = view.table
    for name, made, stored in rows:
        if stored is None:
            yield Difference("row-missing", table.name, f"{name} is not there, and its sources give it")
        elif made is None:
            yield Difference("row-extra", table.name, f"{name} is there, and its sources don't give it")
        else:
            differ = [c for c, m, s in zip(table.schema.names, made, stored, strict=True) if m != s]
            code = "bytes-changed" if set(differ) & set(table.blobs) else "row-changed"
            yield Difference(code, table.name, f"{name}: {', '.join(differ)} is not what its sources give")


def _unnamed(lake: Lake, connection: duckdb.DuckDBPyConnection) -> Iterator[Difference]:
    """Photos that could not be read and that views/unreadable doesn't name."""
    refused = connection.sql("SELECT DISTINCT name FROM refused ORDER BY 1").to_arrow_table().column(0)
    known = lake.read("views/unreadable", columns=["sha256"]).column(0)
    for name in refused.filter(pc.invert(pc.is_in(refused, known.combine_chunks()))).to_pylist()[:_LISTED]:
        yield Difference("row-missing", "views/unreadable", f"{name} does not decode, and is not named there")


def _sample(lake: Lake, view: SqlView, lineage: Lineage, sample: int, seed: int) -> pa.Table:
    """Scopes of some rows of the view, and of some rows of its sources: also those that the view may lack."""
    schema = pa.schema([view.table.schema.field(name) for name in view.scope])
    some = f"USING SAMPLE reservoir({sample} ROWS) REPEATABLE ({seed})"
    columns = ", ".join(view.scope)
    with lake.connect(names=[view.table.name]) as connection:
        text = f"SELECT * FROM (SELECT DISTINCT {columns} FROM {alias(view.table.name)}) {some}"
        parts = [connection.sql(text).to_arrow_table().cast(schema)]
    for source in view.sources:
        if source.touches is None:
            continue
        with source_connection(lake, view, lineage.sources) as connection:
            wanted = ", ".join(source.columns)
            changed = connection.sql(f"SELECT {wanted} FROM {alias(source.table)} {some}").to_arrow_table()
            connection.register("changed", changed)
            parts.append(connection.sql(source.touches).to_arrow_table().cast(schema))
    return pa.concat_tables(parts).group_by(list(view.scope)).aggregate([]).cast(schema)
