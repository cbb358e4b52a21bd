"""Arrow schemas of every table in a lake: the contract between the layers.

Times are UTC with microseconds. Sizes end in `_bytes`, durations in `_s`. Columns may be added in later versions;
names and meanings stay.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

TIME = pa.timestamp("us", tz="UTC")
BOX = pa.struct(
    [
        ("label", pa.string()),
        ("xmin", pa.float64()),
        ("xmax", pa.float64()),
        ("ymin", pa.float64()),
        ("ymax", pa.float64()),
        ("confidence", pa.float64()),
    ]
)
CLASSES = ("good", "blur", "motion", "dark", "bright", "noise", "moire")


@dataclass(frozen=True)
class Table:
    """One Delta table of a lake. `key` names one row; `blobs` are columns of bytes, read one row at a time."""

    name: str
    schema: pa.Schema
    key: tuple[str, ...]
    partition_by: tuple[str, ...] = ()
    append_only: bool = False
    blobs: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column but the binary ones: what can be read in bulk."""
        return tuple(name for name in self.schema.names if name not in self.blobs)


def _schema(*fields: tuple[str, pa.DataType]) -> pa.Schema:
    return pa.schema([pa.field(name, kind) for name, kind in fields])


def _master(name: str, key: tuple[str, ...], *fields: tuple[str, pa.DataType], blobs: tuple[str, ...] = ()) -> Table:
    schema = _schema(*fields, ("ingest_date", pa.date32()))
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
CROPS = Table(
    "views/crops",
    _schema(
        ("crop_id", pa.string()),
        ("sha256", pa.string()),
        ("box_index", pa.int32()),
        ("label", pa.string()),
        ("x0", pa.int32()),
        ("y0", pa.int32()),
        ("x1", pa.int32()),
        ("y1", pa.int32()),
        ("jpeg", pa.binary()),
        ("annotation_id", pa.string()),
    ),
    ("crop_id",),
    blobs=("jpeg",),
)
MEASUREMENTS = (
    "laplacian_var",  # variance of the 3 x 3 Laplacian
    "sobel_var",  # variance of the Sobel gradient magnitude
    "fft_high",  # mean 20 log10 magnitude of the image without its low frequencies
    "moire_peak",  # strongest off-axis spectral peak over its surroundings, dB
    "reblur",  # perceptual blur by re-blurring (Crete 2007), 0 sharp to 1 blurred
    "motion_ratio",  # anisotropy of gradient energy over directions, 0 to 1
    "noise_sigma",  # standard deviation of noise (Immerkaer 1996), grey levels
    "mean_luma",  # 0 to 255
    "p01_luma",
    "p99_luma",
    "clip_dark",  # share of pixels at or under 8
    "clip_bright",  # share of pixels at or over 247
    "rms_contrast",  # standard deviation of grey levels / 255
)
QUALITY = Table(
    "views/quality",
    _schema(
        ("sha256", pa.string()),
        *[(name, pa.float64()) for name in MEASUREMENTS],
        *[(f"p_{name}", pa.float64()) for name in CLASSES],
        ("model_id", pa.string()),
    ),
    ("sha256",),
)
UNREADABLE = Table(
    "views/unreadable",
    _schema(("sha256", pa.string()), ("reason", pa.string()), ("detail", pa.string())),
    ("sha256",),
)
INVENTORY = Table(
    "views/inventory",
    _schema(
        ("store_id", pa.string()),
        ("device_id", pa.string()),
        ("sku", pa.string()),
        ("captured_at", TIME),
        ("facings", pa.int64()),
        ("expected", pa.int64()),  # null where no planogram says
        ("trusted", pa.bool_()),  # was the capture good enough to count
        ("capture_id", pa.string()),
        ("p_good", pa.float64()),  # null where the photo was not scored
    ),
    ("capture_id", "sku"),
)
THROUGHPUT = Table(
    "views/throughput",
    _schema(
        ("store_id", pa.string()),
        ("device_id", pa.string()),
        ("hour", TIME),  # of captured_at
        ("captures", pa.int64()),
        ("images", pa.int64()),  # distinct contents
        ("bytes", pa.int64()),  # of those
        ("rejected", pa.int64()),
        ("late", pa.int64()),  # received more than `late_after_s` after capture
        ("unreadable", pa.int64()),
        ("capture_to_receipt_p50_s", pa.float64()),
        ("capture_to_receipt_p99_s", pa.float64()),
        ("receipt_to_view_p50_s", pa.float64()),  # to the start of the first rebuild that covers it
        ("receipt_to_view_p99_s", pa.float64()),
    ),
    ("store_id", "device_id", "hour"),
)
VISITS = Table(
    "views/visits",
    _schema(
        ("store_id", pa.string()),
        ("device_id", pa.string()),
        ("visit_id", pa.string()),  # the door event's id, or "gap:" and the first capture's id
        ("opened_at", TIME),
        ("closed_at", TIME),  # the door's closing, else the last capture
        ("captures", pa.int64()),
        ("door", pa.bool_()),  # from a door sensor, or found by gaps between captures
    ),
    ("device_id", "visit_id"),
)
RUNS = Table(
    "runs",
    _schema(
        ("run_id", pa.string()),
        ("step", pa.string()),  # "ingest", or a view's name
        ("engine", pa.string()),
        ("mode", pa.string()),  # "append", "full", "incremental", "current"
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

MASTER = (IMAGES, CAPTURES, ANNOTATIONS, DOOR_EVENTS, PLANOGRAMS, REJECTED)
VIEWS = (CROPS, QUALITY, UNREADABLE, INVENTORY, THROUGHPUT, VISITS)
TABLES: dict[str, Table] = {table.name: table for table in (*MASTER, *VIEWS, RUNS)}
