"""Cost of quality for a 12-megapixel capture, beside the scaled grey decode that it starts from.

    python -m bench.quality [--shelves FOLDER] [--repeats 15]

The goal is that decode, measurements and verdict together take no more than 1.3 times the decode alone.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.captures import DEFAULT_SHELVES, shelf_photos
from bench.timing import print_table
from imaging.decode import decode_grey
from imaging.header import DEFAULT_LIMITS, read_header
from imaging.model import BASELINE, Model
from imaging.quality import measure
from imaging.score import score_photo

GOAL = 1.3


def main(arguments: Sequence[str]) -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.quality", description=__doc__)
    parser.add_argument(
        "--shelves", type=Path, default=DEFAULT_SHELVES, help="folder of annotations.csv and its photos"
    )
    parser.add_argument("--repeats", type=int, default=15, help="interleaved rounds (default %(default)s)")
    options = parser.parse_args(arguments)
    photo = shelf_photos(options.shelves)[0]
    header = read_header(photo.jpeg)
    grey = decode_grey(photo.jpeg, header)
    model, baseline = Model.load(), Model.load(BASELINE)
    measured = measure(grey)
    cases: dict[str, Callable[[], object]] = {
        "scaled grey decode": lambda: decode_grey(photo.jpeg, header),
        "measurements": lambda: measure(grey),
        "model": lambda: model.predict_one(measured),
        "baseline": lambda: baseline.predict_one(measured),
        "quality, all of it": lambda: score_photo(photo.jpeg, DEFAULT_LIMITS, model),
    }
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(options.repeats):  # in turns, so that a busy machine slows all alike
        for name, case in cases.items():
            began = time.perf_counter()
            case()
            seconds[name].append(time.perf_counter() - began)
    print(f"{photo.width} x {photo.height} pixels, {len(photo.jpeg) / 1e6:.1f} MB of JPEG, {options.repeats} rounds\n")
    print_table(
        ["case", "ms, median", "ms, fastest"],
        [[name, f"{1e3 * statistics.median(took):.2f}", f"{1e3 * min(took):.2f}"] for name, took in seconds.items()],
    )
    pairs = zip(seconds["quality, all of it"], seconds["scaled grey decode"], strict=True)
    ratio = statistics.median(whole / decode for whole, decode in pairs)
    print(f"quality / its scaled grey decode: {ratio:.2f} (goal {GOAL}: {'met' if ratio <= GOAL else 'missed'})\n")


if __name__ == "__main__":
    main(sys.argv[1:])
