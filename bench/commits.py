"""When each event of a topic became readable in a table: Kafka's timestamp beside the moment its commit appeared."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from kafka import KafkaConsumer, TopicPartition

Place = tuple[int, int]  # partition, offset
TABLES = {"archived": "master/captures", "scored": "realtime/quality", "counted": "realtime/throughput"}


@dataclass(frozen=True)
class Latency:
    """Seconds from an event's timestamp to its readable row, of `rows` rows."""

    rows: int
    p50_s: float
    p95_s: float
    p99_s: float
    max_s: float

    @classmethod
    def of(cls, seconds: Iterable[float]) -> Latency:
        """The quantiles; NaN where there are no rows."""
        found = np.fromiter(seconds, float)
        if not found.size:
            return cls(0, *[float("nan")] * 4)
        quantiles = (float(value) for value in np.quantile(found, (0.5, 0.95, 0.99, 1)))
        return cls(found.size, *(round(value, 3) for value in quantiles))


def sent_at(connection: Mapping[str, Any], topic: str) -> dict[Place, float]:
    """When each event that the topic holds was sent, seconds since 1970."""
    consumer = KafkaConsumer(**{**connection, "auto_offset_reset": "earliest", "enable_auto_commit": False})
    found: dict[Place, float] = {}
    try:
        parts = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]
        consumer.assign(parts)
        ends = consumer.end_offsets(parts)
        while any(consumer.position(part) < ends[part] for part in parts):
            for part, batch in consumer.poll(timeout_ms=500).items():
                found.update({(part.partition, record.offset): record.timestamp / 1000 for record in batch})
    finally:
        consumer.close()
    return found


def readable_at(lake: Path, table: str) -> dict[Place, float]:
    """When the commit that holds each event appeared under its name, seconds since 1970: from then on it is read.

    A commit is linked to its name in one step, which sets the change time of the file.
    """
    found: dict[Place, float] = {}
    for path in sorted((lake / table / "_delta_log").glob("*.json")):
        appeared = path.stat().st_ctime
        for line in path.read_text("utf-8").splitlines():
            add = json.loads(line).get("add")
            if add is not None:
                found.update(dict.fromkeys(_places(lake / table / add["path"]), appeared))
    return found


def latencies(sent: Mapping[Place, float], readable: Mapping[Place, float]) -> dict[Place, float]:
    """Seconds from sent to readable of each event that has a row."""
    return {place: at - sent[place] for place, at in readable.items() if place in sent}


def _places(path: Path) -> Iterable[Place]:
    file = pq.ParquetFile(path)
    names = set(file.schema_arrow.names)
    columns = ["kafka_partition", "seen" if "seen" in names else "kafka_offset"]
    for row in file.read(columns=columns).to_pylist():
        if "seen" in row:
            yield from ((row["kafka_partition"], one["offset"]) for one in row["seen"])
        elif row["kafka_offset"] is not None:
            yield row["kafka_partition"], row["kafka_offset"]
