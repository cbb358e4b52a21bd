"""What is wrong with a connection is named before anything is read: case 25 of docs/guarantees.md, for Kafka."""

from __future__ import annotations

import dataclasses
import secrets
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from demo.broker import Broker, free_port
from demo.certificates import make_certificates
from speed import errors
from speed.connection import Connection
from speed.probe import Admin, connect
from tests.kafka.brokers import make_topic
from tests.speed.services import connection

USERS = {"alice": "s3cret", "bob": "hunter2"}


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with Broker(tmp_path_factory.mktemp("secured"), tls=True, users=USERS) as broker:
        yield broker


def _refused(kind: type[errors.SpeedError], given: Connection, *words: str) -> None:
    with pytest.raises(kind) as caught:
        connect(given, timeout_s=1.5).close()
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_right_connection_is_proved_and_finds_its_topic(secured: Broker) -> None:
    make_topic(secured, "captures", partitions=3)
    admin = connect(connection(secured, "bob"))
    topic, partitions = admin.identify("captures")
    admin.close()
    assert partitions == [0, 1, 2]
    assert len(topic.topic_id) == 22


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_a_wrong_password_is_called_one(secured: Broker, mechanism: str) -> None:
    given = dataclasses.replace(connection(secured), password="wrong", mechanism=mechanism)
    _refused(errors.LoginRefused, given, "alice", "password")


def test_a_mechanism_that_is_not_offered_is_called_one(secured: Broker) -> None:
    given = dataclasses.replace(connection(secured), mechanism="PLAIN")
    _refused(errors.LoginRefused, given, "PLAIN", "--mechanism")


def test_another_authority_is_called_one(secured: Broker, tmp_path: Path) -> None:
    make_certificates(tmp_path, ("127.0.0.1",))
    given = dataclasses.replace(connection(secured), ca_file=str(tmp_path / "ca.pem"))
    _refused(errors.BrokerDistrusted, given, "--ca-file")


def test_no_authority_is_no_trust(secured: Broker) -> None:
    _refused(errors.BrokerDistrusted, dataclasses.replace(connection(secured), ca_file=None), "--ca-file")


def test_plain_text_to_a_broker_of_tls_is_called_that(secured: Broker) -> None:
    given = Connection(connection(secured).brokers)
    _refused(errors.WrongProtocol, given, "speaks TLS")


def test_tls_to_a_broker_of_plain_text_is_called_that(broker: Broker) -> None:
    given = dataclasses.replace(connection(broker), protocol="SSL")
    _refused(errors.WrongProtocol, given, "does not speak TLS")


def test_no_broker_is_called_that() -> None:
    _refused(errors.BrokerUnreachable, Connection((f"127.0.0.1:{free_port()}",)), "nothing listens", "--brokers")


def test_a_missing_topic_is_called_that(broker: Broker) -> None:
    admin = connect(connection(broker))
    with pytest.raises(errors.TopicMissing, match="no topic 'nowhere'"):
        admin.identify("nowhere")
    admin.close()


def test_of_many_that_start_at_once_none_fails_on_the_topic_that_all_of_them_need(broker: Broker) -> None:
    name, admins = f"letters-{secrets.token_hex(4)}", [connect(connection(broker)) for _ in range(6)]
    start = threading.Barrier(len(admins))

    def ensure(admin: Admin) -> None:
        start.wait(30)
        admin.ensure(name)

    with ThreadPoolExecutor(len(admins)) as pool:
        for done in [pool.submit(ensure, admin) for admin in admins]:
            done.result(60)
    assert admins[0].identify(name)[1] == [0]
    for admin in admins:
        admin.close()


@pytest.mark.parametrize(
    "more", [{"protocol": "TLS"}, {"mechanism": "MD5"}, {"protocol": "SASL_SSL"}, {"brokers": ("localhost",)}]
)
def test_options_that_can_not_work_are_refused_unread(more: dict[str, object]) -> None:
    with pytest.raises(errors.SpeedError):
        Connection(**{"brokers": ("localhost:9092",), **more})  # type: ignore[arg-type]  # wrong on purpose
