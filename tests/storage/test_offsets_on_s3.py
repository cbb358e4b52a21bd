"""Rows and offsets in one commit on an object store: conditional puts in the place of locks, and lost answers."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

import pyarrow as pa

from lake import Lake
from lake.offsets import Fenced, OffsetTable, Span
from schemas.tables import REALTIME_THROUGHPUT
from tests.storage.lossy import before
from tests.storage.server import Server

STREAM = "kafka:cluster/topic/0"


def _rows(*offsets: int) -> pa.Table:
    found = [{"source": "kafka:cluster/topic", "kafka_partition": 0, "kafka_offset": offset} for offset in offsets]
    return pa.Table.from_pylist(found, REALTIME_THROUGHPUT.schema)


def _offsets(lake: Lake) -> list[int]:
    return sorted(lake.read("realtime/throughput", columns=["kafka_offset"]).column(0).to_pylist())


def test_of_two_writers_of_one_stream_each_offset_is_written_by_one(open_there: Callable[[], Lake]) -> None:
    open_there()

    def write() -> None:
        table = OffsetTable(open_there().storage, REALTIME_THROUGHPUT)
        while (start := table.read([STREAM])[STREAM] or 0) < 10:
            with contextlib.suppress(Fenced):
                table.append(_rows(start), [Span(STREAM, start or None, start + 1)])

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _offsets(open_there()) == list(range(10))


def test_a_commit_whose_answer_is_lost_counts_once(server: Server, uri: str) -> None:
    """The store has it, the writer learns of a conflict: its own. It is fenced, and goes on from there."""
    with before(server.url) as lossy:
        lake = Lake.open(uri, create=True, options=server.options | {"AWS_ENDPOINT_URL": lossy.url})
        table = OffsetTable(lake.storage, REALTIME_THROUGHPUT)
        lossy.lose("/realtime/throughput/_delta_log/")
        with contextlib.suppress(Fenced):
            table.append(_rows(0, 1), [Span(STREAM, None, 2)])
        assert lossy.lost() == 1
        assert table.read([STREAM]) == {STREAM: 2}
        table.append(_rows(2), [Span(STREAM, 2, 3)])
        assert _offsets(lake) == [0, 1, 2]
