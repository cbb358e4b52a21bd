"""Where a row came from, and what a photo led to: every step from figure to file, and forwards again.

A view's row comes from the rows of its sources in the same scope (batch.views.declare); the same declaration tells,
read the other way, which rows of which views a row of master touches.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from batch.plan import source_connection
from batch.recompute import scope_of
from batch.views import VIEWS, SqlView, fingerprint
from lake import Lake, LakeError
from lake.files import missing_files
from lake.find import find_row, read_row, rebuild_of, written_by
from lake.sql import alias
from schemas.tables import TABLES, Table

SHOWN = 20  # keys of one table
_LINKS = {"capture_id": "master/captures", "sha256": "master/images", "annotation_id": "master/annotations"}
_FOLLOWED = {*_LINKS.values(), "views/quality"}  # quality: by which model a figure is trusted
_FIRST = ("master/captures", "master/images", "master/annotations", "views/crops")


@dataclass(frozen=True)
class Inputs:
    """Rows of one source that a row was made from: how many, and the keys of the first."""

    table: str
    version: int
    rows: int
    keys: tuple[str, ...]
    note: str | None = None


@dataclass(frozen=True)
class Node:
    """One row on the way. `made` says of a view's row by which rebuild, of master's in which version it came in."""

    table: str
    id: str
    version: int
    facts: Mapping[str, Any]
    made: Mapping[str, Any]
    inputs: tuple[Inputs, ...] = ()


@dataclass(frozen=True)
class Effect:
    """What touched one view: its rows in the touched scopes, and whether its last rebuild covers the cause."""

    view: str
    rows: int
    keys: tuple[str, ...]
    covered: bool
    run_id: str | None


@dataclass(frozen=True)
class Trace:
    """The row asked for, then every row of master that it leads back to; `effects` where asked for the way forwards."""

    id: str
    nodes: tuple[Node, ...]
    effects: tuple[Effect, ...] = field(default=())


def trace(lake: Lake, name: str, *, forward: bool = False) -> Trace:
    """Follows a capture, an image's sha256, a crop, a figure (device/sku/capture) or any row's key joined by "/".

    Raises LakeError for what neither the lake nor its kept versions hold; where it was erased, the message says so.
    """
    table, key = resolve(lake, name)
    first = _node(lake, table, key)
    nodes = {(first.table, first.id): first}
    for linked, value in list(_links(first)):
        _follow(lake, linked, value, nodes)
    effects = tuple(_effects(lake, TABLES[table], key)) if forward else ()
    return Trace(name, tuple(nodes.values()), effects)


def resolve(lake: Lake, name: str) -> tuple[str, dict[str, Any]]:
    """Table and key of a row by its name: in the newest versions, else among the crops of older ones."""
    order = [*_FIRST, *(table for table in TABLES if table not in _FIRST)]
    for table in order:
        parts = [_text_of(TABLES[table], column) for column in TABLES[table].key]
        rows = _select(lake, table, f"concat_ws('/', {', '.join(parts)}) = $name", name)
        if rows:
            return table, {column: rows[0][column] for column in TABLES[table].key}
    rows = _select(lake, "views/inventory", "concat_ws('/', device_id, sku, capture_id) = $name", name)
    if rows:
        return "views/inventory", {column: rows[0][column] for column in TABLES["views/inventory"].key}
    _say_erased(lake, name)
    key = {"crop_id": name}
    if find_row(lake, "views/crops", key) is not None:
        return "views/crops", key
    raise LakeError(
        f"nothing is called {name!r}; give a capture's id, a photo's sha256, a crop's id, "
        "a figure as DEVICE/SKU/CAPTURE, or any table's key joined by /"
    )


def _say_erased(lake: Lake, name: str) -> None:
    """Raises LakeError that names the erasure which took a row away."""
    rows = lake.sql("SELECT * FROM erased WHERE row_key = $name LIMIT 1", {"name": name}).to_pylist()
    for row in rows:
        raise LakeError(
            f"{name} of {row['table_name']} was erased at {row['erased_at']:%Y-%m-%d %H:%M} UTC with all of store "
            f"{row['store_id']}: {row['why']} (erasure {row['erasure_id']})"
        )


def resolve_view(lake: Lake, name: str) -> tuple[str, dict[str, Any]]:
    """Table and key of a view's row by its name; an image's sha256 means its row of views/quality."""
    table, key = resolve(lake, name)
    return ("views/quality", key) if table == "master/images" else (table, key)


def _select(lake: Lake, table: str, where: str, name: str) -> list[dict[str, Any]]:
    keys = ", ".join(TABLES[table].key)
    found: list[dict[str, Any]] = lake.sql(
        f"SELECT {keys} FROM {alias(table)} WHERE {where} LIMIT 1", {"name": name}
    ).to_pylist()
    return found


def _text_of(table: Table, column: str) -> str:
    if pa.types.is_timestamp(table.schema.field(column).type):
        return f"strftime({column}, '%Y-%m-%dT%H:%M:%SZ')"
    return f"CAST({column} AS VARCHAR)"


def _name(table: Table, row: Mapping[str, Any]) -> str:
    values = (row[column] for column in table.key)
    return "/".join(f"{v:%Y-%m-%dT%H:%M:%SZ}" if isinstance(v, datetime) else str(v) for v in values)


def _follow(lake: Lake, table: str, value: str, nodes: dict[tuple[str, str], Node]) -> None:
    (column,) = TABLES[table].key
    if (table, value) in nodes or len(nodes) >= SHOWN:
        return
    if find_row(lake, table, {column: value}) is None:
        return
    node = _node(lake, table, {column: value})
    nodes[(table, value)] = node
    for linked, further in _links(node):
        _follow(lake, linked, further, nodes)


def _links(node: Node) -> Iterator[tuple[str, str]]:
    for column, table in _LINKS.items():
        value = node.facts.get(column)
        if isinstance(value, str) and table != node.table:
            yield table, value
    for inputs in node.inputs:
        if inputs.table in _FOLLOWED:
            yield from ((inputs.table, key) for key in inputs.keys)


def _node(lake: Lake, name: str, key: Mapping[str, Any]) -> Node:
    table = TABLES[name]
    place = find_row(lake, name, key)
    if place is None:
        raise LakeError(f"{name} has no row {'/'.join(map(str, key.values()))}")
    row = read_row(lake, name, place)
    facts = {column: row[column] for column in table.columns if column != "boxes"}
    view = next((view for view in VIEWS if view.table.name == name), None)
    commit = written_by(lake, name, place, key)
    if view is None:
        made: dict[str, Any] = {"version": commit.version, "at": commit.at} if commit is not None else {}
        if commit is not None and name.startswith("master/"):
            made["run_id"] = _intake_run(lake, name, commit.version)
        return Node(name, _name(table, row), place.version, facts, made)
    if commit is None or commit.lineage is None:
        commit = rebuild_of(lake, name, place.version)
    if commit is None or commit.lineage is None:
        return Node(name, _name(table, row), place.version, facts, {"note": "the log no longer tells who made it"})
    lineage = commit.lineage
    made = {
        "run_id": lineage.run_id,
        "version": commit.version,
        "at": commit.at,
        "engine": lineage.engine,
        "mode": lineage.mode,
        "sources": dict(lineage.sources),
        "code": lineage.code,
        "code_is_current": lineage.code == fingerprint(view),
        "parameters": dict(lineage.parameters),
    }
    inputs = tuple(_inputs(lake, view, row, lineage.sources, lineage.parameters))
    return Node(name, _name(table, row), place.version, facts, made, inputs)


def _intake_run(lake: Lake, name: str, version: int) -> str | None:
    """The first run of an intake step that ended at or after a version of a master table."""
    rows = lake.sql(
        "SELECT run_id, sources FROM runs WHERE pinned_at IS NULL AND status = 'ok' AND sources IS NOT NULL "
        "ORDER BY finished_at"
    ).to_pylist()
    for row in rows:
        if int(json.loads(row["sources"]).get(name, -1)) >= version:
            return str(row["run_id"])
    return None


def _inputs(
    lake: Lake, view: SqlView, row: Mapping[str, Any], pins: Mapping[str, int], parameters: Mapping[str, Any]
) -> Iterator[Inputs]:
    """Yields, a source, the rows at its pinned version that the row's scope depends on."""
    gone = [name for name, version in pins.items() if _is_gone(lake, name, version)]
    if gone:
        yield from (Inputs(n, v, 0, (), "vacuumed or erased" if n in gone else None) for n, v in pins.items())
        return
    with source_connection(lake, view, pins, scope_of(view, row)) as connection:
        for source in view.sources:
            if source.within is None:
                continue
            table = TABLES[source.table]
            keys = ", ".join(_text_of(table, column) for column in table.key)
            text = f"SELECT concat_ws('/', {keys}) AS name FROM {alias(source.table)} ORDER BY 1"
            names = connection.sql(text).to_arrow_table().column(0).to_pylist()
            yield Inputs(source.table, pins[source.table], len(names), tuple(names[:SHOWN]))


def _is_gone(lake: Lake, name: str, version: int) -> bool:
    try:
        return bool(missing_files(lake, name, version))
    except LakeError:
        return True


def _effects(lake: Lake, table: Table, key: Mapping[str, Any]) -> Iterator[Effect]:
    """Yields, a view in order of dependency, its rows that a row of master, and what hangs on its photo, touches."""
    changed = {name: rows for name, rows in _cause(lake, table, key).items() if rows.num_rows}
    pins = lake.versions(TABLES)
    for view in VIEWS:
        schema = pa.schema([view.table.schema.field(name) for name in view.scope])
        parts = [schema.empty_table()]
        for source in view.sources:
            if source.touches is None or source.table not in changed:
                continue
            with source_connection(lake, view, pins) as connection:
                connection.register("changed", changed[source.table].select(source.columns))
                parts.append(connection.sql(source.touches).to_arrow_table().cast(schema))
        scopes = pa.concat_tables(parts).group_by(list(view.scope)).aggregate([]).cast(schema)
        if scopes.num_rows == 0:
            continue
        rows = _in_scopes(lake, view, scopes)
        changed[view.table.name] = rows
        names = [_name(view.table, row) for row in rows.slice(0, SHOWN).to_pylist()]
        last = lake.last_rebuild(view.table.name)
        lineage = last.lineage if last is not None else None
        covered = lineage is not None and all(
            _appended(lake, name, rows) <= lineage.sources.get(name, -1)
            for name, rows in changed.items()
            if name.startswith("master/") and name in {source.table for source in view.sources}
        )
        yield Effect(view.table.name, rows.num_rows, tuple(names), covered, lineage.run_id if lineage else None)


def _cause(lake: Lake, table: Table, key: Mapping[str, Any]) -> dict[str, pa.Table]:
    """The row itself and, where it names a photo, the photo with its captures and annotations."""
    place = find_row(lake, table.name, key)
    if place is None:
        return {}
    row = read_row(lake, table.name, place)
    changed = {table.name: pa.Table.from_pylist([row], table.schema).select(table.columns)}
    if table.name.startswith("master/") and row.get("sha256"):
        for name in _LINKS.values():
            if name != table.name:
                where = pc.field("sha256") == row["sha256"]
                changed[name] = lake.read(name, where=where)
    return changed


def _in_scopes(lake: Lake, view: SqlView, scopes: pa.Table) -> pa.Table:
    with lake.connect(names=[view.table.name]) as connection:
        connection.register("scopes", scopes)
        columns = ", ".join(f"v.{name}" for name in view.table.columns)
        joined = " AND ".join(f"v.{name} = s.{name}" for name in view.scope)
        order = ", ".join(f"v.{name}" for name in view.table.key)
        text = f"SELECT {columns} FROM {alias(view.table.name)} v JOIN scopes s ON {joined} ORDER BY {order}"
        found: pa.Table = connection.sql(text).to_arrow_table()
        return found


def _appended(lake: Lake, name: str, rows: pa.Table) -> int:
    newest = 0
    for row in rows.select(TABLES[name].key).slice(0, SHOWN).to_pylist():
        place = find_row(lake, name, row)
        commit = written_by(lake, name, place, row) if place is not None else None
        newest = max(newest, commit.version if commit is not None else 0)
    return newest
