"""archive: every event of the topic into master, once. One batch, in numbered steps (docs/guarantees.md).

1. Look up the lake's offsets: the batch begins there, else somebody else reads this partition.
2. Parse the events and fetch their photos; what can't be taken is refused with its reason.
3. Send what was refused to the dead-letter topic and wait until it is acknowledged.
4. Ask the broker whether the topic is still the same one.
5. Append images, annotations, door events, planograms and refusals, each by key: doing it again adds nothing.
6. Append the captures and the new offsets in one commit, by compare and swap.
7. Tell Kafka, for lag reporting only.

A crash before 6 repeats the batch, which adds nothing twice; after 6 it is done.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from intake.batches import Batches
from intake.content import Loader
from intake.events import Offset, open_envelope, records_of
from intake.places import Places
from intake.records import Photo, Record, Told
from intake.take import Taker
from intake.tally import Tally
from lake import Lake
from lake.offsets import Fenced, OffsetTable
from schemas.events import Rejected
from schemas.reasons import Reason
from schemas.tables import CAPTURES
from speed.batch import Batch, Message, Taken
from speed.dead_letters import Letters
from speed.stopping import Stopping

TABLE = CAPTURES


@dataclass
class _Refusals(Tally):
    """Counts, and remembers what is refused for the dead-letter topic."""

    refused: list[Rejected] = field(default_factory=list)

    def reject(self, rejected: Rejected) -> None:
        self.refused.append(rejected)
        super().reject(rejected)


class Archive:
    """Takes batches into master. Exactly once per event, whatever else appends and however often it is restarted."""

    def __init__(
        self,
        lake: Lake,
        loader: Loader,
        places: Places,
        letters: Letters,
        clock: Callable[[], datetime],
        *,
        max_inline_bytes: int,
        flush_bytes: int,
        most_events: int = 5_000,
    ):
        self._lake, self._loader, self._places, self._letters, self._clock = lake, loader, places, letters, clock
        self._max_inline, self._flush_bytes = max_inline_bytes, flush_bytes
        self._offsets = OffsetTable(lake.storage, TABLE)
        self._settled: dict[str, int] = {}
        self.most_events = most_events

    def take(self, batch: Batch, confirm: Callable[[], None], stop: threading.Event) -> Taken:
        """Steps 1 to 6. Raises Fenced, Stopping; `confirm` is step 4."""
        batches = Batches(self._lake, self._flush_bytes, self._clock)
        tally = _Refusals(batches)
        spans = batch.spans()
        found = self._offsets.read(span.stream for span in spans)  # 1
        for span in spans:
            if found[span.stream] != span.start:
                raise Fenced(f"{span.stream} was read to {found[span.stream]} by another, not to {span.start}")
        photos, told = self._sort(batch, tally)  # 2
        taker = Taker(self._lake, self._loader, batches, tally, self._clock, store_id=None, device_id=None)
        for _ in taker.settle(photos, told):
            if stop.is_set():
                raise Stopping
        self._letters.send(tally.refused, stop)  # 3
        confirm()  # 4
        batches.flush(lambda rows: self._offsets.append(rows, spans, once=True).added)  # 5, 6
        self._settled.update({span.stream: span.stop for span in spans})
        return Taken(len(batch.messages), tally.ok, tally.skipped, tally.rejected)

    def _sort(self, batch: Batch, tally: _Refusals) -> tuple[list[Photo], list[Told]]:
        photos: list[Photo] = []
        told: list[Told] = []
        decided = self._decided(batch)
        for message in batch.messages:
            if batch.topic.origin(message.partition, message.offset) in decided:
                tally.settle(1, new=False)
                continue
            for record in self._records(batch, message):
                if isinstance(record, Photo):
                    photos.append(record)
                elif isinstance(record, Told):
                    told.append(record)
                elif isinstance(record, Rejected):
                    tally.reject(record)
        return photos, told

    def _decided(self, batch: Batch) -> set[str]:
        """Events that were refused before a crash kept the offset from passing them: that stands.

        Only a batch that doesn't follow the one before it can hold such events.
        """
        follows = {
            p for p, start in batch.starts.items() if start and self._settled.get(batch.topic.stream(p)) == start
        }
        fresh = batch.starts.keys() - follows
        if not fresh:
            return set()
        origins = [batch.topic.origin(m.partition, m.offset) for m in batch.messages if m.partition in fresh]
        rows = self._lake.read(
            "master/rejected", columns=["origin"], where=pc.field("origin").isin(pa.array(origins, pa.string()))
        )
        return set(rows.column("origin").to_pylist())

    def _records(self, batch: Batch, message: Message) -> Iterator[Record]:
        origin = batch.topic.origin(message.partition, message.offset)
        now = self._clock()
        try:
            parsed, received_at = open_envelope(message.value, origin)
        except ValueError as error:
            yield Rejected(origin, Reason.INVALID_FIELD, str(error), message.value)
            return
        yield from records_of(
            parsed,
            message.value,
            origin,
            batch.topic.source,
            self._places.given_by_device,
            received_at or min(message.sent_at or now, now),
            self._max_inline,
            Offset(batch.topic.name, message.partition, message.offset),
        )
