"""Peak memory of one full rebuild of the crops at growing numbers of captures: `python -m bench.memory`."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.captures import shelf_photos
from bench.child import started
from bench.inputs import write_lake
from bench.machine import describe
from bench.options import shelves_and_cores
from bench.report import GIB, RESULTS, put
from bench.timing import markdown


def main(arguments: Sequence[str]) -> None:
    """Measures, writes and prints."""
    options = _options(arguments)
    photos = shelf_photos(options.shelves)
    peaks: dict[str, dict[int, int]] = {name: {} for name in options.engines}
    seconds: dict[str, dict[int, float]] = {name: {} for name in options.engines}
    for count in options.captures:
        with tempfile.TemporaryDirectory(prefix="facings-bench-", dir=options.scratch) as name:
            inputs, scratch = Path(name) / "inputs", Path(name) / "case"
            write_lake(photos, count, inputs / "lake")
            for engine in options.engines:
                with started(engine, inputs, scratch, options.cores) as child:
                    done = child.run(watched=True)
                peaks[engine][count], seconds[engine][count] = child.peak.bytes, done.wall_s
                said = f"{child.peak.bytes / GIB:.2f} GiB, {done.wall_s:.0f} s"
                print(f"{engine}, {count} captures: {said}", file=sys.stderr, flush=True)
    result: dict[str, Any] = {"machine": describe(), "cores": options.cores, "peak_bytes": peaks, "wall_s": seconds}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "memory.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    few, many = options.captures[0], options.captures[-1]
    rows = [
        [
            engine,
            *(f"{peaks[engine][count] / GIB:.2f}" for count in options.captures),
            f"{peaks[engine][many] / peaks[engine][few]:.2f}",
            *(f"{seconds[engine][count]:.0f}" for count in options.captures),
        ]
        for engine in options.engines
    ]
    head = ["engine", *(f"{count} captures, GiB" for count in options.captures), f"{many} / {few}"]
    text = markdown([*head, *(f"{count} captures, s" for count in options.captures)], rows)
    put(
        "memory", f"{options.cores} cores, {result['machine']['day']}; the first run of a fresh process tree.\n\n{text}"
    )
    print(text)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.memory", description=__doc__, parents=[shelves_and_cores()])
    parser.add_argument("--captures", type=int, nargs="+", default=[100, 1000], help="sizes (default %(default)s)")
    parser.add_argument("--engines", nargs="+", default=["embedded", "spark"], help="which (default %(default)s)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
