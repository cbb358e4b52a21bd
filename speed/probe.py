"""Looks at the broker before anything is consumed, and tells apart what all looks like "unable to bootstrap" later."""

from __future__ import annotations

import base64
import socket
import ssl
import uuid
from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import (
    AuthorizationError,
    IncompatibleBrokerVersion,
    KafkaError,
    SaslAuthenticationFailedError,
    TopicAlreadyExistsError,
    UnsupportedSaslMechanismError,
)
from kafka.net.compat import KafkaNetClient

from speed.batch import Topic
from speed.connection import Connection
from speed.errors import (
    BrokerDistrusted,
    BrokerUnreachable,
    LoginRefused,
    NotAllowed,
    SpeedError,
    TopicMissing,
    WrongProtocol,
)

TIMEOUT_S = 5.0
_TOPIC_UNKNOWN = 3
_NOT_AUTHORIZED = 29


class Admin:
    """Questions about topics, over a connection that was proved. Serves one thread at a time."""

    def __init__(self, client: KafkaAdminClient):
        self._client = client

    def identify(self, name: str) -> tuple[Topic, list[int]]:
        """The topic by its ids, and its partitions. Raises TopicMissing, NotAllowed, KafkaError."""
        found = self._describe(name)
        cluster = self._client.describe_cluster()["cluster_id"]
        partitions = sorted(part["partition_index"] for part in found["partitions"])
        return Topic(name, _short(found["topic_id"]), str(cluster)), partitions

    def is_still(self, topic: Topic) -> bool:
        """Has the topic of that name the same id? Raises TopicMissing, KafkaError."""
        return _short(self._describe(topic.name)["topic_id"]) == topic.topic_id

    def _describe(self, name: str) -> dict[str, Any]:
        (found,) = self._client.describe_topics([name])
        if found["error_code"] == _TOPIC_UNKNOWN:
            raise TopicMissing(f"there is no topic {name!r}: create it, or correct --topic")
        if found["error_code"] == _NOT_AUTHORIZED:
            raise NotAllowed(f"topic {name!r}: the user may not describe it; grant it")
        if found["error_code"]:
            raise KafkaError(f"topic {name!r}: error {found['error_code']}")
        return dict(found)

    def ensure(self, name: str, partitions: int = 1) -> None:
        """Makes a topic unless it is there. Raises NotAllowed."""
        try:
            self.identify(name)
        except TopicMissing:
            try:
                self._client.create_topics({name: {"num_partitions": partitions, "replication_factor": -1}})
            except TopicAlreadyExistsError:
                return  # another that started at the same moment was faster
            except AuthorizationError as error:
                raise NotAllowed(f"topic {name!r} is missing and may not be made: create it") from error

    def close(self) -> None:
        """Ends the connection."""
        self._client.close()


def connect(connection: Connection, timeout_s: float = TIMEOUT_S) -> Admin:
    """A proved connection. Raises the SpeedError that names what is wrong, within some times `timeout_s`."""
    reachable = [broker for broker in connection.brokers if _reaches(broker)]
    if not reachable:
        raise BrokerUnreachable(f"nothing listens at {', '.join(connection.brokers)}: start it, or correct --brokers")
    if connection.encrypts:
        _shake_hands(connection, reachable[0])
    made: list[KafkaNetClient] = []

    def keep(**options: Any) -> KafkaNetClient:
        made.append(KafkaNetClient(**options))
        return made[-1]

    try:
        return Admin(
            KafkaAdminClient(**connection.options(bootstrap_timeout_ms=int(timeout_s * 1000), kafka_client=keep))
        )
    except KafkaError as error:
        failures = [failure for client in made for failure in client._manager._auth_failures.values()]
        for client in made:
            client.close()
        raise _explain(connection, reachable[0], failures[0] if failures else error) from error


def _explain(connection: Connection, broker: str, error: Exception) -> SpeedError:
    if isinstance(error, UnsupportedSaslMechanismError):
        return LoginRefused(f"{broker} does not offer {connection.mechanism}: correct --mechanism")
    if isinstance(error, SaslAuthenticationFailedError):
        return LoginRefused(
            f"{broker} refused the login of {connection.username!r}: correct user or password ({error})"
        )
    if isinstance(error, AuthorizationError):
        return NotAllowed(f"{broker}: {error}")
    if isinstance(error, IncompatibleBrokerVersion):
        return WrongProtocol(f"{broker} does not answer as a broker does: is it a controller's port? ({error})")
    if not connection.encrypts and _speaks_tls(broker):
        return WrongProtocol(f"{broker} speaks TLS: say --security {'SASL_SSL' if connection.logs_in else 'SSL'}")
    if connection.logs_in:
        # Over TLS the client sees the connection's end and not the answer before it, which would say more.
        return LoginRefused(
            f"{broker} ends the login of {connection.username!r}: correct user, password or --mechanism "
            f"({connection.mechanism})"
        )
    return WrongProtocol(
        f"{broker} accepts connections and does not answer to {connection.protocol}: it may want a login "
        f"(--security SASL_{connection.protocol})"
    )


def _reaches(broker: str) -> bool:
    host, _, port = broker.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), TIMEOUT_S).close()
    except OSError:
        return False
    return True


def _shake_hands(connection: Connection, broker: str) -> None:
    host, _, port = broker.rpartition(":")
    try:
        context = ssl.create_default_context(cafile=connection.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise BrokerDistrusted(f"--ca-file {connection.ca_file}: {error}") from error
    try:
        if connection.cert_file:
            context.load_cert_chain(connection.cert_file, connection.key_file)
    except (OSError, ssl.SSLError) as error:
        raise BrokerDistrusted(f"--cert-file {connection.cert_file}: {error}") from error
    name = host.strip("[]")
    try:
        with (
            socket.create_connection((name, int(port)), TIMEOUT_S) as plain,
            context.wrap_socket(plain, server_hostname=name),
        ):
            pass
    except ssl.SSLCertVerificationError as error:
        remedy = "correct --ca-file" if "hostname" not in str(error).lower() else "connect by the name it is made for"
        raise BrokerDistrusted(f"{broker}: {error.verify_message or error}: {remedy}") from error
    except (ssl.SSLError, OSError) as error:
        raise WrongProtocol(f"{broker} does not speak TLS ({error}): correct --security or the port") from error


def _speaks_tls(broker: str) -> bool:
    host, _, port = broker.rpartition(":")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # only to name the mistake; nothing is sent
    try:
        with (
            socket.create_connection((host.strip("[]"), int(port)), TIMEOUT_S) as plain,
            context.wrap_socket(plain),
        ):
            return True
    except (ssl.SSLError, OSError):
        return False


def _short(topic_id: Any) -> str:
    """A topic id as Kafka's own tools write it: URL-safe base64 without padding."""
    given = topic_id if isinstance(topic_id, uuid.UUID) else uuid.UUID(str(topic_id))
    return base64.urlsafe_b64encode(given.bytes).decode().rstrip("=")
