"""The ledgers: what was refused, and which steps ran. A word of `RECORDS` or `STEPS` counts its rows and lists them."""

from __future__ import annotations

import pandas as pd

from serving.queries import EVERYTHING, Filters, Reader

# As the URL and the pages have them; "" is every one.
OPEN, NAMELESS = "still open", "of unknown origin"
RECORDS = {"": "TRUE", OPEN: "state <> 'replayed'", NAMELESS: "device_id = 'unknown'"}
LAST, FAILED, GAPS = "last of each run", "failed", "unaccounted"
STEPS = {
    "": "TRUE",
    LAST: "last",
    FAILED: "status = 'failed'",
    GAPS: """status = 'ok' AND rows_in IS NOT NULL
        AND rows_in <> coalesce(rows_ok, 0) + coalesce(rows_skipped, 0) + coalesce(rows_rejected, 0)""",
}
_REPLAYED = """SELECT reject_id, outcome FROM replays
    QUALIFY row_number() OVER (PARTITION BY reject_id ORDER BY replayed_at DESC) = 1"""
_NONE = "SELECT '' AS reject_id, '' AS outcome WHERE FALSE"
_RUNS = "(SELECT *, row_number() OVER (PARTITION BY run_id ORDER BY started_at DESC, step) = 1 AS last FROM runs)"


def _records(reader: Reader, filters: Filters) -> str:
    replayed = _REPLAYED if reader.columns("master/replays") else _NONE
    return f"""(
        SELECT * FROM (
            SELECT reject_id, rejected_at, coalesce(occurred_at, rejected_at) AS occurred_at, reason, detail, origin,
                   attempts, coalesce(store_id, 'unknown') AS store_id, coalesce(device_id, 'unknown') AS device_id,
                   CASE outcome WHEN 'ok' THEN 'replayed' WHEN 'again' THEN 'refused again' ELSE 'open' END AS state
            FROM rejected LEFT JOIN ({replayed}) USING (reject_id)
        ) WHERE {filters.where("occurred_at")}
    )"""


def _counts(reader: Reader, table: str, words: dict[str, str], params: dict[str, object]) -> dict[str, int]:
    columns = ", ".join(f"count(*) FILTER ({text})" for text in words.values())
    row = reader.frame(f"SELECT {columns} FROM {table}", params).iloc[0]
    return {word: int(count) for word, count in zip(words, row, strict=True)}


def _in_window(filters: Filters) -> dict[str, object]:
    return {**filters.params(), "end": EVERYTHING.end}  # a record's own time may lie after the newest capture


def records(reader: Reader, filters: Filters) -> dict[str, int]:
    """How many refused records of the window each word of `RECORDS` names."""
    return _counts(reader, _records(reader, filters), RECORDS, _in_window(filters))


def rejected(reader: Reader, filters: Filters, *, reason: str = "", which: str = "", limit: int = 1000) -> pd.DataFrame:
    """What was refused in the window and a word of `RECORDS` names, newest first, with `state` (open, replayed, refused
    again) and `matching`, the count of all; no payloads.

    Records that did not tell their store or device show as "unknown", and pass no filter on these.
    """
    return reader.frame(
        f"""SELECT *, count(*) OVER () AS matching FROM {_records(reader, filters)}
        WHERE ($reason = '' OR reason = $reason) AND {RECORDS[which]}
        ORDER BY occurred_at DESC, reject_id LIMIT $n""",
        {**_in_window(filters), "reason": reason, "n": limit},
    )


def refusals(reader: Reader, filters: Filters) -> pd.DataFrame:
    """What was refused in the window, counted: reason, device_id ("unknown" where it did not tell), records."""
    return reader.frame(
        f"""SELECT reason, device_id, count(*) AS records FROM {_records(reader, filters)}
        GROUP BY 1, 2 ORDER BY records DESC, 1, 2""",
        _in_window(filters),
    )


def steps(reader: Reader) -> dict[str, int]:
    """How many steps of runs each word of `STEPS` names."""
    return _counts(reader, _RUNS, STEPS, {})


def runs(reader: Reader, which: str = "", limit: int = 500) -> pd.DataFrame:
    """Steps of runs that a word of `STEPS` names, newest first, with `matching`, the count of all."""
    return reader.frame(
        f"""SELECT * EXCLUDE (last), count(*) OVER () AS matching FROM {_RUNS} WHERE {STEPS[which]}
        ORDER BY started_at DESC, step LIMIT $n""",
        {"n": limit},
    )


def checks(reader: Reader) -> pd.DataFrame:
    """The latest verdict on each rule of the lake's health: checked_at, rule, level, status, value, limit, detail.

    Empty where the lake has no such table, or nothing was checked.
    """
    if not reader.columns("checks"):
        return pd.DataFrame(columns=["checked_at", "rule", "level", "status", "value", "limit", "detail"])
    return reader.frame(
        'SELECT checked_at, rule, level, status, value, "limit", detail FROM checks'
        " QUALIFY row_number() OVER (PARTITION BY rule ORDER BY checked_at DESC) = 1 ORDER BY rule LIMIT 500"
    )
