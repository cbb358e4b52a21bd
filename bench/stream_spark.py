"""The archive's job on Spark Structured Streaming: the same events, from files of JSON lines, into three Delta tables.

    python -m bench.stream_spark FEW MANY OUT

FEW and MANY are folders of files. The first is streamed to warm up, the second is measured: a JSON line with seconds by
the wall and of all CPUs of the process tree. Exactly once as Spark does it: the file source's checkpoint, and writes by
`foreachBatch` that carry txnAppId and txnVersion, which Delta skips when they are repeated.

It does less than the archive: no contract is checked, no photo's header is read, no key is looked up, nothing is
refused, and nothing is synced to disk.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as f

from batch.engines.spark_session import DELTA_CONF, check_java
from bench.peak import cpu_s

FILES_A_BATCH = 10
_CAPTURE = """schema string, capture_id string, device_id string, store_id string, captured_at timestamp,
    door_event_id string, image_uri string, image_bytes string, sent_at timestamp"""
_DOOR = "schema string, door_event_id string, device_id string, store_id string, kind string, at timestamp"


def open_session() -> SparkSession:
    """A session on all cores of this machine, with Delta's jar, which is fetched once."""
    check_java()
    conf = {
        "spark.master": f"local[{os.cpu_count()}]",
        **DELTA_CONF,
        "spark.databricks.delta.snapshotPartitions": "2",  # by default 50 tasks, for a log of a few commits
        "spark.sql.shuffle.partitions": "4",
        "spark.sql.session.timeZone": "UTC",
        "spark.ui.enabled": "false",
        "spark.log.level": "ERROR",
    }
    builder = SparkSession.builder.appName("facings-bench")
    for name, value in conf.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def write(lake: str) -> Callable[[DataFrame, int], None]:
    """A micro-batch's rows into the tables; repeated, it adds nothing."""

    def write_batch(lines: DataFrame, number: int) -> None:
        lines.persist()
        day = f.current_date().alias("ingest_date")
        capture = lines.select(f.from_json("value", _CAPTURE).alias("e"), "received_at").select("e.*", "received_at")
        capture = capture.where("schema = 'capture/v1' and image_bytes is not null")
        capture = capture.withColumn("bytes", f.unbase64("image_bytes")).withColumn("sha256", f.sha2("bytes", 256))
        door = lines.select(f.from_json("value", _DOOR).alias("e"), "received_at").select("e.*", "received_at")
        size: Column = f.length("bytes").alias("size_bytes")
        for name, rows in (
            ("images", capture.select("sha256", "bytes", size, day)),
            ("door_events", door.where("schema = 'door_event/v1'").select("*", day)),
            ("captures", capture.drop("bytes", "image_bytes").select("*", day)),
        ):
            writer = rows.write.format("delta").mode("append").partitionBy("ingest_date")
            writer.option("txnAppId", name).option("txnVersion", number).save(f"{lake}/{name}")
        lines.unpersist()

    return write_batch


def stream(session: SparkSession, source: Path, lake: Path) -> int:
    """Streams all files there are into new tables, and gives how many events they hold."""
    lines = session.readStream.option("maxFilesPerTrigger", FILES_A_BATCH).text(str(source))
    lines = lines.withColumn("received_at", f.current_timestamp())
    query = lines.writeStream.foreachBatch(write(str(lake))).option("checkpointLocation", f"{lake}/checkpoint")
    started = query.trigger(availableNow=True).start()
    started.awaitTermination()
    tables = ("captures", "door_events")
    return sum(session.read.format("delta").load(f"{lake}/{name}").count() for name in tables)


def main(few: Path, many: Path, out: Path) -> None:
    """Warms up, measures, prints."""
    session = open_session()
    stream(session, few, out / "warm")
    began, before = time.monotonic(), cpu_s(os.getpid())
    events = stream(session, many, out / "measured")
    cost = {"events": events, "wall_s": time.monotonic() - began, "cpu_s": cpu_s(os.getpid()) - before}
    print(json.dumps(cost), flush=True)
    session.stop()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
