"""score: every event counted, a sample of the photos measured and classified within seconds. One batch, in steps.

1. Parse the events; choose captures by a hash of their name below the rate, which what waits and past batches give.
2. Fetch the chosen photos and score them with the code and the model of batch.
3. Ask the broker whether the topic is still the same one.
4. Append to realtime/quality what was scored, with its offsets, by compare and swap.
5. Append to realtime/throughput what was counted, with its offsets, by compare and swap.
6. Tell Kafka, for lag reporting only.

The service begins where realtime/throughput stands. After a crash between 4 and 5 realtime/quality is ahead: what lies
before its offset was chosen at the rate of then and is not chosen again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from imaging.errors import ImageError
from imaging.header import Limits
from imaging.model import Model
from imaging.score import score_photo
from intake.content import Content, Failure, Loader, Wanted
from intake.events import about, open_envelope
from intake.places import Places, Refusal
from lake import Lake
from lake.offsets import OffsetTable, Span
from schemas.events import Capture
from schemas.reasons import Reason
from schemas.tables import REALTIME_QUALITY, REALTIME_THROUGHPUT
from speed.batch import Batch, Message, Taken
from speed.sampling import Rate, draw
from speed.stopping import Stopping

log = logging.getLogger(__name__)
TABLE = REALTIME_THROUGHPUT
_LOGGED = ("capture_id", "kafka_partition", "kafka_offset", "latency_s", "sampling_probability")
UNKNOWN = "unknown"
_MOST_EVENTS = 5_000
Chosen = tuple[Message, Capture]


class Score:
    """Counts all and scores a sample. Exactly once per event and table, however often it is restarted."""

    def __init__(
        self,
        lake: Lake,
        loader: Loader,
        places: Places,
        model: Model,
        limits: Limits,
        clock: Callable[[], datetime],
        *,
        rate: Rate,
        late_after_s: float,
        max_inline_bytes: int,
        threads: int,
        timer: Callable[[], float] = time.monotonic,
    ):
        """`clock` gives the time of day that rows carry, `timer` the seconds that the rate follows."""
        self._loader, self._places, self._model, self._limits = loader, places, model, limits
        self._timer = timer
        self._clock, self._late_after_s, self._max_inline = clock, late_after_s, max_inline_bytes
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="facings-score")
        self._quality = OffsetTable(lake.storage, REALTIME_QUALITY)
        self._throughput = OffsetTable(lake.storage, TABLE)
        self.rate = rate
        self.latencies_s: Callable[[float], None] = lambda seconds: None

    @property
    def most_events(self) -> int:
        """Events that a batch may hold: what waits, whatever it is; the rate makes it fit."""
        return _MOST_EVENTS

    def take(self, batch: Batch, confirm: Callable[[], None], stop: threading.Event) -> Taken:
        """Steps 1 to 5. Raises Fenced, Stopping; `confirm` is step 3."""
        began = self._timer()
        streams = {p: batch.topic.stream(p) for p in batch.stops}
        done = self._quality.read(streams.values())
        counts = _Counts(batch, self._clock(), self._late_after_s)
        captures: list[Chosen] = []
        for message in batch.messages:
            capture = counts.add(message)
            if capture is not None and message.offset >= (done[streams[message.partition]] or 0):
                captures.append((message, capture))
        rate = self.rate.choose(len(captures), batch.backlog * len(captures) / max(1, len(batch.messages)))
        chosen = [one for one in captures if draw(one[1].capture_id) < rate]
        scoring = self._timer()
        rows = list(self._score(batch, chosen, rate, stop))  # 2
        scoring_s = self._timer() - scoring
        confirm()  # 3
        spans = [
            Span(stream, done[stream], batch.stops[p])
            for p, stream in streams.items()
            if (done[stream] or 0) < batch.stops[p]
        ]
        if spans:
            self._quality.append(pa.Table.from_pylist(rows, REALTIME_QUALITY.schema), spans)  # 4
        self._throughput.append(counts.rows(), batch.spans())  # 5
        for row in rows:
            self.latencies_s(row["latency_s"])
            if log.isEnabledFor(logging.DEBUG):
                log.debug("scored", extra={name: row[name] for name in _LOGGED})
        self.rate.learn(len(chosen), scoring_s, self._timer() - began - scoring_s)
        return Taken(
            len(batch.messages), len(batch.messages) - counts.rejected, 0, counts.rejected, sampled=len(chosen)
        )

    def close(self) -> None:
        """Ends its threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _score(
        self, batch: Batch, chosen: Sequence[Chosen], rate: float, stop: threading.Event
    ) -> Iterator[dict[str, Any]]:
        """Yields a row for each chosen capture, in no order; photos in memory are bounded by the threads."""
        running: deque[tuple[list[Chosen], Future[dict[str, Any]]]] = deque()
        for group, content in self._fetch(chosen):
            if stop.is_set():
                raise Stopping
            running.append((group, self._pool.submit(self._judge, group, content)))
            while len(running) > 2 * self._threads:
                yield from self._rows(batch, *running.popleft(), rate)
        while running:
            yield from self._rows(batch, *running.popleft(), rate)

    def _fetch(self, chosen: Sequence[Chosen]) -> Iterator[tuple[list[Chosen], Content | Failure]]:
        waiting: dict[str, list[Chosen]] = {}
        for one in chosen:
            capture = one[1]
            if capture.image_bytes is not None:
                if len(capture.image_bytes) > self._max_inline:
                    yield [one], Failure(Reason.TOO_MANY_BYTES, f"limit {self._max_inline}")
                else:
                    yield [one], self._loader.check(capture.image_bytes)
                continue
            location = self._places.given_by_device(capture.image_uri)
            if isinstance(location, Refusal):
                yield [one], Failure(location.reason, location.detail)
            else:
                waiting.setdefault(location, []).append(one)
        for wanted, content in self._loader.load(Wanted(location, {}) for location in waiting):
            yield waiting[wanted.location], content

    def _judge(self, group: Sequence[Chosen], content: Content | Failure) -> dict[str, Any]:
        """Columns that the photo decides."""
        if isinstance(content, Failure):
            return {"reason": content.reason.value}
        try:
            return {"sha256": content.sha256, **score_photo(content.data or b"", self._limits, self._model)}
        except ImageError as error:
            return {"sha256": content.sha256, "reason": error.reason}

    def _rows(
        self, batch: Batch, group: Sequence[Chosen], judged: Future[dict[str, Any]], rate: float
    ) -> Iterator[dict[str, Any]]:
        columns = judged.result()
        now = self._clock()
        for message, capture in group:
            promised = capture.sha256
            wrong = promised is not None and columns.get("sha256") not in (None, promised)
            sent_at = message.sent_at or now
            yield {
                **({"sha256": columns["sha256"], "reason": Reason.HASH_MISMATCH.value} if wrong else columns),
                "capture_id": capture.capture_id,
                "device_id": capture.device_id,
                "store_id": capture.store_id,
                "captured_at": capture.captured_at,
                "scored_at": now,
                "sampling_probability": rate,
                "latency_s": max(0.0, (now - sent_at).total_seconds()),
                "source": batch.topic.source,
                "kafka_partition": message.partition,
                "kafka_offset": message.offset,
            }


class _Counts:
    """Counts of one batch by partition, device and minute."""

    def __init__(self, batch: Batch, now: datetime, late_after_s: float):
        self._batch, self._now, self._late_after = batch, now, timedelta(seconds=late_after_s)
        self._rows: dict[tuple[int, str, str, datetime], dict[str, Any]] = {}
        self.rejected = 0

    def add(self, message: Message) -> Capture | None:
        """Counts an event, and gives its capture where it tells of one."""
        received_at = min(message.sent_at or self._now, self._now)
        try:
            parsed, given_at = open_envelope(message.value, "")
        except ValueError:
            parsed, given_at = None, None
        event = parsed.event if parsed is not None else None
        known = about(event) if event is not None else {}
        if parsed is not None and event is None and parsed.rejected:
            first = parsed.rejected[0]
            known = {"device_id": first.device_id, "store_id": first.store_id, "occurred_at": first.occurred_at}
        at = known.get("occurred_at") or received_at
        key = (
            message.partition,
            known.get("store_id") or UNKNOWN,
            known.get("device_id") or UNKNOWN,
            at.replace(second=0, microsecond=0),
        )
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = {
                "store_id": key[1],
                "device_id": key[2],
                "minute": key[3],
                "events": 0,
                "captures": 0,
                "rejected": 0,
                "late": 0,
                "bytes": 0,
                "seen": [],
                "counted_at": self._now,
                "source": self._batch.topic.source,
                "kafka_partition": message.partition,
                "kafka_offset": message.offset,
            }
        capture = event if isinstance(event, Capture) else None
        late = capture is not None and (given_at or received_at) - capture.captured_at > self._late_after
        row["events"] += 1
        row["captures"] += capture is not None
        row["rejected"] += event is None
        row["late"] += late
        row["bytes"] += len(message.value)
        row["seen"].append(
            {
                "offset": message.offset,
                "capture_id": capture.capture_id if capture is not None else None,
                "rejected": event is None,
                "late": late,
                "size_bytes": len(message.value),
            }
        )
        self.rejected += event is None
        return capture

    def rows(self) -> pa.Table:
        """Rows of realtime/throughput."""
        return pa.Table.from_pylist(list(self._rows.values()), REALTIME_THROUGHPUT.schema)
