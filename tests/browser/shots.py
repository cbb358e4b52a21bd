"""Screenshots of every page of a running dashboard: `python -m tests.browser.shots --url U --out docs/screenshots`."""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path

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
DESKTOP = (1440, 900)
PHONE = (390, 844)
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


def grow(page: Page, width: int, least: int) -> None:
    """Makes the window as high as the page, so that a screenshot holds all of it."""
    high = page.evaluate("() => document.querySelector('[data-testid=stMainBlockContainer]')?.scrollHeight ?? 0")
    page.set_viewport_size({"width": width, "height": max(least, min(6000, int(high) + 10))})
    settle(page, 500)


def main() -> None:
    """Writes the screenshots and prints how long each page took, from the request to the last chart."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8501")
    parser.add_argument("--out", type=Path, default=Path("docs/screenshots"))
    parser.add_argument("--scheme", choices=["light", "dark"], default="light")
    parser.add_argument("--query", default="", help="filters, as in the URL, e.g. store=north")
    parser.add_argument("--fold", action="store_true", help="only what fits 1440 x 900, not the whole page")
    parser.add_argument("--only", nargs="*", choices=PAGES, default=PAGES)
    parser.add_argument("--phone", choices=PAGES, default="overview", help="the page to take at 390 pixels")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for name, (width, height), page_name in [
            *((p, DESKTOP, p) for p in options.only),
            (f"{options.phone}-phone", PHONE, options.phone),
        ]:
            context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=options.scheme)
            page = context.new_page()
            began = time.monotonic()
            page.goto(address(options.url, page_name, options.query))
            settle(page)
            took = time.monotonic() - began
            if not options.fold:
                grow(page, width, height)
            page.screenshot(path=options.out / f"{name}.png")
            print(f"{name}: {took:.2f} s")
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
