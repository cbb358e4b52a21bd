"""archive and score killed at every numbered step of a batch: nothing lost, nothing twice. Real processes, SIGKILL."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from demo.broker import Broker
from lake import Lake
from speed.sampling import draw
from tests.crash.services import Process, archived, command, counted, offsets, refused, send, victim
from tests.kafka.brokers import create_topic, end_offsets, read_all
from tests.speed.services import consume

EVENTS, BAD = range(40), (3, 17, 38)
GOOD = sorted(f"c{number}" for number in EVENTS if number not in BAD)

# Steps are those of docs/guarantees.md: the function, before or after it runs, at which call.
ARCHIVE = {
    "1 before the batch is looked at": ("speed.archive.Archive.take", "before", 1),
    "2 photos fetched, nothing written": ("speed.dead_letters.DeadLetters.send", "before", 1),
    "3 dead letters acknowledged": ("speed.dead_letters.DeadLetters.send", "after", 1),
    "4 the topic confirmed, nothing appended": ("speed.service.Service._confirm", "after", 1),
    "5 images appended, the rest not": ("lake.lake.Lake.append_new", "after", 1),
    "5 all but the captures appended": ("lake.offsets.OffsetTable.append", "before", 1),
    "6 captures written, not committed": ("deltalake.DeltaTable.create_write_transaction", "before", 3),
    "6 captures committed, not acknowledged": ("deltalake.DeltaTable.create_write_transaction", "after", 3),
    "7 acknowledged, Kafka not told": ("lake.offsets.OffsetTable.append", "after", 1),
}
SCORE = {
    "1 before the batch is looked at": ("speed.score.Score.take", "before", 1),
    "2 photos scored, nothing written": ("lake.offsets.OffsetTable.append", "before", 1),
    "3 the topic confirmed, nothing written": ("speed.service.Service._confirm", "after", 1),
    "4 quality written, not committed": ("deltalake.DeltaTable.create_write_transaction", "before", 1),
    "4 quality committed, throughput not": ("lake.offsets.OffsetTable.append", "after", 1),
    "5 throughput committed, not acknowledged": ("deltalake.DeltaTable.create_write_transaction", "after", 2),
    "6 acknowledged, Kafka not told": ("lake.offsets.OffsetTable.append", "after", 2),
}


@pytest.fixture(scope="module")
def filled(broker: Broker) -> str:
    """A topic with good events and bad ones."""
    topic = create_topic(broker, "killed")
    send(broker, topic, EVENTS, bad=BAD)
    return topic


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.open(tmp_path / "lake", create=True)


def _kill(kind: str, point: tuple[str, str, int], broker: Broker, topic: str, lake: Lake, folder: Path) -> None:
    with Process(
        folder / "log", command(kind, broker, topic, lake), python=victim(*point), session_timeout_s="2"
    ) as process:
        assert process.wait() == -signal.SIGKILL, process.said()[-3000:]


@pytest.mark.parametrize("point", ARCHIVE)
def test_archive_killed_then_completed(point: str, broker: Broker, filled: str, lake: Lake, tmp_path: Path) -> None:
    _kill("archive", ARCHIVE[point], broker, filled, lake, tmp_path)
    before = archived(lake)
    assert len(before) == len(set(before))

    consume("archive", broker, filled, lake)

    assert archived(lake) == GOOD
    assert refused(lake) == {"not-json": len(BAD)}
    assert lake.count("master/images") == 7
    assert offsets(broker, filled, lake, "archive") == end_offsets(broker, filled)
    letters = read_all(broker, f"{filled}.dead-letters")
    assert {dict(letter.headers)["origin"].partition(b"@")[0] for letter in letters} >= {
        row.encode().partition(b"@")[0]
        for row in lake.read("master/rejected", columns=["origin"]).column(0).to_pylist()
    }


@pytest.mark.parametrize("point", SCORE)
def test_score_killed_then_completed(point: str, broker: Broker, filled: str, lake: Lake, tmp_path: Path) -> None:
    _kill("score", SCORE[point], broker, filled, lake, tmp_path)
    before = counted(lake)
    assert len(before) == len(set(before))

    consume("score", broker, filled, lake)

    ends = end_offsets(broker, filled)
    assert counted(lake) == sorted((p, offset) for p, end in ends.items() for offset in range(end))
    _each_was_drawn_once(lake)
    assert offsets(broker, filled, lake, "score") == ends


def _each_was_drawn_once(lake: Lake) -> None:
    """Whatever the rate fell to: each name was drawn at its row's probability, and none below them all is missing."""
    columns = ["capture_id", "sampling_probability"]
    rows = lake.read("realtime/quality", columns=columns).to_pylist()
    rates = {row["capture_id"]: row["sampling_probability"] for row in rows}
    assert len(rates) == len(rows)
    assert all(name in GOOD and draw(name) < rate for name, rate in rates.items())
    assert {name for name in GOOD if draw(name) < min(rates.values())} <= set(rates)
