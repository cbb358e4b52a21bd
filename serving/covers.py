"""What a rebuild of a view covers: the captures that were in master when it pinned its sources, as the runs tell it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from serving.queries import Reader

# What takes captures into master: all that was received up to its end is there.
TAKES_IN = "step IN ('ingest', 'archive') AND status = 'ok'"
# Holds for a capture that no rebuild covers yet, with the values of `Covered.params`; never where no run tells.
UNBUILT = "($built AND NOT coalesce(received_at <= CAST($until AS TIMESTAMPTZ), FALSE))"


@dataclass(frozen=True)
class Covered:
    """The last rebuild of a view pinned its sources at `pinned_at`, and covers what was received up to `until`.

    Both are None where no run tells; `until` alone where nothing had been taken in before.
    """

    pinned_at: datetime | None = None
    until: datetime | None = None

    def params(self) -> dict[str, object]:
        """The values that `UNBUILT` names."""
        return {"built": self.pinned_at is not None, "until": self.until}


def covered(reader: Reader, step: str) -> Covered:
    """What the rebuilds of a view cover; `step` is its name among the runs."""
    row = reader.frame(
        f"""
        WITH rebuilt AS (SELECT max(pinned_at) AS pinned_at FROM runs WHERE step = $step AND status = 'ok'),
        taken AS (SELECT max(finished_at) AS until FROM runs
                  WHERE {TAKES_IN} AND finished_at <= (SELECT pinned_at FROM rebuilt))
        SELECT pinned_at, until FROM rebuilt, taken
        """,
        {"step": step},
    ).iloc[0]
    pinned_at, until = (None if pd.isna(each) else pd.Timestamp(each).to_pydatetime() for each in row)
    return Covered(pinned_at, until)
