"""views/repeats: captures that show an exposure again which the same device sent shortly before, in other bytes or not.

A capture repeats the earliest one that lies at most `repeat_window_s` before it, looks the same and is itself no
repeat: so each is compared with what it stands behind, and a shelf that changes slowly is never counted as one.
A photo that can be used never repeats one that can't: a sharp second try counts.

Looking the same means at most `DISTANCE_LIMIT` bits of the hash and `LEVEL_LIMIT` levels of each cell. Candidates
share one of the hash's bands, as every pair within the limit does; then whole words of cells are compared at once.
"""

from __future__ import annotations

from batch.views.declare import Source, SqlView
from imaging.likeness import CELL_BITS, CELLS_A_WORD, DISTANCE_LIMIT, LEVEL_LIMIT
from schemas.tables import BANDS, CELL_WORDS, LIKENESS, REPEATS

# In each cell of a word: the bit above its level, and that bit with the limit added to the level.
_GUARD = sum(1 << (CELL_BITS * cell + CELL_BITS - 1) for cell in range(CELLS_A_WORD))
_SLACK = _GUARD + sum(LEVEL_LIMIT << (CELL_BITS * cell) for cell in range(CELLS_A_WORD))


def _within(word: str) -> str:
    """No cell of `word` differs by more than the limit: no subtraction borrows its cell's guard, either way."""
    return " AND ".join(
        f"((CAST({_SLACK} AS BIGINT) + {x}.{word} - {y}.{word}) & CAST({_GUARD} AS BIGINT)) = CAST({_GUARD} AS BIGINT)"
        for x, y in (("n", "o"), ("o", "n"))
    )


def _differing(band: str) -> str:
    """Bits that differ: DuckDB and Spark have no name in common for exclusive or."""
    return f"bit_count(CAST((n.{band} | o.{band}) - (n.{band} & o.{band}) AS BIGINT))"


_NUMBERS = ", ".join(f"({number})" for number in range(len(BANDS)))
_BAND = " ".join(f"WHEN {number} THEN l.{band}" for number, band in enumerate(BANDS))
_WINDOW = "CAST({repeat_window_s} * 1000000 AS BIGINT)"

VIEW = SqlView(
    table=REPEATS,
    sources=(
        Source(
            "master/captures",
            ("capture_id", "device_id", "captured_at", "sha256"),
            "SELECT device_id FROM changed",
            "device_id IN (SELECT device_id FROM scopes)",
        ),
        Source(
            "views/likeness",
            LIKENESS.columns,
            "SELECT c.device_id FROM captures c JOIN changed n ON n.sha256 = c.sha256",
            "sha256 IN (SELECT sha256 FROM captures)",
        ),
        Source(
            "views/quality",
            ("sha256", "p_good"),
            "SELECT c.device_id FROM captures c JOIN changed n ON n.sha256 = c.sha256",
            "sha256 IN (SELECT sha256 FROM captures)",
        ),
    ),
    scope=("device_id",),
    sql=f"""
        WITH shots AS (
            SELECT c.capture_id, c.device_id, c.sha256, unix_micros(c.captured_at) AS moment,
                   unix_micros(c.captured_at) - unix_micros(c.captured_at) % {_WINDOW} AS slot,
                   coalesce(q.p_good >= {{trust_threshold}}, FALSE) AS usable,
                   b.number, CASE b.number {_BAND} END AS band
            FROM captures c
            JOIN views_likeness l ON l.sha256 = c.sha256
            LEFT JOIN views_quality q ON q.sha256 = c.sha256
            CROSS JOIN (VALUES {_NUMBERS}) AS b(number)
        ),
        sought AS (
            SELECT capture_id, device_id, sha256, moment, usable, number, band, slot FROM shots
            UNION ALL
            SELECT capture_id, device_id, sha256, moment, usable, number, band, slot - {_WINDOW} AS slot FROM shots
        ),
        candidates AS (
            SELECT DISTINCT n.capture_id, n.device_id, n.sha256, n.moment,
                   o.capture_id AS earlier_id, o.sha256 AS earlier, o.moment AS earlier_moment
            FROM sought n JOIN shots o
              ON o.device_id = n.device_id AND o.slot = n.slot AND o.number = n.number AND o.band = n.band
            WHERE (o.usable OR NOT n.usable) AND n.moment - o.moment <= {_WINDOW}
              AND (o.moment < n.moment OR (o.moment = n.moment AND o.capture_id < n.capture_id))
        ),
        compared AS (
            SELECT k.capture_id, k.device_id, k.earlier_id, k.earlier_moment, k.moment,
                   {" + ".join(map(_differing, BANDS))} AS distance
            FROM candidates k
            JOIN views_likeness n ON n.sha256 = k.sha256
            JOIN views_likeness o ON o.sha256 = k.earlier
            WHERE {" AND ".join(map(_within, CELL_WORDS))}
        ),
        alike AS (SELECT * FROM compared WHERE distance <= {DISTANCE_LIMIT}),
        ranked AS (
            SELECT a.capture_id, a.device_id, a.earlier_id, a.distance, a.moment - a.earlier_moment AS gap_us,
                   row_number() OVER (PARTITION BY a.capture_id ORDER BY a.earlier_moment, a.earlier_id) AS place
            FROM alike a LEFT JOIN (SELECT DISTINCT capture_id FROM alike) r ON r.capture_id = a.earlier_id
            WHERE r.capture_id IS NULL
        )
        SELECT capture_id, device_id, earlier_id AS repeat_of, CAST(distance AS INT) AS distance,
               CAST(gap_us AS DOUBLE) / 1000000 AS after_s
        FROM ranked WHERE place = 1
    """,
    parameters=("repeat_window_s", "trust_threshold"),
)
