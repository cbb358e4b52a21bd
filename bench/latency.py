"""Seconds from event to readable row, at shares of what this machine can score, and through a burst.

    python -m bench.latency --seconds 30

Broker, devices, `facings archive` and `facings score` share the machine. Capacity is the highest rate of events at
which every capture is scored and 99 of 100 within two seconds. Then devices send at 25, 50 and 75% of it, at 25% with a
burst of 20 times that, and at all of it while other processes want the cores, twice. An event's time is Kafka's
timestamp; its row is readable when the commit appears.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.commits import TABLES, Latency, Place, latencies, readable_at, sent_at
from bench.kernel import kernel_rate
from bench.services import Service, end_in_order, run_to_end, until
from bench.timing import print_table
from demo.broker import Broker
from demo.live import ensure_topic
from lake import Lake
from lake.offsets import OffsetTable
from schemas.tables import CAPTURES
from speed.connection import Connection
from speed.probe import connect

SHARES = (0.25, 0.5, 0.75)
BURST, BURST_S = 20, 5
PHASES = ("steady", "burst", "busy")
_WARM_S = 3.0  # of each phase, left out: the first batches open files and libraries
_PARTITIONS = 4
_HALVINGS, _BEHIND_S = 5, 2.0


@dataclass(frozen=True)
class Phase:
    """Latencies of one phase by what was read: archived, scored, counted."""

    name: str
    rate: float
    events: int
    scored_share: float  # of the captures, by the sampling that gives way under lag
    latency: dict[str, Latency]


@dataclass(frozen=True)
class Run:
    """When each event was sent, the lake that took them, and the CPU seconds that scoring took."""

    sent: dict[Place, float]
    lake: Path
    score_cpu_s: float


class Machine:
    """A broker and photos, and phases that each have a topic and a lake of their own."""

    def __init__(self, folder: Path, broker: Broker):
        self.folder, self._broker = folder, broker
        self._album = folder / "album"

    def run(self, name: str, sender: Sequence[object]) -> Run:
        """Sends while both services run."""
        lake = self.prepare(name)
        services = [self.service(command, name, lake) for command in ("archive", "score")]
        try:
            for service in services:
                service.start()
            until(lambda: all(map(_reads, services)), f"{name}: services read", 120)
            began = _cpu_s(services[1])
            self.send(name, sender)
            sent = sent_at(self._broker.client_options(), name)
            until(lambda: len(readable_at(lake, TABLES["counted"])) >= len(sent), f"{name}: all counted", 300, 0.5)
            spent = _cpu_s(services[1]) - began
            until(lambda: self._archived(name, lake) >= len(sent), f"{name}: all archived", 300, 0.5)
            for service in services:
                service.send(signal.SIGTERM)
                service.wait(60)
        finally:
            for service in services:
                if service.code() is None:
                    service.kill()
        return Run(sent, lake, spent)

    def prepare(self, name: str) -> Path:
        """A topic and an empty lake."""
        ensure_topic(self._broker.client_options(), name, _PARTITIONS)
        lake = self.folder / f"lake-{name}"
        Lake.open(str(lake), create=True)
        return lake

    def send(self, topic: str, options: Sequence[object]) -> Any:
        """What the devices say that they sent."""
        command = ["demo", "--live", "--lake", self._album, "--brokers", self._broker.address, "--topic", topic]
        return run_to_end(f"devices-{topic}", [*command, "--bad", 0, "--resent", 0, *options], self.folder)

    def _archived(self, topic: str, lake: Path) -> int:
        """How many events of the topic the archive has taken, refused ones too."""
        table = OffsetTable(Lake.open(str(lake)).storage, CAPTURES)
        admin = connect(Connection((self._broker.address,)))
        try:
            found, partitions = admin.identify(topic)
        finally:
            admin.close()
        return sum(offset or 0 for offset in table.read(map(found.stream, partitions)).values())

    def service(self, command: str, topic: str, lake: Path) -> Service:
        """`facings archive` or `facings score`, not started yet."""
        return Service(f"{command}-{topic}", self._command(command, topic, lake), self.folder)

    def _command(self, command: str, topic: str, lake: Path) -> list[object]:
        photos = ["--photos", self._album / "live"]
        return [command, "--brokers", self._broker.address, "--topic", topic, "--lake", lake, *photos]


def capacity(machine: Machine, kernel_per_s: float, seconds: float) -> tuple[float, float]:
    """(events a second at which every capture is scored in good time, captures scored a CPU second).

    Found by halving the interval up to what two cores of bare kernel would do.
    """
    low, high, per_cpu_s = 0.0, 2 * kernel_per_s, 0.0
    for step in range(_HALVINGS):
        rate = (low + high) / 2
        run = machine.run(f"try-{step}", ["--rate", rate, "--seconds", seconds])
        found = phase(f"try {rate:.0f}/s", rate, run, _WARM_S, float("inf"))
        print(f"{found.name}: {found.scored_share:.0%} scored, {found.latency['scored']}", file=sys.stderr, flush=True)
        if found.scored_share > 0.99 and found.latency["scored"].p99_s < _BEHIND_S:
            low, per_cpu_s = rate, len(readable_at(run.lake, TABLES["scored"])) / run.score_cpu_s
        else:
            high = rate
    return low, per_cpu_s


def phase(name: str, rate: float, run: Run, begin: float, end: float) -> Phase:
    """The latencies of the events that were sent between two times, seconds since the first."""
    first = min(run.sent.values())
    wanted = {place: at for place, at in run.sent.items() if begin <= at - first < end}
    found = {what: latencies(wanted, readable_at(run.lake, table)) for what, table in TABLES.items()}
    # Of those that are captures now: what the archive refused is no loss of the sample.
    share = len(found["scored"].keys() & found["archived"].keys()) / max(1, len(found["archived"]))
    return Phase(
        name, round(rate, 1), len(wanted), round(share, 3), {k: Latency.of(v.values()) for k, v in found.items()}
    )


def steady(machine: Machine, capacity_s: float, seconds: float) -> Iterator[Phase]:
    """Yields a phase at each share of the capacity."""
    for share in SHARES:
        rate = capacity_s * share
        run = machine.run(f"at-{share * 100:.0f}", ["--rate", rate, "--seconds", seconds])
        yield phase(f"{share:.0%} of capacity", rate, run, _WARM_S, float("inf"))


def burst(machine: Machine, capacity_s: float, quiet: float) -> Iterator[Phase]:
    """Yields before, during and after a burst; `quiet` seconds lie before it."""
    rate = capacity_s * SHARES[0]
    pace = ["--rate", rate, "--burst", f"{BURST}x", "--burst-every", quiet + BURST_S, "--burst-for", BURST_S]
    run = machine.run("burst", [*pace, "--seconds", 2 * quiet + BURST_S])
    for name, begin, end in (
        ("before the burst", _WARM_S, quiet),
        (f"burst of {BURST} times, {BURST_S} s", quiet, quiet + BURST_S),
        ("the 10 s after it", quiet + BURST_S, quiet + BURST_S + 10),
        ("later", quiet + BURST_S + 10, float("inf")),
    ):
        yield phase(name, rate, run, begin, end)


def busy(machine: Machine, capacity_s: float, seconds: float) -> Iterator[Phase]:
    """Yields the phase at all of the capacity while other processes want every core, twice."""
    hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        run = machine.run("busy", ["--rate", capacity_s, "--seconds", seconds])
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()
    yield phase(f"capacity, {len(hogs)} busy processes beside it", capacity_s, run, _WARM_S, float("inf"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints tables, or with --json an object."""
    parser = argparse.ArgumentParser(prog="python -m bench.latency")
    parser.add_argument("--seconds", type=float, default=30, help="of each phase")
    parser.add_argument("--capacity", type=float, help="events a second; measured unless given")
    parser.add_argument("--phases", nargs="+", choices=PHASES, default=PHASES)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    end_in_order()
    with tempfile.TemporaryDirectory(prefix="facings-latency-") as folder, Broker(Path(folder) / "broker") as broker:
        machine = Machine(Path(folder), broker)
        machine.prepare("album")
        machine.send("album", ["--events", 1])  # draws the photos
        kernel_cpu_s = kernel_rate(sorted((Path(folder) / "album" / "live" / "photos").rglob("*.jpg")))
        events_s, scored_cpu_s = options.capacity, None
        if events_s is None:
            events_s, scored_cpu_s = capacity(machine, kernel_cpu_s, options.seconds / 2)
        if not events_s:
            print("no rate was sustained: the machine has other things to do", file=sys.stderr)
            return 1
        phases: list[Phase] = []
        if "steady" in options.phases:
            phases += steady(machine, events_s, options.seconds)
        if "burst" in options.phases:
            phases += burst(machine, events_s, max(10.0, options.seconds))
        if "busy" in options.phases:
            phases += busy(machine, events_s, options.seconds)
    report = {
        "capacity_events_per_s": round(events_s, 1),
        "scored_per_cpu_s": scored_cpu_s and round(scored_cpu_s, 1),
        "kernel_per_cpu_s": round(kernel_cpu_s, 1),
        "phases": [asdict(one) for one in phases],
    }
    if options.json:
        print(json.dumps(report, sort_keys=True))
        return 0
    print(f"Capacity: {events_s:.1f} events a second; the bare kernel scores {kernel_cpu_s:.1f} captures a CPU second.")
    if scored_cpu_s is not None:
        kept = scored_cpu_s / kernel_cpu_s
        print(f"The service scored {scored_cpu_s:.1f} a CPU second at it: {kept:.0%} of the kernel.")
    print()
    head = ("phase", "events/s", "events", "scored", "read as", "p50 s", "p95 s", "p99 s", "max s")
    rows = [
        (one.name, one.rate, one.events, f"{one.scored_share:.0%}", what, of.p50_s, of.p95_s, of.p99_s, of.max_s)
        for one in phases
        if one.events
        for what, of in one.latency.items()
    ]
    print_table(head, rows)
    return 0


def _reads(service: Service) -> bool:
    """Has it been given partitions? Raises RuntimeError with its log where it has ended."""
    if service.code() is not None:
        raise RuntimeError(f"{service.name} ended with {service.code()}: {service.said()[-2000:]}")
    return "partitions assigned" in service.said()


def _cpu_s(service: Service) -> float:
    """CPU seconds of a running process so far, all its threads."""
    fields = Path(f"/proc/{service.pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main())
