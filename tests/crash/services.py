"""The services as real processes against a real broker: started, killed at a step, stopped, and run to the end."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from demo.broker import Broker
from facings.settings import environment
from lake import Lake
from lake.offsets import OffsetTable
from schemas.tables import CAPTURES, REALTIME_THROUGHPUT, Table
from speed.probe import connect
from tests.kafka.brokers import eventually, produce
from tests.speed import stream
from tests.speed.services import connection

ROOT = Path(__file__).parents[2]
TABLES: dict[str, Table] = {"archive": CAPTURES, "score": REALTIME_THROUGHPUT}

# Runs `facings` with one function made to send its own process a signal, before or after it ran, at its n-th call.
VICTIM = """
import sys
import facings.cli
from tests.dying import die_at
die_at(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
sys.argv = ["facings", *sys.argv[5:]]
facings.cli.main()
"""
# Runs `facings` after some lines of Python.
PREPARED = "import sys; import speed.run, speed.archive, speed.score, facings.cli\n{lines}\nfacings.cli.main()"


class Process:
    """One `facings` process; its output is kept in a file. As a context manager it is killed at the end."""

    def __init__(self, log: Path, command: Sequence[object], *, python: Sequence[str] = (), **settings: str):
        self.log = log
        start = [sys.executable, *(python or ["-m", "facings"]), *map(str, command)]
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                start, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=environment(**settings)
            )

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(30)

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self, timeout_s: float = 180) -> int:
        """Exit code; minus the signal where one ended it."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still runs after {timeout_s} s: {self.said()[-3000:]}") from None

    def said(self) -> str:
        return self.log.read_text("utf-8", "replace")

    def says(self, text: str, deadline_s: float = 180) -> None:
        """Returns once it has said that."""
        eventually(lambda: text in self.said() or self._ended(), f"it says {text!r}", deadline_s=deadline_s)
        assert text in self.said(), self.said()[-3000:]

    def is_stopped(self) -> bool:
        state = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state == "T"

    def _ended(self) -> bool:
        return self._process.poll() is not None


def command(kind: str, broker: Broker, topic: str, lake: Lake, *more: object) -> list[object]:
    return [kind, "--brokers", broker.address, "--topic", topic, "--lake", lake.storage.root, *more]


def victim(target: str, when: str, count: int, number: int = signal.SIGKILL) -> list[str]:
    return ["-c", VICTIM, target, when, str(count), str(int(number))]


def prepared(lines: str) -> list[str]:
    return ["-c", PREPARED.format(lines=lines)]


def send(broker: Broker, topic: str, numbers: Sequence[int], *, bad: Sequence[int] = ()) -> None:
    """Captures c0, c1, … of four devices with small photos inside; those in `bad` are cut off in the middle."""
    records = []
    for number in numbers:
        device = f"d{number % 4}"
        event = stream.capture(f"c{number}", number % 7, device=device, taken=number)
        records.append((device.encode(), event[:50] if number in bad else event))
    produce(broker, topic, records)


def offsets(broker: Broker, topic: str, lake: Lake, kind: str) -> dict[int, int]:
    """Where the lake says that each partition of the topic is to be read from."""
    admin = connect(connection(broker))
    try:
        found, partitions = admin.identify(topic)
    finally:
        admin.close()
    known = OffsetTable(lake.storage, TABLES[kind]).read(found.stream(p) for p in partitions)
    return {p: known[found.stream(p)] or 0 for p in partitions}


def archived(lake: Lake) -> list[str]:
    """Names of the captures in master; once each where all is well."""
    return sorted(lake.read("master/captures", columns=["capture_id"]).column(0).to_pylist())


def refused(lake: Lake) -> Counter[str]:
    """Reasons of what was refused."""
    return Counter(lake.read("master/rejected", columns=["reason"]).column(0).to_pylist())


def counted(lake: Lake) -> list[tuple[int, int]]:
    """(partition, offset) of every event that realtime/throughput holds; once each where all is well."""
    rows = lake.read("realtime/throughput", columns=["kafka_partition", "seen"]).to_pylist()
    return sorted((row["kafka_partition"], one["offset"]) for row in rows for one in row["seen"])


def scored(lake: Lake) -> list[str]:
    """Names of the captures in realtime/quality."""
    return sorted(lake.read("realtime/quality", columns=["capture_id"]).column(0).to_pylist())
