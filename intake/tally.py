"""Counts of one ingest: rows in = ok + skipped + rejected, by construction."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field

from intake.batches import Batches
from schemas.events import Rejected

MAX_LOGGED = 1000  # one by one; the ledger holds all
log = logging.getLogger(__name__)


@dataclass
class Tally:
    """Counts rows by what became of them; a refused row goes into the ledger and the log."""

    batches: Batches
    ok: int = 0
    skipped: int = 0
    rejected: int = 0
    bytes_in: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def rows_in(self) -> int:
        """Rows so far."""
        return self.ok + self.skipped + self.rejected

    def settle(self, rows: int, new: bool) -> None:
        """Counts rows that were taken: `new` where master gained something by them."""
        if new:
            self.ok += rows
        else:
            self.skipped += rows

    def reject(self, rejected: Rejected) -> None:
        """Counts one refused row."""
        self.rejected += 1
        self.reasons[rejected.reason.value] += 1
        self.batches.add_rejected(rejected)
        if self.rejected <= MAX_LOGGED:
            extra = {"origin": rejected.origin, "reason": rejected.reason.value, "device": rejected.device_id}
            log.warning("rejected %s: %s: %s", rejected.origin, rejected.reason.value, rejected.detail, extra=extra)
        elif self.rejected == MAX_LOGGED + 1:
            log.warning("more than %d rows are rejected: see the rest with `facings rejected list`", MAX_LOGGED)

    def summarise(self) -> None:
        """Logs what became of the rows."""
        figures = (self.rows_in, self.ok, self.skipped, self.rejected, dict(self.reasons))
        log.info("%d rows in: %d ok, %d skipped, %d rejected %s", *figures)
