"""Pipelines as data: steps, their parameters and limits, read from TOML or made by default.

A step's `kind` is a subcommand of `facings`, or "command" for a command of the user's. Keys that are none of a step's
own are arguments and options of that subcommand, by their names on the command line.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
import re
import string
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lake import FacingsError
from schemas.tables import TABLES

COMMAND = "command"
# A service as a step has to end: these do so where the topic ended when they began.
_SERVICES, _ENDS = ("archive", "score"), {"until_caught_up": True}
STOP, CONTINUE = "stop", "continue"
BUILT_IN = ("lake", "run_id", "today")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_PARAMETER = re.compile(r"[a-z_][a-z0-9_]*")


class PipelineError(FacingsError):
    """A pipeline, a step or a parameter can't be used as it is declared: correct it."""


@dataclass(frozen=True)
class Step:
    """One step. `retry`, `time_limit_s` and `on_error` go before those of the pipeline where they are not None.

    With `inputs`, tables, the step is skipped while they have the versions that it last ended well with.
    """

    name: str
    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    retry: int | None = None
    time_limit_s: float | None = None
    on_error: str | None = None

    def fingerprint(self, parameters: Mapping[str, str]) -> str:
        """Hash of what the step does: its kind, options, command, and the parameters that they name."""
        named = {name: parameters[name] for name in sorted(_names([self])) if name in parameters}
        text = json.dumps([self.kind, dict(self.options), self.command, named], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def filled(self, values: Mapping[str, str]) -> Step:
        """The step with `$name` replaced by its value everywhere. Raises PipelineError for a name without one."""
        try:
            options, command = _fill(dict(self.options), values), _fill(list(self.command), values)
        except KeyError as error:
            name = str(error.args[0])
            remedy = f"give it by --param {name}=VALUE, or write $${name} for a dollar"
            raise PipelineError(f"step {self.name}: ${name} has no value; {remedy}") from error
        except ValueError as error:
            raise PipelineError(f"step {self.name}: a lone $ names no parameter; write $$ for a dollar") from error
        return dataclasses.replace(self, options=options, command=tuple(command))


@dataclass(frozen=True)
class Pipeline:
    """Steps in their order, what holds for each that does not say otherwise, and whom to tell.

    `retry` counts attempts after the first; between them the wait doubles from `retry_wait_s` on.
    """

    steps: tuple[Step, ...]
    retry: int = 0
    retry_wait_s: float = 2.0
    time_limit_s: float | None = None
    on_error: str = STOP
    notify: tuple[str | tuple[str, ...], ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)

    def with_parameters(self, given: Mapping[str, str]) -> Pipeline:
        """The pipeline with parameters set. Raises PipelineError for one that no step and no [params] names."""
        known = self.parameter_names
        for name in given:
            if name in BUILT_IN:
                raise PipelineError(f"parameter {name}: the run sets it itself; take another name")
            if name not in known:
                raise PipelineError(f"no parameter {name!r}{_near(name, known)}")
        return dataclasses.replace(self, parameters={**self.parameters, **given})

    @property
    def parameter_names(self) -> set[str]:
        """Names of all parameters: those with a value, and those that a step names."""
        return set(self.parameters) | _names(self.steps)

    def step(self, name: str) -> Step:
        """The step of a name. Raises PipelineError that lists the names."""
        for step in self.steps:
            if step.name == name:
                return step
        raise PipelineError(f"no step named {name!r}; there are {', '.join(step.name for step in self.steps)}")


def default_pipeline(sources: Sequence[str] = (), brokers: str | None = None) -> Pipeline:
    """What `facings run` does without a file: take in, rebuild, tidy up, look."""
    steps = []
    if sources:
        steps.append(Step("ingest", "ingest", {"sources": list(sources)}))
    if brokers:
        steps.append(Step("archive", "archive", {"brokers": brokers, **_ENDS}))
    for kind in ("rebuild", "expire", "optimise", "vacuum", "expect"):
        steps.append(Step(kind, kind, {"yes": True} if kind == "vacuum" else {}))
    return Pipeline(tuple(steps))


def read_pipeline(path: Path) -> Pipeline:
    """The pipeline in a TOML file. Raises PipelineError with the place of what is wrong."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PipelineError(f"pipeline {path}: can't be read: {error}") from error
    try:
        return parse_pipeline(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise PipelineError(f"pipeline {path}: not TOML: {error}") from error
    except PipelineError as error:
        raise PipelineError(f"pipeline {path}: {error}") from error


def parse_pipeline(found: Mapping[str, Any]) -> Pipeline:
    """The pipeline of a TOML document: tables [run] and [params], and one [[step]] a step."""
    _refuse_unknown(found, ("run", "params", "step"), "top level")
    run, params, declared = found.get("run", {}), found.get("params", {}), found.get("step")
    if not isinstance(run, dict) or not isinstance(params, dict):
        raise PipelineError("[run] and [params] are tables")
    if not isinstance(declared, list) or not declared:
        raise PipelineError("no steps: begin each with [[step]] and give it a kind")
    _refuse_unknown(run, ("retry", "retry_wait_s", "time_limit_s", "on_error", "notify"), "[run]")
    for name in params:
        if not _PARAMETER.fullmatch(name) or name in BUILT_IN:
            raise PipelineError(f"parameter {name!r}: small letters, digits and _, and none of {', '.join(BUILT_IN)}")
    steps = tuple(_step(number, each) for number, each in enumerate(declared, 1))
    names = [step.name for step in steps]
    for name in names:
        if names.count(name) > 1:
            raise PipelineError(f"two steps are named {name!r}: give each a name of its own")
    return Pipeline(
        steps,
        _count(run, "retry", "[run]") or 0,
        _seconds(run, "retry_wait_s", "[run]") or Pipeline.retry_wait_s,
        _seconds(run, "time_limit_s", "[run]"),
        _on_error(run, "[run]") or STOP,
        tuple(tuple(map(str, each)) if isinstance(each, list) else str(each) for each in run.get("notify", [])),
        {name: str(value) for name, value in params.items()},
    )


def _step(number: int, found: object) -> Step:
    if not isinstance(found, dict):
        raise PipelineError(f"step {number} is not a table: begin it with [[step]]")
    kind = found.get("kind", COMMAND if "command" in found else None)
    if not isinstance(kind, str):
        raise PipelineError(f'step {number} has no kind: a subcommand of facings, or a command = ["…"]')
    name = found.get("name", kind.replace(" ", "-"))
    where = f"step {name}"
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise PipelineError(f"step {number}: name {name!r} must be small letters, digits, - and _, 64 at most")
    own = {"name", "kind", "command", "inputs", "retry", "time_limit_s", "on_error"}
    options = {key: value for key, value in found.items() if key not in own}
    options = {**_ENDS, **options} if kind in _SERVICES else options
    command = found.get("command", [])
    if (kind == COMMAND) != bool(command) or not _is_texts(command):
        raise PipelineError(f'{where}: command is a list of texts like ["spark-submit", "job.py"], without a kind')
    if kind == COMMAND and options:
        raise PipelineError(f"{where}: a command has no {', '.join(options)}: put what it takes into the list")
    inputs = found.get("inputs", [])
    if not _is_texts(inputs):
        raise PipelineError(f"{where}: inputs is a list of tables")
    for table in inputs:
        if table not in TABLES:
            raise PipelineError(f"{where}: no table {table!r}{_near(table, TABLES)}")
    limits = (_count(found, "retry", where), _seconds(found, "time_limit_s", where), _on_error(found, where))
    return Step(name, kind, options, tuple(command), tuple(inputs), *limits)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _count(found: Mapping[str, Any], key: str, where: str) -> int | None:
    value = found.get(key)
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 100):
        return value
    raise PipelineError(f"{where}: {key} = {value!r} must be a whole number from 0 to 100")


def _seconds(found: Mapping[str, Any], key: str, where: str) -> float | None:
    value = found.get(key)
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < float("inf")):
        return value
    raise PipelineError(f"{where}: {key} = {value!r} must be a number of seconds above 0")


def _on_error(found: Mapping[str, Any], where: str) -> str | None:
    value = found.get("on_error")
    if value in (None, STOP, CONTINUE):
        return value
    raise PipelineError(f"{where}: on_error = {value!r} must be {STOP!r} or {CONTINUE!r}")


def _refuse_unknown(found: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    for key in found:
        if key not in known:
            raise PipelineError(f"{where}: {key!r} is not known{_near(key, known)}")


def _near(name: str, known: Iterable[str]) -> str:
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]}?" if near else f"; there are {', '.join(known)}" if known else ""


def _fill(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return string.Template(value).substitute(values)
    if isinstance(value, list):
        return [_fill(each, values) for each in value]
    if isinstance(value, dict):
        return {key: _fill(each, values) for key, each in value.items()}
    return value


def _names(steps: Iterable[Step]) -> set[str]:
    """Parameters that the steps name."""
    texts = [text for step in steps for text in (*step.command, *_texts(dict(step.options)))]
    return {name for text in texts for name in string.Template(text).get_identifiers()} - set(BUILT_IN)


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for each in inner for text in _texts(each)]
