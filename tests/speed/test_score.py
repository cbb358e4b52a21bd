"""score, batch by batch: exact counts, batch's own numbers, probabilities, and offsets that belong to each table."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from intake.content import Loader
from lake import CommitConflict, Lake
from lake.offsets import OffsetTable
from schemas.tables import MEASUREMENTS, QUALITY, REALTIME_QUALITY
from speed import archive, score
from speed.batch import Batch
from speed.sampling import BATCH_S, draw
from speed.score import Score
from tests.batch.build import photo, run
from tests.speed import stream
from tests.speed.stream import Log, capture, take


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.open(tmp_path / "lake", create=True)


@pytest.fixture
def loader() -> Iterator[Loader]:
    with stream.make_loader() as made:
        yield made


def _score(lake: Lake, loader: Loader, batch: Batch, rate: float = 1.0) -> Score:
    sink = stream.make_score(lake, loader, rate)
    take(sink, batch)
    sink.close()
    return sink


def test_numbers_are_those_of_batch_to_the_bit(lake, loader):
    log = Log(1)
    for number in range(4):
        log.send(0, capture(f"c{number}", number))
    _score(lake, loader, log.batch(lake, score.TABLE, 10))
    take(stream.make_archive(lake, loader), log.batch(lake, archive.TABLE, 10))
    run(lake, "quality")
    names = QUALITY.schema.names
    both = [
        sorted(tuple(row[name] for name in names) for row in lake.read(table, columns=names).to_pylist())
        for table in ("realtime/quality", "views/quality")
    ]
    assert both[0] == both[1]
    assert len(both[0]) == 4


def test_every_event_is_counted_whatever_is_sampled(lake, loader):
    log = Log(2)
    for number in range(30):
        log.send(number % 2, capture(f"c{number}", device=f"d{number % 3}", taken=number))
    log.send(0, b"bad")
    log.send(1, capture("c1", device="d1", taken=1))
    _score(lake, loader, log.batch(lake, score.TABLE, 100), rate=0.0)
    rows = lake.read("realtime/throughput").to_pylist()
    assert sum(row["events"] for row in rows) == 32
    assert sum(row["captures"] for row in rows) == 31
    assert sum(row["rejected"] for row in rows) == 1
    assert sum(len(row["seen"]) for row in rows) == 32
    assert {row["device_id"] for row in rows} == {"d0", "d1", "d2", "unknown"}
    assert lake.count("realtime/quality") == 0


def test_lateness_is_counted_from_capture_to_kafka(lake, loader):
    log = Log(1)
    log.send(0, capture("early", taken=-stream.LATE_AFTER_S + 1))
    log.send(0, capture("late", taken=-stream.LATE_AFTER_S - 1))
    _score(lake, loader, log.batch(lake, score.TABLE, 5), rate=0.0)
    seen = [one for row in lake.read("realtime/throughput").to_pylist() for one in row["seen"]]
    assert {one["capture_id"]: one["late"] for one in seen} == {"early": False, "late": True}


def test_those_are_scored_whose_names_draw_below_the_rate(lake, loader):
    log = Log(1)
    for number in range(60):
        log.send(0, capture(f"c{number}"))
    _score(lake, loader, log.batch(lake, score.TABLE, 100), rate=0.3)
    rows = lake.read("realtime/quality").to_pylist()
    assert {row["capture_id"] for row in rows} == {f"c{n}" for n in range(60) if draw(f"c{n}") < 0.3}
    assert {row["sampling_probability"] for row in rows} == {0.3}
    assert all(row["latency_s"] >= 0 and row["scored_at"] is not None for row in rows)


def test_a_photo_that_can_not_be_scored_says_why(lake, loader):
    log = Log(1)
    log.send(0, capture("cut", image_bytes=stream.inline(photo(1)[:-300])))
    log.send(0, capture("gone", image_bytes=None, image_uri="gone.jpg"))
    log.send(0, capture("other", sha256="0" * 64))
    _score(lake, loader, log.batch(lake, score.TABLE, 5))
    rows = {row["capture_id"]: row for row in lake.read("realtime/quality").to_pylist()}
    assert {name: row["reason"] for name, row in rows.items()} == {
        "cut": "truncated",
        "gone": "fetch-refused",
        "other": "hash-mismatch",
    }
    assert all(row[name] is None for row in rows.values() for name in (*MEASUREMENTS, "p_good"))


def test_what_quality_holds_already_is_not_chosen_again_at_another_rate(lake, loader):
    """A crash between the two commits, and a rate that has risen since: the captures before keep the rate of then."""
    log = Log(1)
    for number in range(40):
        log.send(0, capture(f"c{number}"))
    first = log.batch(lake, score.TABLE, 30)
    sink = stream.make_score(lake, loader, 0.2)

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    setattr(sink._throughput, "append", dies)  # noqa: B010  # the process ends before its last commit
    with pytest.raises(KeyboardInterrupt):
        take(sink, first)
    sink.close()
    assert OffsetTable(lake.storage, score.TABLE).read([stream.TOPIC.stream(0)]) == {stream.TOPIC.stream(0): None}

    _score(lake, loader, log.batch(lake, score.TABLE, 40), rate=0.9)

    rates = {row["capture_id"]: row["sampling_probability"] for row in lake.read("realtime/quality").to_pylist()}
    assert rates == {f"c{n}": rate for n in range(40) for rate in [0.2 if n < 30 else 0.9] if draw(f"c{n}") < rate}
    assert OffsetTable(lake.storage, REALTIME_QUALITY).read([stream.TOPIC.stream(0)]) == {stream.TOPIC.stream(0): 40}
    assert sum(row["events"] for row in lake.read("realtime/throughput").to_pylist()) == 40


def test_the_rate_falls_with_what_waits_and_is_full_again_in_the_next_small_batch(lake, loader):
    log = Log(1)
    for number in range(8):
        log.send(0, capture(f"c{number}"))
    sink = stream.make_score(lake, loader, 1.0)
    batch = log.batch(lake, score.TABLE, 4)
    fits = BATCH_S / sink.rate.capture_s
    take(sink, Batch(batch.topic, batch.messages, batch.starts, batch.stops, backlog=196))
    assert sink.rate.value == fits / 200
    take(sink, log.batch(lake, score.TABLE, 4))
    sink.close()
    assert sink.rate.value == 1
    rates = {row["capture_id"]: row["sampling_probability"] for row in lake.read("realtime/quality").to_pylist()}
    assert rates == {f"c{n}": rate for n in range(8) for rate in [fits / 200 if n < 4 else 1] if draw(f"c{n}") < rate}


def test_a_batch_that_is_repeated_has_the_same_rate(lake, loader):
    """What its photos cost the first time is not known to the second: else slow ones would be drawn less often."""
    log = Log(1)
    for number in range(60):
        log.send(0, capture(f"c{number}"))
    ticks = itertools.count(step=5)
    sink = stream.make_score(lake, loader, 1.0, timer=lambda: float(next(ticks)))
    batch = log.batch(lake, score.TABLE, 60)

    def breaks() -> None:
        raise CommitConflict("another came first")

    with pytest.raises(CommitConflict):
        take(sink, batch, breaks)
    first = sink.rate.value
    take(sink, batch)
    assert {row["sampling_probability"] for row in lake.read("realtime/quality").to_pylist()} == {first}
    assert first < 1
    sink.rate.choose(60)
    assert sink.rate.value != first  # now that it is committed, its cost counts
    sink.close()
