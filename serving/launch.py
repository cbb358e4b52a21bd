"""Starts the dashboard as a Streamlit server with safe settings: loopback, no telemetry, no error details."""

from __future__ import annotations

import argparse
import inspect
import logging
import os
import secrets
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from serving.access import load_policy
from serving.storage import use_options

APP = Path(__file__).with_name("app.py")
CONFIG = APP.parent / ".streamlit" / "config.toml"
_SECRET = "cookie_secret"
_EARLY = ("attention", "charts", "shelf_charts", "layers", "blobs", "export")


@dataclass(frozen=True)
class Launch:
    """What the command line of the server says."""

    lake: str | None
    access: Path | None


def launched(argv: Sequence[str] | None = None) -> Launch:
    """The lake and the access file named after `--` on Streamlit's command line."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--lake")
    parser.add_argument("--access", type=Path)
    known, _ = parser.parse_known_args(sys.argv[1:] if argv is None else list(argv))
    return Launch(known.lake, known.access)


def options(*, host: str, port: int) -> dict[str, object]:
    """Streamlit's options by name: those of config.toml, and over them each guard, which no other file can lift."""
    return {
        **_flat(tomllib.loads(CONFIG.read_text(encoding="utf-8"))),
        "server.address": host,
        "server.port": port,
        "server.headless": True,
        "server.fileWatcherType": "none",
        "server.runOnSave": False,
        "server.maxUploadSize": 1,
        "server.enableXsrfProtection": True,
        "server.enableCORS": True,
        "server.enableStaticServing": False,
        "browser.gatherUsageStats": False,
        "client.showErrorDetails": "none",
        "client.showErrorLinks": False,
        "client.toolbarMode": "minimal",
        "runner.magicEnabled": False,
        "global.developmentMode": False,
    }


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in values.items():
        found |= _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {prefix + name: value}
    return found


def cookie_secret(folder: Path) -> str:
    """The secret that signs cookies: made once, kept in `folder`, readable by its owner alone."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _SECRET
    if not path.exists():
        made = folder / f"{_SECRET}.{os.getpid()}"
        made.touch(mode=0o600)
        made.write_text(secrets.token_hex(32), encoding="ascii")
        made.rename(path)
    return path.read_text(encoding="ascii").strip()


def preload() -> None:
    """Imports what every page needs: at the start of the server, not within its first viewer's page."""
    for name in _EARLY:
        import_module(f"serving.{name}")
    inspect.stack()  # Streamlit looks at it for its first element, and the first look reads every module's source


def serve(
    lake_uri: str,
    host: str = "127.0.0.1",
    port: int = 8501,
    *,
    storage: Mapping[str, str] | None = None,
    access: Path | None = None,
    state: Path | None = None,
) -> int:
    """Exit code of the server, after it ends. Runs in this process; `state` keeps the cookie secret (~/.facings).

    `storage` are the options of a lake on an object store; they stay in this process's memory. `access` is the file
    that configures sign-in, see serving.access; raises AccessError where it can't be used.
    """
    from streamlit.web import bootstrap

    use_options(storage or {})
    chosen = options(host=host, port=port) | {"server.cookieSecret": cookie_secret(state or Path.home() / ".facings")}
    flags: dict[str, object] = {name.replace(".", "_"): value for name, value in chosen.items()}
    root = lake_uri if "://" in lake_uri else str(Path(lake_uri).resolve())
    arguments = ["--lake", root]
    if access is not None:
        load_policy(access)
        flags["secrets_files"] = [str(access.resolve())]
        arguments += ["--access", str(access.resolve())]
    logging.getLogger("streamlit.runtime.caching.cache_data_api").setLevel(logging.ERROR)  # it asks for a runtime
    preload()
    bootstrap.load_config_options(flags)
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)
    bootstrap.run(str(APP), False, arguments, flags)
    return 0
