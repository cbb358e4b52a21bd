"""The broker's configuration: server.properties and its log."""

from __future__ import annotations

from pathlib import Path

from demo.ports import free_port

MECHANISMS = ("SCRAM-SHA-256", "SCRAM-SHA-512")

# One small broker: internal topics of few partitions, no wait before a group's first members get theirs, and a short
# session with its own controller, which a broker that was killed has to outwait when it comes back.
_SMALL = {
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "transaction.state.log.num.partitions": 4,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "share.coordinator.state.topic.num.partitions": 4,
    "broker.session.timeout.ms": 3000,
    "broker.heartbeat.interval.ms": 500,
    "group.initial.rebalance.delay.ms": 0,
    "group.min.session.timeout.ms": 1000,
    "auto.create.topics.enable": "false",
}
LOGGING = """\
status=error
rootLogger.level=warn
rootLogger.appenderRef.console.ref=console
logger.server.name=kafka.server.KafkaRaftServer
logger.server.level=info
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d{ISO8601}{UTC} %p %m (%c)%n%throwable
"""


def properties(address: str, log: Path, key_store: Path | None, *, scram: bool) -> dict[str, object]:
    """server.properties for clients at `address`: TLS where there is a key store (PEM), logins where `scram`.

    The ports of the controller and of the broker's own listener are free ones, others at each start.
    """
    controller, inner = free_port(), free_port()
    secure = f"{'SASL_' if scram else ''}{'SSL' if key_store else 'PLAINTEXT'}"
    values: dict[str, object] = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "controller.listener.names": "CONTROLLER",
        # The broker talks to itself in the clear, on a port of its own.
        "inter.broker.listener.name": "INNER",
        "listeners": f"CLIENT://{address},INNER://127.0.0.1:{inner},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"CLIENT://{address},INNER://127.0.0.1:{inner}",
        "listener.security.protocol.map": f"CLIENT:{secure},INNER:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": log,
        **_SMALL,
    }
    if key_store is not None:
        values["listener.name.client.ssl.keystore.type"] = "PEM"
        values["listener.name.client.ssl.keystore.location"] = key_store
    if scram:
        values["sasl.enabled.mechanisms"] = ",".join(MECHANISMS)
        for mechanism in MECHANISMS:
            login = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            values[f"listener.name.client.{mechanism.lower()}.sasl.jaas.config"] = login
    return values
