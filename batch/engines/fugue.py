"""The engines `dask` and `ray`, both through Fugue: they map photos; queries run in DuckDB on the driver.

Work travels as Arrow IPC in base64: a column of text is what Fugue, pandas, Dask and Ray all keep as it is.
"""

from __future__ import annotations

import itertools
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from typing import Any

import fugue.api as fa
import pyarrow as pa

from batch.engines.base import Progress
from batch.engines.distributed import DistributedEngine
from batch.engines.photos import planned
from batch.engines.worker import RESULT, TASK_BYTES, Job, drop_rows, map_photos, write_rows
from batch.plan import Task, source_connection
from batch.views.declare import MapView
from lake import FacingsError, Lake

WAVE = 16  # tasks a worker that are planned ahead: bounds what the driver holds


class EngineUnavailable(FacingsError):
    """The engine's extra is not installed, or its cluster is not there."""


@dataclass(frozen=True)
class FugueEngine(DistributedEngine):
    """`kind` is dask or ray; `address` a running cluster's, or None for processes here that end with this one.

    Queries (SqlView) run on the driver: neither Dask nor Ray has SQL of its own.
    """

    kind: str
    workers: int
    address: str | None = None

    @property
    def name(self) -> str:
        """dask or ray."""
        return self.kind

    def run_map(self, lake: Lake, task: Task, view: MapView, job: Job, progress: Progress) -> Iterable[pa.Table]:
        """Plans in DuckDB, a wave of tasks at a time; each task is a few row groups' photos."""
        pin = task.pins["master/images"]
        mean = lake.size_bytes("master/images", pin) / max(1, lake.count("master/images", pin))
        with tempfile.TemporaryDirectory(prefix="facings-") as spill, planned(lake, task, spill) as (total, parts):
            tasks = _cut(parts, max(1, int(TASK_BYTES / max(mean, 1.0))))
            done = 0
            while wave := list(itertools.islice(tasks, WAVE * self.workers)):
                yield self._transform([_packed(batch) for batch in wave], partial(map_photos, job))
                done += sum(batch.num_rows for batch in wave)
                progress(view.name, done, total)

    def run_query(self, lake: Lake, task: Task, job: Job, progress: Progress) -> Iterable[pa.Table]:
        """Runs the query in DuckDB, here."""
        text = task.view.sql.format(**task.parameters)
        with (
            tempfile.TemporaryDirectory(prefix="facings-") as spill,
            source_connection(lake, task.view, task.pins, task.scopes, spill=spill) as connection,
        ):
            yield pa.Table.from_batches(write_rows(job, connection.sql(text).to_arrow_reader(65_536)), RESULT)

    def run_drop(self, paths: list[str], job: Job) -> Iterable[pa.Table]:
        """One task a file."""
        yield self._transform([_packed(pa.record_batch({"path": [path]})) for path in paths], partial(drop_rows, job))

    def _transform(self, tasks: list[str], work: Callable[..., Iterator[pa.RecordBatch]]) -> pa.Table:
        def run(frames: Iterable[pa.Table]) -> Iterable[pa.Table]:
            batches = (batch for frame in frames for task in frame.column("task").to_pylist() for batch in _open(task))
            for batch in work(batches):
                yield pa.Table.from_batches([batch])

        frame = pa.table({"task": pa.array(tasks, pa.string())})
        partition = {"num": min(len(tasks), 4 * self.workers), "algo": "even"}
        found = fa.transform(
            frame, run, schema="kind:str,payload:str", engine=self._cluster(), partition=partition, as_local=True
        )
        return fa.as_arrow(found)

    def _cluster(self) -> Any:
        if find_spec("distributed" if self.kind == "dask" else "ray") is None:
            raise EngineUnavailable(f"engine {self.kind}: install its extra, pip install 'facings[{self.kind}]'")
        return (
            dask_client(self.workers, self.address) if self.kind == "dask" else _start_ray(self.workers, self.address)
        )


@cache
def dask_client(workers: int, address: str | None) -> Any:
    """A client, kept for this process's next view: a local cluster takes seconds to start. Dask ends it at exit."""
    from distributed import Client, LocalCluster

    if address is not None:
        return Client(address, set_as_default=False)
    local = LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=":0", host="127.0.0.1")
    return Client(local, set_as_default=False)


def _start_ray(workers: int, address: str | None) -> str:
    import ray

    if not ray.is_initialized():
        local: dict[str, Any] = {"num_cpus": workers, "include_dashboard": False} if address is None else {}
        ray.init(address=address, log_to_driver=False, **local)
    return "ray"


def _cut(parts: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    for part in parts:
        for start in range(0, part.num_rows, rows):
            yield part.slice(start, rows)


def _packed(batch: pa.RecordBatch) -> str:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return b64encode(sink.getvalue()).decode()


def _open(task: str) -> Iterator[pa.RecordBatch]:
    with pa.ipc.open_stream(b64decode(task)) as reader:
        yield from reader
