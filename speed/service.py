"""The loop of both services: read, hand batches to one worker, commit, and end in order when told to.

One thread polls, so that the group keeps us however long a batch takes; another carries one batch at a time through
its steps. What is held in memory is bounded by bytes: fetching pauses above the bound.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from kafka.errors import KafkaError

from lake.errors import CommitConflict
from lake.offsets import Fenced
from speed.batch import Batch, Taken, Topic
from speed.errors import LakeUnwritable, OffsetsLost, TopicMissing, TopicReplaced
from speed.probe import Admin
from speed.reader import Reader
from speed.stopping import Stopping
from speed.telemetry import Telemetry
from speed.watchdog import Watchdog

log = logging.getLogger(__name__)
_IDLE_POLL_S, _BUSY_POLL_S = 0.25, 0.02
_RETRY_S = 0.5
_LAG_EVERY_S = 1.0


class Sink(Protocol):
    """What a service does with a batch."""

    @property
    def most_events(self) -> int:
        """Events that the next batch may hold."""
        ...

    def take(self, batch: Batch, confirm: Callable[[], None], stop: threading.Event) -> Taken:
        """Commits the batch with its offsets. Raises Fenced, Stopping, CommitConflict."""
        ...


@dataclass(frozen=True)
class Pace:
    """When a batch is cut: after `linger_s`, or from `batch_bytes` on. A stop waits `drain_s` for the one under way."""

    linger_s: float
    batch_bytes: int
    drain_s: float = 8.0


@dataclass
class Report:
    """What a service did. Events: in = ok + skipped + rejected, but for boxes that were refused on their own."""

    events: int = 0
    ok: int = 0
    skipped: int = 0
    rejected: int = 0
    sampled: int = 0
    size_bytes: int = 0
    batches: int = 0
    fenced: int = 0
    seconds: float = 0.0
    drained: bool = True
    began: float = field(default_factory=time.monotonic, repr=False)

    def add(self, taken: Taken, size_bytes: int) -> None:
        """Counts a committed batch of `size_bytes`."""
        self.events += taken.events
        self.ok += taken.ok
        self.skipped += taken.skipped
        self.rejected += taken.rejected
        self.sampled += taken.sampled
        self.size_bytes += size_bytes
        self.batches += 1


class _Worker:
    """A thread that carries one batch at a time; its result, or its error, is fetched by the loop."""

    def __init__(self, carry: Callable[[Batch], Taken]):
        self._carry = carry
        self._todo: queue.SimpleQueue[Batch] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[Batch, Taken | Exception]] = queue.SimpleQueue()
        self.batch: Batch | None = None
        threading.Thread(target=self._run, name="facings-worker", daemon=True).start()

    def give(self, batch: Batch) -> None:
        self.batch = batch
        self._todo.put(batch)

    def fetch(self, timeout_s: float | None = None) -> tuple[Batch, Taken | Exception] | None:
        try:
            found = self._done.get(timeout=timeout_s) if timeout_s else self._done.get_nowait()
        except queue.Empty:
            return None
        self.batch = None
        return found

    def _run(self) -> None:
        while True:
            batch = self._todo.get()
            try:
                self._done.put((batch, self._carry(batch)))
            except Exception as error:
                self._done.put((batch, error))


class Service:
    """Runs a sink on a topic until `stop` is set, or until `ends` are reached where they are given.

    Any number may run in one group: the lake decides which of two that believe to own a partition goes on.
    """

    def __init__(
        self,
        reader: Reader,
        sink: Sink,
        admin: Admin,
        topic: Topic,
        pace: Pace,
        telemetry: Telemetry,
        watchdog: Watchdog,
        stop: threading.Event,
        ends: Mapping[int, int] | None = None,
    ):
        self._reader, self._sink, self._admin, self._topic, self._pace = reader, sink, admin, topic, pace
        self._telemetry, self._watchdog, self._stop, self._ends = telemetry, watchdog, stop, ends
        self._give_up = threading.Event()
        self._worker = _Worker(self._carry)
        self._lag_at = 0.0
        self.report = Report()

    def run(self) -> Report:
        """Returns when it was told to stop, or has caught up. Raises SpeedError, LakeError."""
        while not self._stop.is_set():
            idle = self._worker.batch is None and not self._reader.events
            self._poll(_IDLE_POLL_S if idle else _BUSY_POLL_S)
            self._collect(self._worker.fetch())
            self._hand_over()
            self._reader.commit()
            self._tell()
            if self._ends is not None and self._worker.batch is None and self._reader.has_reached(self._ends):
                break
        self._drain()
        self.report.seconds = round(time.monotonic() - self.report.began, 3)
        return self.report

    def _poll(self, timeout_s: float) -> None:
        held = self._worker.batch.size_bytes if self._worker.batch is not None else 0
        try:
            self._watchdog.polled(self._reader.poll(timeout_s, held))
        except OffsetsLost:
            self._confirm_once()  # a topic made anew begins at 0 again: that is the better explanation
            raise

    def _hand_over(self) -> None:
        if self._worker.batch is not None or not self._reader.events:
            return
        ripe = self._reader.bytes >= self._pace.batch_bytes or self._reader.events >= self._sink.most_events
        if ripe or time.monotonic() - self._reader.oldest_at >= self._pace.linger_s:
            batch = self._reader.cut(self._sink.most_events, self._pace.batch_bytes)
            if batch is not None:
                self._watchdog.busy(True)
                self._worker.give(batch)

    def _carry(self, batch: Batch) -> Taken:
        """In the worker's thread: the batch's steps, again where a failure may pass."""
        with self._telemetry.batch_seconds.time():
            while True:
                try:
                    return self._sink.take(batch, self._confirm, self._give_up)
                except Fenced:
                    raise
                except CommitConflict as error:
                    log.warning("batch tried again: %s", error)
                    self._telemetry.retries.inc()

    def _confirm(self) -> None:
        """Raises TopicReplaced unless the topic is still the one that the batch was read from; waits for the broker.

        Ids are never used twice: the same id before and after means that all of the batch is from that topic.
        """
        while True:
            try:
                self._confirm_once()
                return
            except KafkaError as error:
                log.warning("the broker does not say which topic this is, asking again: %s", error)
                self._watchdog.progressed()
                if self._give_up.wait(_RETRY_S):
                    raise Stopping from error

    def _confirm_once(self) -> None:
        try:
            same = self._admin.is_still(self._topic)
        except TopicMissing as error:
            raise TopicReplaced(f"topic {self._topic.name!r} was deleted: {error}") from error
        if not same:
            raise TopicReplaced(f"topic {self._topic.name!r} was made anew; its events are read from their beginning")

    def _collect(self, done: tuple[Batch, Taken | Exception] | None) -> None:
        if done is None:
            return
        self._watchdog.busy(False)
        batch, outcome = done
        if isinstance(outcome, Fenced):
            log.warning("fenced, reading again from the lake's offsets: %s", outcome)
            self.report.fenced += 1
            self._telemetry.fenced.inc()
            self._reader.rewind()
        elif isinstance(outcome, Stopping):
            self.report.drained = False
        elif isinstance(outcome, OSError):
            raise LakeUnwritable(f"the lake can't be written: {outcome}; free space or correct it, then start again")
        elif isinstance(outcome, Exception):
            raise outcome
        else:
            self._reader.settle(batch)
            size_bytes = sum(len(message.value) for message in batch.messages)
            self.report.add(outcome, size_bytes)
            self._count(batch, outcome, size_bytes)

    def _count(self, batch: Batch, taken: Taken, size_bytes: int) -> None:
        self._telemetry.events.inc(taken.events)
        self._telemetry.bytes.inc(size_bytes)
        self._telemetry.rejected.inc(taken.rejected)
        self._telemetry.sampled.inc(taken.sampled)
        self._telemetry.commits.inc()
        extra = {"events": taken.events, "rejected": taken.rejected, "sampled": taken.sampled, "stops": batch.stops}
        log.info("committed %d events", taken.events, extra=extra)

    def _tell(self) -> None:
        self._telemetry.buffered.set(self._reader.bytes)
        self._telemetry.paused.set(self._reader.paused)
        if time.monotonic() - self._lag_at >= _LAG_EVERY_S:
            self._lag_at = time.monotonic()
            self._telemetry.set_lag(self._reader.lag())

    def _drain(self) -> None:
        """Ends the batch under way, as long as that takes no more than `drain_s`; what is buffered stays in Kafka."""
        deadline = time.monotonic() + self._pace.drain_s
        while self._worker.batch is not None:
            self._collect(self._worker.fetch(0.05))
            self._watchdog.polled(0)
            if time.monotonic() > deadline and not self._give_up.is_set():
                log.warning("the batch under way takes too long; it is given up, the next start repeats it")
                self._give_up.set()
                deadline += 1.0
            elif time.monotonic() > deadline:
                self.report.drained = False
                break
        self._reader.commit(now=True)
