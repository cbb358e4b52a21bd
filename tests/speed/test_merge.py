"""Merged answers: what a sample said of captures is what batch says of them later, within the interval."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from imaging.model import Model
from intake.content import Loader
from lake import Lake
from serving.merge import Merged
from speed import archive, score
from speed.expire import expire
from tests.batch.build import run
from tests.speed import stream
from tests.speed.stream import Log, capture, take

ALL: dict[str, object] = {
    "start": datetime(2020, 1, 1, tzinfo=UTC),
    "end": datetime(2030, 1, 1, tzinfo=UTC),
    "stores": [],
    "devices": [],
}
DEVICES, CAPTURES = 10, 300


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.open(tmp_path / "lake", create=True)


@pytest.fixture
def loader() -> Iterator[Loader]:
    with stream.make_loader() as made:
        yield made


def _threshold(lake: Lake) -> float:
    """A p_good that parts the photos of these tests in two."""
    found = sorted(lake.read("views/quality", columns=["p_good"]).column(0).to_pylist())
    return float(found[len(found) // 2])


def test_a_sample_says_what_batch_finds_later(lake: Lake, loader: Loader) -> None:
    log = Log(1)
    for number in range(CAPTURES):
        log.send(0, capture(f"c{number}", number * 7 % 9, device=f"d{number % DEVICES}", taken=number))
    sink = stream.make_score(lake, loader, 0.3)
    for _ in range(CAPTURES // 20):
        take(sink, log.batch(lake, score.TABLE, 20))
    sink.close()
    before = Merged(lake)

    take(stream.make_archive(lake, loader), log.batch(lake, archive.TABLE, CAPTURES))
    run(lake, "quality", "throughput")
    threshold = _threshold(lake)
    truth = {one.device_id: one for one in Merged(lake).usable(ALL, threshold)}

    covered = 0
    for one in before.usable(ALL, threshold):
        assert (one.batch, one.captures) == (0, truth[one.device_id].captures) == (0, CAPTURES // DEVICES)
        _, low, high = one.total
        covered += low <= truth[one.device_id].batch_usable <= high
        assert high - low < CAPTURES // DEVICES
    assert covered >= DEVICES - 3  # at 95% each, fewer would be a chance of one in a thousand
    assert before.throughput(ALL)["captures"].sum() == Merged(lake).throughput(ALL)["captures"].sum() == CAPTURES


def test_what_batch_covers_is_exact_and_expires(lake: Lake, loader: Loader) -> None:
    log = Log(1)
    for number in range(20):
        log.send(0, capture(f"c{number}", number % 9))
    sink = stream.make_score(lake, loader)
    take(sink, log.batch(lake, score.TABLE, 20))
    take(stream.make_archive(lake, loader), log.batch(lake, archive.TABLE, 12))
    run(lake, "quality", "throughput")
    (one,) = Merged(lake).usable(ALL, 0.5)
    assert (one.batch, one.waiting, one.estimate.sampled) == (12, 8, 8)

    gone = {table.table: table.expired for table in expire(lake)}

    assert gone == {"realtime/quality": 12, "realtime/throughput": 0}  # its one row still counts eight that wait
    assert Merged(lake).usable(ALL, 0.5) == [one]
    assert [table.expired for table in expire(lake)] == [0, 0]
    for number in range(20, 24):
        log.send(0, capture(f"c{number}", number % 9))
    take(sink, log.batch(lake, score.TABLE, 20))
    sink.close()
    assert Merged(lake).throughput(ALL)["captures"].sum() == 24


def test_filters_hold_for_both_layers(lake: Lake, loader: Loader) -> None:
    log = Log(1)
    for number in range(12):
        log.send(0, capture(f"c{number}", number, device=f"d{number % 3}", taken=number * 3600))
    take(stream.make_archive(lake, loader), log.batch(lake, archive.TABLE, 6))
    run(lake, "quality", "throughput")
    sink = stream.make_score(lake, loader)
    take(sink, log.batch(lake, score.TABLE, 12))
    sink.close()
    merged = Merged(lake)
    some = {**ALL, "devices": ["d1"]}
    assert set(merged.throughput(some)["device_id"]) == {"d1"}
    assert merged.throughput(some)["captures"].sum() == 4
    rows = merged.captures(some)
    assert sorted(zip(rows["capture_id"], rows["layer"], strict=True)) == [
        ("c1", "batch"),
        ("c10", "realtime"),
        ("c4", "batch"),
        ("c7", "realtime"),
    ]
    early = {**ALL, "end": datetime(2026, 3, 1, 9, 30, tzinfo=UTC)}
    assert merged.throughput(early)["captures"].sum() == 2
    assert Model.load().model_id in set(lake.read("realtime/quality", columns=["model_id"]).column(0).to_pylist())
