"""What is read from a topic and handed on as one: messages, and how far each partition is read by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from lake.offsets import Span

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OVERHEAD_BYTES = 200  # of a message in memory, beside its value


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic by its ids, which it keeps; its name may be given to another one later."""

    name: str
    topic_id: str
    cluster_id: str

    @property
    def source(self) -> str:
        """How the tables name it."""
        return f"kafka:{self.cluster_id}/{self.topic_id}"

    def stream(self, partition: int) -> str:
        """App id of a partition's offsets in Delta."""
        return f"{self.source}/{partition}"

    def origin(self, partition: int, offset: int) -> str:
        """Name of one event, for people and for the ledger of refusals."""
        return f"kafka:{self.name}/{partition}/{offset}@{self.topic_id}"


class Message(NamedTuple):
    """One event as it came. `timestamp_ms` is Kafka's, since 1970."""

    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes

    @property
    def sent_at(self) -> datetime | None:
        """Kafka's timestamp, UTC; None where there is none that can be used."""
        try:
            return _EPOCH + timedelta(milliseconds=self.timestamp_ms) if self.timestamp_ms > 0 else None
        except OverflowError:
            return None

    @property
    def size_bytes(self) -> int:
        """Bytes that it holds in memory."""
        return len(self.value) + OVERHEAD_BYTES


@dataclass(frozen=True)
class Batch:
    """Messages, in order within a partition. A partition is read from `starts` up to before `stops`.

    `starts` holds None where the lake has no offset of the partition yet. `backlog` events wait behind the batch.
    """

    topic: Topic
    messages: Sequence[Message]
    starts: Mapping[int, int | None]
    stops: Mapping[int, int]
    backlog: int = 0
    epochs: Mapping[int, int] | None = None

    @property
    def size_bytes(self) -> int:
        """Bytes that its messages hold in memory."""
        return sum(message.size_bytes for message in self.messages)

    def spans(self) -> list[Span]:
        """What a commit of this batch says about offsets."""
        return [Span(self.topic.stream(p), start, self.stops[p]) for p, start in self.starts.items()]


class Taken(NamedTuple):
    """What became of a batch. Events: in = ok + skipped + rejected."""

    events: int
    ok: int
    skipped: int
    rejected: int
    sampled: int = 0
