"""A rebuild on a cluster: workers write data files, the driver commits them. What Spark, Dask and Ray have in common.

No photo and no crop passes through the driver, or from worker to worker: each worker reads photos from the lake by
place and writes its own files. The driver handles keys, counts and file names, and makes the one commit.
"""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
from deltalake.transaction import AddAction

from batch.engines.base import Outcome, Progress
from batch.engines.tally import Tally, commit_unreadable, known_unreadable
from batch.engines.worker import Job
from batch.plan import Task
from batch.views.declare import MapView
from lake import Lake, Lineage
from lake.commit import delete_files
from schemas.tables import UNREADABLE


@dataclass
class Results:
    """The rows of RESULT that workers gave, put together."""

    tally: Tally = field(default_factory=Tally)
    adds: list[AddAction] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)

    def take(self, kind: str, payload: dict[str, Any]) -> None:
        """Adds one row."""
        if kind == "add":
            self.adds.append(AddAction(**payload))
        elif kind == "dropped":
            self.dropped[payload["path"]] = payload["rows"]
        elif kind == "unreadable":
            self.tally.unreadable.append(pa.RecordBatch.from_pylist([payload], UNREADABLE.schema))
        else:
            for name, value in payload.items():
                setattr(self.tally, name, getattr(self.tally, name) + value)

    def take_all(self, table: pa.Table) -> None:
        """Adds the rows of a table of RESULT."""
        for kind, payload in zip(table.column("kind").to_pylist(), table.column("payload").to_pylist(), strict=True):
            self.take(kind, json.loads(payload))


@dataclass(frozen=True)
class DistributedEngine(ABC):
    """Guarantee: one whole commit, made by the driver, whatever became of workers. Killed tasks leave unnamed files."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What `--engine` calls it."""

    @abstractmethod
    def run_map(self, lake: Lake, task: Task, view: MapView, job: Job, progress: Progress) -> Iterable[pa.Table]:
        """Runs worker.map_photos over the view's plan; gives RESULT."""

    @abstractmethod
    def run_query(self, lake: Lake, task: Task, job: Job, progress: Progress) -> Iterable[pa.Table]:
        """Runs worker.write_rows over the view's query; gives RESULT."""

    @abstractmethod
    def run_drop(self, paths: list[str], job: Job) -> Iterable[pa.Table]:
        """Runs worker.drop_rows over files of the view; gives RESULT."""

    def rebuild(self, lake: Lake, task: Task, lineage: Lineage, progress: Progress, run: dict[str, Any]) -> Outcome:
        """Rebuilds the task's view in one commit."""
        view, storage = task.view, lake.storage
        found, left = Results(), Results()
        job = Job(storage.root, dict(storage.options), view.table, time.time_ns() // 1_000_000, task.parameters)
        try:
            if isinstance(view, MapView):
                job = replace(job, function=view.function, known=known_unreadable(lake))
                for table in self.run_map(lake, task, view, job, progress):
                    found.take_all(table)
            else:
                for table in self.run_query(lake, task, job, progress):
                    found.take_all(table)
            if task.scopes is not None and (paths := lake.paths(view.table.name, task.expect)):
                for table in self.run_drop(paths, replace(job, scopes=task.scopes, function=None, known=None)):
                    left.take_all(table)
        except BaseException:
            delete_files(storage, view.table, [*left.adds, *found.adds])
            raise
        tally = found.tally
        run.update(rows_in=tally.units, rows_ok=tally.ok, rows_rejected=tally.rejected)
        commit_unreadable(lake, tally)
        done = lake.put_files(
            view.table.name,
            [*left.adds, *found.adds],
            dropped=None if task.scopes is None else left.dropped,
            lineage=lineage,
            expect=task.expect,
        )
        return tally.outcome(done)
