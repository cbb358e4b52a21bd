"""The default engine: DuckDB for queries, a thread pool for pixels, streaming into Delta. No JVM, bounded memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from batch.engines.base import Outcome, Progress
from batch.engines.photos import map_plan, planned
from batch.engines.tally import Tally, commit_unreadable, known_unreadable
from batch.plan import Task, source_connection
from batch.views.declare import MapView
from lake import Lake, Lineage


@dataclass(frozen=True)
class EmbeddedEngine:
    """Memory: `budget_bytes` of encoded photos in flight, each worker's decoded photo, one row group of output."""

    threads: int
    budget_bytes: int = 64 << 20
    name: str = "embedded"

    def rebuild(self, lake: Lake, task: Task, lineage: Lineage, progress: Progress, run: dict[str, Any]) -> Outcome:
        """Rebuilds the task's view in one commit."""
        tally = Tally()
        with tempfile.TemporaryDirectory(prefix="facings-") as spill:
            if isinstance(task.view, MapView):
                tally.known = known_unreadable(lake)
                batches = self._map(lake, task, task.view, tally, progress, spill)
            else:
                batches = self._query(lake, task, tally, progress, spill)
            done = lake.replace(
                task.view.table.name,
                _told(batches, tally, run),
                scopes=task.scopes,
                lineage=lineage,
                expect=task.expect,
            )
        return tally.outcome(done)

    def _query(self, lake: Lake, task: Task, tally: Tally, progress: Progress, spill: str) -> Iterator[pa.RecordBatch]:
        schema = task.view.table.schema
        text = task.view.sql.format(**task.parameters)
        with source_connection(lake, task.view, task.pins, task.scopes, spill=spill) as connection:
            for batch in connection.sql(text).to_arrow_reader(65_536):
                rows = pa.Table.from_batches([batch]).select(schema.names).cast(schema)
                tally.units += rows.num_rows
                tally.ok += rows.num_rows
                yield from rows.to_batches()
                progress(task.view.name, tally.units, tally.units)

    def _map(
        self, lake: Lake, task: Task, view: MapView, tally: Tally, progress: Progress, spill: str
    ) -> Iterator[pa.RecordBatch]:
        files = lake.storage.table_files("master/images")
        with planned(lake, task, spill) as (total, parts):
            results = map_plan(
                files, parts, view.function, task.parameters, threads=self.threads, budget_bytes=self.budget_bytes
            )
            done = 0
            for photos, rows in results:
                yield from tally.take(photos, rows, view.table.schema.names)
                done += photos.num_rows
                progress(view.name, done, total)
        commit_unreadable(lake, tally)


def _told(batches: Iterator[pa.RecordBatch], tally: Tally, run: dict[str, Any]) -> Iterator[pa.RecordBatch]:
    yield from batches
    run.update(rows_in=tally.units, rows_ok=tally.ok, rows_rejected=tally.rejected)
