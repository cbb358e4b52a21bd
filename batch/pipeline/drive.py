"""The step driver: runs a pipeline's steps in order, each as a process of its own, and puts every step on record."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import tenacity

from batch.pipeline import ledger
from batch.pipeline.declare import COMMAND, CONTINUE, Pipeline, Step
from batch.pipeline.lock import hold
from batch.pipeline.process import Ended, run_process
from batch.pipeline.report import (
    COUNTS,
    FAILED,
    NOT_RUN,
    OK,
    REJECTS,
    SKIPPED,
    RunReport,
    StepReport,
    explain,
    is_worth_repeating,
    report_step,
    total,
)
from lake import Lake
from schemas.tables import MASTER

_LONGEST_WAIT_S = 300.0
# Each step as declared and as filled in, and why it is skipped or None.
Plan = list[tuple[Step, Step, str | None]]
# What brings rows into master: a follower compares with what came after these.
FILLS = ("ingest", "archive")


@dataclass(frozen=True)
class Means:
    """What the driver needs of its surroundings.

    `argv` gives a step's command line, `current` why a step has nothing to do or None, `environment` the variables of a
    step's process with some settings set; `say` takes one line for the operator; `stop` ends the run when it is set. A
    step that is to end has `grace_s` for it: longer than a consumer needs to drain.
    """

    argv: Callable[[Step], Sequence[str]]
    current: Callable[[Step], str | None]
    environment: Callable[[Mapping[str, str]], Mapping[str, str]]
    clock: Callable[[], datetime]
    say: Callable[[str], None]
    stop: threading.Event
    cost_per_hour: float | None = None
    grace_s: float = 15.0


@dataclass(frozen=True)
class Choice:
    """Which steps to run: from one on, only some, those that an earlier run did not end well; `force` skips no more."""

    start: str | None = None
    only: tuple[str, ...] = ()
    resume: str | None = None
    force: bool = False


def plan_run(lake: Lake | None, pipeline: Pipeline, choice: Choice, means: Means, values: Mapping[str, str]) -> Plan:
    """Each step, whether it is up to date or not. `lake` is None where there is none yet.

    Changes nothing. Raises PipelineError for a name that no step has, for options that a subcommand does not have,
    and for a run to resume that is not on record.
    """
    names = [step.name for step in pipeline.steps]
    before = names[: names.index(pipeline.step(choice.start).name)] if choice.start else []
    wanted = [pipeline.step(name).name for name in choice.only] or names
    done = ledger.done_steps(lake, choice.resume)[0] if choice.resume and lake is not None else {}
    planned: Plan = []
    resuming = choice.resume is not None
    for step in pipeline.steps:
        filled, fingerprint = step.filled(values), step.fingerprint(pipeline.parameters)
        means.argv(filled)  # what can't be run is found before anything is
        # From the first step that is not done on, all are run: later ones read what earlier ones write.
        resuming = resuming and done.get(step.name) == fingerprint
        why = None
        if step.name in before:
            why = f"comes before {choice.start}"
        elif step.name not in wanted:
            why = "not asked for"
        elif resuming:
            why = f"done in run {choice.resume}"
        planned.append((step, filled, why))
    return planned


def foresee(lake: Lake, pipeline: Pipeline, choice: Choice, means: Means, planned: Plan) -> Plan:
    """The plan with what is up to date now, as far as no earlier step would run and might change that."""
    found: Plan = []
    for step, filled, why in planned:
        if why is None and all(earlier is not None for _, _, earlier in found):
            why = up_to_date(lake, filled, step.fingerprint(pipeline.parameters), choice, means)
        found.append((step, filled, why))
    return found


def up_to_date(lake: Lake, step: Step, fingerprint: str, choice: Choice, means: Means) -> str | None:
    """Why a step has nothing to do, or None."""
    if choice.force:
        return None
    if step.inputs:
        if ledger.seen_before(lake, step.name, fingerprint) == lake.versions(step.inputs):
            return f"up to date: no new version of {', '.join(step.inputs)}"
        return None
    return means.current(step)


def values_of(pipeline: Pipeline, root: str, run_id: str, now: datetime) -> dict[str, str]:
    """What `$name` stands for in the steps of one run."""
    return {**pipeline.parameters, "lake": root, "run_id": run_id, "today": f"{now:%Y-%m-%d}"}


def run_pipeline(lake: Lake, pipeline: Pipeline, choice: Choice, means: Means, run_id: str) -> RunReport:
    """Runs the steps in order, holding the lake. Raises RunInProgress where another run holds it.

    A step that fails is tried again as often as it says; then the run ends, or goes on where it says so. A run undoes
    nothing: what a step committed stays, and the next run goes on from there.
    """
    began, started_at = time.monotonic(), means.clock()
    with hold(lake, run_id, started_at) as lock:
        values = values_of(pipeline, lake.storage.root, run_id, started_at)
        planned = plan_run(lake, pipeline, choice, means, values)
        run = _Run(lake, pipeline, choice, means, run_id, lock)
        reports: list[StepReport] = []
        ended = None
        for step, filled, why in planned:
            ended = "the run was stopped" if means.stop.is_set() else ended
            if ended is not None:
                reports.append(StepReport(step.name, step.kind, NOT_RUN, why or ended))
                continue
            report = run.step(step, filled, why)
            reports.append(report)
            if report.status == FAILED and (step.on_error or pipeline.on_error) != CONTINUE:
                ended = f"{step.name} failed"
        statuses = {report.status for report in reports}
        stopped = means.stop.is_set() and NOT_RUN in statuses
        status = FAILED if FAILED in statuses or stopped else REJECTS if REJECTS in statuses else OK
        seconds = round(time.monotonic() - began, 3)
        whole = RunReport(run_id, status, seconds, tuple(reports), run.seen or run.master())
        run.record_end(whole, started_at)
        return whole


class _Run:
    """One run's hands: it starts processes and writes rows."""

    def __init__(self, lake: Lake, pipeline: Pipeline, choice: Choice, means: Means, run_id: str, lock: int) -> None:
        self.lake, self.pipeline, self.choice, self.means = lake, pipeline, choice, means
        self.run_id, self.lock = run_id, lock
        self.seen: Mapping[str, int] = {}

    def master(self) -> dict[str, int]:
        return self.lake.versions(table.name for table in MASTER)

    def step(self, step: Step, filled: Step, why: str | None) -> StepReport:
        """Skips or runs one step, and puts it on record."""
        if step.kind not in FILLS and not self.seen:
            self.seen = self.master()
        fingerprint, started_at = step.fingerprint(self.pipeline.parameters), self.means.clock()
        inputs = self.lake.versions(step.inputs)
        why = why or up_to_date(self.lake, filled, fingerprint, self.choice, self.means)
        if why is not None:
            report = StepReport(step.name, step.kind, SKIPPED, why)
            self.means.say(f"{step.name}: skipped, {why}")
        else:
            report = self._attempts(step, filled)
            self.means.say(f"{step.name}: {report.status} after {report.seconds:.1f} s; {report.why}")
        row = {
            "mode": ledger.SKIPPED if report.status == SKIPPED else ledger.RAN,
            "started_at": started_at,
            "finished_at": self.means.clock(),
            "code": fingerprint,
            "sources": json.dumps(inputs, sort_keys=True),
            "parameters": json.dumps(dict(self.pipeline.parameters), sort_keys=True),
        }
        ledger.record(self.lake, self.run_id, ledger.step_name(step.name), {**report.row(), **row})
        return report

    def record_end(self, report: RunReport, started_at: datetime) -> None:
        """The row of the whole run, with the sums of its steps."""
        totals = {name: total(getattr(step, name) for step in report.steps) for name in (*COUNTS, "cost")}
        whole = StepReport(ledger.RUN, ledger.RUN, report.status, report.summary(), 0, report.seconds, **totals)
        parameters = {"params": dict(self.pipeline.parameters), **asdict(self.choice)}
        mode = ledger.STOPPED if self.means.stop.is_set() else ledger.PART if self.choice.only else ledger.RAN
        row = {
            "mode": mode,
            "started_at": started_at,
            "finished_at": self.means.clock(),
            "sources": json.dumps(dict(report.master), sort_keys=True),
            "parameters": json.dumps(parameters, sort_keys=True),
        }
        ledger.record(self.lake, self.run_id, ledger.RUN, {**whole.row(), **row})

    def _attempts(self, step: Step, filled: Step) -> StepReport:
        retry = self.pipeline.retry if step.retry is None else step.retry
        last = Ended(None, 0.0, (), ())
        attempts, began = 0, time.monotonic()
        attempts_of = tenacity.Retrying(
            stop=tenacity.stop_any(
                tenacity.stop_after_attempt(retry + 1), tenacity.stop_when_event_set(self.means.stop)
            ),
            wait=tenacity.wait_exponential(multiplier=self.pipeline.retry_wait_s, max=_LONGEST_WAIT_S),
            retry=tenacity.retry_if_result(lambda ended: is_worth_repeating(step, ended)),
            sleep=tenacity.sleep_using_event(self.means.stop),
            before_sleep=lambda state: self.means.say(
                f"{step.name}: {explain(step, last)}; trying again in {state.upcoming_sleep:.1f} s"
            ),
            retry_error_callback=lambda state: None,
        )
        for attempt in attempts_of:
            attempts += 1
            with attempt:
                self.means.say(f"{step.name}: started" + (f", attempt {attempts} of {retry + 1}" * (attempts > 1)))
                last = self._process(filled, attempts)
            attempt.retry_state.set_result(last)
        return report_step(step, last, attempts, round(time.monotonic() - began, 3), self.means.cost_per_hour)

    def _process(self, step: Step, attempt: int) -> Ended:
        settings = {"lake": self.lake.storage.root}
        if step.kind != COMMAND:  # a command may run several of ours, and each needs a run id of its own
            settings["run_id"] = f"{self.run_id}/{step.name}" + (f".{attempt}" if attempt > 1 else "")

        def tell(line: str) -> None:
            self.means.say(f"{step.name} | {line}")

        return run_process(
            self.means.argv(step),
            env=self.means.environment(settings),
            time_limit_s=self.pipeline.time_limit_s if step.time_limit_s is None else step.time_limit_s,
            stop=self.means.stop,
            tell_out=tell if step.kind == COMMAND else None,
            tell_err=tell,
            inherit=[self.lock],
            grace_s=self.means.grace_s,
        )
