"""The ledger of what was refused: rejected rows of master, and photos that did not decode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lake import Lake, LakeError
from schemas.reasons import Reason

OPEN, OK, AGAIN, UNREADABLE = "open", "replayed-ok", "replayed-again", "unreadable"
_LEDGER = """
    WITH replayed AS (
        SELECT reject_id, count(*) AS times,
               CASE arg_max(outcome, replayed_at) WHEN 'ok' THEN 'replayed-ok' ELSE 'replayed-again' END AS state
        FROM replays GROUP BY reject_id
    ),
    ledger AS (
        SELECT r.reject_id AS id, coalesce(p.state, 'open') AS state, r.rejected_at, r.reason, r.origin, r.detail,
               octet_length(r.payload) AS payload_bytes, r.attempts + coalesce(p.times, 0) AS attempts
        FROM rejected r LEFT JOIN replayed p ON p.reject_id = r.reject_id
        UNION ALL
        SELECT u.sha256, 'unreadable', i.received_at, u.reason, i.image_uri, u.detail, m.size_bytes, 1
        FROM views_unreadable u
        LEFT JOIN images m ON m.sha256 = u.sha256
        LEFT JOIN (
            SELECT sha256, min(received_at) AS received_at, min(image_uri) AS image_uri FROM captures GROUP BY sha256
        ) i ON i.sha256 = u.sha256
    )
    SELECT * FROM ledger
    WHERE ($reason IS NULL OR reason = $reason) AND ($state IS NULL OR state = $state) AND ($id IS NULL OR id = $id)
"""


@dataclass(frozen=True)
class ReasonCount:
    """How many were refused for one reason, what it means, and how many of them no replay has made good."""

    reason: str
    rows: int
    explain: str
    open: int


@dataclass(frozen=True)
class RejectedRow:
    """One refused row or photo. `payload_bytes` is None where nothing was kept.

    `id` names it for a replay. `state`: "open", "replayed-ok", "replayed-again", or "unreadable" for a photo that a
    rebuild could not decode, whose `id` is its sha256.
    """

    id: str
    state: str
    rejected_at: datetime | None
    reason: str
    origin: str | None
    detail: str | None
    payload_bytes: int | None
    attempts: int


@dataclass(frozen=True)
class Refusal:
    """One refusal with all that is kept of it, and every replay, oldest first."""

    row: RejectedRow
    explain: str
    payload: bytes | None
    replays: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Ledger:
    """Counts by reason, and the newest rows."""

    total: int
    reasons: tuple[ReasonCount, ...]
    rows: tuple[RejectedRow, ...]


def list_rejected(lake: Lake, *, reason: str | None = None, state: str | None = None, limit: int = 50) -> Ledger:
    """The ledger, or one reason or state of it; at most `limit` rows, the newest first."""
    given = {"reason": reason, "state": state, "id": None}
    counts = lake.sql(
        "SELECT reason, count(*) AS n, count(*) FILTER (state <> 'replayed-ok') AS open "
        f"FROM ({_LEDGER}) GROUP BY reason ORDER BY n DESC, reason",
        given,
    )
    rows = lake.sql(
        f"SELECT * FROM ({_LEDGER}) ORDER BY rejected_at DESC NULLS LAST, origin LIMIT $limit",
        {**given, "limit": limit},
    )
    reasons = tuple(
        ReasonCount(row["reason"], row["n"], explain(row["reason"]), row["open"]) for row in counts.to_pylist()
    )
    return Ledger(sum(r.rows for r in reasons), reasons, tuple(RejectedRow(**row) for row in rows.to_pylist()))


def show_rejected(lake: Lake, name: str) -> Refusal:
    """One refusal by its id, whole. Raises LakeError where the ledger has none."""
    found = lake.sql(f"SELECT * FROM ({_LEDGER})", {"reason": None, "state": None, "id": name}).to_pylist()
    if not found:
        raise LakeError(f"the ledger has no refusal {name!r}; `facings rejected list` names them")
    row = RejectedRow(**found[0])
    key = ("master/images", "bytes", {"sha256": name}) if row.state == UNREADABLE else _payload(name)
    replays = lake.sql(
        "SELECT run_id, replayed_at, outcome, reason, detail FROM replays WHERE reject_id = $id ORDER BY replayed_at",
        {"id": name},
    )
    return Refusal(row, explain(row.reason), lake.blob(*key), tuple(replays.to_pylist()))


def _payload(name: str) -> tuple[str, str, dict[str, str]]:
    return "master/rejected", "payload", {"reject_id": name}


def explain(reason: str) -> str:
    """What a reason code means and what to do; a code of a later release says so."""
    return Reason(reason).explain if reason in set(Reason) else "A reason that this release does not know; upgrade."
