"""A dashboard in a process of its own over a small lake, and a real headless Chromium."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
INSTALL = ROOT / "tests" / "install_chromium.sh"


def _module(path: Path):
    spec = importlib.util.spec_from_file_location(f"browser_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


shots = _module(Path(__file__).with_name("shots.py"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--shots", default=None, help="folder for a screenshot of each page that the browser tests open")


@pytest.fixture(scope="session")
def shots_folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    named = request.config.getoption("--shots", default=None)
    folder = Path(named) if named else tmp_path_factory.mktemp("shots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium; installed by apt-get where it is missing and this user may, else a failure that says how."""
    installed = subprocess.run(["bash", str(INSTALL)], capture_output=True, text=True, check=False)
    if installed.returncode != 0:
        pytest.fail(f"no Chromium for the browser tests, and it could not be installed:\n{installed.stderr[-2000:]}")
    with sync_playwright() as playwright:
        found = shots.launch(playwright)
        yield found
        found.close()


@pytest.fixture(scope="session")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a dashboard that serves the small shop."""
    shop = _module(ROOT / "tests" / "serving" / "shop.py")
    folder = tmp_path_factory.mktemp("dashboard")
    shop.build(folder / "lake")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    code = "import sys; from pathlib import Path; from serving.launch import serve; "
    code += "serve(sys.argv[1], port=int(sys.argv[2]), state=Path(sys.argv[3]))"
    command = [sys.executable, "-c", code, str(folder / "lake"), str(port), str(folder / "state")]
    log = (folder / "log").open("wb")
    server = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env={**os.environ, "PYTHONPATH": str(ROOT)})
    url = f"http://127.0.0.1:{port}"
    try:
        _await(f"{url}/_stcore/health", server, folder / "log")
        yield url
    finally:
        server.terminate()
        try:
            server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        log.close()


def _await(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"the dashboard did not start:\n{log.read_text('utf-8', errors='replace')[-2000:]}")
