"""Sign-in by OpenID Connect against a provider of its own process, and stores limited by a claim, in a real browser."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

_SPEC = importlib.util.spec_from_file_location("browser_shots", Path(__file__).with_name("shots.py"))
assert _SPEC is not None
assert _SPEC.loader is not None
shots = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(shots)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    yield context.new_page()
    context.close()


def sign_in(page: Page, url: str, who: str) -> None:
    page.goto(url)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name=who).click()
    page.wait_for_url(f"{url}/**")
    expect(page.get_by_text(f"Signed in as {who}")).to_be_visible(timeout=shots.DEADLINE_MS)
    shots.settle(page)


def test_without_a_sign_in_nothing_is_shown(page: Page, guarded: str):
    for name in shots.PAGES:
        page.goto(shots.address(guarded, name))
        expect(page.get_by_role("button", name="Sign in")).to_be_visible(timeout=shots.DEADLINE_MS)
        expect(shots.figure(page)).to_have_count(0)
        assert "cooler" not in page.content()


def test_a_role_sees_its_store_and_no_photo_of_another(page: Page, guarded: str):
    sign_in(page, guarded, "ann")
    expect(shots.figure(page, "Captures, 24 h")).to_contain_text("48")
    assert "cooler-3" not in page.content()
    page.goto(f"{guarded}/captures?capture=c-cooler-4-03")
    shots.settle(page)
    assert "cooler-4" not in page.locator("[data-testid=stMain]").inner_text()
    page.goto(f"{guarded}/captures?capture=c-cooler-1-03")
    shots.settle(page)
    expect(page.get_by_text("boxes, numbered as the crops below")).to_be_visible()


def test_a_manager_sees_every_store(page: Page, guarded: str):
    sign_in(page, guarded, "max")
    expect(shots.figure(page, "Captures, 24 h")).to_contain_text("96")


def test_a_role_without_stores_sees_that_it_has_none(page: Page, guarded: str):
    page.goto(guarded)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="eve").click()
    expect(page.get_by_text("Your account has no store")).to_be_visible(timeout=shots.DEADLINE_MS)
    expect(shots.figure(page)).to_have_count(0)
