"""State of a lake: what is in each table, how far each view is behind, and what to run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from batch.rejected import list_rejected
from batch.views import VIEWS, SqlView, fingerprint
from batch.views.declare import Source
from lake import ChangesLost, Lake, TableCorrupt
from lake.erase import unfinished, unsealed
from lake.log import rows_changed
from lake.upkeep import small_files
from schemas.tables import MASTER, TABLES

SMALL_FILES = 200  # of one table that could be one: readers feel them
_FAILED = """
    SELECT step, detail FROM runs QUALIFY row_number() OVER (PARTITION BY step ORDER BY started_at DESC) = 1
    AND status = 'failed' ORDER BY step
"""


@dataclass(frozen=True)
class TableState:
    """One table. `state` is "master", "current", "behind: …", "never rebuilt", "ledger", or "damaged: …"."""

    name: str
    rows: int
    files: int
    size_bytes: int
    version: int
    committed_at: datetime | None
    state: str


@dataclass(frozen=True)
class LakeState:
    """The whole lake; `advice` are sentences naming what to run, most important first."""

    lake: str
    tables: tuple[TableState, ...]
    advice: tuple[str, ...]


def read_status(lake: Lake) -> LakeState:
    """Reads the state from the logs alone; no data file is opened but the ledgers'."""
    versions: dict[str, int] = {}
    damaged: dict[str, str] = {}
    for name in TABLES:
        try:
            versions[name] = lake.version(name)
        except TableCorrupt as error:
            damaged[name] = str(error)
    behind = {view.table.name: _behind(lake, view, versions) for view in VIEWS if view.table.name in versions}
    states = [_state(lake, name, version, behind.get(name)) for name, version in versions.items()]
    states += [TableState(name, 0, 0, 0, -1, None, f"damaged: {why}") for name, why in damaged.items()]
    order = list(TABLES)
    states.sort(key=lambda state: order.index(state.name))
    return LakeState(lake.storage.root, tuple(states), tuple(_advice(lake, states, damaged)))


def _state(lake: Lake, name: str, version: int, behind: str | None) -> TableState:
    adds = pa.table(lake.handle(name, version).get_add_actions(flatten=True))
    rows, size = (pc.sum(adds.column(c)).as_py() or 0 if adds.num_rows else 0 for c in ("num_records", "size_bytes"))
    kind = "ledger" if name in ("runs", "checks") else name.partition("/")[0]
    state = behind or ("with quality and crops" if kind == "views" else kind)
    return TableState(name, rows, adds.num_rows, size, version, lake.history(name, 1)[0].at, state)


def _behind(lake: Lake, view: SqlView, versions: dict[str, int]) -> str:
    last = lake.last_rebuild(view.table.name)
    if last is None or last.lineage is None:
        return "never rebuilt"
    if last.lineage.code != fingerprint(view):
        return "behind: the code changed"
    seen = last.lineage.sources
    late = [
        source.table
        for source in view.sources
        if source.table in seen.keys() & versions.keys() - {"runs"}
        and _differs(lake, source, seen[source.table], versions[source.table])
    ]
    return f"behind: {', '.join(late)}" if late else "current"


def _differs(lake: Lake, source: Source, seen: int, now: int) -> bool:
    if not rows_changed(lake.storage, source.table, seen, now):
        return False
    try:
        return bool(lake.changed(source.table, seen, now, source.columns).num_rows)
    except ChangesLost:
        return True


def _advice(lake: Lake, states: list[TableState], damaged: dict[str, str]) -> list[str]:
    rows = {state.name: state.rows for state in states}
    root = lake.storage.root
    if damaged:
        return [*damaged.values(), f"Then see what else is wrong: facings check --lake {root}"]
    if rows["master/captures"] == 0:
        return [f"No captures yet. Take some in: facings ingest PHOTOS --lake {root}"]
    advice = []
    if any(unsealed(lake.handle(table.name), table) for table in MASTER) or unfinished(lake):
        stores = ", ".join(unfinished(lake))
        advice.append(f"An erasure was broken off: run the same `facings erase` again, of {stores}")
    for row in lake.sql(_FAILED).to_pylist():
        advice.append(f"The last {row['step']} failed: {row['detail']}")
    if any(state.state.startswith(("behind", "never")) for state in states):
        advice.append(f"Views are behind master: facings rebuild --lake {root}")
    if waiting := sum(count.open for count in list_rejected(lake, limit=1).reasons):
        advice.append(f"{waiting:,} rejected rows: facings rejected list --lake {root}, then facings rejected replay")
    many = [table for table in TABLES.values() if sum(map(len, small_files(lake, table))) >= SMALL_FILES]
    if many:
        names = ", ".join(table.name for table in many)
        advice.append(f"Many small files in {names}: facings optimise --lake {root}")
    return advice or ["All views are current."]
