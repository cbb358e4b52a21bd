"""The engine `spark`: Spark plans, moves keys and runs the views' SQL; its Python workers read photos and write files.

Sources are read by the workers too (lake.parquet), at the pinned version and with the lake's own credentials: one
reader on every storage, no connector to install, and no second reading of Delta's log in the JVM.
"""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as sf
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StructType

from batch.engines.base import Progress
from batch.engines.distributed import DistributedEngine
from batch.engines.photos import PLACE, PLACES
from batch.engines.spark_session import own_session
from batch.engines.worker import RESULT, TASK_BYTES, Job, drop_rows, find_places, map_photos, read_rows, write_rows
from batch.plan import Task
from batch.views.declare import MapView
from lake import Lake
from lake.sql import alias
from schemas.tables import TABLES

Work = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]


@dataclass(frozen=True)
class SparkEngine(DistributedEngine):
    """Runs on the session that `open_session` gives; every rebuild of a view has temporary views of its own."""

    open_session: Callable[[], SparkSession]
    task_bytes: int = TASK_BYTES
    name: str = field(default="spark")

    def run_map(self, lake: Lake, task: Task, view: MapView, job: Job, progress: Progress) -> Iterable[pa.Table]:
        """Plans by Spark SQL, brings each row group's rows together, sorts them by place, maps them."""
        session = own_session(self.open_session())
        pin = task.pins["master/images"]
        paths = lake.paths("master/images", pin)
        if not paths:
            return []
        search = Job(job.root, job.options, TABLES["master/images"], job.written_at_ms, scopes=task.scopes)
        places = _run(session, paths, partial(find_places, search), PLACES).persist()
        try:
            self._sources(session, lake, task, {"master/images": places.select("sha256")})
            numbered, found = _numbered(places)
            tasks = self._tasks(session, lake, pin, found)
            dealt = numbered.withColumn("task", (sf.col("number") * tasks / max(1, found)).cast("int")).drop("number")
            planned = session.sql(task.view.sql.format(**task.parameters)).join(dealt, "sha256")
            ordered = planned.repartitionById(tasks, "task").drop("task").sortWithinPartitions(*PLACE)
            with _told(session, view.name, progress):
                return [_arrow(ordered, partial(map_photos, job), RESULT).toArrow()]
        finally:
            places.unpersist()

    def run_query(self, lake: Lake, task: Task, job: Job, progress: Progress) -> Iterable[pa.Table]:
        """Runs the view's query over its sources; each of the result's partitions becomes files."""
        session = own_session(self.open_session())
        self._sources(session, lake, task, {})
        rows = session.sql(task.view.sql.format(**task.parameters)).select(*task.view.table.schema.names)
        with _told(session, task.view.name, progress):
            return [_arrow(rows, partial(write_rows, job), RESULT).toArrow()]

    def run_drop(self, paths: list[str], job: Job) -> Iterable[pa.Table]:
        """One task for every few files."""
        return [_run(self.open_session(), paths, partial(drop_rows, job), RESULT).toArrow()]

    def _sources(self, session: SparkSession, lake: Lake, task: Task, instead: dict[str, DataFrame]) -> None:
        if task.scopes is not None:
            session.createDataFrame(task.scopes).createOrReplaceTempView("scopes")
        for source in task.view.sources:
            frame = instead.get(source.table)
            if frame is None:
                frame = _read(session, lake, source.table, task.pins[source.table], source.columns)
            name = alias(source.table)
            if task.scopes is None or source.within is None:
                frame.createOrReplaceTempView(name)
            else:
                frame.createOrReplaceTempView(f"all_{name}")
                session.sql(f"SELECT * FROM all_{name} WHERE {source.within}").createOrReplaceTempView(name)

    def _tasks(self, session: SparkSession, lake: Lake, pin: int, photos: int) -> int:
        mean = lake.size_bytes("master/images", pin) / max(1, lake.count("master/images", pin))
        cores = session.sparkContext.defaultParallelism
        return max(1, min(photos, max(2 * cores, int(mean * photos / self.task_bytes) + 1)))


def _numbered(places: DataFrame) -> tuple[DataFrame, int]:
    """Kept `places` with a column `number`, from 0 in the order they lie on disk, and how many there are."""
    seat = sf.monotonically_increasing_id() % (1 << 33)  # of a row in its partition
    seen = places.select("*", sf.spark_partition_id().alias("slice"), seat.alias("seat"))
    counts = {row["slice"]: row["rows"] for row in seen.groupBy("slice").agg(sf.count("*").alias("rows")).collect()}
    total, first = 0, []
    for number in range(max(counts, default=-1) + 1):
        first.append(total)
        total += counts.get(number, 0)
    place = sf.get(sf.lit(first or [0]), sf.col("slice")) + sf.col("seat")
    return seen.withColumn("number", place).drop("slice", "seat"), total


def _read(session: SparkSession, lake: Lake, table: str, version: int, columns: tuple[str, ...]) -> DataFrame:
    storage = lake.storage
    schema = pa.schema([TABLES[table].schema.field(name) for name in columns])
    job = Job(storage.root, dict(storage.options), TABLES[table], 0)
    return _run(session, lake.paths(table, version), partial(read_rows, job, schema), schema)


def _run(session: SparkSession, paths: list[str], work: Work, schema: pa.Schema) -> DataFrame:
    """`work` over batches of a column `path`, the files dealt out evenly."""
    if not paths:
        return session.createDataFrame([], _struct(schema))
    slices = min(len(paths), 4 * session.sparkContext.defaultParallelism)

    def named(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield from work(iter([pa.record_batch({"path": [paths[i] for i in batch.column("id").to_pylist()]})]))

    return _arrow(session.range(0, len(paths), 1, slices), named, schema)


def _arrow(frame: DataFrame, work: Work, schema: pa.Schema) -> DataFrame:
    return frame.mapInArrow(work, _struct(schema))


def _struct(schema: pa.Schema) -> StructType:
    struct: StructType = from_arrow_schema(schema)
    return struct


@contextlib.contextmanager
def _told(session: SparkSession, step: str, progress: Progress) -> Iterator[None]:
    """Tells how many tasks of the stages under way are done, twice a second; cancels them if the caller gives up."""
    context = session.sparkContext
    group = f"facings-{step}-{uuid.uuid4().hex[:8]}"
    context.setJobGroup(group, f"rebuild {step}", interruptOnCancel=True)
    stop = threading.Event()

    def watch() -> None:
        tracker = context.statusTracker()
        while not stop.wait(0.5):
            jobs = [tracker.getJobInfo(job) for job in tracker.getJobIdsForGroup(group)]
            stages = [tracker.getStageInfo(stage) for job in jobs if job is not None for stage in job.stageIds]
            known = [stage for stage in stages if stage is not None]
            progress(step, sum(s.numCompletedTasks for s in known), sum(s.numTasks for s in known))

    thread = threading.Thread(target=watch, name="facings-spark-progress", daemon=True)
    thread.start()
    try:
        yield
    except BaseException:
        context.cancelJobGroup(group)
        raise
    finally:
        stop.set()
        thread.join()
