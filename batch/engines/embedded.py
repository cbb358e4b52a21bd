"""The default engine: DuckDB for queries, a thread pool for pixels, streaming into Delta. No JVM, bounded memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from batch.engines.base import Outcome, Progress
from batch.engines.stream import map_ordered
from batch.plan import Task, source_connection
from batch.views.declare import MapView
from lake import Lake, Lineage
from lake.parquet import read_groups

PLAN_ROWS = 1_024
_INDEX = pa.schema([("sha256", pa.string()), ("file", pa.int32()), ("grp", pa.int32()), ("row", pa.int32())])


@dataclass
class _Tally:
    units: int = 0
    ok: int = 0
    rejected: int = 0
    bytes_in: int = 0
    seen: list[pa.Array] = field(default_factory=list)
    rejects: list[pa.RecordBatch] = field(default_factory=list)


@dataclass(frozen=True)
class EmbeddedEngine:
    """Memory: `budget_bytes` of encoded photos in flight, each worker's decoded photo, one row group of output."""

    threads: int
    budget_bytes: int = 64 << 20
    name: str = "embedded"

    def rebuild(self, lake: Lake, task: Task, lineage: Lineage, progress: Progress, run: dict[str, Any]) -> Outcome:
        """Rebuilds the task's view in one commit."""
        tally = _Tally()
        with tempfile.TemporaryDirectory(prefix="facings-") as spill:
            if isinstance(task.view, MapView):
                batches = self._map(lake, task, task.view, tally, progress, spill)
            else:
                batches = self._query(lake, task, tally, progress, spill)
            done = lake.replace(
                task.view.table.name,
                _counting(batches, tally, run),
                scopes=task.scopes,
                lineage=lineage,
                expect=task.expect,
            )
        return Outcome(
            rows_in=tally.units + done.kept,
            ok=done.written,
            skipped=done.kept,
            rejected=tally.rejected,
            bytes_in=tally.bytes_in,
            bytes_out=done.size_bytes,
            version=done.version,
        )

    def _query(self, lake: Lake, task: Task, tally: _Tally, progress: Progress, spill: str) -> Iterator[pa.RecordBatch]:
        schema = task.view.table.schema
        text = task.view.sql.format(**task.parameters)
        with source_connection(lake, task.view, task.pins, task.scopes, spill=spill) as connection:
            for batch in connection.sql(text).to_arrow_reader(65_536):
                rows = pa.Table.from_batches([batch]).select(schema.names).cast(schema)
                tally.units += rows.num_rows
                yield from rows.to_batches()
                progress(task.view.name, tally.units, tally.units)

    def _map(
        self, lake: Lake, task: Task, view: MapView, tally: _Tally, progress: Progress, spill: str
    ) -> Iterator[pa.RecordBatch]:
        paths = lake.paths("master/images", task.pins["master/images"])
        index = _photo_index(lake, paths, task.scopes)

        def run(photos: pa.RecordBatch) -> tuple[pa.RecordBatch, list[pa.RecordBatch]]:
            return photos, list(view.function(iter([photos.drop_columns(["units"])]), task.parameters))

        work = _photos(lake, task, paths, index, spill)
        results = map_ordered(
            run, work, threads=self.threads, budget_bytes=self.budget_bytes, size_of=lambda batch: batch.nbytes
        )
        done = 0
        for photos, rows in results:
            tally.units += pc.sum(photos.column("units")).as_py() or 0
            tally.bytes_in += pc.sum(pc.binary_length(photos.column("bytes"))).as_py()
            tally.seen.append(photos.column("sha256"))
            for batch in rows:
                yield from _accepted(batch, photos, view, tally)
            done += photos.num_rows
            progress(view.name, done, index.num_rows)
        _commit_unreadable(lake, tally)  # before the view's commit: a crash in between repeats both


def _counting(batches: Iterator[pa.RecordBatch], tally: _Tally, run: dict[str, Any]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        tally.ok += batch.num_rows
        yield batch
    run.update(rows_in=tally.units, rows_ok=tally.ok, rows_rejected=tally.rejected)


def _accepted(batch: pa.RecordBatch, photos: pa.RecordBatch, view: MapView, tally: _Tally) -> Iterator[pa.RecordBatch]:
    refused = pc.is_valid(batch.column("reason"))
    if pc.any(refused).as_py():
        rejects = batch.filter(refused)
        tally.rejects.append(rejects.select(["sha256", "reason", "detail"]))
        lost = pc.is_in(photos.column("sha256"), rejects.column("sha256"))
        tally.rejected += pc.sum(photos.filter(lost).column("units")).as_py() or 0
        batch = batch.filter(pc.invert(refused))
    if batch.num_rows:
        yield batch.select(view.table.schema.names)


def _commit_unreadable(lake: Lake, tally: _Tally) -> None:
    if not tally.seen:
        return
    known = lake.read("views/unreadable", columns=["sha256"])
    seen = pa.table({"sha256": pa.chunked_array(tally.seen)})
    if tally.rejects or pc.any(pc.is_in(known.column("sha256"), seen.column("sha256").combine_chunks())).as_py():
        with lake.storage.lock("views/unreadable"):
            lake.replace("views/unreadable", tally.rejects, scopes=seen)


def _photo_index(lake: Lake, paths: list[str], scopes: pa.Table | None) -> pa.Table:
    """Where each photo lies: file, row group, row. Newest files first, and no further than the last photo wanted."""
    files = lake.storage.table_files("master/images")
    wanted = None if scopes is None else scopes.column("sha256").combine_chunks()
    parts, found = [_INDEX.empty_table()], 0
    for number in reversed(range(len(paths))):
        for group, keys in read_groups(files, paths[number], ["sha256"]):
            column = keys.column("sha256")
            rows = np.arange(len(column), dtype=np.int32)
            if wanted is not None:
                mask = pc.is_in(column, wanted)
                column, rows = column.filter(mask), rows[mask.to_numpy()]
            place = [pa.array(np.full(len(column), value, np.int32)) for value in (number, group)]
            parts.append(pa.table([column, *place, rows], schema=_INDEX))
            found += len(column)
        if wanted is not None and found == len(wanted):
            break
    return pa.concat_tables(parts)


def _photos(lake: Lake, task: Task, paths: list[str], index: pa.Table, spill: str) -> Iterator[pa.RecordBatch]:
    """Yields the photos that the view's plan names, a row group's worth at a time, in the order they lie on disk."""
    text = task.view.sql.format(**task.parameters)
    files = lake.storage.table_files("master/images")
    instead = {"images": index.select(["sha256"])}
    with source_connection(lake, task.view, task.pins, task.scopes, instead, spill) as connection:
        connection.register("places", index)
        ordered = connection.sql(
            f"SELECT p.*, x.file, x.grp, x.row FROM ({text}) p JOIN places x ON x.sha256 = p.sha256 "
            "ORDER BY x.file, x.grp, x.row"
        )
        for part in ordered.to_arrow_reader(PLAN_ROWS):
            number, group = (part.column(name).to_numpy() for name in ("file", "grp"))
            cuts = np.flatnonzero((np.diff(number) != 0) | (np.diff(group) != 0)) + 1
            for start, stop in zip([0, *cuts], [*cuts, part.num_rows], strict=True):
                rows = part.slice(start, stop - start)
                ((_, stored),) = read_groups(files, paths[number[start]], ["bytes"], [int(group[start])])
                data = _rows(stored.column("bytes").combine_chunks(), rows.column("row").to_numpy())
                plan = rows.drop_columns(["file", "grp", "row"])
                yield plan.append_column("bytes", data)


def _rows(values: pa.Array, places: NDArray[np.int32]) -> pa.Array:
    """The values at ascending places: a view where these follow each other, so that photos are not copied."""
    first, last = int(places[0]), int(places[-1])
    if last - first + 1 == len(places):
        return values.slice(first, len(places))
    return values.take(pa.array(places))
