"""A dashboard in a process of its own over a small lake, and a real headless Chromium."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
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
def shop_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the small lake."""
    folder = tmp_path_factory.mktemp("shop") / "lake"
    _module(ROOT / "tests" / "serving" / "shop.py").build(folder)
    return folder


@pytest.fixture(scope="session")
def dashboard(shop_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a dashboard that serves the small lake."""
    with serving(shop_lake, tmp_path_factory.mktemp("dashboard"), free_port()) as url:
        yield url


@pytest.fixture
def own(shop_lake: Path, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """URL of a dashboard over a copy of the small lake, and the copy, which a test may write to."""
    shutil.copytree(shop_lake, tmp_path / "lake")
    with serving(tmp_path / "lake", tmp_path, free_port()) as url:
        yield url, tmp_path / "lake"


@pytest.fixture(scope="session")
def guarded(shop_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a dashboard that asks a provider on loopback who is there; "north" may see one store, "manager" all."""
    folder, port, provider_port = tmp_path_factory.mktemp("guarded"), free_port(), free_port()
    provider = subprocess.Popen([sys.executable, str(Path(__file__).with_name("provider.py")), str(provider_port)])
    access = folder / "access.toml"
    access.write_text(
        f"""
        [auth]
        redirect_uri = "http://127.0.0.1:{port}/oauth2callback"
        cookie_secret = "a secret of this test that is long enough"
        client_id = "facings"
        client_secret = "for-this-test-only"
        server_metadata_url = "http://127.0.0.1:{provider_port}/.well-known/openid-configuration"
        [access]
        claim = "roles"
        [access.roles]
        manager = ["*"]
        north = ["north"]
        """
    )
    try:
        _await(f"http://127.0.0.1:{provider_port}/jwks", provider, None)
        with serving(shop_lake, folder, port, access) as url:
            yield url
    finally:
        provider.terminate()
        provider.wait(timeout=10)


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def serving(lake: Path, folder: Path, port: int, access: Path | None = None) -> Iterator[str]:
    """A dashboard in a process of its own; gives its URL."""
    code = "import sys; from pathlib import Path; from serving.launch import serve; "
    code += "serve(sys.argv[1], port=int(sys.argv[2]), state=Path(sys.argv[3]), "
    code += "access=Path(sys.argv[4]) if len(sys.argv) > 4 else None)"
    command = [sys.executable, "-c", code, str(lake), str(port), str(folder / "state")]
    command += [str(access)] if access is not None else []
    with (folder / "log").open("wb") as log:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        server = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env=environment)
        try:
            _await(f"http://127.0.0.1:{port}/_stcore/health", server, folder / "log")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            try:
                server.wait(timeout=10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _await(url: str, server: subprocess.Popen[bytes], log: Path | None) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    told = log.read_text("utf-8", errors="replace")[-2000:] if log is not None else ""
    pytest.fail(f"{url} did not answer:\n{told}")
