"""What a soak must leave behind: the topic is the truth, and the lake is compared with it event by event."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from kafka import KafkaConsumer, TopicPartition

from lake import Lake
from schemas.events import Capture, DoorEvent
from schemas.validate import parse_record
from speed.sampling import draw

Place = tuple[int, int]  # partition, offset


@dataclass
class Topic:
    """What the topic holds, by partition and offset: captures and door events by name, the rest is refused."""

    captures: dict[Place, str] = field(default_factory=dict)
    doors: dict[Place, tuple[str, str]] = field(default_factory=dict)
    refused: set[Place] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self.captures) + len(self.doors) + len(self.refused)

    def places(self) -> set[Place]:
        """Every event's place."""
        return {*self.captures, *self.doors, *self.refused}


@dataclass
class Verdict:
    """Faults found, by what they are; all zero where the guarantees held."""

    lost: int = 0
    twice: int = 0
    wrong: int = 0
    out_of_order: int = 0
    seen: dict[str, int] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)

    @property
    def held(self) -> bool:
        """Did all of it hold?"""
        return not (self.lost or self.twice or self.wrong or self.out_of_order)

    def compare(self, what: str, wanted: Mapping[Any, int], found: Mapping[Any, int]) -> None:
        """Counts what is missing from `found`, too often in it, or not wanted at all."""
        self.seen[what] = sum(found.values())
        for name in wanted.keys() | found.keys():
            want, have = wanted.get(name, 0), found.get(name, 0)
            if want == have:
                continue
            self.lost += max(0, want - have)
            self.twice += max(0, have - want) if want else 0
            self.wrong += 0 if want else have
            self.examples.append(f"{what} {name}: {have} for {want}")


def read_topic(connection: Mapping[str, Any], name: str) -> Topic:
    """Every event of the topic, parsed as the contracts say."""
    found = Topic()
    for partition, offset, value in records(connection, name):
        event = parse_record(value, origin="soak").event
        if isinstance(event, Capture) and (event.image_bytes is not None):
            found.captures[partition, offset] = event.capture_id
        elif isinstance(event, DoorEvent):
            found.doors[partition, offset] = event.door_event_id, event.kind
        else:
            found.refused.add((partition, offset))
    return found


def records(connection: Mapping[str, Any], name: str) -> Iterator[tuple[int, int, bytes]]:
    """Yields (partition, offset, value) of every record that the topic holds now."""
    consumer = KafkaConsumer(**{**connection, "auto_offset_reset": "earliest", "enable_auto_commit": False})
    try:
        parts = [TopicPartition(name, number) for number in sorted(consumer.partitions_for_topic(name) or ())]
        consumer.assign(parts)
        ends = consumer.end_offsets(parts)
        while any(consumer.position(part) < ends[part] for part in parts):
            for part, batch in consumer.poll(timeout_ms=500).items():
                yield from ((part.partition, record.offset, record.value) for record in batch)
    finally:
        consumer.close()


def check(lake: Lake, topic: Topic, dead_letters: int) -> Verdict:
    """Master and the realtime tables beside the topic."""
    verdict = Verdict()
    first: dict[str, Place] = {}
    for place in sorted(topic.captures):
        first.setdefault(topic.captures[place], place)
    rows = _rows(lake, "master/captures", "capture_id", "kafka_partition", "kafka_offset")
    found = Counter((row["capture_id"], row["kafka_partition"], row["kafka_offset"]) for row in rows)
    # Of an event sent twice the first counts: anything else would be out of order.
    verdict.compare("capture", {(name, *place): 1 for name, place in first.items()}, found)

    doors = Counter(
        (row["door_event_id"], row["kind"]) for row in _rows(lake, "master/door_events", "door_event_id", "kind")
    )
    verdict.compare("door event", dict.fromkeys(topic.doors.values(), 1), doors)

    origins = Counter(_place(row["origin"]) for row in _rows(lake, "master/rejected", "origin"))
    verdict.compare("rejected", dict.fromkeys(topic.refused, 1), origins)
    verdict.seen["dead letters"] = dead_letters
    verdict.lost += max(0, len(topic.refused) - dead_letters)

    counted: Counter[Place] = Counter()
    for row in _rows(lake, "realtime/throughput", "kafka_partition", "seen"):
        counted.update((row["kafka_partition"], one["offset"]) for one in row["seen"])
    verdict.compare("counted", dict.fromkeys(topic.places(), 1), counted)

    scored = _rows(lake, "realtime/quality", "capture_id", "kafka_partition", "kafka_offset", "sampling_probability")
    places = Counter((row["kafka_partition"], row["kafka_offset"]) for row in scored)
    # The rate moved with the load: what lies below the lowest one was chosen whenever it came.
    lowest = min((row["sampling_probability"] for row in scored), default=0.0)
    due = {place for place, name in topic.captures.items() if draw(name) < lowest}
    verdict.compare("scored", dict.fromkeys(due | (places.keys() & topic.places()), 1), places)

    verdict.out_of_order = _out_of_order(lake)
    return verdict


def _out_of_order(lake: Lake) -> int:
    """Rows of master/captures that were committed before one of a smaller offset of the same partition."""
    local = lake.storage.local
    assert local is not None
    table = local / "master" / "captures"
    last: dict[int, int] = defaultdict(lambda: -1)
    faults = 0
    for path in sorted((table / "_delta_log").glob("*.json")):
        actions = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        offsets: dict[int, list[int]] = defaultdict(list)
        for action in actions:
            if "add" in action:
                for row in _file_rows(table, action["add"]["path"]):
                    offsets[row["kafka_partition"]].append(row["kafka_offset"])
        for partition, found in offsets.items():
            faults += sum(offset <= last[partition] for offset in found)
            last[partition] = max(last[partition], *found)
    return faults


def _file_rows(table: Path, name: str) -> list[dict[str, Any]]:
    columns = ["kafka_partition", "kafka_offset"]
    return list(pq.ParquetFile(table / name).read(columns=columns).to_pylist())


def _rows(lake: Lake, table: str, *columns: str) -> list[dict[str, Any]]:
    return list(lake.read(table, columns=list(columns)).to_pylist())


def _place(origin: str) -> Place:
    """Partition and offset in kafka:TOPIC/PARTITION/OFFSET@ID."""
    _, partition, offset = origin.partition("@")[0].rsplit("/", 2)
    return int(partition), int(offset)
