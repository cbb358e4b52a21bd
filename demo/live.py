"""Messages onto a topic at a chosen rate, with bursts: the live demo, and the generator of load."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from kafka import KafkaAdminClient, KafkaProducer
from kafka.errors import KafkaError, TopicAlreadyExistsError

from demo.script import Message, Truth
from lake.errors import FacingsError

_TICK_S = 0.01
_SAY_S = 0.5
_PATIENT = {"linger_ms": 5, "batch_size": 128 * 1024, "acks": "all", "reconnect_backoff_max_ms": 1000}
Progress = Callable[[str, int, int], None]


class SendFailed(FacingsError):
    """The broker took no messages: check that it runs, and that the address is right."""


@dataclass(frozen=True)
class Pace:
    """Events a second, and `burst` times as many for `burst_s` seconds at the end of every `every_s`. 0 is no limit."""

    rate: float
    burst: float = 1.0
    every_s: float = 60.0
    burst_s: float = 5.0

    def __post_init__(self) -> None:
        if self.rate < 0 or self.burst < 1 or not 0 < self.burst_s <= self.every_s:
            raise ValueError(f"{self}: give a rate of 0 or more, a burst of 1x or more, no longer than its period")

    def due(self, elapsed_s: float) -> float:
        """How many events should have been sent by then; infinity where there is no limit."""
        if not self.rate:
            return float("inf")
        laps, rest = divmod(elapsed_s, self.every_s)
        in_bursts = laps * self.burst_s + max(0.0, rest - (self.every_s - self.burst_s))
        return self.rate * (elapsed_s + (self.burst - 1) * in_bursts)

    def bursts(self, elapsed_s: float) -> int:
        """How many bursts have begun by then."""
        return int((elapsed_s + self.burst_s) // self.every_s) if self.burst > 1 else 0


@dataclass
class LiveReport:
    """What was sent. `failed` were not acknowledged in time; `behind` were due and not sent when the time was over."""

    topic: str
    events: int = 0
    failed: int = 0
    behind: int = 0
    bytes: int = 0
    seconds: float = 0.0
    rate: float = 0.0
    bursts: int = 0
    truth: Truth = field(default_factory=Truth)


def ensure_topic(connection: Mapping[str, Any], topic: str, partitions: int) -> None:
    """Creates the topic where it isn't there. Raises SendFailed where no broker answers."""
    try:
        admin = KafkaAdminClient(**connection)
    except KafkaError as error:
        raise SendFailed(f"{_brokers(connection)}: {error}; start one with `facings broker`") from error
    try:
        if topic not in admin.list_topics():
            options = {"num_partitions": partitions, "replication_factor": -1}
            admin.create_topics({topic: options}, wait_for_metadata=True)
    except TopicAlreadyExistsError:
        pass  # another sender was faster
    finally:
        admin.close()


def send(
    source: Iterator[Message],
    connection: Mapping[str, Any],
    topic: str,
    pace: Pace,
    *,
    seconds: float | None = None,
    events: int | None = None,
    progress: Progress = lambda step, done, total: None,
    stopped: Callable[[], bool] = lambda: False,
) -> LiveReport:
    """What was sent until `seconds` or `events` are reached, or `stopped` says so. Every message of a key in its order.

    The producer is idempotent: a retry adds nothing twice. Raises SendFailed where it can't connect.
    """
    report = LiveReport(topic)
    try:
        producer = KafkaProducer(**{**_PATIENT, **connection})
    except KafkaError as error:
        raise SendFailed(f"{_brokers(connection)}: {error}; start one with `facings broker`") from error

    def failed(error: BaseException) -> None:
        report.failed += 1

    began = shown = time.monotonic()
    try:
        while not stopped():
            elapsed = time.monotonic() - began
            over = seconds is not None and elapsed >= seconds
            due = pace.due(min(elapsed, seconds) if seconds is not None else elapsed)
            if events is not None:
                due = min(due, events)
            # A tick's worth at a time, so that a sender that falls behind still hears that it shall stop.
            for message in islice(source, max(0, int(min(due - report.events, 1000)))):
                producer.send(topic, message.value, key=message.key).add_errback(failed)
                report.truth.add(message)
                report.events += 1
                report.bytes += len(message.value)
            if over or (events is not None and report.events >= events):
                report.behind = int(due - report.events) if over and due != float("inf") else 0
                break
            if time.monotonic() - shown > _SAY_S:
                shown = time.monotonic()
                progress("sending", report.events, events or 0)
            if due - report.events < 1:
                time.sleep(_TICK_S)
    finally:
        producer.flush()
        producer.close()
    report.seconds = round(time.monotonic() - began, 3)
    report.rate = round(report.events / report.seconds, 1)
    report.bursts = pace.bursts(report.seconds)
    progress("sending", report.events, events or report.events)
    return report


def _brokers(connection: Mapping[str, Any]) -> str:
    servers = connection.get("bootstrap_servers", ())
    return servers if isinstance(servers, str) else ", ".join(servers)
