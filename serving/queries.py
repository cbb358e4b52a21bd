"""Every query of the dashboard. Pure: a reader at fixed table versions and filters in, data frames out.

Values go in as parameters only. Times are UTC. `current` means: of a device's latest trusted capture; a device whose
latest trusted capture is older than `STALE_AFTER`, or that has none, is unknown, never zero.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pandas as pd

STALE_AFTER = timedelta(hours=12)


class Reader(Protocol):
    """Answers queries over the lake's tables by name (`captures`, `views_quality`, …)."""

    def frame(self, text: str, params: dict[str, object] | None = None) -> pd.DataFrame:
        """Rows of a query."""


@dataclass(frozen=True)
class Filters:
    """What a page is limited to. Empty stores or devices mean all; `start` <= time <= `end`."""

    start: datetime
    end: datetime
    stores: tuple[str, ...] = field(default=())
    devices: tuple[str, ...] = field(default=())

    def where(self, time: str = "captured_at") -> str:
        """The condition in SQL; `time` is a column's name, never a value."""
        return (
            f"{time} >= $start AND {time} <= $end"
            " AND (len($stores) = 0 OR list_contains($stores, store_id))"
            " AND (len($devices) = 0 OR list_contains($devices, device_id))"
        )

    def params(self, **more: object) -> dict[str, object]:
        """The values of `where`, and others beside them."""
        limits = {"start": self.start, "end": self.end, "stores": list(self.stores), "devices": list(self.devices)}
        return {**limits, **more}


EVERYTHING = Filters(datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))


def estate(reader: Reader) -> pd.DataFrame:
    """Every device: store_id, device_id, captures, last_at; ordered by store and device."""
    return reader.frame(
        "SELECT coalesce(store_id, 'unknown') AS store_id, coalesce(device_id, 'unknown') AS device_id,"
        " count(*) AS captures, max(captured_at) AS last_at FROM captures GROUP BY 1, 2 ORDER BY 1, 2"
    )


def newest(reader: Reader) -> datetime | None:
    """The moment that the data reaches to: a device whose clock runs ahead counts from its receipt. None if empty."""
    found = reader.frame("SELECT max(least(captured_at, coalesce(received_at, captured_at))) AS at FROM captures")
    value = found["at"].iloc[0]
    return None if pd.isna(value) else pd.Timestamp(value).to_pydatetime()


def totals(reader: Reader, filters: Filters) -> pd.DataFrame:
    """One row of counts: captures, images, devices, scored, usable."""
    return reader.frame(
        f"""
        SELECT count(*) AS captures, count(DISTINCT sha256) AS images, count(DISTINCT device_id) AS devices,
               count(q.p_good) AS scored, count(*) FILTER (q.p_good >= $trust) AS usable
        FROM (SELECT * FROM captures WHERE {filters.where()}) c LEFT JOIN views_quality q USING (sha256)
        """,
        filters.params(trust=trust_threshold(reader)),
    )


def trust_threshold(reader: Reader) -> float:
    """Least p_good of a trusted capture, as the latest rebuild of the inventory had it; 0.5 where none tells."""
    found = reader.frame(
        'SELECT try_cast(regexp_extract(parameters, \'"trust_threshold":\\s*"?([0-9.]+)\', 1) AS DOUBLE) AS trust'
        " FROM runs WHERE step = 'inventory' AND status = 'ok' ORDER BY finished_at DESC LIMIT 1"
    )
    return 0.5 if found.empty or pd.isna(found["trust"].iloc[0]) else float(found["trust"].iloc[0])


def current_inventory(reader: Reader, filters: Filters) -> pd.DataFrame:
    """One row a device and SKU: store_id, device_id, sku, facings, expected, state, seen_at, capture_id, out_since.
    `state` is "known" or "unknown" (no trusted capture, or a stale one; facings are null). `seen_at` is the capture
    that the row is of. `out_since` is the first trusted capture without a facing since the last with one.
    """
    return reader.frame(
        f"""
        WITH scope AS (SELECT * FROM views_inventory WHERE {filters.where()}),
        latest AS (
            SELECT device_id, arg_max(capture_id, captured_at) FILTER (trusted AND captured_at > $fresh) AS trusted_id,
                   arg_max(capture_id, captured_at) AS any_id
            FROM scope GROUP BY device_id
        ),
        spans AS (
            SELECT device_id, sku, max(captured_at) FILTER (trusted AND facings > 0) AS last_full
            FROM scope GROUP BY device_id, sku
        ),
        gaps AS (
            SELECT s.device_id, s.sku, min(s.captured_at) AS out_since
            FROM scope s JOIN spans p ON p.device_id = s.device_id AND p.sku = s.sku
            WHERE s.trusted AND s.facings = 0 AND (p.last_full IS NULL OR s.captured_at > p.last_full)
            GROUP BY s.device_id, s.sku
        )
        SELECT i.store_id, i.device_id, i.sku, i.expected, i.captured_at AS seen_at, i.capture_id,
               CASE WHEN l.trusted_id IS NOT NULL THEN i.facings END AS facings,
               CASE WHEN l.trusted_id IS NOT NULL AND i.facings IS NOT NULL THEN 'known' ELSE 'unknown' END AS state,
               CASE WHEN l.trusted_id IS NOT NULL AND i.facings = 0 THEN g.out_since END AS out_since
        FROM scope i
        JOIN latest l ON l.device_id = i.device_id AND i.capture_id = coalesce(l.trusted_id, l.any_id)
        LEFT JOIN gaps g ON g.device_id = i.device_id AND g.sku = i.sku
        ORDER BY i.store_id, i.device_id, i.sku
        """,
        filters.params(fresh=filters.end - STALE_AFTER),
    )


def facings_over_time(reader: Reader, filters: Filters, device: str, sku: str) -> pd.DataFrame:
    """Facings of one SKU in one device by time: captured_at, facings, expected, trusted, capture_id."""
    return reader.frame(
        f"""SELECT captured_at, facings, expected, trusted, capture_id FROM views_inventory
        WHERE {filters.where()} AND device_id = $device AND sku = $sku ORDER BY captured_at LIMIT 5000""",
        filters.params(device=device, sku=sku),
    )


def availability_by_hour(reader: Reader, filters: Filters) -> pd.DataFrame:
    """Share of planned SKUs with a facing, over trusted captures, by hour: hour, available."""
    return reader.frame(
        f"""SELECT date_trunc('hour', captured_at) AS hour, avg(CAST(facings > 0 AS INT)) AS available
        FROM views_inventory WHERE {filters.where()} AND trusted AND expected > 0 AND facings IS NOT NULL
        GROUP BY 1 ORDER BY 1""",
        filters.params(),
    )


def throughput(reader: Reader, filters: Filters) -> pd.DataFrame:
    """Rows of views/throughput: a store, device and hour each."""
    return reader.frame(
        f"SELECT * FROM views_throughput WHERE {filters.where('hour')} ORDER BY hour",
        filters.params(),
    )


def quality_by_device(reader: Reader, filters: Filters) -> pd.DataFrame:
    """One row a device and hour: store_id, device_id, hour, captures, scored, usable, share."""
    return reader.frame(
        f"""
        SELECT store_id, device_id, date_trunc('hour', captured_at) AS hour, count(*) AS captures,
               count(q.p_good) AS scored, count(*) FILTER (q.p_good >= $trust) AS usable,
               usable / nullif(scored, 0) AS share
        FROM (SELECT * FROM captures WHERE {filters.where()}) c LEFT JOIN views_quality q USING (sha256)
        GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        """,
        filters.params(trust=trust_threshold(reader)),
    )


def unusable_since(reader: Reader, filters: Filters) -> pd.DataFrame:
    """Devices whose latest photos are all unusable: store_id, device_id, since, photos, worst (its likeliest fault)."""
    return reader.frame(
        f"""
        WITH scored AS (
            SELECT c.store_id, c.device_id, c.captured_at, q.p_good >= $trust AS usable,
                   q.p_blur, q.p_motion, q.p_dark, q.p_bright, q.p_noise, q.p_moire
            FROM (SELECT * FROM captures WHERE {filters.where()}) c JOIN views_quality q USING (sha256)
            WHERE q.p_good IS NOT NULL
        ),
        last_good AS (SELECT device_id, max(captured_at) FILTER (usable) AS at FROM scored GROUP BY device_id)
        SELECT s.store_id, s.device_id, min(s.captured_at) AS since, count(*) AS photos,
               avg(p_blur) AS blur, avg(p_motion) AS motion, avg(p_dark) AS dark, avg(p_bright) AS bright,
               avg(p_noise) AS noise, avg(p_moire) AS moire
        FROM scored s JOIN last_good g ON g.device_id = s.device_id
        WHERE g.at IS NULL OR s.captured_at > g.at GROUP BY 1, 2 HAVING count(*) >= 3 ORDER BY since
        """,
        filters.params(trust=trust_threshold(reader)),
    )


def captures(
    reader: Reader, filters: Filters, *, text: str = "", label: str = "", order: str = "newest", limit: int = 200
) -> pd.DataFrame:
    """Captures, newest or worst first, whose id, device, store or hash holds `text` and whose crops have `label`.

    Columns: those of master/captures that say what it is, p_good, the measurements and `matching`, the count of all.
    """
    ranking = {"newest": "c.captured_at DESC, c.capture_id", "worst": "q.p_good, c.captured_at DESC"}[order]
    return reader.frame(
        f"""
        SELECT c.capture_id, c.store_id, c.device_id, c.captured_at, c.received_at, c.trigger, c.image_uri, c.sha256,
               c.source, c.schema, i.format, i.size_bytes, i.width, i.height, i.orientation, q.* EXCLUDE (sha256),
               u.reason AS unreadable, count(*) OVER () AS matching
        FROM (SELECT * FROM captures WHERE {filters.where()}) c
        LEFT JOIN images i USING (sha256) LEFT JOIN views_quality q USING (sha256)
        LEFT JOIN views_unreadable u USING (sha256)
        WHERE ($text = '' OR contains(lower(concat_ws(' ', capture_id, device_id, store_id, sha256)), lower($text)))
          AND ($label = '' OR c.sha256 IN (SELECT sha256 FROM views_crops WHERE label = $label))
          AND ($unscored OR q.p_good IS NOT NULL)
        ORDER BY {ranking} LIMIT $n
        """,
        filters.params(text=text, label=label, n=limit, unscored=order == "newest"),
    )


def labels(reader: Reader) -> list[str]:
    """Every label of a crop, in order."""
    return [
        str(v)
        for v in reader.frame("SELECT DISTINCT label FROM views_crops WHERE label IS NOT NULL ORDER BY 1")["label"]
    ]


def crops_of(reader: Reader, sha256: str) -> pd.DataFrame:
    """Crops of one photo in the order of its boxes: crop_id, box_index, label, x0, y0, x1, y1, annotation_id."""
    return reader.frame(
        "SELECT crop_id, box_index, label, x0, y0, x1, y1, annotation_id FROM views_crops WHERE sha256 = $sha256"
        " ORDER BY box_index",
        {"sha256": sha256},
    )


def rejected(reader: Reader, filters: Filters, *, reason: str = "", limit: int = 1000) -> pd.DataFrame:
    """What was refused in the window, newest first, with `matching`, the count of all; no payloads.

    Records that did not tell their store or device show as "unknown", and pass no filter on these.
    """
    return reader.frame(
        f"""
        SELECT *, count(*) OVER () AS matching FROM (
            SELECT reject_id, rejected_at, coalesce(occurred_at, rejected_at) AS occurred_at, reason, detail, origin,
                   attempts, coalesce(store_id, 'unknown') AS store_id, coalesce(device_id, 'unknown') AS device_id
            FROM rejected)
        WHERE {filters.where("occurred_at")} AND ($reason = '' OR reason = $reason)
        ORDER BY occurred_at DESC, reject_id LIMIT $n
        """,
        {**filters.params(reason=reason, n=limit), "end": max(filters.end, EVERYTHING.end)},
    )


def runs(reader: Reader, limit: int = 500) -> pd.DataFrame:
    """Steps of runs, newest first, with `matching`, the count of all."""
    return reader.frame(
        "SELECT *, count(*) OVER () AS matching FROM runs ORDER BY started_at DESC, step LIMIT $n", {"n": limit}
    )
