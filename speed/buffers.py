"""Messages that were read and are not in a batch yet, by partition, with their bytes in memory."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable

from speed.batch import Message


class Buffers:
    """In order within a partition. `bytes` are held; `oldest_at` is the monotonic time since when something is."""

    def __init__(self) -> None:
        self._messages: dict[int, deque[Message]] = {}
        self.bytes = 0
        self.oldest_at = 0.0

    def add(self, partition: int, messages: Iterable[Message]) -> int:
        """How many messages were added at the end of a partition."""
        if not self.bytes:
            self.oldest_at = time.monotonic()
        buffer = self._messages.setdefault(partition, deque())
        before = len(buffer)
        for message in messages:
            buffer.append(message)
            self.bytes += message.size_bytes
        return len(buffer) - before

    def drop(self, partition: int) -> None:
        """Forgets a partition."""
        self.bytes -= sum(message.size_bytes for message in self._messages.pop(partition, ()))

    def events(self, partition: int | None = None) -> int:
        """Messages of a partition, or of all."""
        if partition is not None:
            return len(self._messages.get(partition, ()))
        return sum(map(len, self._messages.values()))

    def cut(self, most_events: int, most_bytes: int) -> dict[int, list[Message]]:
        """Takes a fair share off each partition that has messages, within both limits, one message at least."""
        waiting = [p for p, buffer in self._messages.items() if buffer]
        taken: dict[int, list[Message]] = {}
        for partition in waiting:
            buffer, size = self._messages[partition], 0
            share_events, share_bytes = max(1, most_events // len(waiting)), max(1, most_bytes // len(waiting))
            messages = taken[partition] = []
            while buffer and len(messages) < share_events:
                if messages and size + buffer[0].size_bytes > share_bytes:
                    break
                messages.append(buffer.popleft())
                size += messages[-1].size_bytes
            self.bytes -= size
        self.oldest_at = time.monotonic()
        return taken
