"""What the tests of the step driver share: its means with real processes, and waiting for a condition."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from batch.pipeline import Choice, Means, RunReport, Step, run_pipeline
from batch.pipeline.declare import parse_pipeline
from lake import Lake

T = TypeVar("T")
DEADLINE_S = 60.0


def wait_for(what: Callable[[], T], deadline_s: float = DEADLINE_S) -> T:
    """What `what` gives, once that is true; fails at the deadline."""
    until = time.monotonic() + deadline_s
    while True:
        found = what()
        if found:
            return found
        assert time.monotonic() < until, "the condition did not come true in time"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    """Is there a process of this id that has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def number_in(path: Path) -> int:
    """The number in a file, once it is there whole: a line; 0 until then."""
    text = path.read_text() if path.exists() else ""
    return int(text) if text.endswith("\n") else 0


@dataclass
class Hand:
    """A driver's surroundings in this process; `said` are its lines, `current` what steps it may skip."""

    lake: Lake
    said: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    current: dict[str, str] = field(default_factory=dict)
    runs: int = 0

    def means(self) -> Means:
        return Means(
            argv=lambda step: step.command,
            current=lambda step: self.current.get(step.name),
            environment=lambda values: {**os.environ, **{f"FACINGS_{k.upper()}": v for k, v in values.items()}},
            clock=lambda: datetime.now(UTC),
            say=self.said.append,
            stop=self.stop,
            cost_per_hour=3600.0,
            grace_s=0.5,
        )

    def run(self, *steps: Step, choice: Choice = Choice(), **run: object) -> RunReport:  # noqa: B008  # frozen
        """One run of these steps; `run` are keys of the table [run], `params` its parameters."""
        params = run.pop("params", {})
        shape = parse_pipeline({"run": {"retry_wait_s": 0.01, **run}, "params": params, "step": [{"kind": "run"}]})
        pipeline = type(shape)(
            steps, shape.retry, shape.retry_wait_s, shape.time_limit_s, shape.on_error, shape.notify, shape.parameters
        )
        self.runs += 1
        return run_pipeline(self.lake, pipeline, choice, self.means(), f"run-{self.runs}")


def sh(name: str, script: str, **more: object) -> Step:
    """A step that runs a script in a shell, which the test asks for by name; its dollars are the shell's."""
    return Step(name, "command", command=("sh", "-c", script.replace("$", "$$")), **more)  # type: ignore[arg-type]  # fields of Step
