"""Rows and offsets in one commit: what the compare and swap of lake.offsets holds."""

from __future__ import annotations

import threading
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from lake import Lake
from lake.offsets import Fenced, OffsetTable, Span
from schemas.tables import CAPTURES, REALTIME_THROUGHPUT
from tests.batch.build import DAY, put_capture

STREAM = "kafka:cluster/topic/0"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.open(tmp_path / "lake", create=True)


def _rows(*offsets: int) -> pa.Table:
    found = [{"source": "kafka:cluster/topic", "kafka_partition": 0, "kafka_offset": offset} for offset in offsets]
    return pa.Table.from_pylist(found, REALTIME_THROUGHPUT.schema)


def _offsets(lake: Lake) -> list[int]:
    return sorted(lake.read("realtime/throughput", columns=["kafka_offset"]).column(0).to_pylist())


def test_a_span_that_begins_elsewhere_is_fenced_and_leaves_nothing(lake):
    one, two = (OffsetTable(lake.storage, REALTIME_THROUGHPUT) for _ in range(2))
    one.append(_rows(0, 1), [Span(STREAM, None, 2)])
    with pytest.raises(Fenced, match=r"read to 2 by another writer, not to None"):
        two.append(_rows(0, 1, 2), [Span(STREAM, None, 3)])
    two.append(_rows(2), [Span(STREAM, 2, 3)])
    assert _offsets(lake) == [0, 1, 2]
    assert one.read([STREAM, "other"]) == {STREAM: 3, "other": None}


def test_one_fenced_span_of_many_fences_the_whole_batch(lake):
    table = OffsetTable(lake.storage, REALTIME_THROUGHPUT)
    table.append(_rows(0), [Span(STREAM, None, 1)])
    with pytest.raises(Fenced):
        table.append(_rows(1, 7), [Span("other", None, 8), Span(STREAM, None, 2)])
    assert table.read(["other"]) == {"other": None}


def test_offsets_move_on_without_rows(lake):
    table = OffsetTable(lake.storage, REALTIME_THROUGHPUT)
    table.append(_rows(), [Span(STREAM, None, 5)])
    assert table.read([STREAM]) == {STREAM: 5}
    assert lake.count("realtime/throughput") == 0


def test_offsets_outlive_checkpoints_and_a_log_of_many_commits(lake):
    table = OffsetTable(lake.storage, REALTIME_THROUGHPUT)
    for stop in range(1, 16):
        table.append(_rows(), [Span(STREAM, stop - 1 or None, stop)])
    lake.handle("realtime/throughput").create_checkpoint()
    assert OffsetTable(lake.storage, REALTIME_THROUGHPUT).read([STREAM]) == {STREAM: 15}


def test_of_many_threads_on_one_stream_each_offset_is_written_by_one(lake):
    def write() -> None:
        table = OffsetTable(lake.storage, REALTIME_THROUGHPUT)
        while (start := table.read([STREAM])[STREAM] or 0) < 30:
            try:
                table.append(_rows(start), [Span(STREAM, start or None, start + 1)])
            except Fenced:
                continue

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _offsets(lake) == list(range(30))


def test_an_append_by_others_in_between_costs_a_turn_and_no_key_is_there_twice(lake):
    table = OffsetTable(lake.storage, CAPTURES)
    table.read([STREAM])
    put_capture(lake, "c1", "0" * 64)
    rows = pa.Table.from_pylist([{"capture_id": f"c{n}", "ingest_date": DAY} for n in (1, 2)], CAPTURES.schema)
    appended = table.append(rows, [Span(STREAM, None, 2)], once=True)
    assert (appended.added, appended.skipped) == (1, 1)
    assert sorted(lake.read("master/captures", columns=["capture_id"]).column(0).to_pylist()) == ["c1", "c2"]


def test_what_fails_after_the_commit_deletes_no_file_of_it(lake, monkeypatch):
    """A full disk at the checkpoint that follows a commit: the commit stands, and whoever repeats it is fenced."""
    real = DeltaTable.create_write_transaction

    def breaks(self, *args, **kwargs):
        real(self, *args, **kwargs)
        raise OSError("no space left on device")

    table = OffsetTable(lake.storage, REALTIME_THROUGHPUT)
    monkeypatch.setattr(DeltaTable, "create_write_transaction", breaks)
    with pytest.raises(OSError, match="no space"):
        table.append(_rows(0), [Span(STREAM, None, 1)])
    monkeypatch.undo()
    with pytest.raises(Fenced):
        table.append(_rows(0), [Span(STREAM, None, 1)])
    assert _offsets(lake) == [0]


def test_a_lock_that_is_never_let_go_is_not_waited_for_for_ever(lake, monkeypatch):
    """A stopped process may hold it: the commit goes on without, and the compare and swap keeps it right."""
    monkeypatch.setattr("lake.offsets.LOCK_PATIENCE_S", 0.05)
    with lake.storage.lock("realtime/throughput"):
        OffsetTable(lake.storage, REALTIME_THROUGHPUT).append(_rows(0), [Span(STREAM, None, 1)])
    assert _offsets(lake) == [0]
