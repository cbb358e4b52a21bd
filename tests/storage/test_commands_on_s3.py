"""The commands and the dashboard on a lake in a bucket, with credentials from the environment as a user sets them."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from lake import Lake
from serving import storage as serving_storage
from tests.batch.build import photo
from tests.storage.server import ACCESS_KEY, SECRET_KEY, Server

ROOT = Path(__file__).parents[2]
APP = ROOT / "serving" / "app.py"


def facings(user: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "facings", *arguments]
    return subprocess.run(command, cwd=ROOT, env=user, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def boxes(tmp_path: Path) -> Path:
    """Two photos and a table of their boxes."""
    table = tmp_path / "boxes.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "label", "xmin", "xmax", "ymin", "ymax"])
        for seed in (1, 2):
            (tmp_path / f"{seed}.jpg").write_bytes(photo(seed))
            writer.writerow([f"{seed}.jpg", "cola", 0.1, 0.5, 0.2, 0.6])
    return table


def test_from_photos_to_an_export_and_the_dashboard(
    server: Server, uri: str, user: dict[str, str], boxes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = [
        facings(user, "ingest", str(boxes), "--lake", uri, "--json"),
        facings(user, "rebuild", "--lake", uri, "--json"),
        facings(user, "status", "--lake", uri, "--json"),
        facings(user, "export", "crops", "--to", str(tmp_path / "crops.parquet"), "--lake", uri, "--json"),
    ]
    assert [each.returncode for each in done] == [0] * 4, [each.stderr for each in done]
    ingested, _, status, exported = (json.loads(each.stdout) for each in done)
    assert ingested["images_added"] == 2
    assert status["lake"] == uri
    assert exported["rows"] == 2

    serving_storage.use_options(server.options)
    monkeypatch.setattr(sys, "argv", ["app.py", "--lake", uri])
    st.cache_data.clear()
    st.cache_resource.clear()
    page = AppTest.from_file(str(APP), default_timeout=120).run()
    assert not page.exception
    assert not page.error
    assert page.title[0].value == "Overview"


def test_keys_may_come_from_a_profile(server: Server, uri: str, user: dict[str, str], tmp_path: Path) -> None:
    Lake.open(uri, create=True, options=server.options)
    (tmp_path / "credentials").write_text(
        f"[shop]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n"
    )
    profile = {"AWS_PROFILE": "shop", "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials")}
    without = {name: value for name, value in user.items() if "ACCESS_KEY" not in name}
    done = facings(without | profile, "status", "--lake", uri, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["lake"] == uri


def test_a_refusal_ends_a_command_with_one_line(server: Server, uri: str, user: dict[str, str]) -> None:
    done = facings(user | {"AWS_SECRET_ACCESS_KEY": "wrong"}, "status", "--lake", uri)
    assert done.returncode == 1
    assert done.stdout == ""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert "wrong keys" in lines[0]
    assert "AWS_SECRET_ACCESS_KEY" in lines[0]
