"""Everything at once, live: broker, devices, both services, the batch layer and the dashboard, each a process."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from demo.broker import free_port
from demo.live import ensure_topic
from facings.console import say
from facings.live import PARTITIONS

TOPIC = "captures"
_AGAIN_S = 5.0
_END_S = 20.0
REBUILD_MINUTES = 2


class Child:
    """One `facings` command. Those with a log write there; the others share our terminal."""

    def __init__(self, name: str, arguments: Sequence[object], log: Path | None = None):
        self.name, self._log = name, log
        self._command = [sys.executable, "-m", "facings", *map(str, arguments)]
        self.process = self._start()
        self._ended_at: float | None = None

    def keep(self) -> None:
        """Starts it again some seconds after it has ended by itself."""
        if self.process.poll() is None:
            return
        if self._ended_at is None:
            self._ended_at = time.monotonic()
            say(f"{self.name} ended with {self.process.returncode}, starting it again; see {self._log}")
        elif time.monotonic() - self._ended_at > _AGAIN_S:
            self._ended_at, self.process = None, self._start()

    def end(self) -> None:
        """Tells it to stop and waits; one that does not is killed."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(_END_S)
            except BaseException:
                self.process.kill()
                self.process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        with contextlib.ExitStack() as stack:
            out = stack.enter_context(self._log.open("ab")) if self._log is not None else None
            # A session of its own: Ctrl-C reaches us alone, and we end them in order.
            return subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )


def run_stack(lake: Path, devices: Sequence[object], dashboard: Sequence[object]) -> int:
    """The dashboard's exit code, or 0 where SIGTERM or Ctrl-C ended it. Without a broker there is only the dashboard.

    `devices` and `dashboard` are options of `facings demo --live` and of `facings serve`. The lake's `live` folder
    holds records and logs.
    """
    children: list[Child] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    try:
        shown = Child("dashboard", ["serve", "--lake", lake, *dashboard])
        children.append(shown)
        brokers = _start_broker(lake, children)  # the first time its jars are fetched: the dashboard is up meanwhile
        if brokers is not None:
            _start_services(lake, brokers, devices, children)
        while shown.process.poll() is None:
            for child in children[1:]:
                child.keep()
            time.sleep(0.2)
        return shown.process.returncode
    except KeyboardInterrupt:
        say("stopping: devices, services, broker, dashboard")
        return 0
    finally:
        for child in reversed(children):
            child.end()


def _start_broker(lake: Path, children: list[Child]) -> str | None:
    """Its address; None where it can't run, which is said."""
    address = f"127.0.0.1:{free_port()}"
    log = _logs(lake) / "broker.log"
    log.write_bytes(b"")
    child = Child("broker", ["broker", "--listen", address, "--data", lake / "live" / "kafka", "--json"], log)
    children.append(child)
    while child.process.poll() is None:
        if any(line.startswith("{") for line in log.read_text("utf-8", "replace").splitlines()):
            return address
        time.sleep(0.1)
    children.remove(child)
    say(f"the demo is not live: {log.read_text('utf-8', 'replace').strip()}")
    return None


def _start_services(lake: Path, brokers: str, devices: Sequence[object], children: list[Child]) -> None:
    ensure_topic({"bootstrap_servers": brokers.split(",")}, TOPIC, PARTITIONS)
    read = ["--brokers", brokers, "--topic", TOPIC, "--lake", lake]
    photos = ["--photos", lake / "demo", "--photos", lake / "live"]
    for name, arguments in (
        ("archive", ["archive", *read, *photos]),
        ("score", ["score", *read, *photos]),
        ("batch", ["run", "--follow", "--every", REBUILD_MINUTES, "--lake", lake]),
        ("devices", ["demo", "--live", *read, *devices]),
    ):
        children.append(Child(name, arguments, _logs(lake) / f"{name}.log"))
    say(f"live: devices send to {brokers}; logs in {_logs(lake)}")


def _logs(lake: Path) -> Path:
    folder = lake / "live" / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
