"""A dashboard watched for an hour while its lake goes on: `python -m bench.dashboard_soak --minutes 60`.

A real server and a real Chromium with two tabs, both limited to one store. One stays on the Overview: every round new
captures arrive as the services write them, and the tab must show their exact count by itself. The other goes from page
to page; its filters must stay in the URL, and nothing may show an error. Every tenth round the views are rebuilt and
what they cover expires. Exit 1 where anything of this fails; the server's memory is printed by the minute.
"""

from __future__ import annotations

import argparse
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Page, expect, sync_playwright

from bench.estate import STORES, Estate, arrive, build, rebuild
from bench.services import until
from bench.timing import print_table
from lake import Lake
from speed.expire import expire
from tests.browser import shots

ROOT = Path(__file__).resolve().parents[1]
STORE = 3
ARRIVALS, REBUILD_EVERY = 20, 10
STEADY_AFTER = 0.2  # of the time: before, caches fill
GROWTH = 1.1  # of the second half over the first: more than that is no noise


def main(arguments: Sequence[str]) -> int:
    """Prints the memory by the minute. Exit code 1 where it grew or the server logged an error; raises for a page."""
    options = _options(arguments)
    with tempfile.TemporaryDirectory(prefix="facings-soak-") as folder:
        lake = Lake.open(Path(folder) / "lake", create=True)
        estate = build(lake, options.captures)
        port = _free_port()
        command = [sys.executable, "-m", "facings", "serve", "--lake", str(lake.storage.root), "--port", str(port)]
        with (Path(folder) / "log").open("wb") as log:
            server = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        try:
            until(lambda: _answers(port), "the dashboard answers")
            samples = _watch(f"http://127.0.0.1:{port}", server.pid, lake, estate, options)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)
        errors = [line for line in (Path(folder) / "log").read_text().splitlines() if "Traceback" in line]
    return _report(samples, errors)


def _watch(
    url: str, pid: int, lake: Lake, estate: Estate, options: argparse.Namespace
) -> list[tuple[float, float, float]]:
    """(minutes, MB resident, CPU seconds) of the server, a sample a minute. Raises AssertionError for what is wrong."""
    samples: list[tuple[float, float, float]] = []
    store = f"store-{STORE:03d}"
    with sync_playwright() as playwright:
        browser = shots.launch(playwright)
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        context.set_default_timeout(shots.DEADLINE_MS)
        still, moving = context.new_page(), context.new_page()
        still.goto(f"{url}/?store={store}")
        moving.goto(f"{url}/?store={store}")
        begin, number = time.monotonic(), 0
        offset = len(lake.read("realtime/throughput", columns=["minute"]))
        while (now := time.monotonic() - begin) < options.minutes * 60:
            if now >= len(samples) * 60:
                samples.append((now / 60, _resident_mb(pid), _cpu_s(pid)))
                print(f"{now / 60:.1f} min: {samples[-1][1]:.0f} MB, {samples[-1][2]:.0f} CPU s", flush=True)
            start = len(estate.at)
            estate.grow(ARRIVALS, options.every)
            arrive(lake, estate, start, offset)
            offset += ARRIVALS
            expect(shots.figure(still, "Captures, 24 h")).to_contain_text(
                f"{_of_a_day(estate):,}", timeout=shots.DEADLINE_MS
            )
            _sound(still, store)
            number += 1
            moving.get_by_test_id("stSidebarNavLink").nth(number % len(shots.PAGES)).click()
            shots.settle(moving)
            _sound(moving, store)
            if number % REBUILD_EVERY == 0:
                rebuild(lake, estate, len(estate.at))
                expire(lake)
            still.wait_for_timeout(max(0.0, 1000 * (number * options.every - (time.monotonic() - begin))))
        samples.append(((time.monotonic() - begin) / 60, _resident_mb(pid), _cpu_s(pid)))
        browser.close()
    return samples


def _of_a_day(estate: Estate) -> int:
    """Captures of the store in the last 24 h of data, which the page counts from a whole hour on."""
    end = datetime.fromtimestamp(int(estate.at[-1]) / 1e6, UTC)
    start = (end - timedelta(hours=24)).replace(minute=0, second=0, microsecond=0)
    return int(((estate.device % STORES == STORE) & (estate.at >= start.timestamp() * 1e6)).sum())


def _sound(page: Page, store: str) -> None:
    """No error shows, and the filter is where it was."""
    assert page.get_by_test_id("stException").count() == 0, page.url
    assert page.locator("[data-testid=stAlertContentError]").count() == 0, page.url
    assert f"store={store}" in urlsplit(page.url).query, page.url


def _report(samples: list[tuple[float, float, float]], errors: list[str]) -> int:
    steady = [mb for at, mb, _ in samples if at >= samples[-1][0] * STEADY_AFTER]
    half = len(steady) // 2
    first, last = statistics.median(steady[:half]), statistics.median(steady[half:])
    seconds = 60 * (samples[-1][0] - samples[0][0])
    cpu = 100 * (samples[-1][2] - samples[0][2]) / seconds
    most = max(mb for _, mb, _ in samples)
    figures = [samples[-1][0], samples[0][1], first, last, samples[-1][1], most, cpu, len(errors)]
    head = ["minutes", "MB at first", "MB, first half", "MB, second half", "MB at last", "most", "CPU, %", "errors"]
    print_table(head, [[f"{figure:.0f}" for figure in figures]])
    return int(bool(errors) or last > GROWTH * first)


def _resident_mb(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    if found is None:
        raise OSError("/proc has no VmRSS: memory is measured on Linux only")
    return int(found[1]) * 1024 / 1e6


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1):
            return True
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.dashboard_soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--every", type=float, default=20, help="seconds from commit to commit (default %(default)s)")
    parser.add_argument("--captures", type=int, default=20_000, help="in the lake at first (default %(default)s)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
