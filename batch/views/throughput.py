"""views/throughput: how captures flow, a device and hour of capture: counts, bytes, lateness, time in each stage.

Stages: from capture to receipt, and from receipt to view, which ends when the first rebuild that covers the capture
pinned its sources (`pinned_at`; this rebuild's own is a parameter). Percentiles are discrete, in whole microseconds:
an interpolated one differs in its last bit from engine to engine.
"""

from __future__ import annotations

from batch.views.declare import Source, SqlView
from schemas.tables import THROUGHPUT

_HOUR = "date_trunc('hour', {time})"
_OF_CAPTURES = _HOUR.format(time="c.captured_at")
_UNKNOWN = "'unknown'"
_REJECTED_SCOPE = f"coalesce(device_id, {_UNKNOWN}) AS device_id, {_HOUR.format(time='occurred_at')} AS hour"

VIEW = SqlView(
    table=THROUGHPUT,
    sources=(
        Source(
            "master/captures",
            ("capture_id", "store_id", "device_id", "captured_at", "received_at", "sha256"),
            f"SELECT device_id, {_HOUR.format(time='captured_at')} AS hour FROM changed",
            f"(device_id, {_HOUR.format(time='captured_at')}) IN (SELECT device_id, hour FROM scopes)",
        ),
        Source("master/images", ("sha256", "size_bytes"), None, "sha256 IN (SELECT sha256 FROM captures)"),
        Source(
            "master/rejected",
            ("device_id", "store_id", "occurred_at"),
            f"SELECT {_REJECTED_SCOPE} FROM changed",
            f"(coalesce(device_id, {_UNKNOWN}), {_HOUR.format(time='occurred_at')}) "
            "IN (SELECT device_id, hour FROM scopes)",
        ),
        Source(
            "views/unreadable",
            ("sha256",),
            f"SELECT c.device_id, {_OF_CAPTURES} AS hour FROM captures c JOIN changed n ON n.sha256 = c.sha256",
            "sha256 IN (SELECT sha256 FROM captures)",
        ),
        Source(
            "runs",
            ("step", "status", "pinned_at"),
            # Captures that no recorded rebuild covered: those of this one, and any whose receipt lies in the future.
            f"SELECT c.device_id, {_OF_CAPTURES} AS hour FROM captures c WHERE c.received_at > "
            "(SELECT max(pinned_at) FROM runs WHERE step = 'throughput' AND status = 'ok')",
        ),
    ),
    scope=("device_id", "hour"),
    sql="""
        WITH moments AS (
            SELECT pinned_at AS viewed_at FROM runs WHERE step = 'throughput' AND status = 'ok'
            UNION SELECT CAST('{pinned_at}' AS TIMESTAMP)
        ),
        line AS (
            SELECT capture_id, received_at AS moment, CAST(NULL AS TIMESTAMP) AS viewed_at, 0 AS kind FROM captures
            UNION ALL SELECT NULL, viewed_at, viewed_at, 1 FROM moments
        ),
        viewed AS (
            SELECT capture_id, kind,
                   min(viewed_at) OVER (
                       ORDER BY moment, kind ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
                   ) AS viewed_at
            FROM line
        ),
        flow AS (
            SELECT c.store_id, c.device_id, date_trunc('hour', c.captured_at) AS hour, c.sha256, i.size_bytes,
                   CASE WHEN u.sha256 IS NULL THEN 0 ELSE 1 END AS unreadable,
                   unix_micros(c.received_at) - unix_micros(c.captured_at) AS receipt_us,
                   unix_micros(v.viewed_at) - unix_micros(c.received_at) AS view_us
            FROM captures c
            JOIN viewed v ON v.capture_id = c.capture_id AND v.kind = 0
            LEFT JOIN images i ON i.sha256 = c.sha256
            LEFT JOIN views_unreadable u ON u.sha256 = c.sha256
        ),
        contents AS (
            SELECT store_id, device_id, hour, count(*) AS images, sum(size_bytes) AS bytes
            FROM (SELECT DISTINCT store_id, device_id, hour, sha256, size_bytes FROM flow WHERE sha256 IS NOT NULL) d
            GROUP BY store_id, device_id, hour
        ),
        captured AS (
            SELECT store_id, device_id, hour, count(*) AS captures,
                   sum(CASE WHEN receipt_us > {late_after_s} * 1000000 THEN 1 ELSE 0 END) AS late,
                   sum(unreadable) AS unreadable,
                   percentile_disc(0.5) WITHIN GROUP (ORDER BY receipt_us) AS receipt_p50,
                   percentile_disc(0.99) WITHIN GROUP (ORDER BY receipt_us) AS receipt_p99,
                   percentile_disc(0.5) WITHIN GROUP (ORDER BY view_us) AS view_p50,
                   percentile_disc(0.99) WITHIN GROUP (ORDER BY view_us) AS view_p99
            FROM flow GROUP BY store_id, device_id, hour
        ),
        refused AS (
            SELECT coalesce(store_id, 'unknown') AS store_id, coalesce(device_id, 'unknown') AS device_id,
                   date_trunc('hour', occurred_at) AS hour, count(*) AS rejected
            FROM rejected GROUP BY coalesce(store_id, 'unknown'), coalesce(device_id, 'unknown'),
                   date_trunc('hour', occurred_at)
        )
        SELECT coalesce(c.store_id, r.store_id) AS store_id, coalesce(c.device_id, r.device_id) AS device_id,
               coalesce(c.hour, r.hour) AS hour, coalesce(c.captures, 0) AS captures, coalesce(t.images, 0) AS images,
               coalesce(t.bytes, 0) AS bytes, coalesce(r.rejected, 0) AS rejected, coalesce(c.late, 0) AS late,
               coalesce(c.unreadable, 0) AS unreadable,
               CAST(c.receipt_p50 AS DOUBLE) / 1000000.0 AS capture_to_receipt_p50_s,
               CAST(c.receipt_p99 AS DOUBLE) / 1000000.0 AS capture_to_receipt_p99_s,
               CAST(c.view_p50 AS DOUBLE) / 1000000.0 AS receipt_to_view_p50_s,
               CAST(c.view_p99 AS DOUBLE) / 1000000.0 AS receipt_to_view_p99_s
        FROM captured c
        LEFT JOIN contents t ON t.store_id = c.store_id AND t.device_id = c.device_id AND t.hour = c.hour
        FULL OUTER JOIN refused r ON r.store_id = c.store_id AND r.device_id = c.device_id AND r.hour = c.hour
    """,
    parameters=("late_after_s", "pinned_at"),
)
