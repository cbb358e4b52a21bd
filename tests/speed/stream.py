"""Events of simulated devices, and the services' sinks over a lake, for tests that drive them batch by batch."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from imaging.header import DEFAULT_LIMITS
from imaging.model import Model
from intake.content import Loader
from intake.places import Places
from intake.settings import IngestSettings
from lake import Lake
from lake.offsets import OffsetTable
from schemas.events import Rejected
from schemas.tables import Table
from speed.archive import Archive
from speed.batch import Batch, Message, Taken, Topic
from speed.sampling import Rate
from speed.score import Score
from tests.batch.build import START, photo

TOPIC = Topic("captures", "topic-id", "cluster-id")
NEVER = threading.Event()
LATE_AFTER_S = 900.0


def capture(name: str, seed: int = 0, *, device: str = "d1", taken: float = 0, **more: Any) -> bytes:
    """A capture/v1 event with its photo inside; `seed` None leaves the photo out."""
    event: dict[str, Any] = {
        "schema": "capture/v1",
        "capture_id": name,
        "device_id": device,
        "store_id": f"store-of-{device}",
        "captured_at": (START + timedelta(seconds=taken)).isoformat(),
        "image_uri": f"device:{name}.jpg",
        "image_bytes": base64.b64encode(photo(seed)).decode(),
    }
    return json.dumps({**event, **more}).encode()


def inline(data: bytes) -> str:
    """Bytes as `image_bytes` wants them."""
    return base64.b64encode(data).decode()


class Letters:
    """A dead-letter topic that keeps what it gets."""

    def __init__(self) -> None:
        self.kept: list[Rejected] = []

    def send(self, refused: Sequence[Rejected], stop: threading.Event) -> None:
        self.kept.extend(refused)


class Clock:
    """A clock that moves on by a second each time it is asked."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 8, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


def make_archive(lake: Lake, loader: Loader, letters: Letters | None = None) -> Archive:
    return Archive(
        lake, loader, Places(), letters or Letters(), Clock(), max_inline_bytes=1 << 20, flush_bytes=32 << 20
    )


def make_score(lake: Lake, loader: Loader, rate: float = 1.0, timer: Callable[[], float] = lambda: 0.0) -> Score:
    """A sink that takes no time, so that the rate stays where small batches have it."""
    return Score(
        lake,
        loader,
        Places(),
        Model.load(),
        DEFAULT_LIMITS,
        Clock(),
        rate=Rate(rate),
        late_after_s=LATE_AFTER_S,
        max_inline_bytes=1 << 20,
        threads=1,
        timer=timer,
    )


def make_loader() -> Loader:
    return Loader(IngestSettings(threads=1))


class Log:
    """A topic's partitions in memory: events by offset."""

    def __init__(self, partitions: int = 2, topic: Topic = TOPIC) -> None:
        self.topic = topic
        self.events: list[list[bytes]] = [[] for _ in range(partitions)]

    def send(self, partition: int, value: bytes) -> None:
        self.events[partition].append(value)

    def batch(self, lake: Lake, table: Table, most: int, starts: dict[int, int | None] | None = None) -> Batch:
        """The next `most` events of each partition, from where `table` says, or from `starts`."""
        streams = {p: self.topic.stream(p) for p in range(len(self.events))}
        found = OffsetTable(lake.storage, table).read(streams.values())
        starts = starts if starts is not None else {p: found[stream] for p, stream in streams.items()}
        messages = [
            Message(p, offset, int(START.timestamp() * 1000), None, value)
            for p, start in starts.items()
            for offset, value in enumerate(self.events[p][start or 0 : (start or 0) + most], start or 0)
        ]
        stops = {message.partition: message.offset + 1 for message in messages}
        return Batch(self.topic, messages, {p: starts[p] for p in stops}, stops)


def take(sink: Archive | Score, batch: Batch, confirm: Callable[[], None] = lambda: None) -> Taken:
    return sink.take(batch, confirm, NEVER)
