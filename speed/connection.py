"""How to reach the brokers: addresses, encryption, login. One set of options for every client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from speed.errors import SpeedError

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
BACKOFF_MAX_MS = 2_000


@dataclass(frozen=True)
class Connection:
    """Brokers as "host:port". `ca_file`, `cert_file` and `key_file` are PEM files."""

    brokers: tuple[str, ...]
    protocol: str = "PLAINTEXT"
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    mechanism: str = "SCRAM-SHA-512"
    username: str | None = None
    password: str | None = None
    client_id: str = "facings"

    def __post_init__(self) -> None:
        if self.protocol not in PROTOCOLS:
            raise SpeedError(f"security {self.protocol!r}: there are {', '.join(PROTOCOLS)}")
        if self.mechanism not in MECHANISMS:
            raise SpeedError(f"mechanism {self.mechanism!r}: there are {', '.join(MECHANISMS)}")
        if self.logs_in and not (self.username and self.password):
            raise SpeedError(f"security {self.protocol} needs --username and FACINGS_KAFKA_PASSWORD")
        for broker in self.brokers:
            host, colon, port = broker.rpartition(":")
            if not (host and colon and port.isdigit()):
                raise SpeedError(f"broker {broker!r}: give HOST:PORT, such as localhost:9092")

    @property
    def encrypts(self) -> bool:
        """Is TLS spoken?"""
        return self.protocol.endswith("SSL")

    @property
    def logs_in(self) -> bool:
        """Is SASL spoken?"""
        return self.protocol.startswith("SASL_")

    def options(self, **more: Any) -> Mapping[str, Any]:
        """Options of kafka-python's clients, and `more` beside them."""
        found: dict[str, Any] = {
            "bootstrap_servers": list(self.brokers),
            "client_id": self.client_id,
            "security_protocol": self.protocol,
            "reconnect_backoff_max_ms": BACKOFF_MAX_MS,
        }
        if self.encrypts:
            found |= {
                "ssl_cafile": self.ca_file,
                "ssl_certfile": self.cert_file,
                "ssl_keyfile": self.key_file,
            }
        if self.logs_in:
            found |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        return {**found, **more}
