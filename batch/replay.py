"""Replays what was refused, after a fix or with corrected input, by the way that everything takes into master.

1. The ledger's rows are chosen.  2. Each becomes the records that it would be today: an event from its payload, a photo
from its place or else from its payload, a row of a table from its source.  3. Those are taken in as at first.
4. One row a refusal is appended to `master/replays`. The ledger itself never changes; a crash before 4 leaves a replay
uncounted, and doing it again adds nothing twice.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from batch.ingest.ingest import Progress, take_records
from batch.ingest.read_refused import KAFKA, is_photo, is_table_row, parse_origin, read_refused, record_of
from intake.batches import Batches
from intake.settings import IngestReport, IngestSettings
from intake.tally import Tally
from lake import Lake, LakeError
from schemas.events import Rejected
from schemas.reasons import Reason
from schemas.tables import REPLAYS

STEP = "replay"


@dataclass(frozen=True)
class Replayed:
    """What became of one refusal. `outcome` is "ok" or "again", with the reason of now."""

    reject_id: str
    origin: str
    was: str
    outcome: str
    reason: str | None
    detail: str | None


@dataclass(frozen=True)
class ReplayReport:
    """What a replay did; with `dry_run`, what it would have done. `taken` counts rows as an ingest does."""

    run_id: str
    dry_run: bool
    ok: int
    again: int
    rows: tuple[Replayed, ...]
    taken: IngestReport


def replay(
    lake: Lake,
    *,
    ids: Sequence[str] = (),
    reason: str | None = None,
    corrected: Path | None = None,
    dry_run: bool = False,
    store_id: str | None = None,
    device_id: str | None = None,
    settings: IngestSettings,
    clock: Callable[[], datetime],
    run_id: str,
    progress: Progress | None = None,
) -> ReplayReport:
    """Replays the refusals of `ids`, or those of a reason, or all, that no replay has made good yet.

    `corrected`: a photo that takes the place of each refusal's own, or a file of records that stands in for them all.
    Raises LakeError for an id that the ledger lacks, IngestError for a corrected file that is not there.
    """
    chosen = _choose(lake, ids, reason)
    seen: set[str] = set()
    tallies: list[_Watching] = []

    def make_tally(batches: Batches) -> Tally:
        tallies.append(_Watching(batches))
        return tallies[0]

    report = take_records(
        lake,
        read_refused(lake, chosen, corrected, seen),
        step=STEP,
        parameters={"ids": list(ids), "reason": reason, "corrected": str(corrected) if corrected else None},
        store_id=store_id,
        device_id=device_id,
        settings=settings,
        clock=clock,
        progress=progress,
        run_id=run_id,
        batches=_Dry(lake, settings.flush_bytes, clock) if dry_run else None,
        make_tally=make_tally,
        recorded=not dry_run,
    )
    whole = corrected is not None and not is_photo(corrected)
    rows = tuple(_outcome(row, tallies[0].refused, seen, whole) for row in chosen)
    if not dry_run and rows:
        now = clock()
        lake.append_new("master/replays", _as_table(rows, run_id, now))
    good = sum(row.outcome == "ok" for row in rows)
    return ReplayReport(run_id, dry_run, good, len(rows) - good, rows, report)


class _Watching(Tally):
    """Keeps what is refused once more, to tell which refusals it answers."""

    def __init__(self, batches: Batches) -> None:
        super().__init__(batches)
        self.refused: list[Rejected] = []

    def reject(self, rejected: Rejected) -> None:
        """Counts one refused row."""
        super().reject(rejected)
        short = hashlib.sha256(rejected.payload).digest() if rejected.payload is not None else None
        self.refused.append(dataclasses.replace(rejected, payload=short))


class _Dry(Batches):
    """Gathers rows and writes none."""

    def flush(self, last: Callable[[pa.Table], int] | None = None) -> None:
        """Forgets what was gathered."""
        for rows in self._rows.values():
            rows.clear()
        self._bytes = 0


def _choose(lake: Lake, ids: Sequence[str], reason: str | None) -> list[dict[str, Any]]:
    """Refusals that are not made good, without their payloads; those of the same records come along."""
    rows: list[dict[str, Any]] = lake.sql(
        "SELECT r.reject_id, r.origin, r.reason, r.device_id, r.store_id, sha256(r.payload) AS digest "
        "FROM rejected r LEFT JOIN (SELECT reject_id, arg_max(outcome, replayed_at) AS outcome FROM replays "
        "GROUP BY reject_id) p ON p.reject_id = r.reject_id "
        "WHERE p.outcome IS NULL OR p.outcome <> 'ok' OR list_contains($ids, r.reject_id) "
        "ORDER BY r.origin, r.reject_id",
        {"ids": list(ids)},
    ).to_pylist()
    missing = set(ids) - {row["reject_id"] for row in rows}
    if missing:
        raise LakeError(f"the ledger has no refusal {sorted(missing)[0]!r}; `facings rejected list` names them")
    named = [row for row in rows if (row["reject_id"] in ids if ids else reason in (None, row["reason"]))]
    records = {(row["origin"], row["digest"]) for row in named}
    return [row for row in rows if (row["origin"], row["digest"]) in records]


def _outcome(row: Mapping[str, Any], refused: Sequence[Rejected], seen: set[str], whole: bool) -> Replayed:
    found = next((one for one in refused if whole or _answers(one, row)), None)
    name, origin, was = row["reject_id"], row["origin"], row["reason"]
    if found is not None:
        return Replayed(name, origin, was, "again", found.reason.value, found.detail)
    if name not in seen:
        detail = f"{parse_origin(origin).source} is gone, or has no such row; put it back, or give --corrected"
        return Replayed(name, origin, was, "again", Reason.MISSING_FILE.value, detail)
    return Replayed(name, origin, was, "ok", None, None)


def _answers(refused: Rejected, row: Mapping[str, Any]) -> bool:
    """Is this refusal of now that of the same record, or of the same box of it?"""
    if parse_origin(row["origin"]).part is not None:
        return refused.origin in (row["origin"], record_of(row["origin"]))
    if refused.origin != row["origin"]:
        return False
    digest = bytes.fromhex(row["digest"]) if row["digest"] is not None else None
    whole_line = KAFKA.fullmatch(row["origin"]) is None and is_table_row(parse_origin(row["origin"]))
    return whole_line or refused.payload is None or digest is None or refused.payload == digest


def _as_table(rows: Sequence[Replayed], run_id: str, now: datetime) -> pa.Table:
    listed = [
        {
            "replay_id": f"{run_id}/{row.reject_id}",
            "reject_id": row.reject_id,
            "run_id": run_id,
            "replayed_at": now,
            "outcome": row.outcome,
            "reason": row.reason,
            "detail": row.detail,
            "ingest_date": now.date(),
        }
        for row in rows
    ]
    return pa.Table.from_pylist(listed, REPLAYS.schema)
