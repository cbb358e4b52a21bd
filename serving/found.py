"""The captures behind a figure: which ones it counts, and their list. Pure, as `serving.queries`.

A figure's link names its captures by a word of `WHICH`; the same word counts them and lists them.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from serving.covers import UNBUILT, covered
from serving.queries import CHANCES, Filters, Reader, named, scored, seen
from serving.reader import Given

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
_UNREADABLE = "sha256 IN (SELECT sha256 FROM views_unreadable)"


def late_after_s(reader: Reader) -> float:
    """Seconds from capture to receipt above which a capture is late, as the latest rebuild of throughput had it."""
    found = reader.frame(
        'SELECT try_cast(regexp_extract(parameters, \'"late_after_s":\\s*"?([0-9.]+)\', 1) AS DOUBLE) AS late'
        " FROM runs WHERE step = 'throughput' AND status = 'ok' ORDER BY finished_at DESC LIMIT 1"
    )
    return LATE_AFTER_S if found.empty or pd.isna(found["late"].iloc[0]) else float(found["late"].iloc[0])


@dataclass(frozen=True)
class Wanted:
    """SQL of the captures that a word names, with their p_good where it was asked for, and the values it may name."""

    text: str
    params: dict[str, object]
    given: Given | None = None


def wanted(reader: Reader, filters: Filters, which: str, *, judged: bool = False) -> Wanted:
    """The captures of the window that a word of `WHICH` names; with `judged`, those that were scored.

    Raises KeyError for another word.
    """
    inside, given = filters.where(), scored(reader, filters) if judged else None
    every = "given WHERE p_good IS NOT NULL" if judged else f"captures WHERE {inside}"
    is_scored = "p_good IS NOT NULL" if judged else "sha256 IN (SELECT sha256 FROM views_quality WHERE p_good NOTNULL)"
    in_view = f"capture_id IN ({seen(filters)})"
    place = f"""capture_id IN (SELECT capture_id FROM captures WHERE {inside} AND sha256 IS NOT NULL
        QUALIFY row_number() OVER (PARTITION BY sha256 ORDER BY captured_at, capture_id)"""
    texts = {
        "": "TRUE",
        "late": "epoch(received_at) - epoch(captured_at) > $late_after_s",
        "repeated photo": f"{place} > 1)",
        "distinct photo": f"{place} = 1)",
        "scored": is_scored,
        "not scored yet": f"NOT ({is_scored}) AND NOT ({_UNREADABLE})",
        "unreadable": _UNREADABLE,
        "in view": in_view,
        "not in view yet": f"{UNBUILT} AND NOT ({in_view})",
        "without annotation": f"NOT {UNBUILT} AND NOT ({in_view})",
    }
    text = f"SELECT * FROM {every} AND {texts[which]}"
    if which in ("not in view yet", "without annotation") and not judged:
        # Few are left here: their hashes are looked for in quality, instead of all its hashes being held.
        text = f"""WITH rest AS MATERIALIZED ({text}) SELECT * FROM rest WHERE sha256 IN (
            SELECT sha256 FROM views_quality WHERE p_good NOTNULL AND sha256 IN (SELECT sha256 FROM rest))"""
    params = filters.params(**covered(reader, "inventory").params())
    return Wanted(text, params | ({"late_after_s": late_after_s(reader)} if which == "late" else {}), given)


def count(reader: Reader, filters: Filters, which: str) -> int:
    """How many captures of the window the word names: as many as `captures` lists without a limit."""
    of = wanted(reader, filters, which)
    found = reader.frame(f"SELECT count(*) AS n FROM ({of.text})", named(of.text, of.params), of.given)
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
    worst, chances = order == "worst", ", ".join(CHANCES)
    of = wanted(reader, filters, which, judged=worst)
    asked = f"""
        WITH wanted AS MATERIALIZED (
            SELECT capture_id, captured_at{", p_good" if worst else ""} FROM ({of.text})
            WHERE ($text = '' OR contains(lower(concat_ws(' ', capture_id, device_id, store_id, sha256)), lower($text)))
            AND ($label = '' OR sha256 IN (SELECT sha256 FROM views_crops WHERE label = $label))
        ),
        listed AS MATERIALIZED (
            SELECT capture_id FROM wanted ORDER BY {"p_good," if worst else ""} captured_at DESC, capture_id LIMIT $n
        ),
        told AS MATERIALIZED (
            SELECT capture_id, store_id, device_id, captured_at, received_at, trigger, image_uri, sha256, source, schema
            FROM captures WHERE {filters.where()} AND capture_id IN (SELECT capture_id FROM listed)
        )
        SELECT t.*, q.* EXCLUDE (sha256), u.reason AS unreadable, (SELECT count(*) FROM wanted) AS matching
        FROM told t LEFT JOIN (
            SELECT sha256, {chances} FROM views_quality WHERE sha256 IN (SELECT sha256 FROM told)
        ) q USING (sha256) LEFT JOIN views_unreadable u USING (sha256)
        ORDER BY {"q.p_good," if worst else ""} t.captured_at DESC, t.capture_id
        """
    return reader.frame(asked, named(asked, {**of.params, "text": text, "label": label, "n": limit}), of.given)
