"""The captures behind a figure: which ones it counts, and their list. Pure, as `serving.queries`.

A figure's link names its captures by a word of `WHICH`; the same word counts them and lists them.
"""

from __future__ import annotations

import pandas as pd

from serving.queries import CHANCES, Filters, Reader, scored

# As the URL and the page have them; "" is every capture.
WHICH = (
    "",
    "late",
    "repeated photo",
    "distinct photo",
    "scored",
    "not scored yet",
    "unreadable",
    "in view",
    "not in view yet",
    "without annotation",
)
LATE_AFTER_S = 900.0
_SCORED = "sha256 IN (SELECT sha256 FROM views_quality WHERE p_good IS NOT NULL)"
_UNREADABLE = "sha256 IN (SELECT sha256 FROM views_unreadable)"
# No rebuild of the inventory pinned its sources after the ingest that took the capture in. As `flow.stages` tells it.
_UNBUILT = """(EXISTS (SELECT 1 FROM runs WHERE step = 'inventory' AND status = 'ok' AND pinned_at IS NOT NULL)
    AND NOT coalesce(received_at <= (
        SELECT max(finished_at) FROM runs WHERE step IN ('ingest', 'archive') AND status = 'ok' AND finished_at <= (
            SELECT max(pinned_at) FROM runs WHERE step = 'inventory' AND status = 'ok')), FALSE))"""


def late_after_s(reader: Reader) -> float:
    """Seconds from capture to receipt above which a capture is late, as the latest rebuild of throughput had it."""
    found = reader.frame(
        'SELECT try_cast(regexp_extract(parameters, \'"late_after_s":\\s*"?([0-9.]+)\', 1) AS DOUBLE) AS late'
        " FROM runs WHERE step = 'throughput' AND status = 'ok' ORDER BY finished_at DESC LIMIT 1"
    )
    return LATE_AFTER_S if found.empty or pd.isna(found["late"].iloc[0]) else float(found["late"].iloc[0])


def condition(reader: Reader, filters: Filters, which: str) -> tuple[str, dict[str, object]]:
    """SQL over master/captures that holds for the captures of a word of `WHICH`, and the values that it names.

    Raises KeyError for another word.
    """
    inside = filters.where()
    seen = f"capture_id IN (SELECT capture_id FROM views_inventory WHERE {inside} AND facings IS NOT NULL)"
    place = f"""capture_id IN (SELECT capture_id FROM captures WHERE {inside} AND sha256 IS NOT NULL
        QUALIFY row_number() OVER (PARTITION BY sha256 ORDER BY captured_at, capture_id)"""
    texts = {
        "": "TRUE",
        "late": "epoch(received_at) - epoch(captured_at) > $late_after_s",
        "repeated photo": f"{place} > 1)",
        "distinct photo": f"{place} = 1)",
        "scored": _SCORED,
        "not scored yet": f"NOT {_SCORED} AND NOT {_UNREADABLE}",
        "unreadable": _UNREADABLE,
        "in view": seen,
        "not in view yet": f"{_SCORED} AND NOT {seen} AND {_UNBUILT}",
        "without annotation": f"{_SCORED} AND NOT {seen} AND NOT {_UNBUILT}",
    }
    return texts[which], {"late_after_s": late_after_s(reader)} if which == "late" else {}


def count(reader: Reader, filters: Filters, which: str) -> int:
    """How many captures of the window the word names: as many as `captures` lists without a limit."""
    text, values = condition(reader, filters, which)
    found = reader.frame(
        f"SELECT count(*) AS n FROM captures WHERE {filters.where()} AND {text}", filters.params(**values)
    )
    return int(found["n"].iloc[0])


def captures(
    reader: Reader,
    filters: Filters,
    *,
    text: str = "",
    label: str = "",
    which: str = "",
    order: str = "newest",
    limit: int = 200,
) -> pd.DataFrame:
    """Captures, newest or worst first, whose id, device, store or hash holds `text`, whose crops have `label` and that
    `which` names (see `WHICH`).

    Columns: those of master/captures that say what it is, the chances of each class, `unreadable` (the reason) and
    `matching`, the count of all.
    """
    worst = order == "worst"
    chances = ", ".join(CHANCES)
    narrowed, values = condition(reader, filters, which)
    return reader.frame(
        f"""
        WITH wanted AS (
            SELECT * FROM captures WHERE {filters.where()}
            AND ($text = '' OR contains(lower(concat_ws(' ', capture_id, device_id, store_id, sha256)), lower($text)))
            AND ($label = '' OR sha256 IN (SELECT sha256 FROM views_crops WHERE label = $label))
            AND {narrowed}
        ),
        listed AS MATERIALIZED (
            SELECT w.*, count(*) OVER () AS matching {", q.p_good AS worth" if worst else ""} FROM wanted w
            {"JOIN given q USING (sha256, captured_at, device_id) WHERE q.p_good IS NOT NULL" if worst else ""}
            ORDER BY {"worth," if worst else ""} w.captured_at DESC, w.capture_id LIMIT $n
        )
        SELECT l.capture_id, l.store_id, l.device_id, l.captured_at, l.received_at, l.trigger, l.image_uri, l.sha256,
               l.source, l.schema, q.* EXCLUDE (sha256), u.reason AS unreadable, l.matching
        FROM listed l LEFT JOIN (
            SELECT sha256, {chances} FROM views_quality WHERE sha256 IN (SELECT sha256 FROM listed)
        ) q USING (sha256) LEFT JOIN views_unreadable u USING (sha256)
        ORDER BY {"q.p_good," if worst else ""} l.captured_at DESC, l.capture_id
        """,
        filters.params(text=text, label=label, n=limit, **values),
        scored(reader, filters) if worst else None,
    )
