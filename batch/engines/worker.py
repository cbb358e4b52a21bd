"""What a worker of a cluster does: reads photos by place, maps them, writes data files. Runs in any process.

Blobs stay in the worker: what travels is plans (keys, boxes, places) in, and a few rows of RESULT out. The files are
step 2 of a commit (lake.write): nothing names them until the driver commits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import pyarrow as pa
from deltalake.transaction import AddAction

from batch.engines.photos import locate, map_plan
from batch.engines.tally import Tally
from batch.views.declare import MapFunction, Parameters
from lake.parquet import FileWriter, conform, read_groups
from lake.storage import Storage
from lake.write import drop_scopes
from schemas.tables import Table

TASK_BYTES = 32 << 20  # photos of one task: small enough to balance, large enough to outweigh its start
AHEAD_BYTES = 16 << 20  # photos that a worker has read and not yet mapped
RESULT = pa.schema([("kind", pa.string()), ("payload", pa.string())])


@dataclass(frozen=True)
class Job:
    """A worker's orders; plain data, so that it travels. `root` and `options` are those of lake.storage."""

    root: str
    options: Mapping[str, str]
    table: Table
    written_at_ms: int
    parameters: Parameters = field(default_factory=dict)
    function: MapFunction | None = None
    known: pa.Array | None = None  # photos that views/unreadable names
    scopes: pa.Table | None = None

    @property
    def storage(self) -> Storage:
        """The lake's storage as this process reaches it."""
        return Storage.at(self.root, self.options)


def find_places(job: Job, paths: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yields the places (photos.PLACES) of the photos in the named files of master/images."""
    files = job.storage.table_files("master/images")
    wanted = None if job.scopes is None else job.scopes.column("sha256").combine_chunks()
    for batch in paths:
        for path in batch.column("path").to_pylist():
            yield from locate(files, path, wanted)


def read_rows(job: Job, schema: pa.Schema, paths: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yields the rows of the named files of `job.table`, in the columns of `schema`; what a file lacks is null."""
    files = job.storage.table_files(job.table.name)
    for batch in paths:
        for path in batch.column("path").to_pylist():
            for _, rows in read_groups(files, path, schema.names):
                yield from conform(rows, schema).to_batches()


def map_photos(job: Job, parts: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Maps the photos of a plan, sorted by place, into data files; yields RESULT."""
    function, names = job.function, job.table.schema.names
    assert function is not None
    tally = Tally() if job.known is None else Tally(job.known)
    storage = job.storage
    files = storage.table_files("master/images")

    def rows() -> Iterator[pa.RecordBatch]:
        # One thread computes: a worker has one core, and what it reads and writes waits for the disk meanwhile.
        for photos, mapped in map_plan(files, parts, function, job.parameters, threads=1, budget_bytes=AHEAD_BYTES):
            yield from tally.take(photos, mapped, names)

    adds = _write(job, storage, rows())
    counts = {name: getattr(tally, name) for name in ("units", "ok", "rejected", "bytes_in", "cleared")}
    refused = [row for batch in tally.unreadable for row in batch.to_pylist()]
    yield _results(adds, [("tally", counts), *(("unreadable", row) for row in refused)])


def write_rows(job: Job, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Writes the rows of a query into data files; yields RESULT."""
    count = 0

    def rows() -> Iterator[pa.RecordBatch]:
        nonlocal count
        for batch in batches:
            count += batch.num_rows
            yield from conform(pa.Table.from_batches([batch]), job.table.schema).to_batches()

    adds = _write(job, job.storage, rows())
    yield _results(adds, [("tally", {"units": count, "ok": count})])


def drop_rows(job: Job, paths: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Rewrites the named files of the view without the rows of `job.scopes`, where they have any; yields RESULT."""
    assert job.scopes is not None
    storage, scopes = job.storage, job.scopes
    gone: dict[str, int] = {}

    def rewrite(writer: FileWriter) -> None:
        for batch in paths:
            for path in batch.column("path").to_pylist():
                if found := drop_scopes(storage, job.table, path, scopes, writer):
                    gone[path] = found

    adds = _fill(job, storage, rewrite)
    yield _results(adds, [("dropped", {"path": path, "rows": rows}) for path, rows in gone.items()])


def _write(job: Job, storage: Storage, batches: Iterator[pa.RecordBatch]) -> tuple[AddAction, ...]:
    def fill(writer: FileWriter) -> None:
        for batch in batches:
            writer.write(batch)

    return _fill(job, storage, fill)


def _fill(job: Job, storage: Storage, fill: Callable[[FileWriter], None]) -> tuple[AddAction, ...]:
    writer = FileWriter(job.table, storage, job.written_at_ms)
    try:
        fill(writer)
        return writer.finish().adds
    except BaseException:
        writer.discard()
        raise


def _results(adds: Iterable[AddAction], others: Iterable[tuple[str, Mapping[str, Any]]]) -> pa.RecordBatch:
    found = [*(("add", asdict(add)) for add in adds), *others]
    columns = [[kind for kind, _ in found], [json.dumps(payload) for _, payload in found]]
    return pa.record_batch([pa.array(column, pa.string()) for column in columns], schema=RESULT)
