"""A real broker for tests: one a worker for as long as it lives, and a topic of its own for each test that asks.

A test that kills or restarts its broker takes `own_broker`; all others share `broker`.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

from demo.broker import Broker

PARTITIONS = 4


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """The broker that a worker's tests share: nobody stops it."""
    with Broker(tmp_path_factory.mktemp("broker")) as started:
        yield started


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker of the test's own, to be killed, stopped and started again."""
    with Broker(tmp_path / "own-broker") as started:
        yield started


@pytest.fixture
def topic(broker: Broker, request: pytest.FixtureRequest) -> str:
    """A new topic of 4 partitions on `broker`, named after the test."""
    return create_topic(broker, request.node.name)


def create_topic(broker: Broker, about: str = "topic", *, partitions: int = PARTITIONS, **configs: str) -> str:
    """A new topic with a name that no other has; returned once it can be written to. `configs` with _ for the dots."""
    name = f"{re.sub(r'[^a-zA-Z0-9-]+', '-', about)[:120]}-{secrets.token_hex(4)}"
    make_topic(broker, name, partitions=partitions, **configs)
    return name


def make_topic(broker: Broker, name: str, *, partitions: int = PARTITIONS, **configs: str) -> None:
    """Creates the topic of that name."""
    settings = {key.replace("_", "."): value for key, value in configs.items()}
    options = {"num_partitions": partitions, "replication_factor": 1, "configs": settings}
    admin = KafkaAdminClient(**broker.client_options())
    try:
        admin.create_topics({name: options}, wait_for_metadata=True)
    finally:
        admin.close()


def delete_topic(broker: Broker, name: str, *, deadline_s: float = 90) -> None:
    """Deletes a topic; returns once the broker no longer lists it."""
    admin = KafkaAdminClient(**broker.client_options())
    try:
        admin.delete_topics([name])
        eventually(lambda: name not in admin.list_topics(), f"{name} is deleted", deadline_s=deadline_s)
    finally:
        admin.close()


def produce(broker: Broker, topic: str, records: Sequence[tuple[bytes | None, bytes]], **options: Any) -> list[Any]:
    """Sends (key, value) records; returns their metadata (partition, offset) once all are acknowledged."""
    producer = KafkaProducer(**(broker.client_options() | {"linger_ms": 5} | options))
    try:
        sent = [producer.send(topic, value, key=key) for key, value in records]
        return [future.get(timeout=180) for future in sent]
    finally:
        producer.close()


def read_all(broker: Broker, topic: str, *, deadline_s: float = 180, **options: Any) -> list[Any]:
    """Every record of a topic up to its end now, by partition and offset."""
    consumer = KafkaConsumer(**(broker.client_options() | {"auto_offset_reset": "earliest"} | options))
    try:
        partitions = [TopicPartition(topic, p) for p in sorted(consumer.partitions_for_topic(topic) or ())]
        consumer.assign(partitions)
        ends = consumer.end_offsets(partitions)
        found: list[Any] = []
        deadline = time.monotonic() + deadline_s
        while any(consumer.position(part) < ends[part] for part in partitions):
            assert time.monotonic() < deadline, f"{topic} was not read within {deadline_s} s"
            for records in consumer.poll(timeout_ms=500).values():
                found += records
        return sorted(found, key=lambda record: (record.partition, record.offset))
    finally:
        consumer.close()


def end_offsets(broker: Broker, topic: str) -> dict[int, int]:
    """The offset after the last record of each partition."""
    consumer = KafkaConsumer(**broker.client_options())
    try:
        partitions = [TopicPartition(topic, p) for p in sorted(consumer.partitions_for_topic(topic) or ())]
        return {part.partition: offset for part, offset in consumer.end_offsets(partitions).items()}
    finally:
        consumer.close()


def eventually(condition: Callable[[], Any], what: str, *, deadline_s: float = 180, every_s: float = 0.05) -> Any:
    """The first true answer of `condition`; fails, naming `what`, where there is none by the deadline."""
    deadline = time.monotonic() + deadline_s
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"not within {deadline_s} s: {what}"
        time.sleep(every_s)
    return answer
