"""The captures behind a figure: which ones it counts, and their list. Pure, as `serving.queries`.

A figure's link names its captures by a word of `WHICH`; the same word counts them and lists them.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from serving.covers import UNBUILT, covered
from serving.merge import ON_THE_WAY
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
    "of both layers",
    "only live",
    "scored live",
    "scored by both layers",
)
# Of these the speed layer holds some that are not archived yet: whoever asks gives `serving.merge.Merged.lacking`.
LIVE = frozenset(("late", "of both layers", "only live", "scored live"))
LATE_AFTER_S = 900.0
_UNREADABLE = "sha256 IN (SELECT sha256 FROM views_unreadable)"
_ROW = {"capture_id": "VARCHAR", "store_id": "VARCHAR", "device_id": "VARCHAR", "captured_at": "TIMESTAMPTZ",
        "sha256": "VARCHAR", "source": "VARCHAR"}  # fmt: skip
_ROWS = f"""SELECT unnest(CAST($live AS STRUCT({", ".join(f"{name} {kind}" for name, kind in _ROW.items())})[]),
    recursive := true)"""


def late_after_s(reader: Reader) -> float:
    """Seconds from capture to receipt above which a capture is late, as the latest rebuild of throughput had it."""
    found = reader.frame(
        'SELECT try_cast(regexp_extract(parameters, \'"late_after_s":\\s*"?([0-9.]+)\', 1) AS DOUBLE) AS late'
        " FROM runs WHERE step = 'throughput' AND status = 'ok' ORDER BY finished_at DESC LIMIT 1"
    )
    return LATE_AFTER_S if found.empty or pd.isna(found["late"].iloc[0]) else float(found["late"].iloc[0])


def scores() -> str:
    """SQL of what the speed layer found of photos: capture_id and the chances of each class. Scored twice, the better
    chosen of the two, as `lake.seam` has it.
    """
    return f"""SELECT DISTINCT ON (capture_id) capture_id, {", ".join(CHANCES)} FROM realtime_quality
        WHERE p_good IS NOT NULL
        ORDER BY capture_id, sampling_probability DESC, source, kafka_partition, kafka_offset"""


@dataclass(frozen=True)
class Wanted:
    """SQL of the captures that a word names, with their p_good where it was asked for, and the values it may name.

    `live`: some of them may not be archived: their rows are in the value of that name, and their scores in `scores`.
    """

    text: str
    params: dict[str, object]
    given: Given | None = None
    live: bool = False


def wanted(
    reader: Reader, filters: Filters, which: str, *, judged: bool = False, lacking: pd.DataFrame | None = None
) -> Wanted:
    """The captures of the window that a word of `WHICH` names; with `judged`, those that were scored.

    `lacking`: what the speed layer holds beyond the batch views in this window, for the words of `LIVE`. Raises
    KeyError for another word.
    """
    rows = _rows(which, lacking)
    live = rows is not None
    inside, given = filters.where(), scored(reader, filters) if judged else None
    scored_by_batch = "sha256 IN (SELECT sha256 FROM views_quality WHERE p_good NOTNULL)"
    is_scored = "p_good IS NOT NULL" if judged and not live else scored_by_batch
    in_view = f"capture_id IN ({seen(filters)})"
    place = f"""capture_id IN (SELECT capture_id FROM captures WHERE {inside} AND sha256 IS NOT NULL
        QUALIFY row_number() OVER (PARTITION BY sha256 ORDER BY captured_at, capture_id)"""
    has_live_score = "capture_id IN (SELECT capture_id FROM realtime_quality WHERE p_good NOTNULL)"
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
        "of both layers": "TRUE",
        "only live": "FALSE",  # all of it is in `lacking`
        "scored live": has_live_score,
        "scored by both layers": f"{has_live_score} AND {is_scored}",
    }
    text = f"SELECT * FROM captures WHERE {inside} AND {texts[which]}"
    if live:
        text = f"{text} UNION ALL BY NAME ({_ROWS})"
    if judged and live:
        text = f"""SELECT w.*, coalesce(g.p_good, s.p_good) AS p_good FROM ({text}) w
            LEFT JOIN (SELECT capture_id, p_good FROM given) g USING (capture_id)
            LEFT JOIN (SELECT capture_id, p_good FROM ({scores()})) s USING (capture_id)
            WHERE coalesce(g.p_good, s.p_good) IS NOT NULL"""
    elif judged:
        text = f"SELECT * FROM given WHERE p_good IS NOT NULL AND {texts[which]}"
    elif which in ("not in view yet", "without annotation"):
        # Few are left here: their hashes are looked for in quality, instead of all its hashes being held.
        text = f"""WITH rest AS MATERIALIZED ({text}) SELECT * FROM rest WHERE sha256 IN (
            SELECT sha256 FROM views_quality WHERE p_good NOTNULL AND sha256 IN (SELECT sha256 FROM rest))"""
    params = filters.params(**covered(reader, "inventory").params(), live=rows)
    return Wanted(text, params | ({"late_after_s": late_after_s(reader)} if which == "late" else {}), given, live)


def _rows(which: str, lacking: pd.DataFrame | None) -> list[dict[str, object]] | None:
    """What a word takes of the captures that the batch views lack; None where it takes none of such."""
    if which not in LIVE or lacking is None:
        return None
    kept = lacking[lacking["capture_id"].notna()]
    if which != "only live":
        kept = kept[kept["state"] == ON_THE_WAY]
    if which in ("late", "scored live"):
        kept = kept[kept["late" if which == "late" else "scored"]]
    told = kept[list(_ROW)].to_dict("records")
    return [{str(name): None if pd.isna(value) else value for name, value in row.items()} for row in told]


def count(reader: Reader, filters: Filters, which: str, lacking: pd.DataFrame | None = None) -> int:
    """How many captures of the window the word names: as many as `captures` lists without a limit."""
    of = wanted(reader, filters, which, lacking=lacking)
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
    lacking: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Captures, newest or worst first, whose id, device, store or hash holds `text`, whose crops have `label` and that
    `which` names (see `WHICH`, and `wanted` for `lacking`).

    Columns: those of master/captures that say what it is (null: not archived yet), the chances of each class,
    `unreadable` (the reason) and `matching`, the count of all.
    """
    worst = order == "worst"
    of = wanted(reader, filters, which, judged=worst, lacking=lacking)
    chances = ", ".join(f"coalesce(q.{name}, s.{name}) AS {name}" if of.live else f"q.{name}" for name in CHANCES)
    beyond = f"""UNION ALL BY NAME SELECT * FROM ({_ROWS})
        WHERE capture_id IN (SELECT capture_id FROM listed) AND capture_id NOT IN (SELECT capture_id FROM told)"""
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
            FROM captures WHERE captured_at >= $start AND capture_id IN (SELECT capture_id FROM listed)
        ),
        shown AS MATERIALIZED (SELECT * FROM told {beyond if of.live else ""})
        SELECT t.*, {chances}, u.reason AS unreadable, (SELECT count(*) FROM wanted) AS matching
        FROM shown t LEFT JOIN (
            SELECT * FROM views_quality WHERE sha256 IN (SELECT sha256 FROM shown)
        ) q USING (sha256) LEFT JOIN views_unreadable u USING (sha256)
        {f"LEFT JOIN ({scores()}) s USING (capture_id)" if of.live else ""}
        ORDER BY {"p_good," if worst else ""} t.captured_at DESC, t.capture_id
        """
    return reader.frame(asked, named(asked, {**of.params, "text": text, "label": label, "n": limit}), of.given)
