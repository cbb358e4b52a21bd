"""Appends that carry how far a stream was read: rows and offsets are one commit, so neither is there without the other.

1. Read the table through a handle; every span must begin where the table says that its stream was read to.
2. Write data files; nothing names them yet.
3. Make the files and their folders durable.
4. Commit through the handle, with the new offsets as transactions: if any commit came between, this fails and 1 is
   done again. Two writers of one stream are told apart there: the second finds another offset and is fenced.
5. Make the commit durable. Only then is it acknowledged.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa
from deltalake import DeltaTable, Transaction

from lake.commit import ATTEMPTS, commit, delete_files, write_rows
from lake.errors import CommitConflict
from lake.handles import open_handle, refuse_empty_commit
from lake.parquet import conform
from lake.storage import Storage
from lake.write import Appended, without_known
from schemas.tables import Table

LOCK_PATIENCE_S = 2.0


class Fenced(CommitConflict):
    """Another writer has read on from the same offset: drop the rows and begin where the table says."""


@dataclass(frozen=True, slots=True)
class Span:
    """What of one stream the rows cover: from `start` (None where the table has no offset yet) up to before `stop`."""

    stream: str
    start: int | None
    stop: int


class OffsetTable:
    """One table that streams are appended to. Exactly once per stream and offset, whatever else writes.

    Serves one thread. The handle is kept and brought up to date before each commit: a commit costs no re-read log.
    """

    def __init__(self, storage: Storage, table: Table):
        self.table = table
        self._storage = storage
        self._handle: DeltaTable | None = None

    def read(self, streams: Iterable[str]) -> dict[str, int | None]:
        """Offset that each stream is to be read from next, by the newest version; None where there is none."""
        handle = self._newest()
        return {stream: _offset(handle, stream) for stream in streams}

    def append(self, rows: pa.Table, spans: Sequence[Span], *, once: bool = False) -> Appended:
        """Steps 1 to 5. With `once`, rows whose key is in the table already are left out.

        Without rows the commit carries the offsets alone. Raises Fenced when a span no longer begins at the table's
        offset, CommitConflict when other writers came first fifty times in a row.
        """
        rows = conform(rows, self.table.schema)
        for _ in range(ATTEMPTS):
            # Correct without the lock; it spares writers of this machine the work of losing. A stopped process may
            # hold it for ever, so nobody waits for ever.
            with self._storage.lock(self.table.name, patience_s=LOCK_PATIENCE_S):
                handle = self._newest()
                self._check(handle, spans)
                fresh = without_known(handle, self._storage, self.table, rows) if once else rows
                version = self._commit(handle, fresh, spans)
            if version is not None:
                return Appended(fresh.num_rows, rows.num_rows - fresh.num_rows, version)
        raise CommitConflict(f"{self.table.name}: other writers came first {ATTEMPTS} times; try when fewer write")

    def _newest(self) -> DeltaTable:
        if self._handle is None:
            self._handle = open_handle(self._storage, self.table)
        else:
            self._handle.update_incremental()
            refuse_empty_commit(self._storage, self.table.name, self._handle.version())
        return self._handle

    def _check(self, handle: DeltaTable, spans: Sequence[Span]) -> None:
        for span in spans:
            found = _offset(handle, span.stream)
            if found != span.start:
                raise Fenced(
                    f"{self.table.name}: {span.stream} was read to {found} by another writer, not to {span.start}"
                )

    def _commit(self, handle: DeltaTable, rows: pa.Table, spans: Sequence[Span]) -> int | None:
        """The new version, or None where another commit came first."""
        adds = write_rows(self._storage, self.table, rows)
        offsets = [Transaction(span.stream, span.stop) for span in spans]
        try:
            return commit(self._storage, handle, self.table, adds, [], {}, offsets)
        except CommitConflict:
            delete_files(self._storage, self.table, adds)
            return None
        except BaseException:
            # Perhaps it is committed and only what came after failed: the files stay, the table will say.
            self._handle = None
            raise


def _offset(handle: DeltaTable, stream: str) -> int | None:
    found = handle.transaction_version(stream)
    return None if found is None else int(found)
