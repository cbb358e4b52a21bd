from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from lake import Lake

APP = Path(__file__).resolve().parents[2] / "serving" / "app.py"
Open = Callable[..., AppTest]


def load_shop() -> ModuleType:
    """The module beside this file that builds the lake: test folders are no packages."""
    spec = importlib.util.spec_from_file_location("serving_shop", Path(__file__).with_name("shop.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def shop() -> ModuleType:
    return load_shop()


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory, shop: ModuleType) -> Lake:
    built: Lake = shop.build(tmp_path_factory.mktemp("shop") / "lake")
    return built


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch) -> Open:
    """Runs a page of the dashboard over a lake with URL parameters, and returns what it drew."""
    st.cache_data.clear()
    st.cache_resource.clear()

    def run(lake: str, page: str = "overview", **params: str | list[str]) -> AppTest:
        monkeypatch.setattr(sys, "argv", ["app.py", "--lake", lake])
        app = AppTest.from_file(str(APP), default_timeout=120)
        app.query_params.update(params)
        app.run()  # pages are known only once the router has run
        if page != "overview":
            app.query_params.update(params)
            app.switch_page(f"screens/{page}.py").run()
        return app

    return run
