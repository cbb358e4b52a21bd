"""What an engine is: something that rebuilds one planned view and says what it did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from batch.plan import Task
from lake import Lake, Lineage

Progress = Callable[[str, int, int], None]
"""Called with a step's name, units done and units in all."""


@dataclass(frozen=True)
class Outcome:
    """What one rebuild did, in the view's rows: in = ok + skipped + rejected."""

    rows_in: int
    ok: int
    skipped: int
    rejected: int
    bytes_in: int
    bytes_out: int
    version: int


class Engine(Protocol):
    """Runs any declared view. Guarantee: one whole commit that carries `lineage`, equal rows to every other."""

    @property
    def name(self) -> str:
        """What `--engine` calls it."""
        ...

    def rebuild(self, lake: Lake, task: Task, lineage: Lineage, progress: Progress, run: dict[str, Any]) -> Outcome:
        """Rebuilds `task.view` in one commit. `run` is filled before the commit with what the run's row will say."""
        ...
