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
SEEN = pa.struct(
    [
        ("offset", pa.int64()),
        ("capture_id", pa.string()),  # null where the event tells of no capture
        ("rejected", pa.bool_()),
        ("late", pa.bool_()),
        ("size_bytes", pa.int64()),
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
    "p10_luma",
    "p50_luma",
    "p90_luma",
    "glare",  # share of 16 x 16 blocks washed out as a whole
    "veil",  # mean of the darkest level of each 9 x 9 window (He 2009), 0 to 255: fog lifts it
    "local_contrast",  # median range of grey levels in a 9 x 9 window, 0 to 255
    "edge_share",  # share of windows with enough contrast to judge sharpness by
    "edge_slope",  # steepest step over the range of a window, upper tenth, 0 blurred to 1 sharp
    "edge_slope_mid",  # the same, median
    "edge_direction",  # how much less in the worst of four directions than in the best, 0 to 1
    "tile_slope_min",  # edge_slope of the worst of 4 x 4 tiles
    "tile_slope_max",  # of the best one
    "tile_blurred",  # share of tiles under half of the best one
    "tile_flat",  # share of tiles with hardly any contrast
    "noise_flat",  # noise_sigma of the flattest tenth of blocks
    "noise_coarse",  # the same at half scale
    "spec_mid",  # power of a band of frequencies over the low band's, dB
    "spec_high",
    "spec_top",
    "spec_worst",  # spec_high in the direction that has least of it, dB
    "spec_direction",  # best direction over worst, dB
    "moire_patch",  # lower quarter of each patch's own strongest peak, dB
    "moire_freq",  # cycles a pixel of the peak
    "moire_harmonic",  # peak at twice that frequency, dB
    "moire_cover",  # share of patches that show the peak
    "line_peak",  # strongest peak on the axes, dB
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
BANDS = tuple(f"band_{number}" for number in range(8))  # 15 bits each of the perceptual hash
CELL_WORDS = tuple(f"cells_{number:02d}" for number in range(58))  # brightness of 10 cells each, 6 bits a cell
LIKENESS = Table(
    "views/likeness",
    _schema(
        ("sha256", pa.string()),
        *[(name, pa.int32()) for name in BANDS],
        *[(name, pa.int64()) for name in CELL_WORDS],
    ),
    ("sha256",),
)
REPEATS = Table(
    "views/repeats",
    _schema(
        ("capture_id", pa.string()),
        ("device_id", pa.string()),
        ("repeat_of", pa.string()),  # the capture that it shows again: the first of the burst
        ("distance", pa.int32()),  # bits of the hash that differ, of 120
        ("after_s", pa.float64()),
    ),
    ("capture_id",),
)
TRACKED = ("reblur", "mean_luma", "rms_contrast", "noise_sigma")  # the measurements that a camera's normal is made of
CAMERAS = Table(
    "views/cameras",
    _schema(
        ("store_id", pa.string()),
        ("device_id", pa.string()),
        ("day", TIME),  # of captured_at
        ("captures", pa.int64()),  # scored ones of the day
        ("p_good", pa.float64()),  # medians of the day
        *[(name, pa.float64()) for name in TRACKED],
        ("normal_captures", pa.int64()),  # of the `camera_days` before; null, as all that follows, where too few
        ("normal_p_good", pa.float64()),  # medians of those days' medians
        *[(f"normal_{name}", pa.float64()) for name in TRACKED],
        *[(f"step_{name}", pa.float64()) for name in TRACKED],  # what a camera may differ from it by
        ("drift", pa.string()),  # "unsharp", "darker", "brighter", "flatter" or "noisier" than normal; null where none
        ("since", TIME),  # first capture after the last one that was normal
        ("own_normal", pa.bool_()),  # is a capture of this day also judged by the device's normal?
    ),
    ("device_id", "day"),
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
        ("repeat_of", pa.string()),  # the capture whose exposure this one shows again; null for the one that counts
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
REALTIME_QUALITY = Table(
    "realtime/quality",
    _schema(
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
    _schema(
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
    _schema(
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
    _schema(
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
