"""The check behind the soak finds what it is there to find: lost, twice, not asked for, out of order."""

from __future__ import annotations

import subprocess
import sys
from itertools import islice
from pathlib import Path

import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable, write_deltalake
from kafka import KafkaAdminClient

from bench.commits import TABLES, Latency, latencies, readable_at, sent_at
from bench.soak_check import Topic, check, read_topic, records
from demo.broker import Broker
from demo.live import Pace, send
from demo.script import messages, tiny_album
from lake import Lake
from tests.kafka.brokers import create_topic

EVENTS = 300


@pytest.fixture(scope="module")
def taken(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Topic, int]:
    """A lake that both services filled from a topic, the topic, and its dead letters."""
    lake, topic = tmp_path_factory.mktemp("soak") / "lake", create_topic(broker, "soak-check")
    made = islice(messages(tiny_album(), seed=1, name="soak", resent=0.1, bad=0.1), EVENTS)
    send(made, broker.client_options(), topic, Pace(0), events=EVENTS)
    for command in ("archive", "score"):
        options = ["--brokers", broker.address, "--topic", topic, "--lake", str(lake), "--until-caught-up"]
        subprocess.run([sys.executable, "-m", "facings", command, *options], check=True, capture_output=True)
    letters = sum(1 for _ in records(broker.client_options(), f"{topic}.dead-letters"))
    return lake, read_topic(broker.client_options(), topic), letters


def test_what_the_services_leave_behind_holds(taken):
    lake, topic, letters = taken
    verdict = check(Lake.open(str(lake)), topic, letters)
    assert verdict.held, verdict
    assert (len(topic), verdict.seen["counted"]) == (EVENTS, EVENTS)
    assert verdict.seen["capture"] < len(topic.captures), "what was sent again is not there again"


def test_every_event_is_readable_some_time_after_it_was_sent(taken, broker: Broker):
    lake, topic, _ = taken
    (name,) = (name for name in _topics(broker) if name.startswith("soak-check") and not name.endswith("letters"))
    sent = sent_at(broker.client_options(), name)
    assert sent.keys() == topic.places()
    counted = latencies(sent, readable_at(lake, TABLES["counted"]))
    assert counted.keys() == topic.places()
    assert min(counted.values()) > 0
    assert latencies(sent, readable_at(lake, TABLES["archived"])).keys() < topic.captures.keys()


def test_quantiles_by_hand():
    assert Latency.of(range(101)) == Latency(101, 50, 95, 99, 100)
    assert Latency.of(()).rows == 0


def test_an_event_that_the_lake_does_not_have_is_lost(taken):
    lake, topic, letters = taken
    more = Topic({**topic.captures, (0, 10**6): "never-arrived"}, topic.doors, topic.refused)
    verdict = check(Lake.open(str(lake)), more, letters)
    assert verdict.lost >= 2, "neither archived nor counted"
    assert any("never-arrived" in example for example in verdict.examples)
    assert check(Lake.open(str(lake)), topic, letters - 1).lost == 1


def test_a_row_that_nothing_on_the_topic_explains_is_wrong(taken):
    lake, topic, letters = taken
    place = min(topic.doors)
    less = Topic(topic.captures, {k: v for k, v in topic.doors.items() if k != place}, topic.refused)
    assert check(Lake.open(str(lake)), less, letters).wrong >= 2, "as a door event and as a count"


def test_a_row_that_is_there_twice_is_twice_and_out_of_order(taken):
    lake, topic, letters = taken
    path = lake / "master" / "captures"
    rows = DeltaTable(path).to_pyarrow_dataset().to_table()
    first = rows.filter(pc.equal(rows["kafka_offset"], pc.min(rows["kafka_offset"]))).slice(0, 1)
    write_deltalake(path, first, mode="append", partition_by=DeltaTable(path).metadata().partition_columns)
    verdict = check(Lake.open(str(lake)), topic, letters)
    assert (verdict.lost, verdict.twice, verdict.out_of_order) == (0, 1, 1)


def _topics(broker: Broker) -> list[str]:
    admin = KafkaAdminClient(**broker.client_options())
    try:
        return list(admin.list_topics())
    finally:
        admin.close()
