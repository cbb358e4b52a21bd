"""The master tables: what happened, append-only, in the words of those who told it."""

from __future__ import annotations

import pyarrow as pa

from schemas.table import BOX, TIME, Table, schema_of


def _master(name: str, key: tuple[str, ...], *fields: tuple[str, pa.DataType], blobs: tuple[str, ...] = ()) -> Table:
    schema = schema_of(*fields, ("ingest_date", pa.date32()))
    return Table(f"master/{name}", schema, key, partition_by=("ingest_date",), append_only=True, blobs=blobs)


IMAGES = _master(
    "images",
    ("sha256",),
    ("sha256", pa.string()),  # lower-case hex of `bytes`
    ("bytes", pa.binary()),
    ("size_bytes", pa.int64()),
    ("format", pa.string()),  # "jpeg", "png", "webp", …: what the content is, not what the name says
    ("width", pa.int32()),  # pixels as stored, before orientation
    ("height", pa.int32()),
    ("orientation", pa.int8()),  # EXIF 1..8; 1 is upright
    blobs=("bytes",),
)
CAPTURES = _master(
    "captures",
    ("capture_id",),
    ("capture_id", pa.string()),
    ("device_id", pa.string()),
    ("store_id", pa.string()),
    ("captured_at", TIME),
    ("trigger", pa.string()),
    ("door_event_id", pa.string()),
    ("image_uri", pa.string()),
    ("sha256", pa.string()),
    ("sent_at", TIME),
    ("received_at", TIME),
    ("source", pa.string()),  # the file or URL of the record, or kafka:CLUSTER/TOPIC_ID
    ("source_version", pa.string()),  # of `image_uri`: "SIZE-MTIME_NS" of a file, ETag or Last-Modified of a URL
    ("kafka_topic", pa.string()),
    ("kafka_partition", pa.int32()),
    ("kafka_offset", pa.int64()),
    ("schema", pa.string()),  # the contract's version that the event came in, e.g. "capture/v1"
)
ANNOTATIONS = _master(
    "annotations",
    ("annotation_id",),
    ("annotation_id", pa.string()),
    ("sha256", pa.string()),
    ("boxes", pa.list_(BOX)),
    ("annotator", pa.string()),
    ("annotated_at", TIME),
    ("source", pa.string()),
)
DOOR_EVENTS = _master(
    "door_events",
    ("door_event_id", "kind"),
    ("door_event_id", pa.string()),  # names the opening; its "open" and "close" share it
    ("kind", pa.string()),  # "open" or "close"
    ("device_id", pa.string()),
    ("store_id", pa.string()),
    ("happened_at", TIME),
    ("received_at", TIME),
    ("source", pa.string()),
)
PLANOGRAMS = _master(
    "planograms",
    ("planogram_id", "shelf", "sku"),
    ("planogram_id", pa.string()),
    ("device_id", pa.string()),
    ("store_id", pa.string()),
    ("valid_from", TIME),
    ("shelf", pa.int32()),  # 0 is the top shelf
    ("sku", pa.string()),
    ("facings", pa.int32()),
    ("source", pa.string()),
)
REJECTED = _master(
    "rejected",
    ("reject_id",),
    ("reject_id", pa.string()),  # hash of origin, reason and payload
    ("rejected_at", TIME),
    ("origin", pa.string()),  # file, file:line, URL, or kafka:TOPIC/PARTITION/OFFSET
    ("reason", pa.string()),  # schemas.reasons.Reason
    ("detail", pa.string()),
    ("payload", pa.binary()),  # what was refused, byte for byte; null where it exceeds the byte limit or never arrived
    ("attempts", pa.int32()),
    ("device_id", pa.string()),  # where the record told them
    ("store_id", pa.string()),
    ("occurred_at", TIME),  # the record's own time where it told one, else rejected_at
    blobs=("payload",),
)
REPLAYS = _master(
    "replays",
    ("replay_id",),
    ("replay_id", pa.string()),
    ("reject_id", pa.string()),  # of master/rejected, whose state is that of its latest replay
    ("run_id", pa.string()),
    ("replayed_at", TIME),
    ("outcome", pa.string()),  # "ok", or "again" where it was refused once more
    ("reason", pa.string()),  # of that refusal
    ("detail", pa.string()),
)
ERASED = _master(
    "erased",
    ("table_name", "row_key"),
    ("table_name", pa.string()),
    ("row_key", pa.string()),  # of the row that is gone, its columns joined by /
    ("erasure_id", pa.string()),
    ("erased_at", TIME),
    ("store_id", pa.string()),
    ("why", pa.string()),
)
