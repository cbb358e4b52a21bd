"""What exactly-once costs: `facings archive` beside a plain consumer loop (bench/plain.py) on the same topic.

    python -m bench.once --events 30000 --rounds 5
    python -m bench.once --spark        # and the same events, as files, through Spark (bench/stream_spark.py)

In each round every case reads all events into a lake of its own, in turns; ratios are those of one round, so that what
slows the machine for a while slows both. What starting costs is taken off: a topic of a few events is read first.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from deltalake import DeltaTable

from bench.machine import describe
from bench.soak_check import records
from bench.timing import print_table
from demo.broker import Broker
from demo.live import Pace, ensure_topic, send
from demo.script import messages, tiny_album
from lake import Lake

ARCHIVE, PLAIN, SPARK = "facings archive", "plain loop", "Spark, files into Delta"
_FEW, _MOST_LINES = 20, 500
_PARTITIONS = 4


@dataclass(frozen=True)
class Cost:
    """Seconds by the wall and of all CPUs."""

    wall_s: float
    cpu_s: float

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.wall_s - other.wall_s, self.cpu_s - other.cpu_s)


def cost(command: Sequence[str], log: Path) -> Cost:
    """What a process costs from start to end. Raises RuntimeError where it fails."""
    began = time.monotonic()
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out)
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{command}: {log.read_text(errors='replace')[-2000:]}")
    return Cost(time.monotonic() - began, used.ru_utime + used.ru_stime)


def command(case: str, address: str, topic: str, lake: Path) -> list[str]:
    """A case's command on a new lake."""
    group = f"group-{lake.name.replace(' ', '-')}"
    if case == PLAIN:
        return [sys.executable, "-m", "bench.plain", address, topic, str(lake), group]
    Lake.open(str(lake), create=True)
    options = ["--brokers", address, "--topic", topic, "--lake", str(lake), "--group", group]
    return [sys.executable, "-m", "facings", "archive", "--until-caught-up", *options]


def read_all(case: str, address: str, topic: str, events: int, lake: Path) -> Cost:
    """What it costs to take a topic into a new lake. Raises RuntimeError where fewer events are there afterwards."""
    spent = cost(command(case, address, topic, lake), lake.with_suffix(".log"))
    rows = sum(DeltaTable(str(lake / name)).count() for name in ("master/captures", "master/door_events"))
    if rows != events:
        raise RuntimeError(f"{case}: {rows} of {events} events are there")
    return spent


def spark_cost(folder: Path, out: Path, events: int) -> Cost:
    """What the warm stream costs; it measures itself. Raises RuntimeError where it fails or counts other events."""
    arguments = [str(folder / "few"), str(folder / "many"), str(out)]
    done = subprocess.run(
        [sys.executable, "-m", "bench.stream_spark", *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr[-2000:])
    found = json.loads(done.stdout.splitlines()[-1])
    if found["events"] != events:
        raise RuntimeError(f"Spark wrote {found['events']} of {events} events")
    return Cost(found["wall_s"], found["cpu_s"])


def write_files(broker: Broker, topic: str, folder: Path) -> None:
    """A topic's events as files of JSON lines, for Spark's file source."""
    folder.mkdir()
    values = (value for _, _, value in records(broker.client_options(), topic))
    number = 0
    while lines := list(islice(values, _MOST_LINES)):
        (folder / f"{number:05d}.json").write_bytes(b"\n".join(lines) + b"\n")
        number += 1


def measure(rounds: int, events: int, spark: bool) -> dict[str, list[Cost]]:
    """Costs of each case, a round each."""
    found: dict[str, list[Cost]] = {}
    topics = {"few": _FEW, "many": events}
    with tempfile.TemporaryDirectory(prefix="facings-once-") as name, Broker(Path(name) / "broker") as broker:
        folder = Path(name)
        for topic, count in topics.items():
            ensure_topic(broker.client_options(), topic, _PARTITIONS)
            source = messages(tiny_album(), seed=1, name="once", resent=0, bad=0)
            send(source, broker.client_options(), topic, Pace(0), events=count)
            if spark:
                write_files(broker, topic, folder / topic)
        for number in range(rounds):
            cases = [ARCHIVE, PLAIN]
            for case in cases if number % 2 else reversed(cases):
                few, many = (
                    read_all(case, broker.address, topic, count, folder / f"{case}-{topic}-{number}")
                    for topic, count in topics.items()
                )
                found.setdefault(case, []).append(many - few)
            if spark:
                found.setdefault(SPARK, []).append(spark_cost(folder, folder / f"spark-{number}", events))
            print(f"round {number + 1}: {[(case, costs[-1]) for case, costs in found.items()]}", file=sys.stderr)
    return found


def report(found: dict[str, list[Cost]], events: int) -> dict[str, dict[str, tuple[float, float, float]]]:
    """By case: events a second and a CPU second, and times the plain loop's cost; (median, lowest, highest)."""
    plain = found[PLAIN]
    return {
        case: {
            "events_per_s": spread([events / one.wall_s for one in costs]),
            "events_per_cpu_s": spread([events / one.cpu_s for one in costs]),
            "times_wall": spread([one.wall_s / base.wall_s for one, base in zip(costs, plain, strict=True)]),
            "times_cpu": spread([one.cpu_s / base.cpu_s for one, base in zip(costs, plain, strict=True)]),
        }
        for case, costs in found.items()
    }


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """(median, lowest, highest)."""
    return statistics.median(values), min(values), max(values)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints a table, or with --json an object."""
    parser = argparse.ArgumentParser(prog="python -m bench.once")
    parser.add_argument("--events", type=int, default=30_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--spark", action="store_true", help="with Spark, too: Java 17 and Delta's jar are needed")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    machine = describe()
    found = report(measure(options.rounds, options.events, options.spark), options.events)
    if options.json:
        print(json.dumps({"machine": machine, "rounds": options.rounds, "cases": found}, sort_keys=True))
        return 0
    load = machine["load"]
    print(f"{options.events:,} events, {options.rounds} rounds: median (lowest to highest). Load before: {load}\n")
    head = ("case", "events/s", "events/CPU s", "time, of the plain loop's", "CPU, of the plain loop's")
    rows = [
        (
            case,
            *(f"{m:,.0f} ({low:,.0f} to {high:,.0f})" for m, low, high in list(of.values())[:2]),
            *(f"{m:.2f} ({low:.2f} to {high:.2f})" for m, low, high in list(of.values())[2:]),
        )
        for case, of in found.items()
    ]
    print_table(head, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
