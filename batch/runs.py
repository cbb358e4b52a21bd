"""The ledger of runs: one row a step, appended when the step ends; recovered from lineage when a crash came between."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lake import Lake
from schemas.tables import RUNS


def append_run(lake: Lake, row: Mapping[str, Any]) -> None:
    """Appends one row to `runs`, once per run and step."""
    lake.append_new("runs", pa.Table.from_pylist([dict(row)], RUNS.schema))


def recover_run(lake: Lake, view: str) -> bool:
    """Writes the row of a view's last rebuild if a crash kept it from being written. True where it did."""
    last = lake.last_rebuild(view)
    if last is None or last.lineage is None:
        return False
    run_id, step = last.lineage.run_id, view.rpartition("/")[2]
    known = lake.read("runs", columns=["run_id"], where=(pc.field("run_id") == run_id) & (pc.field("step") == step))
    if known.num_rows:
        return False
    row = dict(last.lineage.run)
    for name in ("started_at", "finished_at", "pinned_at"):
        row[name] = datetime.fromisoformat(row[name]) if row.get(name) else last.at
    append_run(lake, {**row, "status": "ok", "version": last.version, "detail": "recovered from the commit's lineage"})
    return True
