"""What a full rebuild on Spark costs a capture, and what that makes for a million and a hundred million of them.

    python -m bench.sizing --captures 96 288

Local Spark rebuilds every view of two lakes; the cost of a capture is the difference of the two over that of their
captures, so that start-up and planning count once. Core seconds and shuffled bytes are those that Spark's own event
log has of each task. Writes the table into docs/engines.md.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from bench.captures import append_planograms, shelf_photos
from bench.inputs import write_lake
from bench.machine import describe
from bench.options import shelves_and_cores
from bench.report import put
from bench.timing import markdown
from lake import Lake
from schemas.tables import TABLES

PAGE = Path(__file__).resolve().parents[1] / "docs" / "engines.md"
SIZES = (1_000_000, 100_000_000)
CORES = (64, 1024)
TB = 1e12


@dataclass(frozen=True)
class Cost:
    """What one rebuild took: seconds of cores, bytes shuffled, bytes stored in master and in views."""

    core_s: float
    shuffled: int
    master: int
    views: int

    def each(self, other: Cost, captures: int) -> Cost:
        """The difference to a smaller rebuild, a capture."""
        return Cost(
            (self.core_s - other.core_s) / captures,
            (self.shuffled - other.shuffled) // captures,
            (self.master - other.master) // captures,
            (self.views - other.views) // captures,
        )


def main(arguments: Sequence[str]) -> None:
    """Measures, writes and prints."""
    options = _options(arguments)
    few, many = options.captures
    photos = shelf_photos(options.shelves)
    with tempfile.TemporaryDirectory(prefix="facings-bench-", dir=options.scratch) as name:
        folder = Path(name)
        lakes = {count: write_lake(photos, count, folder / str(count)) for count in (few, many)}
        for lake in lakes.values():
            append_planograms(lake)
        costs = _rebuilds(lakes, few, folder / "events", options.cores)
    cost = costs[many].each(costs[few], many - few)
    head = ["captures", "master, TB", "views, TB", "shuffled, TB", "core hours", "hours on 64 cores", "on 1,024 cores"]
    rows = []
    for size in SIZES:
        hours = cost.core_s * size / 3600
        stored = [f"{size * one / TB:,.2f}" for one in (cost.master, cost.views, cost.shuffled)]
        rows.append([f"{size:,}", *stored, f"{hours:,.0f}", *(f"{hours / cores:,.1f}" for cores in CORES)])
    machine = describe()
    said = (
        f"A capture (12.7 megapixels, {len(photos[0].boxes)} boxes, {cost.master / 1e6:.1f} MB) costs "
        f"{cost.core_s:.3f} core seconds, {cost.views / 1e6:.1f} MB of views and {cost.shuffled / 1e3:.1f} kB of "
        f"shuffle in a full rebuild of every view (`python -m bench.sizing --captures {few} {many}`, "
        f"{machine['processor']}, {options.cores} cores, {machine['day']}). In proportion:"
    )
    text = f"{said}\n\n{markdown(head, rows)}"
    put("sizing", text, PAGE)
    print(text)


def _rebuilds(lakes: dict[int, Lake], warm: int, events: Path, cores: int) -> dict[int, Cost]:
    """Cost of a full rebuild of each lake, in one session that has rebuilt the one named `warm` before."""
    from batch.engines.spark import SparkEngine
    from batch.engines.spark_session import open_session
    from facings.jobs import rebuild_settings
    from facings.settings import Settings

    events.mkdir()
    conf = {"spark.eventLog.enabled": "true", "spark.eventLog.dir": events.as_uri(), "spark.eventLog.compress": "false"}
    engine = SparkEngine(partial(open_session, None, conf, cores=cores))
    began: dict[int, float] = {}
    numbers = itertools.count()

    def rebuild_all(lake: Lake) -> None:
        from batch.rebuild import rebuild

        settings = rebuild_settings(Settings(threads=cores))
        run_id = f"sizing-{next(numbers)}"
        rebuild(lake, engine=engine, settings=settings, clock=_now, run_id=run_id, full=True)

    rebuild_all(lakes[warm])
    ended: dict[int, float] = {}
    for count, lake in lakes.items():
        began[count] = _now().timestamp() * 1000
        rebuild_all(lake)
        ended[count] = _now().timestamp() * 1000
        print(f"{count} captures: {(ended[count] - began[count]) / 1000:.0f} s", file=sys.stderr, flush=True)
    open_session(None, {}, cores=cores).stop()
    tasks = list(_tasks(events))
    costs = {}
    for count, lake in lakes.items():
        mine = [task for task in tasks if began[count] <= task[0] <= ended[count]]
        sizes = {table: lake.size_bytes(table, lake.version(table)) for table in TABLES}
        costs[count] = Cost(
            core_s=sum(task[1] for task in mine),
            shuffled=sum(task[2] for task in mine),
            master=sum(size for table, size in sizes.items() if table.startswith("master/")),
            views=sum(size for table, size in sizes.items() if table.startswith("views/")),
        )
    return costs


def _tasks(events: Path) -> Iterator[tuple[float, float, int]]:
    """(when it began in ms, seconds, bytes it shuffled) of every task in Spark's event logs."""
    for path in events.rglob("events_*"):
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                event = json.loads(line)
                if event["Event"] == "SparkListenerTaskEnd" and event.get("Task Metrics"):
                    info, metrics = event["Task Info"], event["Task Metrics"]
                    seconds = (info["Finish Time"] - info["Launch Time"]) / 1000
                    yield info["Launch Time"], seconds, metrics["Shuffle Write Metrics"]["Shuffle Bytes Written"]


def _now() -> datetime:
    return datetime.now(UTC)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.sizing", description=__doc__, parents=[shelves_and_cores()])
    parser.add_argument("--captures", type=int, nargs=2, default=[96, 288], help="two sizes (default %(default)s)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
