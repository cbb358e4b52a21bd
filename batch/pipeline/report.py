"""How a step's process ended, turned into a report: status, reason in words, and the rows that the step counted."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from batch.pipeline.declare import COMMAND, Step
from batch.pipeline.process import Ended

OK, REJECTS, SKIPPED, FAILED, NOT_RUN = "ok", "rejects", "skipped", "failed", "not run"
COUNTS = ("rows_in", "ok", "skipped", "rejected", "bytes_in", "bytes_out")
_EXIT_USAGE, _EXIT_REJECTS = 2, 3
# They look at what is there: looking again finds the same.
_LOOKS = ("expect", "check")


@dataclass(frozen=True)
class StepReport:
    """How one step went. Rows are what the step itself reported, None where it did not."""

    step: str
    kind: str
    status: str
    why: str
    attempts: int = 0
    seconds: float = 0.0
    exit_code: int | None = None
    rows_in: int | None = None
    ok: int | None = None
    skipped: int | None = None
    rejected: int | None = None
    bytes_in: int | None = None
    bytes_out: int | None = None
    cost: float | None = None

    def row(self) -> dict[str, Any]:
        """The part of its row in `runs` that the report knows."""
        return {
            "status": "failed" if self.status == FAILED else "ok",
            "seconds": self.seconds,
            "rows_in": self.rows_in,
            "rows_ok": self.ok,
            "rows_skipped": self.skipped,
            "rows_rejected": self.rejected,
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
            "cost": self.cost,
            "detail": self.why[:1000],
        }


@dataclass(frozen=True)
class RunReport:
    """How a run went: "ok", "rejects" where a step refused more than it may, or "failed".

    `master` are the versions of master's tables that its first step after ingest and archive saw.
    """

    run_id: str
    status: str
    seconds: float
    steps: tuple[StepReport, ...]
    master: Mapping[str, int]

    def named(self, status: str) -> list[str]:
        """Names of the steps of a status."""
        return [step.step for step in self.steps if step.status == status]

    def summary(self) -> str:
        """The run in a sentence."""
        counted = [(status, len(self.named(status))) for status in (OK, REJECTS, SKIPPED, FAILED, NOT_RUN)]
        return ", ".join(f"{count} {status}" for status, count in counted if count)


def report_step(step: Step, ended: Ended, attempts: int, seconds: float, rate: float | None) -> StepReport:
    """The report of a step whose last attempt ended so; `rate` is what an hour costs."""
    answer = _answer(ended.out)
    counts = _counts(answer)
    status = status_of(step, ended)
    why = explain(step, ended)
    if status != FAILED and isinstance(answer.get("summary"), str):
        why = str(answer["summary"])
    elif status != FAILED and "rows_in" in counts:
        why = ", ".join(f"{counts[name]:,} {name.replace('_', ' ')}" for name in COUNTS[:4] if name in counts)
    if attempts > 1:
        why = f"{why} ({attempts} attempts)"
    cost = None if rate is None else seconds / 3600 * rate
    return StepReport(step.name, step.kind, status, why, attempts, seconds, ended.code, **counts, cost=cost)


def status_of(step: Step, ended: Ended) -> str:
    """ "ok", "rejects" or "failed"; only our own subcommands say "rejects" by their exit code."""
    if ended.timed_out or ended.stopped or ended.code is None:
        return FAILED
    if ended.code == _EXIT_REJECTS and step.kind != COMMAND:
        return REJECTS
    return OK if ended.code == 0 else FAILED


def is_worth_repeating(step: Step, ended: Ended) -> bool:
    """May another attempt end otherwise: not for wrong usage, a program that isn't there, a stop, or a check."""
    if status_of(step, ended) != FAILED or ended.stopped or ended.code is None or step.kind in _LOOKS:
        return False
    return step.kind == COMMAND or ended.code != _EXIT_USAGE or ended.timed_out


def explain(step: Step, ended: Ended) -> str:
    """Why a process ended as it did, with the last line that it wrote where it failed."""
    if ended.stopped:
        return "stopped"
    if status_of(step, ended) == OK:
        return "done"
    last = next((line.strip() for line in reversed(ended.err or ended.out) if line.strip()), "")
    if ended.timed_out:
        return "its time limit passed" + (f"; last: {last}" if last else "")
    if ended.code is None:
        return last
    how = f"killed by {signal.Signals(-ended.code).name}" if ended.code < 0 else f"exit code {ended.code}"
    return f"{how}: {last}" if last else how


def total(values: Iterable[float | None]) -> Any:
    """Sum of the values that are known, or None where none is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _answer(lines: Sequence[str]) -> dict[str, Any]:
    """The JSON object that a step wrote last; empty where there is none."""
    try:
        found = json.loads(lines[-1]) if lines else None
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _counts(answer: Mapping[str, Any]) -> dict[str, int]:
    """Rows and bytes in a step's answer; of a rebuild, the sums over its views. Rows in = ok + skipped + rejected."""
    parts = answer.get("views") or [answer]
    counts: dict[str, int] = {}
    for part in parts if isinstance(parts, list) else []:
        for name in COUNTS:
            value = part.get(name) if isinstance(part, dict) else None
            if isinstance(value, int) and not isinstance(value, bool):
                counts[name] = counts.get(name, 0) + value
    if "rows_in" not in counts and all(name in counts for name in COUNTS[1:4]):
        counts["rows_in"] = sum(counts[name] for name in COUNTS[1:4])
    return counts
