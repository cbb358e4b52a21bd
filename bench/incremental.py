"""What a rebuild costs when little is new, at two lengths of history: `python -m bench.incremental`."""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from batch.rebuild import RebuildReport
from bench.captures import append_captures, append_planograms, run_rebuild, small_photos
from bench.timing import print_table
from lake import Lake

TOTAL = "all views"


@dataclass
class History:
    """A lake of `size` captures, to which measurements append more: how many are there now, and the threads used."""

    lake: Lake
    size: int
    held: int
    threads: int
    runs: Iterator[int]

    def append(self, count: int) -> None:
        """Appends captures after the last."""
        append_captures(self.lake, small_photos(self.held, count), self.held)
        self.held += count

    def rebuild(self, mode: str) -> dict[str, float]:
        """Seconds of each view and of all. Raises ValueError where a view's mode is another than `mode`."""
        began = time.perf_counter()
        report = run_rebuild(self.lake, f"run-{next(self.runs)}", threads=self.threads)
        seconds = {view.view: view.seconds for view in report.views} | {TOTAL: time.perf_counter() - began}
        _check(report, mode)
        return seconds


def main(arguments: Sequence[str]) -> None:
    """Measures and prints."""
    options = _options(arguments)
    sizes = (options.captures, 10 * options.captures)
    few, many = (max(1, size // 100) for size in sizes)
    runs = itertools.count()
    with tempfile.TemporaryDirectory(prefix="facings-bench-") as folder:
        short, long = (_fill(Path(folder) / str(size), size, options.threads, runs) for size in sizes)
        columns = {f"{history.size}, full": [history.rebuild("full")] for history in (short, long)}
        cases = ((short, few), (short, many), (long, many))
        for _ in range(options.repeats):
            for history, new in cases:
                history.append(new)
                columns.setdefault(f"{history.size} + {new}", []).append(history.rebuild("incremental"))
            for history in (short, long):
                columns.setdefault(f"{history.size} + 0", []).append(history.rebuild("current"))
    print(f"incremental: seconds, {options.threads} threads; full once, history + new: medians of {options.repeats}")
    names = [f"{short.size}, full", f"{long.size}, full", f"{short.size} + {few}"]
    names += [f"{short.size} + {many}", f"{long.size} + {many}", f"{short.size} + 0", f"{long.size} + 0"]
    rows = []
    for view in columns[names[0]][0]:
        medians = [statistics.median(seconds[view] for seconds in columns[name]) for name in names]
        rows.append([view, *(f"{median:.3f}" for median in medians)])
    print_table(["view", *names], rows)
    median = {name: statistics.median(seconds[TOTAL] for seconds in columns[name]) for name in names}
    growth = median[f"{long.size} + {many}"] / median[f"{short.size} + {many}"]
    print(f"ten times the history, {many} new captures each: {growth:.2f} times the seconds")
    print(f"full / incremental at {long.size} + {many}: {median[names[1]] / median[names[4]]:.0f}\n", flush=True)


def _fill(folder: Path, size: int, threads: int, runs: Iterator[int]) -> History:
    history = History(Lake.open(folder, create=True), size, 0, threads, runs)
    append_planograms(history.lake)
    history.append(size)
    return history


def _check(report: RebuildReport, mode: str) -> None:
    # Only the photos' own views: what else new captures touch is those views' affair.
    modes = {view.view: view.mode for view in report.views}
    for view in ("crops", "quality", "inventory"):
        if modes[view] != mode:
            raise ValueError(
                f"the rebuild of {view} was {modes[view]}, not {mode}: nothing can be said about {mode} ones"
            )


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.incremental", description=__doc__)
    parser.add_argument("--captures", type=int, default=300, help="the shorter history; the longer is ten times it")
    parser.add_argument("--repeats", type=int, default=3, help="interleaved rounds (default %(default)s)")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="threads (default: cores)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
