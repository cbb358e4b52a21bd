"""Live devices: what they send is a function of the seed, keeps to the rate, and can be compared with what arrived."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest

from demo.broker import Broker, free_port
from demo.generate import generate
from demo.live import Pace, send
from demo.script import Truth, messages, read_album, tiny_album
from schemas.events import Capture, DoorEvent
from schemas.validate import parse_record
from tests.kafka.brokers import read_all

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_pace_with_bursts_by_hand():
    pace = Pace(10, burst=20, every_s=60, burst_s=5)
    # 55 quiet seconds, then 5 at twenty times the rate; 10 × 55 + 200 × 5 a minute.
    assert [pace.due(s) for s in (0, 55, 56, 60, 115, 120)] == [0, 550, 750, 1550, 2100, 3100]
    assert [pace.bursts(s) for s in (54, 55, 60, 115)] == [0, 1, 1, 2]
    assert Pace(0).due(1) == float("inf")
    assert Pace(7).due(3) == 21


@pytest.mark.parametrize("wrong", [{"rate": -1}, {"rate": 1, "burst": 0.5}, {"rate": 1, "every_s": 1, "burst_s": 2}])
def test_a_pace_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match="give a rate"):
        Pace(**wrong)


def test_the_same_seed_sends_the_same():
    album = tiny_album()
    one, two, other = (list(islice(messages(album, seed=seed, name="a", now=lambda: NOW), 500)) for seed in (3, 3, 4))
    assert one == two
    assert one != other


def test_truth_is_what_the_contracts_make_of_the_messages():
    sent = list(islice(messages(tiny_album(), seed=5, name="a", resent=0.1, bad=0.05, now=lambda: NOW), 3000))
    truth = Truth()
    for message in sent:
        truth.add(message)
    parsed = [parse_record(message.value, origin="test") for message in sent]
    names = Counter(one.event.capture_id for one in parsed if isinstance(one.event, Capture) and one.event.image_bytes)
    reasons = Counter(str(rejected.reason) for one in parsed for rejected in one.rejected)
    # An address that must not be fetched is refused later, when it is fetched: what is seen here is the rest.
    assert reasons == Counter({k: n for k, n in truth.refused.items() if k != "fetch-refused"})
    assert (len(names), sum(names.values())) == (truth.captures, truth.captures + truth.resent)
    assert 0.07 < truth.resent / len(sent) < 0.13
    assert 0.03 < sum(truth.refused.values()) / len(sent) < 0.07


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small story on disk."""
    folder = tmp_path_factory.mktemp("drawn")
    generate(folder, until=NOW, hours=2, stores=2, coolers_per_store=1, workers=1)
    return folder


def test_the_story_goes_round_with_new_names_and_photos_that_are_there(drawn: Path):
    album = read_album(drawn)
    truth = json.loads((drawn / "truth.json").read_text())
    laps = 3
    events = [
        (message, parse_record(message.value, origin="test").event)
        for message in islice(messages(album, seed=1, name="n", resent=0, bad=0, now=lambda: NOW), 1200)
    ]
    captures = [event for _, event in events if isinstance(event, Capture)]
    doors = [event for _, event in events if isinstance(event, DoorEvent)]
    assert len({event.capture_id for event in captures}) == len(captures)
    assert len(captures) > laps * len(truth["captures"])
    refused = {name for name, told in truth["captures"].items() if told["outcome"] == "rejected"}
    for message, event in events:
        assert isinstance(event, Capture | DoorEvent)
        assert message.key.decode() == event.device_id
        if isinstance(event, Capture):
            missing = not Path(event.image_uri.removeprefix("file://")).exists()
            assert (message.kind == "bad") == (event.capture_id.rsplit("-n-")[0] in refused), event.capture_id
            assert not missing or message.refused == ("missing-file",)
    opened = {event.door_event_id for event in doors if event.kind == "open"}
    assert {event.door_event_id for event in captures if event.door_event_id} <= opened


def test_what_the_topic_holds_is_what_was_sent(broker: Broker, topic: str):
    made = list(islice(messages(tiny_album(), seed=2, name="b"), 2000))
    report = send(iter(made), broker.client_options(), topic, Pace(0), events=2000)
    assert (report.events, report.failed, report.bytes) == (2000, 0, sum(len(m.value) for m in made))
    held = read_all(broker, topic)
    for key in {message.key for message in made}:
        assert [r.value for r in held if r.key == key] == [m.value for m in made if m.key == key]


def test_a_rate_is_kept(broker: Broker, topic: str):
    report = send(
        messages(tiny_album(), seed=2, name="c"), broker.client_options(), topic, Pace(100, 5, 1, 0.2), seconds=2
    )
    # 100 × 0.8 + 500 × 0.2 a second, for two seconds.
    assert (report.events + report.behind, report.bursts) == (360, 2)


def test_the_command_ends_in_order_and_tells_what_it_sent(broker: Broker, topic: str):
    command = [sys.executable, "-m", "facings", "demo", "--live", "--tiny", "--brokers", broker.address]
    pace = ["--rate", "200", "--burst", "3x", "--bad", "0.2"]
    running = subprocess.Popen([*command, "--topic", topic, *pace, "--json"], stdout=subprocess.PIPE, text=True)
    while len(read_all(broker, topic)) < 50:
        assert running.poll() is None
    running.send_signal(signal.SIGTERM)
    out, _ = running.communicate(timeout=180)
    told = json.loads(out)
    assert running.returncode == 0
    assert told["events"] == len(read_all(broker, topic))
    assert all(isinstance(count, int) for count in told["refused"].values())
    assert told["captures"] + told["door_events"] + told["resent"] + sum(told["refused"].values()) == told["events"]


def test_a_broker_that_is_not_there_is_named():
    # A process of its own: kafka-python leaves the sockets of a failed start open.
    nowhere = {"bootstrap_servers": [f"127.0.0.1:{free_port()}"], "bootstrap_timeout_ms": 1000}
    script = f"from demo.live import ensure_topic\nensure_topic({nowhere}, 't', 1)"
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True, timeout=180)
    assert "demo.live.SendFailed" in done.stderr
    assert "start one with `facings broker`" in done.stderr
