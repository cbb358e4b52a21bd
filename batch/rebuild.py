"""Rebuilds the batch views from master, in order of dependency, one commit a view (lake.write has its steps)."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from batch.engines.base import Engine, Outcome, Progress
from batch.plan import CURRENT, Task, plan
from batch.runs import append_run, recover_run
from batch.views import VIEWS, SqlView
from batch.views.quality import load_model
from lake import Lake, LakeError, Lineage

_NAMES = {view.name: view for view in VIEWS}


@dataclass(frozen=True)
class RebuildSettings:
    """What a rebuild's rows depend on besides master and code, and the rate that its cost is reckoned at."""

    crop_quality: int = 90
    crop_subsampling: str = "420"
    max_bytes: int = 64 << 20
    max_pixels: int = 64_000_000
    trust_threshold: float = 0.5
    late_after_s: float = 900.0
    visit_gap_s: float = 120.0
    repeat_window_s: float = 300.0
    camera_days: int = 28
    camera_captures: int = 10
    camera_deviations: float = 4.0
    model: str | None = None
    cores: int = 1
    cost_per_core_hour: float | None = None


@dataclass(frozen=True)
class ViewReport:
    """What the rebuild of one view did. Rows in = ok + skipped + rejected; the skipped stand from earlier."""

    view: str
    mode: str
    why: str
    rows_in: int
    ok: int
    skipped: int
    rejected: int
    bytes_in: int
    bytes_out: int
    seconds: float
    version: int
    sources: Mapping[str, int]


@dataclass(frozen=True)
class RebuildReport:
    """What a whole rebuild did."""

    run_id: str
    engine: str
    seconds: float
    views: tuple[ViewReport, ...]

    @property
    def rejected(self) -> int:
        """Rejected rows of all views."""
        return sum(view.rejected for view in self.views)


def rebuild(
    lake: Lake,
    names: Sequence[str] = (),
    *,
    engine: Engine,
    settings: RebuildSettings,
    clock: Callable[[], datetime],
    run_id: str,
    full: bool = False,
    as_of: str | None = None,
    progress: Progress = lambda step, done, total: None,
) -> RebuildReport:
    """Rebuilds the named views, and those that they read, or all.

    `as_of` is a version of master/captures or an RFC 3339 time; the other sources are pinned at the same moment.
    Raises LakeError for an unknown view or version, CommitConflict when another engine's rebuild came first.
    """
    began = time.monotonic()
    views = _in_order(names)
    pinned_at = clock()
    pins = pin(lake, views, as_of)
    parameters = {
        **asdict(settings),
        "model_id": load_model(settings.model).model_id,
        "pinned_at": pinned_at.strftime("%Y-%m-%d %H:%M:%S.%f"),
    }
    run = _Run(lake, engine, settings, clock, progress, run_id, full, pinned_at, parameters)
    reports = []
    for view in views:
        name = view.table.name
        with lake.storage.lock(name):
            recover_run(lake, name)
            reports.append(_rebuild_view(run, view, pins))
        pins[name] = lake.version(name)
        pins["views/unreadable"] = lake.version("views/unreadable")
    return RebuildReport(run_id, engine.name, round(time.monotonic() - began, 3), tuple(reports))


def pin(lake: Lake, views: Sequence[SqlView], as_of: str | None) -> dict[str, int]:
    """Version of each source table that all views of one rebuild read. Annotations after captures may be newer."""
    names = {source.table for view in views for source in view.sources}
    if as_of is None:
        # Captures first: what a capture refers to was appended before it.
        return {name: lake.version(name) for name in sorted(names, key=lambda name: name != "master/captures")}
    moment = lake.moment(as_of)
    return {name: lake.version(name) if name.startswith("views/") else lake.version_at(name, moment) for name in names}


def _in_order(names: Sequence[str]) -> list[SqlView]:
    unknown = [name for name in names if name not in _NAMES]
    if unknown:
        raise LakeError(f"no view named {unknown[0]!r}; there are {', '.join(_NAMES)}")
    wanted = set(names or _NAMES)
    for view in reversed(VIEWS):
        if view.name in wanted:
            wanted |= {s.table.rpartition("/")[2] for s in view.sources if s.table.startswith("views/")} & set(_NAMES)
    return [view for view in VIEWS if view.name in wanted]


@dataclass(frozen=True)
class _Run:
    lake: Lake
    engine: Engine
    settings: RebuildSettings
    clock: Callable[[], datetime]
    progress: Progress
    run_id: str
    full: bool
    pinned_at: datetime
    parameters: Mapping[str, Any]


def _rebuild_view(run: _Run, view: SqlView, pins: Mapping[str, int]) -> ViewReport:
    began = time.monotonic()
    task = plan(run.lake, view, pins, run.parameters, full=run.full)
    row = {
        "run_id": run.run_id,
        "step": view.name,
        "engine": run.engine.name,
        "mode": task.mode,
        "started_at": run.clock(),
        "pinned_at": run.pinned_at,
        "code": task.code,
        "sources": json.dumps(task.pins, sort_keys=True),
        "parameters": json.dumps(task.parameters, sort_keys=True),
        "detail": task.why,
    }
    try:
        outcome = _execute(run, task, row)
    except Exception as error:
        detail = f"{type(error).__name__}: {error}"
        append_run(run.lake, {**row, "status": "failed", "finished_at": run.clock(), "detail": detail})
        raise
    seconds = round(time.monotonic() - began, 3)
    rate = run.settings.cost_per_core_hour
    append_run(
        run.lake,
        {
            **row,
            "status": "ok",
            "finished_at": run.clock(),
            "seconds": seconds,
            "rows_in": outcome.rows_in,
            "rows_ok": outcome.ok,
            "rows_skipped": outcome.skipped,
            "rows_rejected": outcome.rejected,
            "bytes_in": outcome.bytes_in,
            "bytes_out": outcome.bytes_out,
            "version": outcome.version,
            "cost": None if rate is None else seconds / 3600 * run.settings.cores * rate,
        },
    )
    return ViewReport(
        view.name,
        task.mode,
        task.why,
        outcome.rows_in,
        outcome.ok,
        outcome.skipped,
        outcome.rejected,
        outcome.bytes_in,
        outcome.bytes_out,
        seconds,
        outcome.version,
        task.pins,
    )


def _execute(run: _Run, task: Task, row: dict[str, Any]) -> Outcome:
    name = task.view.table.name
    if task.mode == CURRENT:
        kept = run.lake.count(name)
        return Outcome(kept, 0, kept, 0, 0, 0, task.expect)
    lineage = Lineage(run.run_id, name, run.engine.name, task.mode, task.pins, task.code, task.parameters, row)
    return run.engine.rebuild(run.lake, task, lineage, run.progress, row)


if __name__ == "__main__":  # spark-submit batch/rebuild.py --lake URI [VIEW...]: see docs/engines.md
    from batch.engines.spark_session import submitted_session
    from facings.cli import main

    submitted_session()
    sys.argv[1:1] = ["rebuild", "--engine", "spark"]
    main()
