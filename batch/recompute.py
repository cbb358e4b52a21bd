"""A view's rows computed anew from pinned versions, to compare with and never to write: law 2 as a function."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from batch.engines.stream import map_ordered
from batch.plan import source_connection
from batch.views.declare import MapView, Parameters, SqlView
from lake import Lake
from lake.parquet import read_groups

CHUNK_PHOTOS = 512
BUDGET_BYTES = 32 << 20
IMAGES = "master/images"


def recompute(
    lake: Lake,
    view: SqlView,
    pins: Mapping[str, int],
    parameters: Parameters,
    scopes: pa.Table | None = None,
    *,
    threads: int = 1,
) -> Iterator[pa.RecordBatch]:
    """Yields the view's rows of `scopes`, or all, as the sources at `pins` give them, in bounded memory.

    A map view's batches have `reason` and `detail` besides: a photo that does not decode is a row with those alone.
    Raises FileNotFoundError where files of a pinned version are gone.
    """
    with tempfile.TemporaryDirectory(prefix="facings-") as spill:
        if isinstance(view, MapView):
            yield from _map(lake, view, pins, parameters, scopes, threads)
            return
        with source_connection(lake, view, pins, scopes, spill=spill) as connection:
            for batch in connection.sql(view.sql.format(**parameters)).to_arrow_reader(16_384):
                rows = pa.Table.from_batches([batch]).select(view.table.schema.names).cast(view.table.schema)
                yield from rows.to_batches()


def _map(
    lake: Lake, view: MapView, pins: Mapping[str, int], parameters: Parameters, scopes: pa.Table | None, threads: int
) -> Iterator[pa.RecordBatch]:
    def run(photos: pa.RecordBatch) -> list[pa.RecordBatch]:
        return list(view.function(iter([photos]), parameters))

    work = _photos(lake, view, pins, parameters, scopes)
    results = map_ordered(
        run, work, threads=threads, budget_bytes=BUDGET_BYTES, size_of=lambda batch: int(batch.nbytes)
    )
    for batches in results:
        yield from batches


def _photos(
    lake: Lake, view: MapView, pins: Mapping[str, int], parameters: Parameters, scopes: pa.Table | None
) -> Iterator[pa.RecordBatch]:
    """Yields what the view's function gets, a row group's worth at a time."""
    files = lake.storage.table_files(IMAGES)
    for chunk in _chunks(lake, pins[IMAGES], scopes):
        wanted = pa.table({"sha256": pa.concat_arrays([keys for _, _, keys in chunk])})
        with source_connection(lake, view, pins, wanted, {"images": wanted}) as connection:
            plan = connection.sql(view.sql.format(**parameters)).to_arrow_table().drop_columns(["units"])
        planned = plan.column("sha256").combine_chunks()
        for path, group, keys in chunk:
            if not pc.any(pc.is_in(keys, planned)).as_py():
                continue
            ((_, stored),) = read_groups(files, path, ["sha256", "bytes"], [group])
            rows = plan.filter(pc.is_in(planned, keys))
            places = pc.index_in(rows.column("sha256").combine_chunks(), stored.column("sha256").combine_chunks())
            data = stored.column("bytes").combine_chunks().take(places)
            (batch,) = rows.append_column("bytes", data).combine_chunks().to_batches()
            yield batch


def _chunks(lake: Lake, version: int, scopes: pa.Table | None) -> Iterator[list[tuple[str, int, pa.Array]]]:
    wanted = None if scopes is None else scopes.column("sha256").combine_chunks()
    chunk: list[tuple[str, int, pa.Array]] = []
    held = 0
    for path in lake.paths(IMAGES, version):
        for group, rows in read_groups(lake.storage.table_files(IMAGES), path, ["sha256"]):
            keys = rows.column("sha256").combine_chunks()
            keys = keys if wanted is None else keys.filter(pc.is_in(keys, wanted))
            if len(keys) == 0:
                continue
            chunk.append((path, group, keys))
            held += len(keys)
            if held >= CHUNK_PHOTOS:
                yield chunk
                chunk, held = [], 0
    if chunk:
        yield chunk


def scope_of(view: SqlView, row: Mapping[str, Any]) -> pa.Table:
    """The scope that a row of the view belongs to, as a table of one row."""
    schema = pa.schema([view.table.schema.field(name) for name in view.scope])
    return pa.Table.from_pylist([{name: row[name] for name in view.scope}], schema)
