"""`facings run`, once its options are read: the pipeline, its plan, the runs, and what is shown of them."""

from __future__ import annotations

import contextlib
import dataclasses
import shlex
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batch.pipeline import (
    FILLS,
    Choice,
    Pipeline,
    PipelineError,
    RunInProgress,
    RunReport,
    default_pipeline,
    done_steps,
    foresee,
    last_run,
    plan_run,
    read_pipeline,
    values_of,
)
from batch.pipeline.declare import CONTINUE
from batch.pipeline.follow import follow
from batch.pipeline.notify import shown
from facings.console import Exit, print_json, print_table, say
from facings.jobs_run import Telling, make_means, run_and_tell
from facings.options import clock, new_run_id, open_lake
from facings.settings import Settings, storage_options
from lake import Lake, LakeNotFound
from lake.storage import Storage
from schemas.tables import MASTER

_CODES = {"ok": Exit.DONE, "rejects": Exit.REJECTS, "failed": Exit.FAILED}


@dataclass(frozen=True)
class Asked:
    """What the command line says. `every_s` is None unless master is to be followed."""

    lake: str | None
    sources: tuple[str, ...]
    pipeline: Path | None
    choice: Choice
    retry: int | None
    continue_on_error: bool
    time_limit_s: float | None
    params: tuple[str, ...]
    notify: tuple[str, ...]
    dry_run: bool
    every_s: float | None
    json: bool


def drive(asked: Asked, settings: Settings) -> int:
    """Exit code of the run, or of following master. Raises PipelineError for what can't be run, before anything is."""
    now = clock(settings)
    pipeline = _pipeline(asked, settings)
    lake, root = _lake(asked.lake, settings)
    choice = asked.choice
    if choice.resume == "last":
        choice = dataclasses.replace(choice, resume=last_run(_there(lake, root)))
    pipeline = _told(asked, pipeline, _earlier(lake, root, pipeline, choice.resume))
    telling = Telling(pipeline.notify, settings.smtp)
    telling.check()
    means = make_means(lake, root, settings, now, say)
    planned = plan_run(lake, pipeline, choice, means, values_of(pipeline, root, "RUN_ID", now()))
    if asked.dry_run:
        planned = foresee(lake, pipeline, choice, means, planned) if lake is not None else planned
        plan = [{"step": s.name, "kind": s.kind, "skipped": why, "argv": means.argv(f)} for s, f, why in planned]
        _show_plan(root, pipeline, plan, asked.json)
        return Exit.DONE
    if lake is None and any(step.kind in FILLS for step in pipeline.steps):
        lake = open_lake(asked.lake, settings, create=True)
        means = make_means(lake, root, settings, now, say)
    there = _there(lake, root)

    def once() -> RunReport:
        run_id = new_run_id(now)
        say(f"run {run_id} of {root}")
        report = run_and_tell(there, pipeline, choice, means, run_id, telling)
        _show(report, asked.json)
        return report

    def turn() -> RunReport | None:
        try:
            return once()
        except RunInProgress as error:
            say(str(error))
            return None

    with _stopping(means.stop):
        if asked.every_s is None:
            return _CODES[once().status]
        names = [table.name for table in MASTER]
        follow(turn, lambda: there.versions(names), means.stop, every_s=asked.every_s)
    say("stopped")
    return Exit.DONE


@contextlib.contextmanager
def _stopping(stop: threading.Event) -> Iterator[None]:
    """SIGTERM and Ctrl-C set `stop` for as long as the block runs."""
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _pipeline(asked: Asked, settings: Settings) -> Pipeline:
    if asked.pipeline is not None and asked.sources:
        raise PipelineError("sources go into the pipeline's own ingest step, or leave out --pipeline")
    if asked.pipeline is not None:
        found = read_pipeline(asked.pipeline)
    else:
        found = default_pipeline(asked.sources, settings.kafka_brokers)
    return dataclasses.replace(found, notify=(*found.notify, *settings.notify, *asked.notify))


def _lake(uri: str | None, settings: Settings) -> tuple[Lake | None, str]:
    """The lake, or None where there is none yet, and its address."""
    try:
        opened = open_lake(uri, settings)
    except LakeNotFound:
        return None, Storage.at(uri or settings.lake or "", storage_options()).root
    return opened, opened.storage.root


def _there(lake: Lake | None, root: str) -> Lake:
    if lake is None:
        raise LakeNotFound(f"no lake at {root}, and no step that would make one: give sources to ingest")
    return lake


def _earlier(lake: Lake | None, root: str, pipeline: Pipeline, resume: str | None) -> dict[str, str]:
    """Parameters of the run to resume, as far as the pipeline still has them."""
    found = done_steps(_there(lake, root), resume)[1] if resume is not None else {}
    return {name: value for name, value in found.items() if name in pipeline.parameter_names}


def _told(asked: Asked, pipeline: Pipeline, earlier: dict[str, str]) -> Pipeline:
    """The pipeline with what the command line says put over what it says itself."""
    for text in asked.params:
        if "=" not in text:
            raise PipelineError(f"--param {text!r}: write NAME=VALUE")
    given = dict(text.split("=", 1) for text in asked.params)
    pipeline = pipeline.with_parameters({**earlier, **given})
    return dataclasses.replace(
        pipeline,
        retry=pipeline.retry if asked.retry is None else asked.retry,
        on_error=CONTINUE if asked.continue_on_error else pipeline.on_error,
        time_limit_s=pipeline.time_limit_s if asked.time_limit_s is None else asked.time_limit_s,
    )


def _show_plan(root: str, pipeline: Pipeline, plan: Sequence[dict[str, Any]], json: bool) -> None:
    targets = [shown(target) for target in pipeline.notify]
    if json:
        print_json({"lake": root, "steps": plan, "notify": targets})
        return
    rows = [
        {"step": each["step"], "would": f"skip: {each['skipped']}" if each["skipped"] else shlex.join(each["argv"])}
        for each in plan
    ]
    print_table(f"Dry run on {root}: nothing is changed", rows)
    if targets:
        say(f"would tell of failure and recovery: {', '.join(targets)}")


def _show(report: RunReport, json: bool) -> None:
    if json:
        print_json(report)
        sys.stdout.flush()
        return
    columns = ("step", "status", "attempts", "seconds", "rows_in", "ok", "skipped", "rejected", "cost", "why")
    rows = [{name: getattr(step, name) for name in columns} for step in report.steps]
    print_table(f"Run {report.run_id}: {report.status}, {report.seconds:.1f} s", rows, right=columns[2:9])
    if report.status == "failed":
        say(f"go on from there: facings run --resume {report.run_id}")
