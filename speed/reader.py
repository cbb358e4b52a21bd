"""Reads a topic from the offsets that the lake holds, in one consumer group, within a bound of bytes.

Kafka's own committed offsets are written for lag reporting and never read.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError, OffsetOutOfRangeError
from kafka.structs import OffsetAndMetadata

from speed.batch import Batch, Message, Topic
from speed.buffers import Buffers
from speed.consumer import poll_consumer
from speed.errors import OffsetsLost

log = logging.getLogger(__name__)
Offsets = Callable[[Iterable[int]], Mapping[int, int | None]]
_COMMIT_EVERY_S, _REMIND_EVERY_S = 1.0, 5.0


class Reader(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python ships no types
    """Buffers what is assigned to this member, and cuts batches off it.

    Guarantees: a batch begins at the offset that the lake held when its partition was assigned or rewound, or where
    the last settled batch ended, and leaves no event out. No more than `limit_bytes` and one fetch are held.
    """

    def __init__(
        self,
        consumer: KafkaConsumer,
        topic: Topic,
        offsets: Offsets,
        limit_bytes: int,
        rebalanced: Callable[[], None] = lambda: None,
        accept_gap: Callable[[int, int, int], None] | None = None,
    ):
        """`accept_gap` writes down that the events between two offsets of a partition are gone; None refuses."""
        self._consumer, self._topic, self._offsets, self._limit = consumer, topic, offsets, limit_bytes
        self._rebalanced, self._accept_gap = rebalanced, accept_gap
        self._starts: dict[int, int | None] = {}
        self._epochs: dict[int, int] = {}
        self._buffers = Buffers()
        self._told: dict[int, int] = {}
        self._positions: dict[int, int] = {}
        self._committed_at = 0.0
        # A group's leader deals out what its own metadata names: a topic it does not know yet goes to nobody.
        consumer.partitions_for_topic(topic.name)
        consumer.subscribe([topic.name], listener=self)

    # Called by kafka-python inside `poll`, while the thread that polls waits.

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Begins each partition where the lake says; one that it does not know begins at the earliest."""
        partitions = [tp.partition for tp in assigned]
        self._rebalanced()
        self._begin(self._offsets(partitions))
        log.info("partitions assigned", extra={"partitions": partitions})

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Drops what is buffered of them; a batch under way is decided by the lake."""
        partitions = [tp.partition for tp in revoked]
        for partition in partitions:
            self._buffers.drop(partition)
            self._starts.pop(partition, None)
        log.info("partitions revoked", extra={"partitions": partitions})

    def on_partitions_lost(self, lost: Iterable[TopicPartition]) -> None:
        """The same: the group went on without us."""
        self.on_partitions_revoked(lost)

    @property
    def partitions(self) -> list[int]:
        """Partitions that this member reads."""
        return sorted(self._starts)

    @property
    def events(self) -> int:
        """Events that are buffered."""
        return self._buffers.events()

    @property
    def bytes(self) -> int:
        """Bytes that they hold in memory."""
        return self._buffers.bytes

    @property
    def oldest_at(self) -> float:
        """Monotonic time since when something is buffered."""
        return self._buffers.oldest_at

    def poll(self, timeout_s: float, held_bytes: int) -> int:
        """Buffers what has arrived and gives how many events that was; `held_bytes` are in memory elsewhere.

        Raises OffsetsLost, Unreadable, NotAllowed, InstanceTwice; what passes is retried inside.
        """
        self._throttle(held_bytes)
        try:
            found = poll_consumer(self._consumer, timeout_s, self._where)
        except OffsetOutOfRangeError as error:
            self._out_of_range(error.args[0])
            return 0
        return sum(self._take(tp.partition, records) for tp, records in found.items())

    def cut(self, most_events: int, most_bytes: int) -> Batch | None:
        """The next batch: a fair share of each partition, within both limits; None where nothing is buffered."""
        taken = self._buffers.cut(most_events, most_bytes)
        if not taken:
            return None
        stops = {partition: messages[-1].offset + 1 for partition, messages in taken.items()}
        return Batch(
            self._topic,
            [message for messages in taken.values() for message in messages],
            {p: self._starts[p] for p in stops},
            stops,
            sum(self.lag().values()),
            {p: self._epochs[p] for p in stops},
        )

    def settle(self, batch: Batch) -> None:
        """Counts a committed batch: its partitions go on where it stops."""
        for partition, stop in batch.stops.items():
            # Assigned anew meanwhile, its buffer may hold what the batch held: the lake tells at the next commit.
            if (batch.epochs or {}).get(partition) == self._epochs.get(partition) and partition in self._starts:
                self._starts[partition] = stop

    def rewind(self) -> None:
        """Forgets what is buffered and begins again where the lake says."""
        self._begin(self._offsets(self.partitions))

    def lag(self) -> dict[int, int]:
        """Events a partition that wait, buffered or at the broker, as far as is known."""
        found = {}
        for partition in self.partitions:
            tp = TopicPartition(self._topic.name, partition)
            if not self._is_assigned(tp):
                continue
            high, read_to = self._consumer.highwater(tp), self._positions.get(partition, 0)
            at_broker = max(0, high - read_to) if high is not None else 0
            found[partition] = at_broker + self._buffers.events(partition)
        return found

    def has_reached(self, ends: Mapping[int, int]) -> bool:
        """Are all events before `ends` settled, by this member or by others?"""
        others = []
        for partition, end in ends.items():
            tp = TopicPartition(self._topic.name, partition)
            if partition in self._starts and self._is_assigned(tp):
                position = self._position(tp)
                if self._buffers.events(partition) or position is None or position < end:
                    return False
            else:
                others.append(partition)
        found = self._offsets(others) if others else {}
        return all((found[p] or 0) >= ends[p] for p in others)

    def commit(self, *, now: bool = False) -> None:
        """Tells Kafka how far the lake is, once a second where that changed. For lag reporting: failures don't matter.

        Told again every five seconds: the answer is how a member learns that another has taken its instance id.
        """
        known = {partition: start or 0 for partition, start in self._starts.items()}
        wait_s = _COMMIT_EVERY_S if known != self._told else _REMIND_EVERY_S
        if not known or not (now or time.monotonic() - self._committed_at >= wait_s):
            return
        self._told, self._committed_at = known, time.monotonic()
        offsets = {TopicPartition(self._topic.name, p): OffsetAndMetadata(stop, "", -1) for p, stop in known.items()}
        with contextlib.suppress(KafkaError):
            if now:
                self._consumer.commit(offsets, timeout_ms=1000)
            else:
                self._consumer.commit_async(offsets)

    def _begin(self, offsets: Mapping[int, int | None]) -> None:
        for partition, offset in offsets.items():
            self._buffers.drop(partition)
            self._starts[partition] = offset
            self._epochs[partition] = self._epochs.get(partition, 0) + 1
            self._positions[partition] = offset or 0
            self._consumer.seek(TopicPartition(self._topic.name, partition), offset or 0)

    def _take(self, partition: int, records: Iterable[Any]) -> int:
        if partition not in self._starts:
            return 0
        messages = [Message(partition, r.offset, r.timestamp, r.key, r.value or b"") for r in records]
        if messages:
            self._positions[partition] = messages[-1].offset + 1
        return self._buffers.add(partition, messages)

    def _throttle(self, held_bytes: int) -> None:
        # Said anew at every turn: partitions stay paused, or come back unpaused, across a rebalance.
        if self.bytes + held_bytes >= self._limit:
            self._consumer.pause(*(self._consumer.assignment() - self._consumer.paused()))
        elif self._consumer.paused() and self.bytes + held_bytes <= self._limit // 2:
            self._consumer.resume(*self._consumer.paused())

    @property
    def paused(self) -> bool:
        """Is any partition paused?"""
        return bool(self._consumer.paused())

    def _out_of_range(self, positions: Mapping[TopicPartition, int]) -> None:
        earliest, latest = (
            call(list(positions)) for call in (self._consumer.beginning_offsets, self._consumer.end_offsets)
        )
        for tp, position in positions.items():
            start = self._starts.get(tp.partition)
            if start is None:
                log.info("partition %s begins at offset %s, the earliest", tp.partition, earliest[tp])
                self._consumer.seek(tp, earliest[tp])
                continue
            where = f"topic {tp.topic}, partition {tp.partition}"
            if position < earliest[tp] and self._accept_gap is not None:
                log.warning("%s: going on without the events %d to %d", where, start, earliest[tp] - 1)
                self._accept_gap(tp.partition, start, earliest[tp])
                self._begin(self._offsets([tp.partition]))
                continue
            if position < earliest[tp]:
                raise OffsetsLost(
                    f"{where}: the lake has read to offset {start}, the broker begins at {earliest[tp]}: the events "
                    f"{start} to {earliest[tp] - 1} are gone (retention); go on without them with --accept-gap"
                )
            raise OffsetsLost(
                f"{where}: the lake has read to offset {start}, the broker ends at {latest[tp]}: it has lost events "
                "that the lake holds (unclean election, or an older copy); restore it, or give it a new topic"
            )

    def _is_assigned(self, tp: TopicPartition) -> bool:
        return tp in self._consumer.assignment()

    def _position(self, tp: TopicPartition) -> int | None:
        found = self._consumer.position(tp, timeout_ms=0)
        return None if found is None else int(found)

    def _where(self) -> str:
        at = {p: self._position(TopicPartition(self._topic.name, p)) for p in self.partitions}
        return f"topic {self._topic.name}, at {at}"
