"""What exactly-once costs: `facings archive` beside a plain consumer loop (bench/plain.py) on the same topic.

    python -m bench.once --events 30000 --repeats 3

Both start anew for each figure. What starting costs is taken off: a topic of a few events is read first.
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
from pathlib import Path

from bench.timing import print_table
from demo.broker import Broker
from demo.live import Pace, ensure_topic, send
from demo.script import messages, tiny_album
from lake import Lake

_FEW = 20
_PARTITIONS = 4


@dataclass(frozen=True)
class Cost:
    """Seconds by the wall and of all CPUs."""

    wall_s: float
    cpu_s: float


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


def commands(address: str, topic: str, lake: Path) -> dict[str, list[str]]:
    """Each case's command on a lake of its own."""
    archive, plain = lake / "archive", lake / "plain"
    Lake.open(str(archive), create=True)
    facings = [sys.executable, "-m", "facings", "archive", "--brokers", address, "--topic", topic]
    return {
        "facings archive": [*facings, "--lake", str(archive), "--until-caught-up", "--group", f"archive-{lake.name}"],
        "plain loop": [sys.executable, "-m", "bench.plain", address, topic, str(plain)],
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints a table, or with --json an object."""
    parser = argparse.ArgumentParser(prog="python -m bench.once")
    parser.add_argument("--events", type=int, default=30_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    net: dict[str, list[Cost]] = {}
    with tempfile.TemporaryDirectory(prefix="facings-once-") as name, Broker(Path(name) / "broker") as broker:
        folder, connection = Path(name), broker.client_options()
        for topic, events in (("few", _FEW), ("many", options.events)):
            ensure_topic(connection, topic, _PARTITIONS)
            source = messages(tiny_album(), seed=1, name="once", resent=0, bad=0)
            send(source, connection, topic, Pace(0), events=events)
        for repeat in range(options.repeats):
            few = commands(broker.address, "few", folder / f"few-{repeat}")
            many = commands(broker.address, "many", folder / f"many-{repeat}")
            for case in sorted(many, reverse=bool(repeat % 2)):
                start, full = (cost(one[case], folder / "log") for one in (few, many))
                net.setdefault(case, []).append(Cost(full.wall_s - start.wall_s, full.cpu_s - start.cpu_s))
    rate = {case: options.events / statistics.median(one.wall_s for one in costs) for case, costs in net.items()}
    per_cpu = {case: options.events / statistics.median(one.cpu_s for one in costs) for case, costs in net.items()}
    ratio = {
        "wall": rate["plain loop"] / rate["facings archive"],
        "cpu": per_cpu["plain loop"] / per_cpu["facings archive"],
    }
    if options.json:
        print(
            json.dumps({"events_per_s": rate, "events_per_cpu_s": per_cpu, "plain_over_archive": ratio}, sort_keys=True)
        )
        return 0
    print_table(
        ("case", "events/s", "events/CPU s"), [(case, f"{rate[case]:,.0f}", f"{per_cpu[case]:,.0f}") for case in rate]
    )
    print(f"exactly once costs {ratio['wall']:.2f} times the time and {ratio['cpu']:.2f} times the CPU of a plain loop")
    return 0


if __name__ == "__main__":
    sys.exit(main())
