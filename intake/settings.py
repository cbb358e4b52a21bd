"""What ingest is told, and what it tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from imaging.header import DEFAULT_LIMITS, Limits
from lake import FacingsError


class IngestError(FacingsError):
    """The call can't be carried out as it stands: correct the source or the format that the message names."""


@dataclass(frozen=True)
class IngestSettings:
    """Limits and rates. `allow_hosts` are "host" or "host:port" that may lie in a private network."""

    limits: Limits = DEFAULT_LIMITS
    allow_hosts: tuple[str, ...] = ()
    connect_timeout_s: float = 5.0
    total_timeout_s: float = 30.0
    concurrency: int = 8
    retries: int = 3
    backoff_s: float = 0.25
    threads: int = 2
    flush_bytes: int = 32 << 20
    cost_per_core_hour: float | None = None
    buckets: tuple[str, ...] = ()  # prefixes that addresses of objects may lead into
    store_options: Mapping[str, str] = field(default_factory=dict, repr=False)  # they hold secrets


@dataclass(frozen=True)
class IngestReport:
    """What an ingest did. Rows: in = ok + skipped + rejected.

    A row is a box's line in a table (CSV, COCO, VOC, YOLO), an image without boxes there, a file in a folder, a URL,
    an event, and each box of an event that was refused. `ok`: master holds something new because of it. `skipped`:
    master held all of it already, or the file is none to take in (a side file of annotations, Thumbs.db, .DS_Store).
    `bytes_in` counts the photos' bytes that were read or fetched. `reasons` counts the rejected rows.
    """

    run_id: str
    rows_in: int
    ok: int
    skipped: int
    rejected: int
    images_added: int
    captures_added: int
    annotations_added: int
    door_events_added: int
    planograms_added: int
    bytes_in: int
    seconds: float
    reasons: dict[str, int] = field(default_factory=dict)
