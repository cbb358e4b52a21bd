"""expire: realtime rows that batch covers are taken away, and what stays is kept in few files. Safe at any moment."""

from __future__ import annotations

from dataclasses import dataclass

from lake import CommitConflict, Lake
from lake.seam import open_seam, pin
from lake.sql import query
from lake.upkeep import optimise
from schemas.tables import REALTIME

_ATTEMPTS = 20


@dataclass(frozen=True)
class Expired:
    """What was done to one realtime table: rows taken away and left, files before and after."""

    table: str
    expired: int
    left: int
    files_before: int
    files_after: int


def expire(lake: Lake) -> list[Expired]:
    """Takes away the rows that `lake.seam` calls expired; the offsets stay, so none of them comes back.

    Raises CommitConflict when the service that fills the table commits faster than this, twenty times in a row.
    """
    done = []
    for table in REALTIME:
        name = table.name
        before = len(lake.paths(name))
        gone = _expire(lake, name)
        if gone or before > 1:
            optimise(lake, [name])
        done.append(Expired(name, gone, lake.count(name), before, len(lake.paths(name))))
    return done


def _expire(lake: Lake, name: str) -> int:
    view = f"expired_{name.rpartition('/')[2]}"
    for _ in range(_ATTEMPTS):
        versions = pin(lake)
        with open_seam(lake, versions) as connection:
            rows = query(connection, f"SELECT DISTINCT source, kafka_partition, kafka_offset FROM {view}")
        if rows.num_rows == 0:
            return 0
        # A row that expired stays so: what the table gained since it was pinned doesn't matter.
        with lake.storage.lock(name, patience_s=10):
            try:
                return lake.replace(name, (), scopes=rows).dropped
            except CommitConflict:
                continue
    raise CommitConflict(f"{name}: other writers came first {_ATTEMPTS} times; run it again when fewer write")
