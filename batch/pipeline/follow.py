"""Runs a pipeline again and again: whenever master has a new version, and not more often than asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from batch.pipeline.report import FAILED, RunReport

_POLL_S = 2.0


def follow(
    run: Callable[[], RunReport | None],
    master: Callable[[], Mapping[str, int]],
    stop: threading.Event,
    *,
    every_s: float,
    poll_s: float = _POLL_S,
) -> RunReport | None:
    """The last run's report, once `stop` is set. Begins with a run at once.

    Then one starts when master is not as the last run saw it or that run failed, `every_s` or more after its start.
    `run` gives None where another run held the lake: it is tried again at the next turn.
    """
    last: RunReport | None = None
    while not stop.is_set():
        started = time.monotonic()
        report = run()
        last = report or last
        stop.wait(max(0.0, started + every_s - time.monotonic()))
        settled = report is not None and report.status != FAILED
        while settled and not stop.is_set() and last is not None and master() == last.master:
            stop.wait(min(poll_s, every_s))
    return last
