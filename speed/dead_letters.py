"""The dead-letter topic: what could not be taken, with its reason in headers. At least once, before its offset passes.

Headers: origin (kafka:TOPIC/PARTITION/OFFSET@ID, which tells copies apart), reason, detail.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import Any, Protocol

from kafka import KafkaProducer
from kafka.errors import AuthorizationError, KafkaError, MessageSizeTooLargeError

from schemas.events import Rejected
from speed.connection import Connection
from speed.errors import NotAllowed
from speed.stopping import Stopping

log = logging.getLogger(__name__)
_WAIT_S = 5.0
_RETRY_S = 0.5
_MOST_BYTES = 10 << 20


class Letters(Protocol):
    """Where refused events go besides the ledger."""

    def send(self, refused: Sequence[Rejected], stop: threading.Event) -> None:
        """Returns when all of them are kept."""


class DeadLetters:
    """Sends to the topic until every letter is acknowledged by all replicas; only `stop` ends the wait."""

    def __init__(self, connection: Connection, topic: str):
        self._connection, self._topic = connection, topic
        self._producer: KafkaProducer | None = None

    def send(self, refused: Sequence[Rejected], stop: threading.Event) -> None:
        """Returns when all are acknowledged. Raises Stopping, and NotAllowed where the user may not write."""
        left = list(refused)
        while left:
            left = self._try(left)
            if left:
                log.warning("%d dead letters are not acknowledged by %s; the offset stays", len(left), self._topic)
                if stop.wait(_RETRY_S):
                    raise Stopping

    def close(self) -> None:
        """Ends the connection; everything sent is acknowledged already."""
        if self._producer is not None:
            self._producer.close(timeout=1)

    def _try(self, refused: list[Rejected]) -> list[Rejected]:
        try:
            if self._producer is None:
                self._producer = KafkaProducer(
                    **self._connection.options(
                        acks="all",
                        linger_ms=5,
                        max_block_ms=2_000,
                        max_request_size=_MOST_BYTES,
                        request_timeout_ms=5_000,
                    )
                )
            sent = [(one, self._send(one, one.payload)) for one in refused]
        except AuthorizationError as error:
            raise NotAllowed(f"topic {self._topic!r}: the user may not write; grant it") from error
        except KafkaError as error:
            log.warning("dead letters: %s", error)
            return refused
        left = []
        for one, future in sent:
            try:
                future.get(timeout=_WAIT_S)
            except MessageSizeTooLargeError:
                # The topic won't hold it: the letter goes without its content, which master/rejected keeps.
                try:
                    self._send(one, None).get(timeout=_WAIT_S)
                except KafkaError:
                    left.append(one)
            except AuthorizationError as error:
                raise NotAllowed(f"topic {self._topic!r}: the user may not write; grant it") from error
            except KafkaError:
                left.append(one)
        return left

    def _send(self, one: Rejected, payload: bytes | None) -> Any:
        assert self._producer is not None
        headers = [
            ("origin", one.origin.encode()),
            ("reason", one.reason.value.encode()),
            ("detail", one.detail.encode()),
        ]
        key = one.device_id.encode() if one.device_id else None
        return self._producer.send(self._topic, payload, key=key, headers=headers)
