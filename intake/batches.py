"""Rows gathered for master and written in one order, so that a crash leaves whole commits and nothing that dangles.

1. images  2. annotations  3. door_events  4. planograms  5. rejected  6. captures
A capture is written last: where it is, everything it needs is. What a crash left out, the next run adds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa

from intake.identity import reject_id
from lake import Lake
from schemas.events import Rejected
from schemas.tables import TABLES

ORDER = (
    "master/images",
    "master/annotations",
    "master/door_events",
    "master/planograms",
    "master/rejected",
    "master/captures",
)
Append = Callable[[pa.Table], int]
"""Appends rows and gives how many were new."""
_ROW_BYTES = 400
_BOX_BYTES = 250


class Batches:
    """Gathers rows by table and key; `flush` appends them. `added` counts the rows that were new to master."""

    def __init__(self, lake: Lake, flush_bytes: int, clock: Callable[[], datetime]):
        self._lake, self._limit, self._clock = lake, flush_bytes, clock
        self._rows: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {name: {} for name in ORDER}
        self._bytes = 0
        self.added: Counter[str] = Counter()
        self.bytes_out = 0

    def add(self, table: str, row: Mapping[str, Any], size_bytes: int = 0) -> None:
        """Adds a row unless its key is there; what would exceed the limit is preceded by a flush."""
        key = tuple(row[name] for name in TABLES[table].key)
        if key in self._rows[table]:
            return
        size = _ROW_BYTES + size_bytes
        if self._bytes and self._bytes + size > self._limit:
            self.flush()
        self._rows[table][key] = {**row, "ingest_date": self._clock().date()}  # a flush has put new ones in place
        self._bytes += size

    def add_rejected(self, rejected: Rejected) -> None:
        """Adds a refusal to the ledger; one that it holds already is not added again."""
        now = self._clock()
        row = {
            "reject_id": reject_id(rejected),
            "rejected_at": now,
            "origin": rejected.origin,
            "reason": rejected.reason.value,
            "detail": rejected.detail,
            "payload": rejected.payload,
            "attempts": 1,
            "device_id": rejected.device_id,
            "store_id": rejected.store_id,
            "occurred_at": rejected.occurred_at or now,
        }
        self.add("master/rejected", row, len(rejected.payload or b"") + _ROW_BYTES)

    def add_annotation(self, row: Mapping[str, Any]) -> None:
        """Adds an annotation with its boxes."""
        self.add("master/annotations", row, len(row["boxes"]) * _BOX_BYTES)

    def flush(self, last: Append | None = None) -> None:
        """Appends everything gathered, in ORDER, each table in one commit.

        `last` appends the captures in place of `append_new`, even where there are none.
        """
        for name in ORDER:
            append = last if name == ORDER[-1] else None
            if not self._rows[name] and append is None:
                continue
            table = pa.Table.from_pylist(list(self._rows[name].values()), TABLES[name].schema)
            self._rows[name] = {}
            added = append(table) if append is not None else self._lake.append_new(name, table).added
            self.added[name] += added
            self.bytes_out += table.nbytes * added // max(1, table.num_rows)
        self._bytes = 0
