"""What a service must not go on with: a gap, a codec without its library, a damaged commit. It says so and ends."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import kafka.codec
import pytest
from kafka import KafkaAdminClient, TopicPartition

from demo.broker import Broker
from facings.console import Exit
from lake import Lake, TableCorrupt
from speed.errors import OffsetsLost, TopicMissing, Unreadable
from tests.crash.services import Process as Service
from tests.crash.services import archived, command, counted, offsets, prepared, scored, send
from tests.kafka.brokers import end_offsets, eventually, produce
from tests.speed import stream
from tests.speed.services import consume

TWENTY = sorted(f"c{number}" for number in range(20))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.open(tmp_path / "lake", create=True)


def _forget(broker: Broker, topic: str, before: dict[int, int]) -> None:
    """What retention does, at once."""
    admin = KafkaAdminClient(**broker.client_options())
    admin.delete_records({TopicPartition(topic, p): offset for p, offset in before.items()})
    admin.close()


@pytest.mark.parametrize("kind", ["archive", "score"])
def test_a_gap_is_named_and_can_be_accepted(kind: str, broker: Broker, topic: str, lake: Lake) -> None:
    """Case 9."""
    send(broker, topic, range(20))
    consume(kind, broker, topic, lake)
    first = end_offsets(broker, topic)
    send(broker, topic, range(20, 60))
    partition = next(p for p, end in end_offsets(broker, topic).items() if end > first[p] + 3 and first[p])
    _forget(broker, topic, {partition: first[partition] + 2})

    with pytest.raises(OffsetsLost) as caught:
        consume(kind, broker, topic, lake)

    gap = f"events {first[partition]} to {first[partition] + 1} are gone"
    assert all(words in str(caught.value) for words in (f"partition {partition}", gap, "--accept-gap"))
    consume(kind, broker, topic, lake, accept_gap=True)
    assert offsets(broker, topic, lake, kind) == end_offsets(broker, topic)
    if kind == "archive":
        assert len(archived(lake)) == 58
    else:
        assert len(counted(lake)) == 58


def test_a_lake_that_is_new_begins_at_the_earliest_event_there_is(broker: Broker, topic: str, lake: Lake) -> None:
    send(broker, topic, range(40))
    partition, end = max(end_offsets(broker, topic).items(), key=lambda item: item[1])
    _forget(broker, topic, {partition: end - 1})
    consume("archive", broker, topic, lake)
    assert len(archived(lake)) == 40 - (end - 1)


def test_a_codec_without_its_library_is_an_error_and_no_hang(
    broker: Broker, topic: str, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case 11."""
    produce(broker, topic, [(b"d1", stream.capture("c1"))], compression_type="zstd")
    monkeypatch.setattr(kafka.codec, "has_zstd", lambda: False)
    with pytest.raises(Unreadable, match="zstd"):
        consume("archive", broker, topic, lake)
    monkeypatch.undo()
    consume("archive", broker, topic, lake)
    assert archived(lake) == ["c1"]


def test_every_codec_is_read(broker: Broker, topic: str, lake: Lake) -> None:
    for number, codec in enumerate(("gzip", "snappy", "lz4", "zstd")):
        produce(broker, topic, [(b"d1", stream.capture(f"c{number}"))], compression_type=codec)
    consume("archive", broker, topic, lake)
    assert archived(lake) == ["c0", "c1", "c2", "c3"]


def test_an_empty_last_commit_is_refused_and_nothing_is_lost(broker: Broker, topic: str, lake: Lake) -> None:
    """Case 14. A crash of the machine left the last commit's name and not its bytes: it was never acknowledged."""
    send(broker, topic, range(10))
    consume("archive", broker, topic, lake)
    log = Path(lake.storage.root) / "master" / "captures" / "_delta_log"
    last = max(log.glob("*.json"))
    last.write_bytes(b"")
    with pytest.raises(TableCorrupt, match=last.name):
        consume("archive", broker, topic, Lake.open(lake.storage.root))
    last.unlink()  # as the message says
    again = Lake.open(lake.storage.root)
    consume("archive", broker, topic, again)
    assert len(archived(again)) == 10


def test_a_missing_topic_ends_the_command_with_one_line(broker: Broker, lake: Lake, tmp_path: Path) -> None:
    with Service(tmp_path / "log", command("archive", broker, "nowhere", lake)) as service:
        assert service.wait() == Exit.FAILED
        assert service.said().strip().splitlines() == [
            "facings: there is no topic 'nowhere': create it, or correct --topic"
        ]
    with pytest.raises(TopicMissing):
        consume("score", broker, "nowhere", lake)


def test_two_of_one_instance_id_are_not_two_members(broker: Broker, topic: str, lake: Lake, tmp_path: Path) -> None:
    """The one that came first is told to go, in words; the other reads on."""
    group = command("archive", broker, topic, lake, "--group", f"static-{topic}", "--instance-id", "till-1")
    with Service(tmp_path / "first", group, session_timeout_s="6") as first:
        first.says("partitions assigned")
        with Service(tmp_path / "second", group, session_timeout_s="6") as second:
            second.says("partitions assigned")
            assert first.wait(30) == Exit.FAILED
            assert "--instance-id" in first.said().strip().splitlines()[-1]
            send(broker, topic, range(4))
            eventually(lambda: len(archived(lake)) == 4, "the second reads on")


def test_the_report_is_one_json_object(broker: Broker, topic: str, lake: Lake, tmp_path: Path) -> None:
    send(broker, topic, range(6), bad=(2,))
    with Service(tmp_path / "log", command("archive", broker, topic, lake, "--until-caught-up", "--json")) as service:
        assert service.wait() == Exit.DONE, service.said()
    found = json.loads(service.said().strip().splitlines()[-1])
    assert (found["events"], found["ok"], found["rejected"]) == (6, 5, 1)
    assert sys.maxsize > found["seconds"] > 0


def test_a_full_disk_loses_nothing(broker: Broker, topic: str, lake: Lake, tmp_path: Path) -> None:
    """Case 15. Files may not grow beyond 2 kB: the data file fails, and the service says so and ends."""
    send(broker, topic, range(20))
    full = prepared("import resource, signal; resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))")
    with Service(tmp_path / "pipe", command("archive", broker, topic, lake, "--until-caught-up"), python=full) as one:
        assert one.wait() == 1
    assert archived(lake) == []
    consume("archive", broker, topic, lake)
    assert archived(lake) == TWENTY


FILLS_UP_AT_THE_COMMIT = """
import resource
from deltalake import DeltaTable
real, calls = DeltaTable.create_write_transaction, []
def fills_up(*args, **kwargs):
    calls.append(None)
    if len(calls) != {number}:
        return real(*args, **kwargs)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limit[1]))
    try:
        return real(*args, **kwargs)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
DeltaTable.create_write_transaction = fills_up
"""


@pytest.mark.parametrize("kind, number", [("archive", 2), ("score", 1), ("score", 2)])
def test_a_disk_that_is_full_at_the_commit_loses_nothing(
    kind: str, number: int, broker: Broker, topic: str, lake: Lake, tmp_path: Path
) -> None:
    """Case 15, one step later: the data files are there, and the log's next entry finds no room."""
    send(broker, topic, range(20))
    full = prepared(FILLS_UP_AT_THE_COMMIT.format(number=number))
    with Service(tmp_path / "log", command(kind, broker, topic, lake, "--until-caught-up"), python=full) as one:
        assert one.wait() == 1, one.said()[-3000:]
        assert "Traceback" not in one.said(), one.said()[-3000:]
    consume(kind, broker, topic, lake)
    if kind == "archive":
        assert archived(lake) == TWENTY
    else:
        assert counted(lake) == sorted((p, n) for p, end in end_offsets(broker, topic).items() for n in range(end))
        assert scored(lake) == TWENTY
