"""The crops rebuild beside a bare loop over its codec, and beside Pillow a box at a time: `python -m bench.crops`."""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import simplejpeg
from PIL import Image

from bench.captures import DEFAULT_SHELVES, Photo, append_captures, repeated, run_rebuild, shelf_photos
from bench.peak import peak_of_crops
from bench.timing import interleave, median_ratio, print_table
from lake import Lake

GIB = 1 << 30


def bare_loop(photos: Sequence[Photo], threads: int) -> int:
    """Crops made by simplejpeg alone, one decode a photo; nothing is read, stored or checked."""

    def crop(photo: Photo) -> int:
        rgb = simplejpeg.decode_jpeg(photo.jpeg, "RGB", fastdct=False, fastupsample=False)
        made = 0
        for x0, x1, y0, y1 in _pixel_boxes(photo):
            piece = np.ascontiguousarray(rgb[y0:y1, x0:x1])
            made += bool(simplejpeg.encode_jpeg(piece, 90, "RGB", "420", False))
        return made

    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(crop, photos))


def pillow_per_box(paths: Sequence[Path], photos: Sequence[Photo], folder: Path, threads: int) -> int:
    """Crops saved by Pillow, which opens the photo again for every box."""

    def crop(job: tuple[int, Path, Photo]) -> int:
        number, path, photo = job
        boxes = _pixel_boxes(photo)
        for index, (x0, x1, y0, y1) in enumerate(boxes):
            with Image.open(path) as image:
                piece = image.crop((x0, y0, x1, y1))
            piece.save(folder / f"{number}-{index}.jpg", quality=90, subsampling="4:2:0")
        return len(boxes)

    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(crop, zip(range(len(paths)), paths, photos, strict=True)))


def main(arguments: Sequence[str]) -> None:
    """Measures and prints."""
    options = _options(arguments)
    photos = shelf_photos(options.shelves)
    source = "shelf photos" if (options.shelves / "annotations.csv").exists() else "synthesised photos"
    captures = [photos[number % len(photos)] for number in range(options.captures)]
    boxes = sum(len(photo.boxes) for photo in captures)
    few = captures[: options.pillow_captures]
    print(f"crops: {len(captures)} captures ({source}), {boxes} boxes, {options.threads} threads", flush=True)
    with tempfile.TemporaryDirectory(prefix="facings-bench-") as name:
        folder = Path(name)
        lake = Lake.open(folder / "small", create=True)
        append_captures(lake, repeated(photos, len(captures)))
        (folder / "pillow").mkdir()
        paths = [folder / f"{number}.jpg" for number in range(len(few))]
        for path, photo in zip(paths, few, strict=True):
            path.write_bytes(photo.jpeg)
        runs = itertools.count()
        cases: dict[str, Callable[[], object]] = {
            "bare loop": lambda: bare_loop(captures, options.threads),
            "crops rebuild": lambda: run_rebuild(
                lake, f"crops-{next(runs)}", threads=options.threads, names=["crops"], full=True
            ),
            "Pillow a box at a time": lambda: pillow_per_box(paths, few, folder / "pillow", options.threads),
        }
        cases["bare loop"]()  # once unmeasured: page cache and clock speed
        cases["crops rebuild"]()
        timings = interleave(cases, options.repeats)
        # Pillow's cost is linear in boxes: scaled from the boxes of its few captures to all.
        scales = dict.fromkeys(cases, 1.0)
        scales["Pillow a box at a time"] = boxes / sum(len(photo.boxes) for photo in few)
        rows = []
        for case, timing in timings.items():
            wall, cpu = timing.wall_s * scales[case], timing.cpu_s * scales[case]
            rate = len(captures) / wall / options.threads
            rows.append([case, f"{wall:.2f}", f"{timing.spread:.0%}", f"{cpu:.2f}", f"{rate:.2f}"])
        print_table(["case", "wall s, median", "spread", "CPU s", "captures/s per core"], rows)
        ours, bare, pillow = (timings[case] for case in ("crops rebuild", "bare loop", "Pillow a box at a time"))
        scale = scales["Pillow a box at a time"]
        print(f"rebuild's speed / bare loop's: {median_ratio(bare, ours):.2f} wall, {bare.cpu_s / ours.cpu_s:.2f} CPU")
        print(
            f"rebuild's speed / Pillow's: {median_ratio(pillow, ours) * scale:.0f} wall, "
            f"{pillow.cpu_s * scale / ours.cpu_s:.0f} CPU (Pillow on {len(few)} captures, scaled)\n",
            flush=True,
        )
        _peaks(options, photos, folder)


def _peaks(options: argparse.Namespace, photos: Sequence[Photo], folder: Path) -> None:
    rows = []
    for count in options.peak_captures:
        place = folder / f"peak-{count}"
        append_captures(Lake.open(place, create=True), repeated(photos, count))
        rows.append([count, f"{peak_of_crops(place, options.threads) / GIB:.2f}"])
    print_table(["captures in one rebuild", "peak memory, GiB"], rows)


def _pixel_boxes(photo: Photo) -> list[tuple[int, int, int, int]]:
    sides = (("xmin", photo.width), ("xmax", photo.width), ("ymin", photo.height), ("ymax", photo.height))
    boxes = []
    for box in photo.boxes:
        x0, x1, y0, y1 = (int(box[name] * size + 0.5) for name, size in sides)
        boxes.append((x0, x1, y0, y1))
    return boxes


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.crops", description=__doc__)
    parser.add_argument("--captures", type=int, default=60, help="captures a rebuild (default %(default)s)")
    parser.add_argument("--repeats", type=int, default=5, help="interleaved rounds (default %(default)s)")
    parser.add_argument(
        "--threads", type=int, default=os.cpu_count() or 1, help="threads of every case (default: cores)"
    )
    parser.add_argument("--pillow-captures", type=int, default=2, help="captures for Pillow (default %(default)s)")
    parser.add_argument("--peak-captures", type=int, nargs="*", default=[60, 240], help="sizes of the memory runs")
    parser.add_argument(
        "--shelves", type=Path, default=DEFAULT_SHELVES, help="folder of annotations.csv and its photos"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
