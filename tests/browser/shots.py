"""Screenshots of every page of a running dashboard: `python -m tests.browser.shots --url U --out docs/screenshots`."""

from __future__ import annotations

import argparse
import shutil
import time
from itertools import product
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, Locator, Page, Playwright, sync_playwright

PAGES = ("overview", "inventory", "throughput", "quality", "captures", "rejected", "runs", "travel", "store")
ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP, PHONE = (1440, 900), (390, 844)
LOOKS: dict[str, tuple[tuple[int, int], int, Literal["light", "dark"]]] = {  # window, height at most, colours
    "light": (DESKTOP, 6000, "light"),
    "dark": (DESKTOP, 6000, "dark"),
    "phone": (PHONE, 2600, "light"),
}
DEADLINE_MS = 30_000


def chromium_path() -> str:
    """Path of Chromium. Raises FileNotFoundError that says how to get it."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        if found:
            return found
    raise FileNotFoundError("the browser tests need Chromium on the path: run tests/install_chromium.sh")


def launch(playwright: Playwright) -> Browser:
    """Headless Chromium as the system has it."""
    return playwright.chromium.launch(executable_path=chromium_path(), args=ARGS)


def address(url: str, page: str, query: str = "") -> str:
    """URL of a page; the first page is the root."""
    path = "" if page == PAGES[0] else page
    return f"{url.rstrip('/')}/{path}{'?' + query if query else ''}"


def settle(page: Page, quiet_ms: int = 250) -> None:
    """Returns when the app has run to its end, its charts are drawn and its pictures are there."""
    page.wait_for_selector("h1, [data-testid=stAlert]", timeout=DEADLINE_MS)
    page.wait_for_function(
        """() => !document.querySelector('[data-testid=stApp][data-test-script-state=running]')
        && !document.querySelector('[data-testid=stSkeleton], [data-stale=true]')
        && [...document.querySelectorAll('[data-testid=stVegaLiteChart]')].every(c => c.querySelector('canvas, svg'))
        && [...document.images].every(i => i.complete)""",
        timeout=DEADLINE_MS,
    )
    page.wait_for_timeout(quiet_ms)


def figure(page: Page, label: str = "") -> Locator:
    """The headline figures of that label. While a page runs anew, Streamlit still shows what its last run drew, greyed
    and marked stale, beside what the new one has drawn: those are not what a viewer reads.
    """
    drawn = page.locator("[data-testid=stElementContainer]:not([data-stale=true])")
    return drawn.get_by_test_id("stMetric").filter(has_text=label)


def grow(page: Page, width: int, least: int, most: int = 6000) -> None:
    """Makes the window as high as the page, so that a screenshot holds all of it, up to `most` pixels."""
    high = page.evaluate("() => document.querySelector('[data-testid=stMainBlockContainer]')?.scrollHeight ?? 0")
    page.set_viewport_size({"width": width, "height": max(least, min(most, int(high) + 10))})
    settle(page, 500)


def small(path: Path) -> None:
    """Writes the screenshot anew with a palette of 256 colours: a third of its size, and nobody sees it."""
    with Image.open(path) as image:
        found = image.convert("RGB").quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    found.save(path, optimize=True)


def main() -> None:
    """Writes the screenshots and prints how long each page took, from the request to the last chart."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8501")
    parser.add_argument("--out", type=Path, default=Path("docs/screenshots"))
    parser.add_argument("--query", default="", help="filters, as in the URL, e.g. store=north")
    parser.add_argument("--fold", action="store_true", help="only what fits the screen, not the whole page")
    parser.add_argument("--only", nargs="*", choices=PAGES, default=PAGES)
    parser.add_argument("--looks", nargs="*", choices=LOOKS, default=list(LOOKS))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for name, look in product(options.only, options.looks):
            (width, height), most, scheme = LOOKS[look]
            context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
            page = context.new_page()
            began = time.monotonic()
            page.goto(address(options.url, name, options.query))
            settle(page)
            took = time.monotonic() - began
            if not options.fold:
                grow(page, width, height, most)
            path = options.out / (f"{name}.png" if look == "light" else f"{name}-{look}.png")
            page.screenshot(path=path)
            small(path)
            print(f"{path.stem}: {took:.2f} s")
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
