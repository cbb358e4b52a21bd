"""Merged answers: batch rows first, realtime rows for what batch does not cover. Counts are exact, shares estimated.

Law 6: at every moment a merged answer holds each capture once. What batch covers is lake.seam's to say.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lake import Lake
from lake.estimate import Estimate, estimate
from lake.seam import open_seam, pin
from lake.sql import Frugal, query

_FILTER = (
    "{time} >= $start AND {time} <= $end"
    " AND (len($stores) = 0 OR list_contains($stores, store_id))"
    " AND (len($devices) = 0 OR list_contains($devices, device_id))"
)
_THROUGHPUT = f"""
    WITH layers AS (
        SELECT store_id, device_id, hour, captures, rejected, late, 0 AS realtime FROM views_throughput
        UNION ALL
        SELECT store_id, device_id, date_trunc('hour', minute), count(capture_id), count(*) FILTER (rejected),
               count(*) FILTER (late), count(capture_id)
        FROM uncounted GROUP BY ALL
    )
    SELECT store_id, device_id, hour, sum(captures)::BIGINT AS captures, sum(rejected)::BIGINT AS rejected,
           sum(late)::BIGINT AS late, sum(realtime)::BIGINT AS realtime
    FROM layers WHERE {_FILTER.format(time="hour")}
    GROUP BY ALL ORDER BY hour, store_id, device_id
"""
# Batch's answers: the captures of the window whose photo has a row in quality or among the unreadable.
_ANSWERED = f"""
    taken AS MATERIALIZED (
        SELECT capture_id, store_id, device_id, captured_at, sha256 FROM captures
        WHERE {_FILTER.format(time="captured_at")}
    ),
    scored AS (SELECT sha256, p_good FROM views_quality WHERE sha256 IN (SELECT sha256 FROM taken)),
    answered AS (
        SELECT t.*, q.p_good FROM taken t LEFT JOIN scored q USING (sha256)
        WHERE q.sha256 IS NOT NULL OR sha256 IN (SELECT sha256 FROM views_unreadable)
    )
"""
_BATCH = f"""
    WITH {_ANSWERED}
    SELECT store_id, device_id, count(*) AS batch, count(*) FILTER (p_good >= $threshold) AS batch_usable
    FROM answered GROUP BY ALL
"""
_WAITING = f"""
    WITH unanswered AS (SELECT * FROM waiting WHERE {_FILTER.format(time="minute")})
    SELECT w.store_id, w.device_id, count(*) AS waiting,
           list(coalesce(s.p_good >= $threshold, FALSE)) FILTER (s.capture_id IS NOT NULL) AS has,
           list(s.sampling_probability) FILTER (s.capture_id IS NOT NULL) AS probabilities
    FROM unanswered w LEFT JOIN sampled s USING (capture_id) GROUP BY ALL
"""
_CAPTURES = f"""
    WITH {_ANSWERED}
    SELECT capture_id, store_id, device_id, captured_at, p_good, 'batch' AS layer,
           CAST(NULL AS DOUBLE) AS sampling_probability FROM answered
    UNION ALL
    SELECT capture_id, store_id, device_id, captured_at, p_good, 'realtime', sampling_probability FROM sampled
    WHERE {_FILTER.format(time="captured_at")}
    ORDER BY captured_at DESC, capture_id LIMIT $limit
"""
_FRESH = """
    SELECT max(scored_at) AS scored_at, quantile_cont(latency_s, 0.5) AS latency_p50_s,
           quantile_cont(latency_s, 0.99) AS latency_p99_s, count(*) AS rows, min(sampling_probability) AS lowest_rate
    FROM realtime_quality
"""
ARCHIVED, REFUSED, ON_THE_WAY = "archived", "refused", "on the way"
_LACKING = f"""
    WITH lacking AS (
        SELECT * FROM (SELECT *, date_trunc('hour', minute) AS hour FROM uncounted) WHERE {_FILTER.format(time="hour")}
    )
    SELECT u.capture_id, u.store_id, u.device_id, coalesce(k.captured_at, s.captured_at, u.minute) AS captured_at,
           s.sha256, u.source, u.kafka_partition, u.kafka_offset, u.late, u.rejected, s.p_good IS NOT NULL AS scored,
           CASE WHEN k.capture_id IS NOT NULL THEN '{ARCHIVED}' WHEN u.kafka_offset < u.archived THEN '{REFUSED}'
                ELSE '{ON_THE_WAY}' END AS state
    FROM lacking u
    LEFT JOIN (SELECT capture_id, captured_at FROM found SEMI JOIN known USING (capture_id)) k USING (capture_id)
    LEFT JOIN (SELECT DISTINCT ON (capture_id) * FROM realtime_quality ORDER BY capture_id, p_good IS NULL) s
        USING (capture_id)
    ORDER BY captured_at DESC, kafka_offset
"""


@dataclass(frozen=True)
class Usable:
    """Usable photos of one device: `batch_usable` of `batch` are known, of `waiting` there is an estimate."""

    store_id: str
    device_id: str
    batch: int
    batch_usable: int
    waiting: int
    estimate: Estimate

    @property
    def captures(self) -> int:
        """All captures of the device, exactly."""
        return self.batch + self.waiting

    @property
    def total(self) -> tuple[float | None, float, float]:
        """Usable captures: estimate and interval, what batch knows included; exact where nothing waits."""
        known, found = self.batch_usable, self.estimate
        middle = None if found.total is None else known + found.total
        return middle, known + found.total_low, known + found.total_high


class Merged:
    """Answers at fixed versions, one question at a time: a DuckDB connection serves one thread."""

    def __init__(
        self,
        lake: Lake,
        versions: Mapping[str, int] | None = None,
        dataset: Callable[[str, int], Frugal] | None = None,
    ):
        self.versions = dict(versions) if versions is not None else pin(lake)
        self._connection = open_seam(lake, self.versions, dataset)
        self._guard = threading.Lock()

    def throughput(self, where: Mapping[str, object]) -> pd.DataFrame:
        """A row for each store, device and hour: captures, rejected, late, and how many of them batch lacks."""
        return self._frame(_THROUGHPUT, where)

    def usable(self, where: Mapping[str, object], threshold: float, batch: pd.DataFrame | None = None) -> list[Usable]:
        """Usable photos a device, `threshold` being the p_good from which one counts as usable.

        `batch`: what batch answers in that window, where the caller knows it already: a row for each store_id and
        device_id with `batch`, the captures answered for, and `batch_usable`.
        """
        given = {**where, "threshold": threshold}
        known = self._frame(_BATCH, given) if batch is None else batch
        rows = known.merge(self._frame(_WAITING, given), how="outer", on=["store_id", "device_id"])
        counts = ["batch", "batch_usable", "waiting"]
        rows[counts] = rows[counts].fillna(0).astype(int)
        return [
            Usable(
                row["store_id"],
                row["device_id"],
                row["batch"],
                row["batch_usable"],
                row["waiting"],
                estimate(_list(row["has"]), _list(row["probabilities"]), row["waiting"]),
            )
            for row in rows.sort_values(["store_id", "device_id"]).to_dict("records")
        ]

    def captures(self, where: Mapping[str, object], limit: int = 500) -> pd.DataFrame:
        """Captures with a judgement, newest first: batch's own, and the realtime sample of the others."""
        return self._frame(_CAPTURES, {**where, "limit": limit})

    def lacking(self, where: Mapping[str, object]) -> pd.DataFrame:
        """Events that views/throughput doesn't count, those that told of a capture once each: as many of these as
        `throughput` has as `realtime`.

        capture_id (null: could not be parsed), store_id, device_id, captured_at (its minute, where nothing tells more),
        sha256 (null: not known yet), source, kafka_partition, kafka_offset, late, rejected, scored, and state:
        "archived", "refused" by the archive, or "on the way" there.
        """
        return self._frame(_LACKING, where)

    def freshness(self) -> pd.DataFrame:
        """One row: when the newest realtime row was scored, its latencies, and the lowest sampling rate among them."""
        return self._frame(_FRESH, None)

    def _frame(self, text: str, params: Mapping[str, object] | None) -> pd.DataFrame:
        with self._guard:
            found: pd.DataFrame = query(self._connection, text, params).to_pandas()
        return found


def _list(value: object) -> list[Any]:
    return list(value) if value is not None and hasattr(value, "__iter__") else []
