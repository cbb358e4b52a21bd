"""The product's own commands as processes, to be measured, stopped and killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from facings.settings import environment

_READY = "reading topic"
_END_S = 600


class Service:
    """One `facings` process whose log is kept in a file. It can be started again after it has ended."""

    def __init__(self, name: str, command: Sequence[object], folder: Path, **settings: str):
        """`settings` are those of facings/settings.py, as text."""
        self.name, self.log = name, folder / f"{name}.log"
        self._command = [sys.executable, "-m", "facings", *map(str, command)]
        self._environment = environment(**settings)
        self._process: subprocess.Popen[bytes] | None = None
        self._begin = 0
        self.stopped = False  # by SIGSTOP

    def start(self) -> None:
        """Starts it; its output goes to the end of its log."""
        with self.log.open("ab") as log:
            self._begin = log.tell()
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment
            )
        self.stopped = False

    def send(self, number: signal.Signals) -> None:
        """Sends a signal."""
        assert self._process is not None
        self._process.send_signal(number)
        self.stopped = number == signal.SIGSTOP or (self.stopped and number != signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL, and waits for its end."""
        self.send(signal.SIGKILL)
        self.wait(30)

    def code(self) -> int | None:
        """Exit code; None while it runs."""
        return None if self._process is None else self._process.poll()

    def wait(self, timeout_s: float) -> int:
        """Exit code, once it has ended."""
        assert self._process is not None
        return self._process.wait(timeout_s)

    @property
    def pid(self) -> int:
        """Process id."""
        assert self._process is not None
        return self._process.pid

    def is_ready(self) -> bool:
        """Has it said since its start that it reads the topic?"""
        return _READY in self.said()

    def said(self) -> str:
        """What it has said since its start."""
        with self.log.open("rb") as file:
            file.seek(self._begin)
            return file.read().decode("utf-8", "replace")


def run_to_end(name: str, command: Sequence[object], folder: Path, **settings: str) -> Any:
    """The JSON object that the command gave. Raises RuntimeError with its log where it failed."""
    service = Service(name, [*command, "--json"], folder, **settings)
    service.start()
    try:
        code = service.wait(_END_S)
    except subprocess.TimeoutExpired:
        service.kill()
        raise
    text = service.said()
    if code != 0:
        raise RuntimeError(f"{name} ended with {code}: {text[-2000:]}")
    return json.loads(next(line for line in reversed(text.splitlines()) if line.startswith("{")))


def end_in_order() -> None:
    """From now on SIGTERM ends this process as an error does, so that what it started is ended too."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


def until(condition: Callable[[], bool], what: str, timeout_s: float = 60, every_s: float = 0.1) -> None:
    """Returns once the condition holds. Raises TimeoutError naming `what`."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout_s} s: {what}")
        time.sleep(every_s)
