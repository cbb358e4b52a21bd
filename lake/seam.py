"""The seam: which captures the batch views cover, so that realtime rows stand in for the others alone.

Two views of batch cover captures at their own pace, so a capture may be behind the one seam and not the other:

- throughput: the captures that the last rebuild of views/throughput read. Of a topic those are all events before the
  offset that master/captures held at that version, also the ones that were refused, which that rebuild counted so.
- quality: the captures of master whose photo has a row in views/quality or views/unreadable, and the events that were
  archived and refused: they have a place in the ledger and none in quality.

A reader pins the realtime tables first: a row is taken out of them only after batch covers it, so each capture is
found in the one or the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import duckdb
import pyarrow as pa

from lake.lake import Lake
from lake.sql import Frugal, alias, connect
from schemas.tables import CAPTURES, REALTIME, TABLES

_ARCHIVED = pa.schema(
    [
        ("source", pa.string()),
        ("kafka_partition", pa.int32()),
        ("archived", pa.int64()),  # events before this offset are in master
        ("rebuilt", pa.int64()),  # events before this one are in views/throughput
    ]
)
_STREAM = ["source", "kafka_partition"]
READ = (
    *(table.name for table in REALTIME),
    "master/captures",
    "views/quality",
    "views/unreadable",
    "views/throughput",
)
# Realtime speaks of little, however long the history of batch is: each big table is read once, for that little alone.
_TABLES = (
    # Every event that the realtime tables know, a row each.
    """
    CREATE TEMP TABLE seen AS
    SELECT t.store_id, t.device_id, t.minute, t.source, t.kafka_partition, t.kafka_offset AS row_offset,
           e.offset AS kafka_offset, e.capture_id, e.rejected, e.late, e.size_bytes,
           coalesce(a.archived, 0) AS archived, coalesce(a.rebuilt, 0) AS rebuilt
    FROM (SELECT *, unnest(seen) AS e FROM realtime_throughput) t
    LEFT JOIN archived a ON a.source = t.source AND a.kafka_partition = t.kafka_partition
    """,
    # The captures that realtime tells of and master holds.
    """
    CREATE TEMP TABLE found AS
    SELECT capture_id, captured_at FROM captures_newest
    WHERE capture_id IN (SELECT capture_id FROM seen UNION ALL SELECT capture_id FROM realtime_quality)
    """,
    "SET VARIABLE since = (SELECT min(captured_at) FROM found)",
    # The same as they were pinned. Files without any of that time are passed over, by their statistics.
    """
    CREATE TEMP TABLE known AS
    SELECT capture_id, sha256 FROM captures
    WHERE captured_at >= getvariable('since') AND capture_id IN (SELECT capture_id FROM found)
    """,
    # Those that views/throughput counts: it may have been rebuilt from a later version of master than was pinned.
    """
    CREATE TEMP TABLE counted AS
    SELECT capture_id FROM captures_rebuilt
    WHERE captured_at >= getvariable('since') AND capture_id IN (SELECT capture_id FROM found)
    """,
    # Captures that views/quality answers for, well or not.
    """
    CREATE TEMP TABLE judged AS
    SELECT capture_id FROM known
    WHERE sha256 IN (SELECT sha256 FROM views_quality WHERE sha256 IN (SELECT sha256 FROM known)
                     UNION ALL SELECT sha256 FROM views_unreadable)
    """,
    # Captures that realtime answers for: the population that its sample speaks of.
    """
    CREATE TEMP TABLE waiting AS
    SELECT DISTINCT ON (s.capture_id) s.capture_id, s.store_id, s.device_id, s.minute
    FROM seen s
    WHERE s.capture_id IS NOT NULL AND s.capture_id NOT IN (SELECT capture_id FROM judged)
      AND NOT (s.kafka_offset < s.archived AND s.capture_id NOT IN (SELECT capture_id FROM known))
    ORDER BY s.capture_id, s.source, s.kafka_partition, s.kafka_offset
    """,
)
_VIEWS = (
    # Events that views/throughput doesn't count; a capture that was sent twice, once.
    """
    CREATE TEMP VIEW uncounted AS
    SELECT * FROM seen s
    WHERE s.kafka_offset >= s.rebuilt
      AND (s.capture_id IS NULL OR s.capture_id NOT IN (SELECT capture_id FROM counted))
    QUALIFY s.capture_id IS NULL
         OR row_number() OVER (PARTITION BY s.capture_id ORDER BY s.source, s.kafka_partition, s.kafka_offset) = 1
    """,
    # The sample of those that wait. Sent twice at two rates, a capture had the higher chance of the two.
    """
    CREATE TEMP VIEW sampled AS
    SELECT r.* FROM realtime_quality r
    WHERE r.capture_id IN (SELECT capture_id FROM waiting)
    QUALIFY row_number() OVER (
        PARTITION BY r.capture_id ORDER BY r.sampling_probability DESC, r.source, r.kafka_partition, r.kafka_offset
    ) = 1
    """,
    # Rows that may go: batch answers for all that they hold.
    """
    CREATE TEMP VIEW expired_quality AS
    SELECT r.source, r.kafka_partition, r.kafka_offset
    FROM realtime_quality r
    LEFT JOIN archived a ON a.source = r.source AND a.kafka_partition = r.kafka_partition
    WHERE r.capture_id IN (SELECT capture_id FROM judged)
       OR (r.kafka_offset < coalesce(a.archived, 0) AND r.capture_id NOT IN (SELECT capture_id FROM known))
    """,
    """
    CREATE TEMP VIEW expired_throughput AS
    SELECT s.source, s.kafka_partition, s.row_offset AS kafka_offset
    FROM seen s
    GROUP BY s.source, s.kafka_partition, s.row_offset
    HAVING bool_and(s.kafka_offset < s.rebuilt
                    OR coalesce(s.capture_id IN (SELECT capture_id FROM counted), FALSE))
       AND bool_and(s.capture_id IS NULL OR s.capture_id NOT IN (SELECT capture_id FROM waiting))
    """,
)


def pin(lake: Lake) -> dict[str, int]:
    """Newest version of every table, in the order that the seam needs."""
    return lake.versions(TABLES)


def open_seam(
    lake: Lake, versions: Mapping[str, int], dataset: Callable[[str, int], Frugal] | None = None
) -> duckdb.DuckDBPyConnection:
    """A locked-down DuckDB connection over the tables of `READ` at `versions`, and the seam's own beside them.

    seen, known, judged, counted, waiting, uncounted, sampled: see the comments at each. One connection serves one
    thread. `dataset` gives a table's rows at a version, where the caller keeps them.
    """
    rows = dataset or (lambda name, version: Frugal.of(lake.dataset(name, version)))
    tables = {alias(name): rows(name, versions[name]) for name in READ}
    rebuilt, pinned = _rebuilt_version(lake, versions), versions[CAPTURES.name]
    captures = rows(CAPTURES.name, rebuilt) if rebuilt is not None else CAPTURES.schema.empty_table()
    newest = captures if rebuilt is not None and rebuilt > pinned else tables[alias(CAPTURES.name)]
    archived = _archived(lake, versions, rebuilt)
    connection = connect({**tables, "captures_rebuilt": captures, "captures_newest": newest, "archived": archived})
    for made in (*_TABLES, *_VIEWS):
        connection.execute(made)
    return connection


def _rebuilt_version(lake: Lake, versions: Mapping[str, int]) -> int | None:
    """Version of master/captures that views/throughput, as pinned, was made from; None before its first rebuild."""
    name = "views/throughput"
    for limit in (20, None):
        for commit in lake.history(name, limit):
            if commit.lineage is not None and commit.version <= versions[name]:
                return int(commit.lineage.sources[CAPTURES.name])
    return None


def _archived(lake: Lake, versions: Mapping[str, int], rebuilt: int | None) -> pa.Table:
    streams = _streams(lake, versions)
    now = lake.handle(CAPTURES.name, versions[CAPTURES.name])
    then = lake.handle(CAPTURES.name, rebuilt) if rebuilt is not None else None
    rows = [
        {
            "source": source,
            "kafka_partition": partition,
            "archived": now.transaction_version(f"{source}/{partition}"),
            "rebuilt": then.transaction_version(f"{source}/{partition}") if then is not None else None,
        }
        for source, partition in streams
    ]
    return pa.Table.from_pylist(rows, _ARCHIVED)


def _streams(lake: Lake, versions: Mapping[str, int]) -> Iterable[tuple[str, int]]:
    found: set[tuple[str, int]] = set()
    for table in REALTIME:
        rows = lake.read(table.name, columns=_STREAM, version=versions[table.name])
        found |= set(zip(*(rows.column(name).to_pylist() for name in _STREAM), strict=True))
    return sorted(found)
