"""Photos by place: where each lies (file, row group, row), and reading them in the order they lie on disk."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs as pafs
from numpy.typing import NDArray

from batch.engines.stream import map_ordered
from batch.plan import Task, source_connection
from batch.views.declare import MapFunction, Parameters
from lake import Lake
from lake.parquet import read_groups

PLAN_ROWS = 1_024
PLACE = ("file", "grp", "row")
PLACES = pa.schema([("sha256", pa.string()), ("file", pa.string()), ("grp", pa.int32()), ("row", pa.int32())])


def locate(files: pafs.FileSystem, path: str, wanted: pa.Array | None) -> Iterator[pa.RecordBatch]:
    """Yields the places (PLACES) of a file's photos, or of those whose sha256 is in `wanted`. Reads keys alone."""
    for group, keys in read_groups(files, path, ["sha256"]):
        column = keys.column("sha256").combine_chunks()
        rows = pa.array(np.arange(len(column), dtype=np.int32))
        if wanted is not None:
            mask = pc.is_in(column, wanted)
            column, rows = column.filter(mask), rows.filter(mask)
        if len(column):
            place = [pa.repeat(path, len(column)), pa.array(np.full(len(column), group, np.int32)), rows]
            yield pa.record_batch([column, *place], schema=PLACES)


def locate_all(files: pafs.FileSystem, paths: Sequence[str], wanted: pa.Array | None) -> pa.Table:
    """Places of all wanted photos; newest files first, and no further than the last one wanted."""
    batches: list[pa.RecordBatch] = []
    found = 0
    for path in reversed(paths):
        for batch in locate(files, path, wanted):
            batches.append(batch)
            found += batch.num_rows
        if wanted is not None and found == len(wanted):
            break
    return pa.Table.from_batches(batches, PLACES)


@contextlib.contextmanager
def planned(lake: Lake, task: Task, spill: str) -> Iterator[tuple[int, Iterator[pa.RecordBatch]]]:
    """How many photos at most, and the rows of the view's plan with their places, in the order they lie on disk.

    DuckDB plans, spilling to the folder `spill`.
    """
    paths = lake.paths("master/images", task.pins["master/images"])
    wanted = None if task.scopes is None else task.scopes.column("sha256").combine_chunks()
    places = locate_all(lake.storage.table_files("master/images"), paths, wanted)
    instead = {"images": places.select(["sha256"])}
    order = pa.table({"file": pa.array(paths, pa.string()), "place": pa.array(range(len(paths)), pa.int32())})
    with source_connection(lake, task.view, task.pins, task.scopes, instead, spill) as connection:
        connection.register("places", places)
        connection.register("paths", order)
        text = task.view.sql.format(**task.parameters)
        ordered = connection.sql(
            f"SELECT p.*, x.file, x.grp, x.row FROM ({text}) p JOIN places x ON x.sha256 = p.sha256 "
            "JOIN paths o ON o.file = x.file ORDER BY o.place, x.grp, x.row"
        )
        yield places.num_rows, iter(ordered.to_arrow_reader(PLAN_ROWS))


def map_plan(
    files: pafs.FileSystem,
    parts: Iterable[pa.RecordBatch],
    function: MapFunction,
    parameters: Parameters,
    *,
    threads: int,
    budget_bytes: int,
) -> Iterator[tuple[pa.RecordBatch, list[pa.RecordBatch]]]:
    """Yields (photos, their rows) of a plan sorted by place, a row group at a time, in order.

    `threads` map while the caller writes what it gets and the next photos are read: `budget_bytes` of them at most.
    """

    def run(photos: pa.RecordBatch) -> tuple[pa.RecordBatch, list[pa.RecordBatch]]:
        return photos, list(function(iter([photos.drop_columns(["units"])]), parameters))

    work = (photos for part in parts for photos in read_photos(files, part))
    yield from map_ordered(run, work, threads=threads, budget_bytes=budget_bytes, size_of=lambda batch: batch.nbytes)


def read_photos(files: pafs.FileSystem, part: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Yields the rows of `part`, sorted by place, with `bytes` in the place's stead: a row group's worth at a time."""
    paths, group = part.column("file").to_pylist(), part.column("grp").to_numpy()
    cuts = [0, *(i for i in range(1, len(paths)) if paths[i] != paths[i - 1] or group[i] != group[i - 1]), len(paths)]
    for start, stop in itertools.pairwise(cuts):
        if start == stop:
            continue
        rows = part.slice(start, stop - start)
        ((_, stored),) = read_groups(files, paths[start], ["bytes"], [int(group[start])])
        photos = _rows(stored.column("bytes").combine_chunks(), rows.column("row").to_numpy())
        yield rows.drop_columns(list(PLACE)).append_column("bytes", photos)


def _rows(values: pa.Array, places: NDArray[np.int32]) -> pa.Array:
    """The values at ascending places: a view where these follow each other, so that photos are not copied."""
    first, last = int(places[0]), int(places[-1])
    if last - first + 1 == len(places):
        return values.slice(first, len(places))
    return values.take(pa.array(places))
