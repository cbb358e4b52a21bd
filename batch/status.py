"""State of a lake: what is in each table, how far each view is behind, and what to run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from batch.views import VIEWS, fingerprint
from lake import Lake
from schemas.tables import TABLES


@dataclass(frozen=True)
class TableState:
    """One table. `state` is "master", "current", "behind: …", "never rebuilt", or "ledger"."""

    name: str
    rows: int
    files: int
    size_bytes: int
    version: int
    committed_at: datetime
    state: str


@dataclass(frozen=True)
class LakeState:
    """The whole lake; `advice` are sentences naming what to run, most important first."""

    lake: str
    tables: tuple[TableState, ...]
    advice: tuple[str, ...]


def read_status(lake: Lake) -> LakeState:
    """Reads the state from the logs alone; no data file is opened."""
    versions = lake.versions(TABLES)
    behind = {view.table.name: _behind(lake, view.table.name, versions) for view in VIEWS}
    states = []
    for name, version in versions.items():
        adds = pa.table(lake.handle(name).get_add_actions(flatten=True))
        rows, size = (
            pc.sum(adds.column(c)).as_py() or 0 if adds.num_rows else 0 for c in ("num_records", "size_bytes")
        )
        kind = "ledger" if name == "runs" else name.partition("/")[0]
        state = behind.get(name, "with quality and crops" if kind == "views" else kind)
        states.append(TableState(name, rows, adds.num_rows, size, version, lake.history(name, 1)[0].at, state))
    return LakeState(lake.storage.root, tuple(states), tuple(_advice(lake, states)))


def _behind(lake: Lake, name: str, versions: dict[str, int]) -> str:
    last = lake.last_rebuild(name)
    if last is None or last.lineage is None:
        return "never rebuilt"
    view = next(view for view in VIEWS if view.table.name == name)
    if last.lineage.code != fingerprint(view):
        return "behind: the code changed"
    late = [table for table, seen in last.lineage.sources.items() if table != "runs" and versions[table] > seen]
    return f"behind: {', '.join(late)}" if late else "current"


def _advice(lake: Lake, states: list[TableState]) -> list[str]:
    rows = {state.name: state.rows for state in states}
    root = lake.storage.root
    if rows["master/captures"] == 0:
        return [f"No captures yet. Take some in: facings ingest PHOTOS --lake {root}"]
    advice = []
    if any(state.state.startswith(("behind", "never")) for state in states):
        advice.append(f"Views are behind master: facings rebuild --lake {root}")
    if rows["master/rejected"]:
        advice.append(f"{rows['master/rejected']:,} rejected rows: facings rejected list --lake {root}")
    return advice or ["All views are current."]
