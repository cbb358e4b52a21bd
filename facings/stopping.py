"""SIGTERM and SIGINT as a flag: a service ends in order, whenever they come."""

from __future__ import annotations

import os
import signal
import threading

from facings.console import say


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM and SIGINT set; a second one of them ends the process at once."""
    stop = threading.Event()

    def note(number: int, _: object) -> None:
        if stop.is_set():
            os._exit(128 + number)
        say("stopping: the batch under way is ended, what is buffered stays in Kafka")
        stop.set()

    signal.signal(signal.SIGTERM, note)
    signal.signal(signal.SIGINT, note)
    return stop
