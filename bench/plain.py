"""A plain consumer loop, as it is often written: poll, parse, append with `write_deltalake`, commit to Kafka by itself.

It reads the same events into the same columns as `facings archive`, and promises nothing: a crash repeats or loses
events, what is sent twice is there twice, what is refused is dropped, and nothing is synced.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake
from kafka import KafkaConsumer, TopicPartition

from imaging.header import read_header
from intake.rows import door_event_row
from lake.parquet import conform
from schemas.events import Capture, DoorEvent
from schemas.tables import TABLES
from schemas.validate import parse_record

_LINGER_S = 1.0  # as the archive gathers
Rows = dict[str, list[dict[str, Any]]]


def take(value: bytes, place: tuple[str, int, int], at_ms: int, rows: Rows) -> None:
    """Adds an event's rows; what is no event is dropped."""
    event = parse_record(value, origin="").event
    topic, partition, offset = place
    received_at = pa.scalar(at_ms, pa.timestamp("ms", "UTC")).as_py()
    if isinstance(event, DoorEvent):
        row = door_event_row(event, topic, received_at)
        rows["master/door_events"].append(row | {"ingest_date": received_at.date()})
    elif isinstance(event, Capture) and event.image_bytes is not None:
        header, sha256 = read_header(event.image_bytes), hashlib.sha256(event.image_bytes).hexdigest()
        image = {"sha256": sha256, "bytes": event.image_bytes, "size_bytes": len(event.image_bytes)}
        size = {"format": header.format, "width": header.width, "height": header.height}
        ingested = {"ingest_date": received_at.date()}
        rows["master/images"].append({**image, **size, **ingested, "orientation": header.orientation})
        names = (
            "capture_id",
            "device_id",
            "store_id",
            "captured_at",
            "door_event_id",
            "image_uri",
            "sent_at",
            "schema",
        )
        rows["master/captures"].append(
            {
                **{name: getattr(event, name) for name in names},
                "sha256": sha256,
                "received_at": received_at,
                "source": topic,
                **ingested,
                "kafka_topic": topic,
                "kafka_partition": partition,
                "kafka_offset": offset,
            }
        )


def flush(rows: Rows, lake: Path) -> None:
    """Appends what was gathered."""
    for name, found in rows.items():
        table = TABLES[name]
        data = conform(pa.Table.from_pylist(found, table.schema), table.schema)
        write_deltalake(lake / name, data, mode="append", partition_by=["ingest_date"])
    rows.clear()


def main(brokers: str, topic: str, lake: Path, group: str) -> None:
    """Reads the topic to its end, in a group that has read nothing of it."""
    consumer = KafkaConsumer(bootstrap_servers=brokers, group_id=group, auto_offset_reset="earliest")
    parts = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]
    consumer.assign(parts)
    ends = consumer.end_offsets(parts)
    rows: Rows = defaultdict(list)
    flushed = time.monotonic()
    while any(consumer.position(part) < ends[part] for part in parts):
        for part, records in consumer.poll(timeout_ms=200).items():
            for record in records:
                take(record.value, (topic, part.partition, record.offset), record.timestamp, rows)
        if time.monotonic() - flushed > _LINGER_S:
            flush(rows, lake)
            flushed = time.monotonic()
    flush(rows, lake)
    consumer.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4])
