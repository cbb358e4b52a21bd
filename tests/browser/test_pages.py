"""Every page in a real Chromium: drawn whole, no error, filters in the URL, photos shown, text from devices inert."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pyarrow as pa
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from lake import Lake
from lake.offsets import OffsetTable, Span
from lake.parquet import conform
from schemas.tables import CAPTURES, REALTIME_QUALITY, REALTIME_THROUGHPUT


def load(name: str) -> ModuleType:
    """A module beside this file: test folders are no packages."""
    spec = importlib.util.spec_from_file_location(f"browser_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


shots, sight = load("shots"), load("sight")

KEY_TEXT = {
    "overview": "cola is out at cooler-1: 0 of 3 facings",
    "inventory": "Now, by device and SKU",
    "throughput": "The bottleneck is",
    "quality": "Worst photos",
    "captures": "Where it came from",
    "rejected": "What was refused",
    "runs": "Last run of each step",
    "travel": "Then and now",
    "store": "Refill",
}
CHARTED = {"overview", "inventory", "throughput", "quality", "rejected", "runs", "store"}
TITLES = {"travel": "Time travel", "store": "Store sheet"}


def is_fault(message: ConsoleMessage) -> bool:
    """Is it an error? Streamlit probes for its address under each page's path first, and finds it above: no fault."""
    return message.type == "error" and "/_stcore/" not in str(message.location.get("url"))


def complaint(message: ConsoleMessage) -> str:
    return f"{message.text} {message.location.get('url')}"


@pytest.fixture
def tab(browser: Browser) -> Iterator[SimpleNamespace]:
    """A page at 1440 x 900 that remembers what the console and the network complained about."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(complaint(message)) if is_fault(message) else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("dialog", lambda dialog: faults.append(f"dialog: {dialog.message}"))
    yield SimpleNamespace(page=page, faults=faults)
    context.close()


def whole(page: Page) -> None:
    shots.settle(page)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(page.locator("[data-testid=stAlertContentError]")).to_have_count(0)


@pytest.mark.parametrize("name", shots.PAGES)
def test_a_page_is_drawn_whole(tab, dashboard: str, shots_folder: Path, name: str):
    tab.page.goto(shots.address(dashboard, name))
    whole(tab.page)
    expect(tab.page.get_by_role("heading", name=TITLES.get(name, name.capitalize()), exact=True)).to_be_visible()
    expect(tab.page.get_by_text(KEY_TEXT[name]).first).to_be_visible()
    shots.grow(tab.page, 1440, 900)
    tab.page.screenshot(path=shots_folder / f"{name}.png")
    assert sight.low_contrast(tab.page) == []
    texts, faint = sight.low_contrast_of_charts(tab.page)
    assert (texts > 5, faint) == (name in CHARTED, [])
    assert sight.unreached(tab.page) == []
    assert tab.faults == []


@pytest.mark.parametrize("name", shots.PAGES)
def test_a_page_fits_a_phone_in_the_dark(browser: Browser, dashboard: str, shots_folder: Path, name: str):
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark")
    page = context.new_page()
    page.goto(shots.address(dashboard, name))
    whole(page)
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    page.screenshot(path=shots_folder / f"{name}-phone-dark.png")
    assert sight.low_contrast(page) == []
    assert sight.low_contrast_of_charts(page)[1] == []
    context.close()


def test_faint_text_in_a_chart_is_found_on_the_page_and_on_a_mark(tab, dashboard: str):
    tab.page.goto(f"{dashboard}/inventory")
    whole(tab.page)
    ground, mark = tab.page.evaluate(
        """() => { const texts = [...document.querySelectorAll('[data-testid=stVegaLiteChart] svg text')];
        const find = word => texts.find(e => e.textContent === word);
        const [ground, mark] = [find('cooler-1'), find('0/3')];
        ground.style.fill = '#808495';  // on white: 3.7
        mark.style.fill = '#1d2733';  // on the red of an empty place, where white is readable
        return [ground.textContent, mark.textContent]; }"""
    )
    faint = sight.low_contrast_of_charts(tab.page)[1]
    assert sorted(each.split(" ", 1)[1] for each in faint) == [
        f"rgb(128, 132, 149) {ground}",
        f"rgb(29, 39, 51) {mark}",
    ]


def test_a_filter_changes_the_url_and_the_figures_and_outlasts_the_page(tab, dashboard: str):
    page = tab.page
    page.goto(dashboard)
    whole(page)
    captures = shots.figure(page, "Captures, 24 h")
    expect(captures).to_contain_text("96")
    page.get_by_role("combobox", name="Store").click()
    page.get_by_role("option", name="south").click()
    page.wait_for_url("**/*store=south*")
    page.keyboard.press("Escape")
    expect(captures).to_contain_text("48")
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Throughput").click()
    page.wait_for_url("**/throughput*store=south*")
    whole(page)
    expect(shots.figure(page, "Captures").first).to_contain_text("48")
    page.reload()
    whole(page)
    expect(shots.figure(page, "Captures").first).to_contain_text("48")


def test_a_finding_leads_to_its_page_with_its_filter(tab, dashboard: str):
    page = tab.page
    page.goto(dashboard)
    whole(page)
    page.get_by_test_id("stMain").get_by_role("link", name="Inventory").first.click()
    page.wait_for_url("**/inventory*device=cooler-1*")
    whole(page)
    expect(shots.figure(page, "Out of stock")).to_contain_text("1")
    expect(shots.figure(page, "Missing facings")).to_contain_text("3")
    assert tab.faults == []


def test_a_figure_leads_to_what_it_counts_and_the_url_keeps_it(tab, dashboard: str):
    page = tab.page
    page.goto(f"{dashboard}/throughput")
    whole(page)
    shots.figure(page, "Late").locator("xpath=ancestor::*[.//a][1]").get_by_role("link", name="Which").click()
    page.wait_for_url("**/captures*which=late*")
    whole(page)
    expect(page.get_by_role("heading", name="cooler-3 at 02 Mar 2026 11:55:00 UTC")).to_be_visible()
    page.goto(f"{dashboard}/rejected")
    whole(page)
    page.get_by_role("button", name="Its 1").first.click()
    page.wait_for_url("**/rejected*reason=invalid-field*")
    whole(page)
    expect(page.get_by_role("heading", name="What was refused: invalid-field")).to_be_visible()
    assert tab.faults == []


def test_the_photo_shows_with_its_boxes_and_crops(tab, dashboard: str):
    page = tab.page
    page.goto(f"{dashboard}/captures?capture=c-cooler-4-03")
    whole(page)
    expect(page.get_by_text("7 boxes, numbered as the crops below.")).to_be_visible()
    sizes = page.evaluate("() => [...document.querySelectorAll('[data-testid=stImage] img')].map(i => i.naturalWidth)")
    assert sizes[0] == 420
    assert len(sizes) == 8
    assert min(sizes) > 20


def test_text_from_a_device_stays_text(tab, dashboard: str):
    page = tab.page
    for name in ("rejected", "overview"):
        page.goto(shots.address(dashboard, name))
        whole(page)
        assert page.locator("img[src='x'], a[href^='javascript']").count() == 0
        assert page.locator("[data-testid=stMain] a[href*='example.com']").count() == 0
    assert tab.faults == []


def test_an_unknown_filter_value_is_no_error(tab, dashboard: str):
    tab.page.goto(f"{dashboard}/captures?device=%3Cscript%3E&store=..%2F..&range=soon&capture=nothing")
    whole(tab.page)
    assert tab.faults == []


def test_the_past_is_shown_as_it_was_and_leads_back_to_now(tab, dashboard: str):
    page = tab.page
    page.goto(f"{dashboard}/?at=views/inventory%400")
    whole(page)
    expect(page.get_by_text("This is the past")).to_be_visible()
    expect(shots.figure(page, "Availability")).to_contain_text("unknown")
    page.get_by_role("button", name="Back to now").click()
    expect(page.get_by_text("This is the past")).to_have_count(0)
    expect(shots.figure(page, "Availability")).to_contain_text("91.7 %")
    page.goto(f"{dashboard}/?at=the%20day%20before")
    expect(page.get_by_text("is no moment")).to_be_visible()


def test_a_table_is_downloaded_as_a_file(tab, dashboard: str, tmp_path: Path):
    page = tab.page
    page.goto(f"{dashboard}/inventory")
    whole(page)
    page.get_by_test_id("stPopoverButton").first.click()
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=True).click()
    download.value.save_as(tmp_path / "inventory.csv")
    lines = (tmp_path / "inventory.csv").read_text().splitlines()
    assert lines[0].startswith("State,Store,Device,SKU,Facings,Planned")
    assert lines[1].startswith("out of stock,north,cooler-1,cola,0")
    assert len(lines) == 13


def test_new_data_shows_by_itself(tab, own: tuple[str, Path]):
    url, folder = own
    page, lake = tab.page, Lake.open(folder)
    page.goto(url)
    whole(page)
    captures = shots.figure(page, "Captures, 24 h")
    expect(captures).to_contain_text("96")
    page.get_by_role("combobox", name="Store").click()
    page.get_by_role("option", name="south").click()
    page.keyboard.press("Escape")
    expect(captures).to_contain_text("48")
    last = lake.read("master/captures").sort_by("captured_at").slice(95).to_pylist()[0]
    row = {**last, "capture_id": "c-new", "store_id": "south", "device_id": "cooler-4"}
    lake.append_new("master/captures", conform(pa.Table.from_pylist([row], CAPTURES.schema), CAPTURES.schema))
    expect(captures).to_contain_text("49", timeout=shots.DEADLINE_MS)  # and the filter is still set
    assert tab.faults == []


def test_an_event_scored_live_shows_by_itself(tab, own: tuple[str, Path]):
    url, folder = own
    page, lake = tab.page, Lake.open(folder)
    page.goto(f"{url}/?device=cooler-4")
    whole(page)
    expect(page.get_by_text("live, not in the views yet")).to_have_count(0)
    last = lake.read("master/captures").sort_by("captured_at").slice(95).to_pylist()[0]
    place = {"source": "kafka:one/topic", "kafka_partition": 0, "kafka_offset": 0}
    where = {"store_id": "south", "device_id": "cooler-4"}
    event = {"offset": 0, "capture_id": "c-live", "rejected": False, "late": False, "size_bytes": 900}
    minute = last["captured_at"].replace(second=0, microsecond=0)
    counted = {"minute": minute, "events": 1, "captures": 1, "rejected": 0, "late": 0, "bytes": 900, "seen": [event]}
    scored = {"capture_id": "c-live", "captured_at": minute, "scored_at": datetime.now(UTC), "p_good": 0.9}
    scored |= {"sampling_probability": 1.0, "latency_s": 0.4}
    for table, row in ((REALTIME_THROUGHPUT, counted), (REALTIME_QUALITY, scored)):
        rows = pa.Table.from_pylist([{**where, **place, **row}], table.schema)
        OffsetTable(lake.storage, table).append(conform(rows, table.schema), [Span("kafka:one/topic/0", None, 1)])
    expect(page.get_by_text("1 live, not in the views yet")).to_be_visible(timeout=shots.DEADLINE_MS)
    assert "device=cooler-4" in page.url
    assert tab.faults == []
