"""What a map view's rows come to: accepted ones counted, refused photos put aside, those readable again noticed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from batch.engines.base import Outcome
from lake import Lake, Replaced
from schemas.tables import UNREADABLE


@dataclass
class Tally:
    """Counts of one rebuild, in the view's rows. `known` are the photos that views/unreadable names before it."""

    known: pa.Array = field(default_factory=lambda: pa.array([], pa.string()))
    units: int = 0
    ok: int = 0
    rejected: int = 0
    bytes_in: int = 0
    cleared: list[str] = field(default_factory=list)  # of `known`, those that were read anew
    unreadable: list[pa.RecordBatch] = field(default_factory=list)

    def take(
        self, photos: pa.RecordBatch, rows: Iterable[pa.RecordBatch], names: Sequence[str]
    ) -> Iterator[pa.RecordBatch]:
        """Yields the accepted rows of a batch of photos (the plan's columns and `bytes`), cut to `names`."""
        self.units += pc.sum(photos.column("units")).as_py() or 0
        self.bytes_in += pc.sum(pc.binary_length(photos.column("bytes"))).as_py() or 0
        if len(self.known):
            again = photos.column("sha256").filter(pc.is_in(photos.column("sha256"), self.known))
            self.cleared.extend(again.to_pylist())
        for batch in rows:
            refused = pc.is_valid(batch.column("reason"))
            if pc.any(refused).as_py():
                rejects = batch.filter(refused)
                self.unreadable.append(rejects.select(UNREADABLE.schema.names))
                lost = pc.is_in(photos.column("sha256"), rejects.column("sha256"))
                self.rejected += pc.sum(photos.filter(lost).column("units")).as_py() or 0
                batch = batch.filter(pc.invert(refused))
            if batch.num_rows:
                self.ok += batch.num_rows
                yield batch.select(names)

    def outcome(self, done: Replaced) -> Outcome:
        """What the rebuild did, once its commit is made: rows kept from earlier count as skipped."""
        return Outcome(
            rows_in=self.units + done.kept,
            ok=done.written,
            skipped=done.kept,
            rejected=self.rejected,
            bytes_in=self.bytes_in,
            bytes_out=done.size_bytes,
            version=done.version,
        )


def known_unreadable(lake: Lake) -> pa.Array:
    """sha256 of every photo in views/unreadable."""
    return lake.read(UNREADABLE.name, columns=["sha256"]).column("sha256").combine_chunks()


def commit_unreadable(lake: Lake, tally: Tally) -> None:
    """Puts what was found out about photos into views/unreadable. Before the view's commit: a crash repeats both."""
    refused = [sha for batch in tally.unreadable for sha in batch.column("sha256").to_pylist()]
    if refused or tally.cleared:
        scopes = pa.table({"sha256": pa.array(sorted({*refused, *tally.cleared}), pa.string())})
        with lake.storage.lock(UNREADABLE.name):
            lake.replace(UNREADABLE.name, tally.unreadable, scopes=scopes)
