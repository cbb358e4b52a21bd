"""Retail figures, defined in docs/figures.md: what stands where, what is missing, since when, and how sure that is.

A *place* is a SKU in a device: planned there, or seen there. What it holds is *known* from the device's latest trusted
capture, if that is younger than `STALE_AFTER`; else it is *unknown*, never zero.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pandas as pd

from serving.figures import Estimate, bounded
from serving.queries import STALE_AFTER, Filters, Reader

LOOKBACK = timedelta(days=14)  # how far back the beginning of a shortage is looked for


def counted(reader: Reader) -> str:
    """Condition in SQL that leaves out captures that repeat another of the same burst, where the view tells them."""
    return "repeat_of IS NULL" if "repeat_of" in reader.columns("views/inventory") else "TRUE"


def places(reader: Reader, filters: Filters) -> pd.DataFrame:
    """One row a place, planned or seen, with what it holds and since when.

    Columns: store_id, device_id, sku, facings, expected, state, why, seen_at, capture_id, out_since, full_at.
    `state` is "known" or "unknown" (facings null, `why`: "no photo", "no trusted photo", "stale" or "newer plan").
    `out_since` is the first trusted capture without a facing after `full_at`, the last with one (null: none in sight).
    """
    scope = replace(filters, start=max(filters.start, filters.end - LOOKBACK))
    return reader.frame(
        f"""
        WITH shots AS (SELECT * FROM views_inventory WHERE {scope.where()} AND {counted(reader)}),
        latest AS (
            SELECT device_id, any_value(store_id) AS store_id, max(captured_at) AS any_at,
                   arg_max(capture_id, captured_at) AS any_id,
                   max(captured_at) FILTER (trusted) AS trusted_at,
                   arg_max(capture_id, captured_at) FILTER (trusted AND captured_at > $fresh) AS trusted_id
            FROM shots GROUP BY device_id
        ),
        plans AS (
            SELECT store_id, device_id, sku, CAST(sum(facings) AS BIGINT) AS expected FROM (
                SELECT *, rank() OVER (PARTITION BY device_id ORDER BY valid_from DESC, planogram_id DESC) AS place
                FROM planograms WHERE {filters.where("valid_from", since=False)}
            ) WHERE place = 1 GROUP BY ALL
        ),
        seen AS (
            SELECT s.store_id, s.device_id, s.sku, s.captured_at, s.capture_id,
                   CASE WHEN l.trusted_id IS NOT NULL THEN s.facings END AS facings
            FROM shots s JOIN latest l
              ON l.device_id = s.device_id AND s.capture_id = coalesce(l.trusted_id, l.any_id)
        ),
        full_last AS (
            SELECT device_id, sku, max(captured_at) FILTER (trusted AND facings > 0) AS full_at
            FROM shots GROUP BY device_id, sku
        ),
        gaps AS (
            SELECT s.device_id, s.sku, min(s.captured_at) AS out_since
            FROM shots s JOIN full_last f ON f.device_id = s.device_id AND f.sku = s.sku
            WHERE s.trusted AND s.facings = 0 AND (f.full_at IS NULL OR s.captured_at > f.full_at) GROUP BY ALL
        ),
        joined AS (
            SELECT coalesce(s.store_id, l.store_id, p.store_id) AS store_id,
                   coalesce(s.device_id, p.device_id) AS device_id, coalesce(s.sku, p.sku) AS sku,
                   s.facings, p.expected, s.captured_at AS seen_at, s.capture_id, l.trusted_id, l.trusted_at, l.any_at
            FROM seen s FULL OUTER JOIN plans p ON p.device_id = s.device_id AND p.sku = s.sku
            LEFT JOIN latest l ON l.device_id = coalesce(s.device_id, p.device_id)
        )
        SELECT j.store_id, j.device_id, j.sku, j.facings, j.expected,
               CASE WHEN j.facings IS NOT NULL THEN 'known' ELSE 'unknown' END AS state,
               CASE WHEN j.facings IS NOT NULL THEN NULL WHEN j.any_at IS NULL THEN 'no photo'
                    WHEN j.trusted_id IS NOT NULL THEN 'newer plan' WHEN j.trusted_at IS NULL THEN 'no trusted photo'
                    ELSE 'stale' END AS why,
               j.seen_at, j.capture_id,
               CASE WHEN j.facings = 0 THEN g.out_since END AS out_since,
               CASE WHEN j.facings = 0 THEN f.full_at END AS full_at
        FROM joined j
        LEFT JOIN gaps g ON g.device_id = j.device_id AND g.sku = j.sku
        LEFT JOIN full_last f ON f.device_id = j.device_id AND f.sku = j.sku
        WHERE coalesce(j.facings, 0) > 0 OR j.expected > 0 OR j.facings IS NULL
        ORDER BY 1, 2, 3
        """,
        scope.params(fresh=filters.end - STALE_AFTER),
    )


def planned(rows: pd.DataFrame) -> pd.DataFrame:
    """The places that the planogram knows."""
    return rows[rows["expected"].fillna(0) > 0]


def out_of_stock(rows: pd.DataFrame) -> pd.DataFrame:
    """Planned places known to be without a facing."""
    return rows[(rows["expected"].fillna(0) > 0) & (rows["facings"] == 0)]


def availability(rows: pd.DataFrame) -> Estimate:
    """On-shelf availability: planned places with a facing, of the known ones; bounds by the unknown ones."""
    wanted = planned(rows)
    known = wanted["facings"].notna()
    return bounded(int((wanted["facings"] > 0).sum()), int(known.sum()), int((~known).sum()))


def compliance(rows: pd.DataFrame) -> Estimate:
    """Planned facings that stand there, of those planned at known places; bounds by the unknown ones."""
    wanted = planned(rows)
    known = wanted[wanted["facings"].notna()]
    there = known[["facings", "expected"]].astype(float).min(axis=1).sum()
    return bounded(
        float(there), float(known["expected"].sum()), float(wanted["expected"].sum() - known["expected"].sum())
    )


def deviations(rows: pd.DataFrame) -> pd.DataFrame:
    """Known places that differ from the plan: the columns of `places`, `kind` ("out of stock", "missing", "extra",
    "not planned") and `gap`, facings above (+) or below (-) plan. A device without any plan deviates from none.
    """
    has_plan = set(planned(rows)["device_id"])
    known = rows[rows["facings"].notna() & rows["device_id"].isin(has_plan)]
    gap = (known["facings"] - known["expected"].fillna(0)).astype(int)
    kind = pd.Series("extra", index=known.index)
    kind[known["expected"].isna()] = "not planned"
    kind[gap < 0] = "missing"
    kind[known["facings"] == 0] = "out of stock"
    return known.assign(gap=gap, kind=kind)[gap != 0]


def coverage(rows: pd.DataFrame, estate: pd.DataFrame) -> Estimate:
    """Devices seen by a trusted photo within `STALE_AFTER`, of all that ever sent a capture or have a planogram."""
    everyone = set(estate["device_id"]) | set(rows["device_id"])
    seen = rows.loc[rows["facings"].notna(), "device_id"].nunique()
    return bounded(seen, len(everyone), 0)


def share_of_shelf(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a SKU, largest share first: sku, facings, devices, share, low, high, plan (its share of planned facings).

    Bounds: what is unknown holds none of the SKU and all its planned facings of the others, or the other way round.
    """
    known, unknown = rows[rows["facings"].notna()], rows[rows["facings"].isna()]
    seen = known.groupby("sku")["facings"].sum()
    total, hidden = float(seen.sum()), unknown.groupby("sku")["expected"].sum()
    wanted = planned(rows).groupby("sku")["expected"].sum()
    made = pd.DataFrame({"sku": sorted(set(rows["sku"]))}).set_index("sku")
    made["facings"] = seen
    made["devices"] = known[known["facings"] > 0].groupby("sku")["device_id"].nunique()
    made = made.fillna(0.0)
    own = hidden.reindex(made.index).fillna(0.0)
    others = float(hidden.sum()) - own
    made["share"] = made["facings"] / total if total else float("nan")
    made["low"] = made["facings"] / (total + others).where(total + others > 0)
    made["high"] = (made["facings"] + own) / (total + own).where(total + own > 0)
    made["plan"] = wanted.reindex(made.index) / max(1.0, float(wanted.sum()))
    return made.reset_index().sort_values(["facings", "sku"], ascending=[False, True])


def duration_s(out_since: datetime, full_at: datetime | None, now: datetime) -> tuple[float, float | None]:
    """Seconds that a place has been empty, at least and at most (None: unbounded): it ran out between two captures."""
    least = (now - out_since).total_seconds()
    return least, None if full_at is None or pd.isna(full_at) else (now - full_at).total_seconds()


def facings_over_time(reader: Reader, filters: Filters, device: str, sku: str) -> pd.DataFrame:
    """Facings of one SKU in one device by time: captured_at, facings, expected, trusted, capture_id."""
    return reader.frame(
        f"""SELECT captured_at, facings, expected, trusted, capture_id FROM views_inventory
        WHERE {filters.where()} AND device_id = $device AND sku = $sku AND {counted(reader)}
        ORDER BY captured_at DESC LIMIT 5000""",
        filters.params(device=device, sku=sku),
    ).sort_values("captured_at")


def availability_by_hour(reader: Reader, filters: Filters) -> pd.DataFrame:
    """Share of planned places with a facing, over trusted captures, by hour of capture: hour, available."""
    return reader.frame(
        f"""SELECT date_trunc('hour', captured_at) AS hour, avg(CAST(facings > 0 AS INT)) AS available
        FROM views_inventory WHERE {filters.where()} AND trusted AND expected > 0 AND facings IS NOT NULL
        AND {counted(reader)} GROUP BY 1 ORDER BY 1""",
        filters.params(),
    )
