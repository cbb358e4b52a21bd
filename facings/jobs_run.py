"""What `facings run` is made of: subcommands as steps, when they have nothing to do, and whom to tell how it went."""

from __future__ import annotations

import difflib
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import typer

from batch.pipeline import Choice, Means, Pipeline, PipelineError, RunReport, Step, failed_since_ok, run_pipeline
from batch.pipeline.declare import COMMAND
from batch.pipeline.notify import FAILED, RECOVERED, Message, check_targets, is_due, tell
from batch.plan import CURRENT, plan
from batch.rebuild import pin
from batch.views import VIEWS
from batch.views.quality import load_model
from facings.jobs import rebuild_settings, threads
from facings.settings import Settings, environment
from lake import Lake

# The run says where the lake is, and reads the JSON; a run inside a run would wait for itself.
_SET_BY_RUN = ("lake", "json", "verbose")
_NOT_A_STEP = ("run", "serve")


def make_means(
    lake: Lake | None, root: str, settings: Settings, clock: Callable[[], datetime], say: Callable[[str], None]
) -> Means:
    """The driver's means in this process. `stop` is an event that nothing has set."""
    rate = settings.cost_per_core_hour
    return Means(
        argv=lambda step: step_argv(step, root),
        current=lambda step: why_current(lake, step, settings, clock) if lake is not None else None,
        environment=lambda values: environment(**values),
        clock=clock,
        say=say,
        stop=threading.Event(),
        cost_per_hour=None if rate is None else rate * threads(settings),
    )


def step_argv(step: Step, root: str) -> list[str]:
    """The command line of a step. Raises PipelineError for a subcommand or an option that isn't there."""
    if step.kind == COMMAND:
        return list(step.command)
    command = _subcommand(step)
    known: dict[str, Any] = {_key(parameter): parameter for parameter in command.params}
    flags: list[str] = []
    places: dict[str, list[str]] = {}
    for key, value in step.options.items():
        parameter = known.get(key.replace("-", "_"))
        if parameter is None or key in _SET_BY_RUN:
            raise PipelineError(f"step {step.name}: {step.kind} has no option {key!r}{_near(key, known)}")
        if parameter.param_type_name == "argument":
            places[_key(parameter)] = _values(step, key, value, many=parameter.nargs != 1)
        else:
            flags += _option(step, parameter, key, value)
    wanted = {key for key, parameter in known.items() if parameter.required and not parameter.envvar}
    missing = sorted(wanted - {key.replace("-", "_") for key in step.options})
    if missing:
        raise PipelineError(f"step {step.name}: {step.kind} needs {', '.join(missing)}")
    arguments = [text for key in known for text in places.get(key, [])]
    where = ["--lake", root, "--json"] if "lake" in known else ["--json"]
    return [
        sys.executable,
        "-m",
        "facings",
        *step.kind.split(),
        *flags,
        *where,
        *(["--", *arguments] if arguments else []),
    ]


def _subcommand(step: Step) -> Any:
    """The subcommand of a step's kind, as click describes it; typer carries its own click, without public types."""
    from facings.cli import app

    found: Any = typer.main.get_command(app)
    for word in step.kind.split():
        names = [name for name in getattr(found, "commands", {}) if name not in _NOT_A_STEP]
        if word not in names:
            raise PipelineError(
                f"step {step.name}: kind {step.kind!r} is not available in this release{_near(word, names)}"
            )
        found = found.commands[word]
    if hasattr(found, "commands"):
        raise PipelineError(
            f"step {step.name}: say which: {', '.join(f'{step.kind} {name}' for name in found.commands)}"
        )
    return found


def _key(parameter: Any) -> str:
    """A parameter's name as it is on the command line: --max-rejected is max_rejected."""
    longest = max(parameter.opts, key=len) if parameter.param_type_name == "option" else str(parameter.name)
    return longest.lstrip("-").replace("-", "_")


def _option(step: Step, option: Any, key: str, value: Any) -> list[str]:
    name = max(option.opts, key=len)
    if option.is_flag:
        if not isinstance(value, bool):
            raise PipelineError(f"step {step.name}: {key} = {value!r} must be true or false")
        return [name] if value else []
    return [part for text in _values(step, key, value, many=option.multiple) for part in (name, text)]


def _values(step: Step, key: str, value: Any, *, many: bool) -> list[str]:
    values = value if isinstance(value, list) and many else [value]
    if any(isinstance(each, bool | list | dict) for each in values):
        raise PipelineError(f"step {step.name}: {key} = {value!r} must be a text or a number{' or a list' * many}")
    return [str(each) for each in values]


def _near(name: str, known: Mapping[str, Any] | Sequence[str]) -> str:
    names = sorted(name for name in known if name not in (*_SET_BY_RUN, "help"))
    near = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {near[0]}?" if near else f"; there are {', '.join(names)}"


def why_current(lake: Lake, step: Step, settings: Settings, clock: Callable[[], datetime]) -> str | None:
    """Why a step of ours has nothing to do, or None: a rebuild whose views are all as their sources are."""
    options = step.options
    if step.kind != "rebuild" or options.get("full") or options.get("as_of"):
        return None
    wanted = options.get("views") or [view.name for view in VIEWS]
    views = [view for view in VIEWS if view.name in wanted]
    values = rebuild_settings(settings)
    parameters = {
        **asdict(values),
        "model_id": load_model(values.model).model_id,
        "pinned_at": f"{clock():%Y-%m-%d %H:%M:%S.%f}",
    }
    pins = pin(lake, views, None)
    if all(plan(lake, view, pins, parameters, full=False).mode == CURRENT for view in views):
        return "up to date: no view is behind its sources"
    return None


@dataclass(frozen=True)
class Telling:
    """Whom to tell how runs went, and the mail server for it."""

    targets: tuple[str | tuple[str, ...], ...]
    smtp: str | None

    def check(self) -> None:
        """Raises PipelineError for a target that can't be told."""
        check_targets(self.targets, self.smtp)


def run_and_tell(
    lake: Lake, pipeline: Pipeline, choice: Choice, means: Means, run_id: str, telling: Telling
) -> RunReport:
    """Runs the pipeline, then tells of a failure, or that it works again after one."""
    before = failed_since_ok(lake)
    report = run_pipeline(lake, pipeline, choice, means, run_id)
    message = None
    if report.status == "failed" and not means.stop.is_set() and is_due(before, means.clock()):
        message = _message(lake, report, FAILED, f"failed at {', '.join(report.named('failed'))}", len(before))
    elif report.status != "failed" and before and not choice.only:
        message = _message(lake, report, RECOVERED, "works again", len(before))
    if message is not None:
        for problem in tell(telling.targets, message, smtp=telling.smtp, env=environment()):
            means.say(problem)
    return report


def _message(lake: Lake, report: RunReport, status: str, what: str, failures: int) -> Message:
    root = " ".join(lake.storage.root.split())
    lines = [f"{step.step}: {step.status}, {step.why}" for step in report.steps]
    if failures:
        lines.append(f"{failures} failed run{'s' if failures > 1 else ''} before this one.")
    if status == FAILED:
        lines.append(f"Go on from there: facings run --resume {report.run_id} --lake {root}")
    return Message(status, f"facings run {what}: {root}", "\n".join(lines), root, report.run_id)
