"""The ledger of what was refused: rejected rows of master, and photos that did not decode."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lake import Lake
from schemas.reasons import Reason

_LEDGER = """
    WITH ledger AS (
        SELECT rejected_at, reason, origin, detail, octet_length(payload) AS payload_bytes, attempts FROM rejected
        UNION ALL
        SELECT i.received_at, u.reason, i.image_uri, u.detail, m.size_bytes, 1
        FROM views_unreadable u
        LEFT JOIN images m ON m.sha256 = u.sha256
        LEFT JOIN (
            SELECT sha256, min(received_at) AS received_at, min(image_uri) AS image_uri FROM captures GROUP BY sha256
        ) i ON i.sha256 = u.sha256
    )
    SELECT * FROM ledger WHERE $reason IS NULL OR reason = $reason
"""


@dataclass(frozen=True)
class ReasonCount:
    """How many were refused for one reason, and what it means."""

    reason: str
    rows: int
    explain: str


@dataclass(frozen=True)
class RejectedRow:
    """One refused row or photo. `payload_bytes` is None where nothing was kept."""

    rejected_at: datetime | None
    reason: str
    origin: str | None
    detail: str | None
    payload_bytes: int | None
    attempts: int


@dataclass(frozen=True)
class Ledger:
    """Counts by reason, and the newest rows."""

    total: int
    reasons: tuple[ReasonCount, ...]
    rows: tuple[RejectedRow, ...]


def list_rejected(lake: Lake, *, reason: str | None = None, limit: int = 50) -> Ledger:
    """The ledger, or one reason of it; at most `limit` rows, the newest first."""
    counts = lake.sql(
        f"SELECT reason, count(*) AS n FROM ({_LEDGER}) GROUP BY reason ORDER BY n DESC, reason", {"reason": reason}
    )
    rows = lake.sql(
        f"SELECT * FROM ({_LEDGER}) ORDER BY rejected_at DESC NULLS LAST, origin LIMIT $limit",
        {"reason": reason, "limit": limit},
    )
    reasons = tuple(ReasonCount(row["reason"], row["n"], explain(row["reason"])) for row in counts.to_pylist())
    return Ledger(sum(r.rows for r in reasons), reasons, tuple(RejectedRow(**row) for row in rows.to_pylist()))


def explain(reason: str) -> str:
    """What a reason code means and what to do; a code of a later release says so."""
    return Reason(reason).explain if reason in set(Reason) else "A reason that this release does not know; upgrade."
