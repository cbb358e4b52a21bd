"""The cases of docs/guarantees.md that need a running service: stopped, fenced, drained, starved, cut off."""

from __future__ import annotations

import re
import signal
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from demo.broker import Broker
from lake import Lake
from tests.crash.services import (
    Process,
    archived,
    command,
    counted,
    offsets,
    prepared,
    refused,
    scored,
    send,
    victim,
)
from tests.kafka.brokers import delete_topic, end_offsets, eventually, make_topic
from tests.speed.services import consume

QUARTER_OF_A_SECOND_A_PHOTO = (
    "import time, speed.score as s; fast = s.score_photo\ns.score_photo = lambda *a: time.sleep(0.25) or fast(*a)"
)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.open(tmp_path / "lake", create=True)


def _names(count: int) -> list[str]:
    return sorted(f"c{number}" for number in range(count))


def _all_offsets(broker: Broker, topic: str) -> list[tuple[int, int]]:
    return sorted((p, offset) for p, end in end_offsets(broker, topic).items() for offset in range(end))


@pytest.mark.parametrize("kind", ["archive", "score"])
def test_one_that_was_stopped_past_its_session_is_fenced(
    kind: str, broker: Broker, topic: str, lake: Lake, tmp_path: Path
) -> None:
    """Case 4. It stops itself with a batch in hand; another takes over and finishes; then it goes on."""
    send(broker, topic, range(30))
    frozen = victim("speed.service.Service._confirm", "before", 1, signal.SIGSTOP)
    more = ("--group", f"{kind}-{topic}", "--metrics-port", 0)
    with Process(
        tmp_path / "log", command(kind, broker, topic, lake, *more), python=frozen, session_timeout_s="2"
    ) as process:
        eventually(process.is_stopped, "it has stopped itself")
        consume(kind, broker, topic, lake, session_timeout_s=2.0)
        process.send(signal.SIGCONT)
        process.says("fenced", 30)
        send(broker, topic, range(30, 40))
        ends = end_offsets(broker, topic)
        eventually(lambda: offsets(broker, topic, lake, kind) == ends, "it goes on after that")
        _drains(process)
    if kind == "archive":
        assert archived(lake) == _names(40)
    else:
        assert counted(lake) == _all_offsets(broker, topic)
        assert len(scored(lake)) == len(set(scored(lake)))


def test_two_that_both_own_every_partition_commit_each_event_once(
    broker: Broker, topic: str, lake: Lake, tmp_path: Path
) -> None:
    """Case 5. Two groups, so that Kafka gives all partitions to both; each commit is small, so that they collide."""
    send(broker, topic, range(400))
    small = prepared("import speed.score as s; s._MOST_EVENTS = 15")
    workers = [
        Process(
            tmp_path / name,
            command("score", broker, topic, lake, "--group", name, "--sample-rate", 0.5, "--until-caught-up"),
            python=small,
        )
        for name in ("one", "two")
    ]
    assert [worker.wait(90) for worker in workers] == [0, 0], [worker.said()[-1000:] for worker in workers]
    assert counted(lake) == _all_offsets(broker, topic)
    assert len(scored(lake)) == len(set(scored(lake)))
    assert any("fenced" in worker.said() or "was read to" in worker.said() for worker in workers)


def test_sigterm_under_load_drains_within_ten_seconds(broker: Broker, topic: str, lake: Lake, tmp_path: Path) -> None:
    """Case 6."""
    send(broker, topic, range(600))
    slow = prepared("import speed.archive as a, functools\na.Archive.__init__.__kwdefaults__['most_events'] = 20")
    with Process(tmp_path / "log", command("archive", broker, topic, lake, "--linger", 0), python=slow) as process:
        process.says("committed")
        _drains(process)
    done = archived(lake)
    assert len(done) == len(set(done)) == sum(offsets(broker, topic, lake, "archive").values())
    assert len(done) < 600
    consume("archive", broker, topic, lake)
    assert archived(lake) == _names(600)


def test_sigterm_under_load_drains_a_batch_that_is_scored(
    broker: Broker, topic: str, lake: Lake, tmp_path: Path
) -> None:
    """Case 6, for score: far more waits than can be scored, and each photo takes a quarter of a second."""
    send(broker, topic, range(400))
    slow = prepared(QUARTER_OF_A_SECOND_A_PHOTO)
    with Process(tmp_path / "log", command("score", broker, topic, lake), python=slow) as process:
        process.says("partitions assigned")
        send(broker, topic, range(400, 2000))
        process.says("committed")
        _drains(process)
    done = counted(lake)
    assert len(done) == len(set(done)) == sum(offsets(broker, topic, lake, "score").values())
    assert len(scored(lake)) == len(set(scored(lake)))
    consume("score", broker, topic, lake)
    assert counted(lake) == _all_offsets(broker, topic)


def test_a_killed_member_leaves_its_partitions_to_the_other(
    broker: Broker, topic: str, lake: Lake, tmp_path: Path
) -> None:
    """Two members of one group share the partitions; when one is killed the other reads all of them, once each."""
    group = ("--group", f"shared-{topic}", "--linger", 0)
    short = {"session_timeout_s": "6"}
    with (
        Process(tmp_path / "a", command("score", broker, topic, lake, *group), **short) as first,
        Process(tmp_path / "b", command("score", broker, topic, lake, *group), **short) as second,
    ):
        eventually(lambda: _assigned(first) == _assigned(second) == 2, "each has two partitions")
        send(broker, topic, range(100))
        first.send(signal.SIGKILL)
        send(broker, topic, range(100, 200))
        ends = end_offsets(broker, topic)
        eventually(lambda: offsets(broker, topic, lake, "score") == ends, "the other takes over")
        second.send(signal.SIGTERM)
        assert second.wait(10) == 0, second.said()[-3000:]
    assert counted(lake) == _all_offsets(broker, topic)


def _assigned(process: Process) -> int:
    held: set[int] = set()
    for verb, listed in re.findall(r'"partitions (assigned|revoked)", "partitions": \[([\d, ]*)\]', process.said()):
        numbers = {int(one) for one in listed.split(",") if one.strip()}
        held = held | numbers if verb == "assigned" else held - numbers
    return len(held)


def test_a_topic_made_anew_is_read_from_its_beginning(broker: Broker, topic: str, lake: Lake, tmp_path: Path) -> None:
    """Case 8, while the service runs: the new topic has more events than were read of the old one."""
    send(broker, topic, range(12))
    with Process(tmp_path / "log", command("archive", broker, topic, lake, "--linger", 0)) as process:
        eventually(lambda: len(archived(lake)) == 12, "the first topic is in the lake")
        delete_topic(broker, topic)
        make_topic(broker, topic)
        send(broker, topic, range(100, 140))
        eventually(lambda: len(archived(lake)) == 52, "the second topic is in the lake", deadline_s=40)
        _drains(process)
    assert archived(lake) == sorted(f"c{n}" for n in (*range(12), *range(100, 140)))


def test_dead_letters_that_nobody_takes_hold_the_offset(broker: Broker, topic: str, lake: Lake, tmp_path: Path) -> None:
    """Case 12. The dead-letter topic goes while the service runs, and comes back later."""
    letters = f"{topic}.dead-letters"
    with Process(tmp_path / "log", command("archive", broker, topic, lake, "--linger", 0)) as process:
        process.says("reading topic")
        delete_topic(broker, letters)
        send(broker, topic, range(8), bad=(5,))
        process.says("not acknowledged")
        assert archived(lake) == []
        assert set(offsets(broker, topic, lake, "archive").values()) == {0}
        make_topic(broker, letters, partitions=1)
        ends = end_offsets(broker, topic)
        eventually(lambda: offsets(broker, topic, lake, "archive") == ends, "it goes on")
        _drains(process)
    assert len(archived(lake)) == 7
    assert refused(lake) == {"not-json": 1}


def test_slow_scoring_pauses_and_keeps_its_place_in_the_group(
    broker: Broker, topic: str, lake: Lake, tmp_path: Path
) -> None:
    """Case 13. A batch takes longer than a member may go without polling; more waits than fits into the buffer."""
    send(broker, topic, range(600))
    slow = prepared(QUARTER_OF_A_SECOND_A_PHOTO)
    limits = {"buffer_bytes": str(200_000), "stuck_after_s": "15", "session_timeout_s": "2"}  # polls: every 6 s or out
    with Process(
        tmp_path / "log", command("score", broker, topic, lake, "--metrics-port", 0), python=slow, **limits
    ) as process:
        process.says("metrics on port")
        found = re.search(r"metrics on port (\d+)", process.said())
        assert found is not None
        read = _metrics(int(found[1]))
        eventually(lambda: read("facings_paused"), "it pauses")
        before = read("process_resident_memory_bytes")
        ends = end_offsets(broker, topic)
        eventually(lambda: offsets(broker, topic, lake, "score") == ends, "it catches up")
        assert read("facings_buffered_bytes") <= 200_000
        assert read("process_resident_memory_bytes") < before + (64 << 20)
        assert read("facings_rebalances_total") == 1
        assert read("facings_events_total") == 600
        _drains(process)
    probabilities = set(lake.read("realtime/quality", columns=["sampling_probability"]).column(0).to_pylist())
    assert min(probabilities) < 1


def _drains(process: Process) -> None:
    """It ends within ten seconds of SIGTERM, by itself."""
    began = time.monotonic()
    process.send(signal.SIGTERM)
    assert process.wait(10) == 0, process.said()[-3000:]
    assert time.monotonic() - began < 10


def _metrics(port: int) -> Callable[[str], float]:
    def read(name: str) -> float:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith((f"{name} ", f"{name}{{")))

    return read


def test_a_broker_that_was_killed_is_read_again_within_thirty_seconds(
    own_broker: Broker, lake: Lake, tmp_path: Path
) -> None:
    """Case 7."""
    make_topic(own_broker, "captures")
    with Process(tmp_path / "log", command("archive", own_broker, "captures", lake, "--linger", 0)) as process:
        send(own_broker, "captures", range(10))
        eventually(lambda: len(archived(lake)) == 10, "the first events are in the lake")
        own_broker.kill()
        own_broker.start()
        up = time.monotonic()
        send(own_broker, "captures", range(10, 20))
        eventually(lambda: len(archived(lake)) == 20, "the events after the restart are in the lake", deadline_s=30)
        assert time.monotonic() - up < 30
        _drains(process)
    assert archived(lake) == _names(20)
