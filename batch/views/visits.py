"""views/visits: door sessions, and where no door event tells, runs of captures without a gap.

A capture belongs to the door event that it names, else to the latest opening of its device that was open at its time,
else to its neighbours: a gap of more than `visit_gap_s` begins a new visit.
"""

from __future__ import annotations

from batch.views.declare import Source, SqlView
from schemas.tables import VISITS

_DEVICE = "device_id IN (SELECT device_id FROM scopes)"

VIEW = SqlView(
    table=VISITS,
    sources=(
        Source(
            "master/captures",
            ("capture_id", "store_id", "device_id", "captured_at", "door_event_id"),
            "SELECT device_id FROM changed",
            _DEVICE,
        ),
        Source(
            "master/door_events",
            ("door_event_id", "kind", "device_id", "store_id", "happened_at"),
            "SELECT device_id FROM changed",
            _DEVICE,
        ),
    ),
    scope=("device_id",),
    sql="""
        WITH doors AS (
            SELECT device_id, door_event_id, min(store_id) AS store_id,
                   min(CASE WHEN kind = 'open' THEN happened_at END) AS opened_at,
                   max(CASE WHEN kind = 'close' THEN happened_at END) AS closed_at
            FROM door_events GROUP BY device_id, door_event_id
        ),
        named AS (
            SELECT capture_id, store_id, device_id, captured_at, door_event_id AS visit_id
            FROM captures WHERE door_event_id IS NOT NULL
        ),
        loose AS (SELECT capture_id, store_id, device_id, captured_at FROM captures WHERE door_event_id IS NULL),
        inside AS (
            SELECT l.capture_id, l.store_id, l.device_id, l.captured_at, d.door_event_id AS visit_id,
                   row_number() OVER (PARTITION BY l.capture_id ORDER BY d.opened_at DESC, d.door_event_id) AS place
            FROM loose l JOIN doors d
              ON d.device_id = l.device_id AND l.captured_at >= d.opened_at AND l.captured_at <= d.closed_at
        ),
        stepped AS (
            SELECT l.capture_id, l.store_id, l.device_id, l.captured_at,
                   CASE WHEN unix_micros(l.captured_at) - lag(unix_micros(l.captured_at))
                             OVER (PARTITION BY l.device_id ORDER BY l.captured_at, l.capture_id)
                             <= {visit_gap_s} * 1000000 THEN 0 ELSE 1 END AS begins
            FROM loose l LEFT JOIN inside i ON i.capture_id = l.capture_id
            WHERE i.capture_id IS NULL
        ),
        numbered AS (
            SELECT capture_id, store_id, device_id, captured_at,
                   sum(begins) OVER (PARTITION BY device_id ORDER BY captured_at, capture_id
                                     ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS session
            FROM stepped
        ),
        gaps AS (
            SELECT store_id, device_id, captured_at,
                   'gap:' || first_value(capture_id) OVER (PARTITION BY device_id, session
                                                           ORDER BY captured_at, capture_id) AS visit_id
            FROM numbered
        ),
        members AS (
            SELECT store_id, device_id, captured_at, visit_id, TRUE AS door FROM named
            UNION ALL SELECT store_id, device_id, captured_at, visit_id, TRUE FROM inside WHERE place = 1
            UNION ALL SELECT store_id, device_id, captured_at, visit_id, FALSE FROM gaps
        ),
        bursts AS (
            SELECT device_id, visit_id, door, min(store_id) AS store_id, min(captured_at) AS first_at,
                   max(captured_at) AS last_at, count(*) AS captures
            FROM members GROUP BY device_id, visit_id, door
        )
        SELECT coalesce(d.store_id, b.store_id) AS store_id, coalesce(b.device_id, d.device_id) AS device_id,
               coalesce(b.visit_id, d.door_event_id) AS visit_id,
               coalesce(d.opened_at, b.first_at, d.closed_at) AS opened_at,
               coalesce(d.closed_at, b.last_at, d.opened_at) AS closed_at,
               coalesce(b.captures, 0) AS captures, coalesce(b.door, TRUE) AS door
        FROM bursts b
        FULL OUTER JOIN doors d ON d.device_id = b.device_id AND d.door_event_id = b.visit_id AND b.door
    """,
    parameters=("visit_gap_s",),
)
