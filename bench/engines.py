"""Crops of the same captures by every engine and its peers, side by side: `python -m bench.engines`.

Rounds: in each, every case gets the machine to itself in a process tree of its own, starts, runs once, then some
times warm. Writes bench/results/engines.json, engines.svg and the table in bench/README.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.captures import shelf_photos
from bench.cases import CASES, Case
from bench.child import CaseFailed, started
from bench.inputs import write_inputs
from bench.machine import describe
from bench.options import shelves_and_cores
from bench.report import RESULTS, write_engines


@dataclass
class Measured:
    """One case, a value a round: seconds (warm ones and CPU scaled to all boxes where it worked on few); bytes once.

    `cold_s` is what a start costs before steady state: start-up, and the first run beyond a warm one.
    """

    label: str
    few: bool
    startup_s: list[float] = field(default_factory=list)
    cold_s: list[float] = field(default_factory=list)
    warm_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    peak_bytes: list[int] = field(default_factory=list)
    failed: str | None = None


def measure(case: Case, found: Measured, inputs: Path, scratch: Path, options: argparse.Namespace, boxes: int) -> None:
    """Adds one round of a case: the median of its warm runs, or why not; its memory in the first round alone."""
    try:
        with started(case.name, inputs, scratch, options.cores) as child:
            first = child.run()
            warm = sorted((child.run() for _ in range(options.warm)), key=lambda done: done.wall_s)
            if not found.peak_bytes:
                child.run(watched=True)
                found.peak_bytes.append(child.peak.bytes)
        if not case.few and first.crops != boxes:
            raise CaseFailed(f"made {first.crops} crops of {boxes}")
    except CaseFailed as error:
        found.failed = str(error)
        return
    scale, middle = boxes / first.crops, warm[len(warm) // 2]
    found.startup_s.append(child.startup_s)
    found.cold_s.append(child.startup_s + max(0.0, first.wall_s - middle.wall_s))
    found.warm_s.append(middle.wall_s * scale)
    found.cpu_s.append(middle.cpu_s * scale)


def main(arguments: Sequence[str]) -> None:
    """Measures, writes and prints."""
    options = _options(arguments)
    photos = shelf_photos(options.shelves)
    cases = [case for case in CASES if case.name in options.cases]
    found = {case.name: Measured(case.label, case.few) for case in cases}
    with tempfile.TemporaryDirectory(prefix="facings-bench-", dir=options.scratch) as name:
        inputs, scratch = Path(name) / "inputs", Path(name) / "case"
        inputs.mkdir()
        boxes = write_inputs(photos, options.captures, options.few, inputs)
        for number in range(options.rounds):
            turn = number % len(cases)
            for case in cases[turn:] + cases[:turn]:
                one = found[case.name]
                if one.failed is None:
                    measure(case, one, inputs, scratch, options, boxes)
                    said = one.failed or f"{one.warm_s[-1]:.2f} s warm, {one.cold_s[-1]:.2f} s cold"
                    print(f"round {number + 1}: {case.label}: {said}", file=sys.stderr, flush=True)
    result: dict[str, Any] = {
        "machine": describe(),
        "captures": options.captures,
        "boxes": boxes,
        "megapixels": round(photos[0].width * photos[0].height / 1e6, 1),
        "photos": "shelf photos" if (options.shelves / "annotations.csv").exists() else "synthesised photos",
        "cores": options.cores,
        "rounds": options.rounds,
        "warm": options.warm,
        "few": options.few,
        "cases": {name: asdict(one) for name, one in found.items()},
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "engines.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(write_engines(result))


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    names = [case.name for case in CASES]
    parser = argparse.ArgumentParser(prog="python -m bench.engines", description=__doc__, parents=[shelves_and_cores()])
    parser.add_argument("--captures", type=int, default=96, help="captures (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default %(default)s)")
    parser.add_argument(
        "--warm", type=int, default=2, help="warm runs a round, the median counts (default %(default)s)"
    )
    parser.add_argument("--few", type=int, default=2, help="captures for a box at a time (default %(default)s)")
    parser.add_argument("--cases", nargs="+", choices=names, default=names, help="which (default: all)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
