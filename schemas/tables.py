"""Every table of a lake, by name: the contract between the layers.

Times are UTC with microseconds. Sizes end in `_bytes`, durations in `_s`. Columns may be added in later versions;
names and meanings stay.
"""

from __future__ import annotations

import pyarrow as pa

from schemas.master import ANNOTATIONS, CAPTURES, DOOR_EVENTS, ERASED, IMAGES, PLANOGRAMS, REJECTED, REPLAYS
from schemas.table import BOX, CLASSES, SEEN, TIME, Table, schema_of
from schemas.views import (
    BANDS,
    CAMERAS,
    CELL_WORDS,
    CROPS,
    INVENTORY,
    LIKENESS,
    MEASUREMENTS,
    QUALITY,
    REPEATS,
    THROUGHPUT,
    TRACKED,
    UNREADABLE,
    VISITS,
)

__all__ = [
    "ANNOTATIONS",
    "BANDS",
    "BOX",
    "CAMERAS",
    "CAPTURES",
    "CELL_WORDS",
    "CHECKS",
    "CLASSES",
    "CROPS",
    "DOOR_EVENTS",
    "ERASED",
    "IMAGES",
    "INVENTORY",
    "LIKENESS",
    "MASTER",
    "MEASUREMENTS",
    "PLANOGRAMS",
    "QUALITY",
    "REALTIME",
    "REALTIME_QUALITY",
    "REALTIME_THROUGHPUT",
    "REJECTED",
    "REPEATS",
    "REPLAYS",
    "RUNS",
    "SEEN",
    "TABLES",
    "THROUGHPUT",
    "TIME",
    "TRACKED",
    "UNREADABLE",
    "VIEWS",
    "VISITS",
    "Table",
]

REALTIME_QUALITY = Table(
    "realtime/quality",
    schema_of(
        ("capture_id", pa.string()),
        ("device_id", pa.string()),
        ("store_id", pa.string()),
        ("captured_at", TIME),
        *(
            (field.name, field.type) for field in QUALITY.schema
        ),  # sha256, measurements, probabilities, model_id: null where the photo could not be scored
        ("scored_at", TIME),
        ("sampling_probability", pa.float64()),  # with which this capture was chosen, above 0
        ("latency_s", pa.float64()),  # from the event's Kafka timestamp to scored_at
        ("reason", pa.string()),  # why the photo could not be scored; null where it was
        ("source", pa.string()),  # kafka:CLUSTER/TOPIC_ID
        ("kafka_partition", pa.int32()),
        ("kafka_offset", pa.int64()),
    ),
    ("source", "kafka_partition", "kafka_offset"),
)
REALTIME_THROUGHPUT = Table(
    "realtime/throughput",
    schema_of(
        ("store_id", pa.string()),  # "unknown" where a refused event told none
        ("device_id", pa.string()),
        ("minute", TIME),  # of captured_at
        ("events", pa.int64()),  # every event of the topic, whatever it told
        ("captures", pa.int64()),  # events that told of a capture; a capture sent twice counts twice here
        ("rejected", pa.int64()),  # events that could not be parsed
        ("late", pa.int64()),  # received more than `late_after_s` after capture
        ("bytes", pa.int64()),  # of the events
        ("seen", pa.list_(SEEN)),  # the events, so that each is counted on read unless batch covers it
        ("counted_at", TIME),
        ("source", pa.string()),  # kafka:CLUSTER/TOPIC_ID
        ("kafka_partition", pa.int32()),
        ("kafka_offset", pa.int64()),  # of the first event in this row
    ),
    ("source", "kafka_partition", "kafka_offset"),
)
RUNS = Table(
    "runs",
    schema_of(
        ("run_id", pa.string()),
        ("step", pa.string()),  # "ingest", or a view's name; of the step driver "run", and "run/STEP" for each step
        ("engine", pa.string()),
        (
            "mode",
            pa.string(),
        ),  # "append", "full", "incremental", "current"; of the step driver see batch/pipeline/ledger.py
        ("status", pa.string()),  # "ok" or "failed"
        ("started_at", TIME),
        ("finished_at", TIME),
        ("pinned_at", TIME),  # when a rebuild pinned its sources; null for other steps
        ("seconds", pa.float64()),
        ("rows_in", pa.int64()),
        ("rows_ok", pa.int64()),
        ("rows_skipped", pa.int64()),
        ("rows_rejected", pa.int64()),
        ("bytes_in", pa.int64()),
        ("bytes_out", pa.int64()),
        ("cost", pa.float64()),  # in the currency of `cost_per_core_hour`; null where no rate is set
        ("code", pa.string()),  # fingerprint of the code
        ("sources", pa.string()),  # JSON: table to version
        ("parameters", pa.string()),  # JSON
        ("version", pa.int64()),  # of the table it wrote
        ("detail", pa.string()),
    ),
    ("run_id", "step"),
    append_only=True,
)
CHECKS = Table(
    "checks",
    schema_of(
        ("run_id", pa.string()),
        ("checked_at", TIME),
        ("rule", pa.string()),
        ("level", pa.string()),  # "warn" or "fail"
        ("status", pa.string()),  # "ok", "broken", or "error" where the rule's query can't be run
        ("value", pa.float64()),  # the worst that the query gave; null where it gave none
        ("limit", pa.float64()),  # what `value` may reach; null where the query must give no rows
        ("detail", pa.string()),
    ),
    ("run_id", "rule"),
    append_only=True,
)

MASTER = (IMAGES, CAPTURES, ANNOTATIONS, DOOR_EVENTS, PLANOGRAMS, REJECTED, REPLAYS, ERASED)
VIEWS = (CROPS, QUALITY, LIKENESS, REPEATS, CAMERAS, UNREADABLE, INVENTORY, THROUGHPUT, VISITS)
REALTIME = (REALTIME_THROUGHPUT, REALTIME_QUALITY)
# In the order in which a reader pins them: a realtime row is taken away only after batch covers its capture, so whoever
# pins realtime first finds each capture in the one or in the other.
TABLES: dict[str, Table] = {table.name: table for table in (*REALTIME, *MASTER, *VIEWS, RUNS, CHECKS)}
