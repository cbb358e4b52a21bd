"""What a rebuild of a view has to do: everything, the scopes that new rows touch, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from batch.views.declare import Parameters, SqlView, fingerprint
from lake import ChangesLost, Lake, Lineage
from lake.sql import alias, connect

FULL, INCREMENTAL, CURRENT = "full", "incremental", "current"

# What may differ between two runs without making the older rows wrong.
_VOLATILE = {"pinned_at"}


@dataclass(frozen=True)
class Task:
    """One view's rebuild, planned on `expect`, the view's version. `scopes` is None for all of them."""

    view: SqlView
    pins: Mapping[str, int]
    scopes: pa.Table | None
    parameters: Parameters
    code: str
    expect: int
    why: str

    @property
    def mode(self) -> str:
        """`full`, `incremental`, or `current` where nothing is to be done."""
        if self.scopes is None:
            return FULL
        return INCREMENTAL if self.scopes.num_rows else CURRENT


def plan(lake: Lake, view: SqlView, pins: Mapping[str, int], parameters: Mapping[str, Any], *, full: bool) -> Task:
    """Compares the view's last lineage with the pinned sources, the code and the parameters."""
    mine = {name: parameters[name] for name in view.parameters}
    code = fingerprint(view)
    expect = lake.version(view.table.name)
    pinned = {source.table: pins[source.table] for source in view.sources}
    last = lake.last_rebuild(view.table.name)

    def task(scopes: pa.Table | None, why: str) -> Task:
        return Task(view, pinned, scopes, mine, code, expect, why)

    if full:
        return task(None, "asked for")
    if last is None or last.lineage is None:
        return task(None, "first rebuild")
    stale = _stale(last.lineage, pinned, code, mine)
    if stale is not None:
        return task(None, stale)
    try:
        scopes = _touched(lake, view, last.lineage.sources, pinned)
    except ChangesLost as error:
        return task(None, str(error))
    return task(scopes, f"{scopes.num_rows} scopes touched")


def _stale(last: Lineage, pinned: Mapping[str, int], code: str, parameters: Mapping[str, Any]) -> str | None:
    if last.code != code:
        return "the code changed"
    changed = sorted(k for k in parameters if k not in _VOLATILE and last.parameters.get(k) != parameters[k])
    if changed:
        return f"changed parameters: {', '.join(changed)}"
    older = sorted(name for name, version in pinned.items() if last.sources.get(name, -1) > version)
    if older:
        return f"older version asked of {', '.join(older)}"
    return None


def _touched(lake: Lake, view: SqlView, since: Mapping[str, int], until: Mapping[str, int]) -> pa.Table:
    schema = pa.schema([view.table.schema.field(name) for name in view.scope])
    parts = [schema.empty_table()]
    for source in view.sources:
        if source.touches is None or since[source.table] == until[source.table]:
            continue
        changed = lake.changed(source.table, since[source.table], until[source.table], source.columns)
        if changed.num_rows == 0:
            continue
        with source_connection(lake, view, until) as connection:
            connection.register("changed", changed)
            parts.append(connection.sql(source.touches).to_arrow_table().cast(schema))
    return pa.concat_tables(parts).group_by(list(view.scope)).aggregate([]).cast(schema)


def source_connection(
    lake: Lake,
    view: SqlView,
    pins: Mapping[str, int],
    scopes: pa.Table | None = None,
    instead: Mapping[str, Any] | None = None,
    spill: str | None = None,
) -> duckdb.DuckDBPyConnection:
    """DuckDB with the view's sources by alias, at their pins, narrowed to `scopes`; `instead` replaces some."""
    names = {source.table: alias(source.table) for source in view.sources}
    tables = {
        name: (instead or {}).get(name) if name in (instead or {}) else lake.dataset(table, pins[table])
        for table, name in names.items()
    }
    if scopes is None:
        return connect(tables, spill=spill, memory="1GB")
    narrow = {names[source.table]: source.within for source in view.sources if source.within is not None}
    raw = {f"all_{name}" if name in narrow else name: table for name, table in tables.items()}
    connection = connect({**raw, "scopes": scopes}, spill=spill, memory="1GB")
    for name, within in narrow.items():
        connection.execute(f"CREATE TEMP VIEW {name} AS SELECT * FROM all_{name} WHERE {within}")
    return connection
