"""Starts a service: proves the connection, finds the offsets, and begins again when the topic was made anew."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from lake import FacingsError, Lake
from lake.offsets import OffsetTable, Span
from schemas.tables import Table
from speed.batch import Topic
from speed.connection import Connection
from speed.consumer import make_consumer
from speed.errors import SpeedError, TopicMissing, TopicReplaced
from speed.probe import Admin, connect
from speed.reader import Reader
from speed.service import Pace, Report, Service, Sink
from speed.telemetry import Endpoint, Telemetry
from speed.watchdog import Patience, Watchdog

log = logging.getLogger(__name__)
_RETURNS_S = 10.0


@dataclass(frozen=True)
class Plan:
    """How a service reads. `instance_id` makes it a static member: a quick restart keeps its partitions."""

    topic: str
    group: str
    pace: Pace
    instance_id: str | None = None
    until_caught_up: bool = False
    accept_gap: bool = False
    buffer_bytes: int = 64 << 20
    fetch_bytes: int = 8 << 20
    session_timeout_s: float = 45.0
    patience: Patience = field(default_factory=Patience)
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = None
    dead_letter_topic: str | None = None


@dataclass(frozen=True)
class Consumption:
    """One service on one topic. `table` holds the sink's offsets; `die` ends the process when nothing moves."""

    lake: Lake
    connection: Connection
    plan: Plan
    table: Table
    sink: Sink
    telemetry: Telemetry
    stop: threading.Event
    die: Callable[[str], None]
    ready: Callable[[Topic, int | None], None] = lambda topic, port: None

    def run(self) -> Report:
        """Returns when `stop` is set or the topic is caught up. Raises SpeedError, early where it can."""
        admin = connect(self.connection)
        watchdog = Watchdog(self.plan.patience, self.die)
        try:
            with contextlib.ExitStack() as stack:
                topic, partitions = admin.identify(self.plan.topic)
                if self.plan.dead_letter_topic is not None:
                    admin.ensure(self.plan.dead_letter_topic)
                port = self._serve_metrics(watchdog, stack)
                self.ready(topic, port)
                watchdog.start()
                while True:
                    try:
                        return self._read(admin, watchdog, topic, partitions)
                    except TopicReplaced as error:
                        log.warning("%s", error)
                        topic, partitions = _find_again(admin, self.plan.topic, watchdog, self.stop)
        except KafkaError as error:
            if isinstance(error.__cause__, FacingsError):  # raised while partitions were assigned, and wrapped there
                raise error.__cause__ from error
            raise SpeedError(f"Kafka: {type(error).__name__}: {error}; start again when the broker is well") from error
        finally:
            watchdog.close()
            with contextlib.suppress(Exception):
                admin.close()

    def _serve_metrics(self, watchdog: Watchdog, stack: contextlib.ExitStack) -> int | None:
        if self.plan.metrics_port is None:
            return None
        endpoint = Endpoint(self.telemetry, watchdog.check, self.plan.metrics_host, self.plan.metrics_port)
        stack.callback(endpoint.close)
        return endpoint.port

    def _read(self, admin: Admin, watchdog: Watchdog, topic: Topic, partitions: list[int]) -> Report:
        plan = self.plan
        consumer = make_consumer(
            self.connection,
            plan.group,
            instance_id=plan.instance_id,
            session_timeout_s=plan.session_timeout_s,
            poll_interval_s=plan.patience.poll_s * 2,
            fetch_bytes=plan.fetch_bytes,
        )
        offsets = OffsetTable(self.lake.storage, self.table)

        def offsets_of(wanted: Iterable[int]) -> Mapping[int, int | None]:
            streams = {partition: topic.stream(partition) for partition in wanted}
            found = offsets.read(streams.values())
            return {partition: found[stream] for partition, stream in streams.items()}

        def accept_gap(partition: int, start: int, earliest: int) -> None:
            rows = self.table.schema.empty_table()
            offsets.append(rows, [Span(topic.stream(partition), start, earliest)])

        try:
            tps = [TopicPartition(topic.name, partition) for partition in partitions]
            ends = (
                {tp.partition: end for tp, end in consumer.end_offsets(tps).items()} if plan.until_caught_up else None
            )
            reader = Reader(
                consumer,
                topic,
                offsets_of,
                plan.buffer_bytes,
                self.telemetry.rebalances.inc,
                accept_gap if plan.accept_gap else None,
            )
            parts = (reader, self.sink, admin, topic, plan.pace, self.telemetry, watchdog, self.stop, ends)
            return Service(*parts).run()
        finally:
            _close(consumer)


def _close(consumer: KafkaConsumer) -> None:
    with contextlib.suppress(Exception):
        consumer.close(autocommit=False, timeout_ms=1000)


def _find_again(admin: Admin, name: str, watchdog: Watchdog, stop: threading.Event) -> tuple[Topic, list[int]]:
    """The topic that took the place of the one that went. Raises TopicMissing when none does within ten seconds."""
    deadline = time.monotonic() + _RETURNS_S
    while True:
        watchdog.polled(0)
        try:
            return admin.identify(name)
        except TopicMissing:
            if time.monotonic() > deadline or stop.wait(0.2):
                raise
