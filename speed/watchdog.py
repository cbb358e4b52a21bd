"""Notices when nothing moves: a loop that no longer polls, a poll that spins, a batch that never ends."""

from __future__ import annotations

import faulthandler
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

_LOOK_EVERY_S = 0.5
_SPIN_POLLS_PER_S = 2_000
_SPIN_S = 10.0


@dataclass(frozen=True)
class Patience:
    """Seconds without a poll, and seconds that one batch may take, until the service counts as stuck."""

    poll_s: float = 60.0
    batch_s: float = 300.0


class Watchdog:
    """Calls `bark` with what is wrong, once. Nothing is lost by ending then: the lake holds the offsets."""

    def __init__(self, patience: Patience, bark: Callable[[str], None], clock: Callable[[], float] = time.monotonic):
        self._patience, self._bark, self._clock = patience, bark, clock
        self._polled_at = clock()
        self._polls = 0
        self._spinning_since: float | None = None
        self._seen_at, self._seen_polls = clock(), 0
        self._busy_since: float | None = None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="facings-watchdog", daemon=True)

    def start(self) -> None:
        """Begins to watch."""
        self._thread.start()

    def polled(self, events: int) -> None:
        """Counts a poll that came back; one with events proves that it works."""
        self._polled_at = self._clock()
        self._polls = 0 if events else self._polls + 1

    def busy(self, is_busy: bool) -> None:
        """A batch began or ended."""
        self._busy_since = self._clock() if is_busy else None

    def progressed(self) -> None:
        """The batch waits for something outside, on purpose."""
        if self._busy_since is not None:
            self._busy_since = self._clock()

    def close(self) -> None:
        """Ends watching."""
        self._done.set()

    def check(self) -> str | None:
        """What is wrong, None where all is well."""
        now, busy_since = self._clock(), self._busy_since
        if now - self._polled_at > self._patience.poll_s:
            return f"no poll came back for {now - self._polled_at:.0f} s"
        if busy_since is not None and now - busy_since > self._patience.batch_s:
            return f"one batch has taken {now - busy_since:.0f} s"
        elapsed = now - self._seen_at
        if elapsed >= 1:
            spins = (self._polls - self._seen_polls) / elapsed > _SPIN_POLLS_PER_S
            self._spinning_since = (self._spinning_since or now) if spins else None
            self._seen_at, self._seen_polls = now, self._polls
        if self._spinning_since is not None and now - self._spinning_since > _SPIN_S:
            return f"polls come back at once and empty for {now - self._spinning_since:.0f} s"
        return None

    def _watch(self) -> None:
        while not self._done.wait(_LOOK_EVERY_S):
            wrong = self.check()
            if wrong is not None:
                faulthandler.dump_traceback(file=sys.stderr)
                self._bark(wrong)
                return
