"""How long each page of the dashboard takes over a large estate, and in how much memory: `python -m bench.dashboard`.

Each page runs in a server process of its own: cold is the first run after the start, with nothing read or cached; warm
is the median of the next runs; new data is the median of runs after captures have arrived, as a page that is open runs
then. Seconds of the page's script, from the request to its last element; the browser's own
drawing comes on top. CPU seconds stand beside them, since a page can't be faster than its CPU time over the cores.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.timing import print_table
from facings.settings import frugal

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("overview", "inventory", "throughput", "quality", "captures", "rejected", "runs", "travel", "store")
KINDS = ("cold", "warm", "new data")
ARRIVALS = 5
LOOK_S = 2.1  # the server looks for new versions once in two seconds


def main(arguments: Sequence[str]) -> None:
    """Builds the estate where it is missing, measures every page and prints the table."""
    options = _options(arguments)
    if options.page:
        _one(str(options.lake), options.page, options.repeats)
        return
    with tempfile.TemporaryDirectory(prefix="facings-bench-") as folder:
        lake = options.lake or Path(folder) / "estate"
        if not lake.exists():
            began = time.perf_counter()
            _build(lake, options.captures)
            print(f"{options.captures:,} captures generated in {time.perf_counter() - began:.0f} s\n", flush=True)
        rows = [_measured(lake, page, options.repeats) for page in options.pages]
    kinds = [f"{kind}, {unit}" for kind in KINDS for unit in ("s", "CPU s")]
    print_table(["page", *kinds, "peak memory, MB"], rows)


def _build(lake: Path, captures: int) -> None:
    from bench.estate import build
    from lake import Lake

    build(Lake.open(lake, create=True), captures)


def _measured(lake: Path, page: str, repeats: int) -> list[str]:
    command = [sys.executable, "-m", "bench.dashboard", "--lake", str(lake), "--page", page, "--repeats", str(repeats)]
    with tempfile.TemporaryDirectory(prefix="facings-bench-", dir=lake.parent) as folder:
        copy = Path(folder) / "lake"
        shutil.copytree(lake, copy, copy_function=os.link)  # new commits are new files: the estate stays as it is
        command[command.index(str(lake))] = str(copy)
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, env=frugal())
    found = json.loads(done.stdout.splitlines()[-1])
    figures = [statistics.median(sample[place] for sample in found[kind]) for kind in KINDS for place in (0, 1)]
    return [page, *(f"{figure:.2f}" for figure in figures), f"{found['peak_bytes'] / 1e6:.0f}"]


def _one(lake: str, page: str, repeats: int) -> None:
    """Runs one page, first cold and then `repeats` times more, and prints a JSON object."""
    from streamlit.testing.v1 import AppTest

    from bench.estate import WAITING, arrive, resumed
    from lake import Lake
    from serving.launch import preload

    preload()
    script = str(ROOT / "serving" / "app.py")

    def run() -> tuple[float, float]:
        wall, cpu = time.perf_counter(), time.process_time()
        app = AppTest.from_file(script, default_timeout=600)
        if page != PAGES[0]:
            sys.argv = ["app.py"]  # names the pages and draws none, so that a link to one is what is measured
            app.run()
            app.switch_page(f"screens/{page}.py")
        sys.argv = ["app.py", "--lake", lake]
        app.run()
        if app.exception or app.error:
            raise RuntimeError(f"{page}: {[each.value for each in (*app.exception, *app.error)]}")
        return time.perf_counter() - wall, time.process_time() - cpu

    samples: dict[str, list[tuple[float, float]]] = {"cold": [run()], "warm": [run() for _ in range(repeats)]}
    opened = Lake.open(lake)
    estate, samples["new data"] = resumed(opened), []
    for number in range(repeats):
        start = len(estate.at)
        estate.grow(ARRIVALS, 10)
        arrive(opened, estate, start, WAITING + number * ARRIVALS)
        time.sleep(LOOK_S)
        samples["new data"].append(run())
    print(json.dumps({**samples, "peak_bytes": _high_water_bytes()}))


def _high_water_bytes() -> int:
    # Not getrusage: on Linux its maximum survives exec and so includes the parent's.
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/self/status has no VmHWM: peak memory is measured on Linux only")


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.dashboard", description=__doc__)
    parser.add_argument("--captures", type=int, default=1_000_000)
    parser.add_argument("--lake", type=Path, help="where the estate is, or is to be made and kept")
    parser.add_argument("--repeats", type=int, default=5, help="warm runs (default %(default)s)")
    parser.add_argument("--pages", nargs="*", choices=PAGES, default=PAGES)
    parser.add_argument("--page", choices=PAGES, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
