"""The Kafka consumer as the services need it: nothing is skipped, and each error is told by what can be done."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import (
    AuthorizationError,
    CorruptRecordError,
    FencedInstanceIdError,
    KafkaError,
    OffsetOutOfRangeError,
    UnsupportedCodecError,
)

from speed.connection import Connection
from speed.errors import InstanceTwice, NotAllowed, Unreadable

log = logging.getLogger(__name__)
MOST_RECORDS = 2_000


def make_consumer(
    connection: Connection,
    group: str,
    *,
    instance_id: str | None,
    session_timeout_s: float,
    poll_interval_s: float,
    fetch_bytes: int,
) -> KafkaConsumer:
    """A consumer that skips nothing on its own: no reset of offsets, no auto-commit, no deserializers."""
    return KafkaConsumer(
        **connection.options(
            group_id=group,
            group_instance_id=instance_id,
            auto_offset_reset="none",
            enable_auto_commit=False,
            allow_auto_create_topics=False,
            isolation_level="read_committed",
            partition_assignment_strategy=[CooperativeStickyAssignor],
            session_timeout_ms=int(session_timeout_s * 1000),
            heartbeat_interval_ms=int(min(3.0, session_timeout_s / 3) * 1000),
            max_poll_interval_ms=int(poll_interval_s * 1000),
            fetch_max_bytes=fetch_bytes,
            max_partition_fetch_bytes=min(fetch_bytes, 1 << 20),
            fetch_max_wait_ms=250,
            metadata_max_age_ms=30_000,
            request_timeout_ms=20_000,
            bootstrap_timeout_ms=10_000,
        )
    )


def poll_consumer(
    consumer: KafkaConsumer, timeout_s: float, where: Callable[[], str]
) -> Mapping[TopicPartition, Sequence[Any]]:
    """Records that have arrived, by partition; none where an error may pass. `where` names the positions.

    Raises Unreadable, NotAllowed, InstanceTwice, and kafka's OffsetOutOfRangeError.
    """
    try:
        found: Mapping[TopicPartition, Sequence[Any]] = consumer.poll(int(timeout_s * 1000), max_records=MOST_RECORDS)
        return found
    except OffsetOutOfRangeError:
        raise
    except (UnsupportedCodecError, CorruptRecordError) as error:
        raise Unreadable(
            f"{where()}: {type(error).__name__}: {error}; install the codec's library, or have the events sent again "
            "in another codec"
        ) from error
    except AuthorizationError as error:
        raise NotAllowed(f"{type(error).__name__}: {error}; grant the user read on topic and group") from error
    except FencedInstanceIdError as error:
        raise InstanceTwice(f"another process has this --instance-id: {error}; give each its own") from error
    except KafkaError as error:
        if not getattr(error, "retriable", False):
            raise
        log.warning("poll failed, trying again: %s", error)
        return {}
