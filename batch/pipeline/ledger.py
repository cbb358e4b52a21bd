"""What the driver reads from and writes to `runs`: its own rows have the step "run", and "run/NAME" for each step."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pyarrow.compute as pc

from batch.pipeline.declare import PipelineError
from batch.runs import append_run
from lake import Lake

RUN = "run"
ENGINE = "pipeline"
RAN, SKIPPED = "ran", "skipped"
# Of a whole run that was of some steps only, or that was stopped: it says nothing of whether runs end well.
PART, STOPPED = "part", "stopped"
_READ = ("run_id", "step", "mode", "status", "started_at", "finished_at", "code", "sources", "parameters", "detail")


def step_name(name: str) -> str:
    """A step's name in `runs`: never that of a view or of an ingest, whose own rows stand beside it."""
    return f"{RUN}/{name}"


def record(lake: Lake, run_id: str, step: str, row: Mapping[str, Any]) -> None:
    """Appends one row of the driver."""
    append_run(lake, {"run_id": run_id, "step": step, "engine": ENGINE, **row})


def done_steps(lake: Lake, run_id: str) -> tuple[dict[str, str], dict[str, str]]:
    """Steps of a run that ended well or were skipped, name to fingerprint; and the parameters that it ran with.

    Raises PipelineError where no step of the run is on record.
    """
    rows = [row for row in _rows(lake, pc.field("run_id") == run_id) if row["step"] != RUN]
    if not rows:
        raise PipelineError(f"run {run_id}: none of its steps is on record; `facings run` without --resume begins anew")
    done = {_bare(row["step"]): row["code"] for row in rows if row["status"] == "ok"}
    return done, dict(json.loads(rows[-1]["parameters"] or "{}"))


def last_run(lake: Lake) -> str:
    """Id of the last run that the driver recorded. Raises PipelineError where there is none."""
    rows = _rows(lake, pc.field("engine") == ENGINE)
    if not rows:
        raise PipelineError("no run is on record: there is nothing to resume")
    return str(rows[-1]["run_id"])


def seen_before(lake: Lake, name: str, fingerprint: str) -> dict[str, int] | None:
    """Versions of its inputs that a step of this fingerprint last ended well with, or None."""
    rows = _rows(lake, (pc.field("step") == step_name(name)) & (pc.field("mode") == RAN))
    if not rows or rows[-1]["status"] != "ok" or rows[-1]["code"] != fingerprint:
        return None
    found: dict[str, int] = json.loads(rows[-1]["sources"] or "{}")
    return found


def failed_since_ok(lake: Lake) -> list[datetime]:
    """Ends of the failed runs since the last that ended well, oldest first; runs of a part or stopped don't count."""
    ends: list[datetime] = []
    for row in _rows(lake, (pc.field("step") == RUN) & (pc.field("mode") == RAN)):
        ends = [*ends, row["finished_at"]] if row["status"] == "failed" else []
    return ends


def _rows(lake: Lake, where: pc.Expression) -> list[dict[str, Any]]:
    """Rows of `runs`, oldest first."""
    found: list[dict[str, Any]] = lake.read("runs", columns=list(_READ), where=where).to_pylist()
    return sorted(found, key=lambda row: (row["started_at"], row["finished_at"]))


def _bare(step: str) -> str:
    return step.partition("/")[2]
