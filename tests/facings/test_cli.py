"""The command as a user runs it: real processes, output, exit codes."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.batch.build import photo

ROOT = Path(__file__).parents[2]


def facings(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("FACINGS_")}
    return subprocess.run(
        [sys.executable, "-m", "facings", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**kept, "COLUMNS": "140", **environment},
        timeout=120,
        check=False,
    )


def answer(*arguments: object, **environment: str) -> dict[str, Any]:
    done = facings(*arguments, "--json", **environment)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A lake with two photos, three good boxes, a bad one and a missing file; and the table it came from."""
    folder = tmp_path_factory.mktemp("shop")
    for seed in (1, 2):
        (folder / f"photo-{seed}.jpg").write_bytes(photo(seed))
    table = folder / "boxes.csv"
    table.write_text(
        "image,label,xmin,xmax,ymin,ymax\n"
        "photo-1.jpg,cola,0,0.5,0,0.5\nphoto-1.jpg,milk,0.5,1,0.5,1\nphoto-2.jpg,cola,0.25,0.75,0.25,0.75\n"
        "photo-2.jpg,cola,0.75,0.25,0.25,0.75\nnowhere.jpg,cola,0,1,0,1\n"
    )
    lake = folder / "lake"
    done = facings("ingest", table, "--lake", lake, "--max-rejected", "1")
    assert done.returncode == 3, done.stderr
    assert facings("rebuild", "--lake", lake).returncode == 0
    return lake, table


def test_help_shows_every_command_and_examples() -> None:
    shown = facings("--help")
    assert shown.returncode == 0
    for name in ("ingest", "rebuild", "status", "rejected", "export", "serve", "demo"):
        assert name in shown.stdout
        assert "Examples" in facings(name, *(["list"] if name == "rejected" else []), "--help").stdout


def test_ingest_again_adds_nothing_and_accounts_for_every_row(shop: tuple[Path, Path]) -> None:
    lake, table = shop
    report = answer("ingest", table, "--lake", lake)
    assert report["rows_in"] == report["ok"] + report["skipped"] + report["rejected"] == 5
    assert [report[f"{name}_added"] for name in ("images", "captures", "annotations")] == [0, 0, 0]
    assert report["reasons"] == {"box-inverted": 1, "missing-file": 1}


def test_rebuild_says_what_it_did(shop: tuple[Path, Path]) -> None:
    report = answer("rebuild", "crops", "--full", "--lake", shop[0])
    (crops,) = report["views"]
    assert (crops["mode"], crops["rows_in"], crops["ok"], crops["rejected"]) == ("full", 3, 3, 0)
    assert set(crops["sources"]) == {"master/images", "master/annotations"}
    shown = facings("rebuild", "--lake", shop[0])
    assert "current" in shown.stdout
    assert "scopes touched" in shown.stderr


def test_status_names_what_is_current(shop: tuple[Path, Path]) -> None:
    state = answer("status", "--lake", shop[0])
    tables = {table["name"]: table for table in state["tables"]}
    assert tables["views/crops"]["rows"] == 3
    assert tables["views/inventory"]["state"] == "current"
    assert any("rejected list" in line for line in state["advice"])


def test_rejected_list_explains(shop: tuple[Path, Path]) -> None:
    ledger = answer("rejected", "list", "--lake", shop[0])
    assert {r["reason"]: r["rows"] for r in ledger["reasons"]} == {"box-inverted": 1, "missing-file": 1}
    one = answer("rejected", "list", "--reason", "missing-file", "--lake", shop[0])
    assert [row["reason"] for row in one["rows"]] == ["missing-file"]
    assert "nowhere.jpg" in facings("rejected", "list", "--lake", shop[0]).stdout


def test_export_in_three_forms(shop: tuple[Path, Path], tmp_path: Path) -> None:
    lake, _ = shop
    assert answer("export", "crops", "--to", tmp_path / "c.parquet", "--lake", lake)["rows"] == 3
    assert pq.read_table(tmp_path / "c.parquet").num_rows == 3
    assert answer("export", "crops", "--to", tmp_path / "c.csv", "--lake", lake)["note"] == "without the bytes of jpeg"
    lines = (tmp_path / "c.csv").read_text().splitlines()
    assert [row["label"] for row in csv.DictReader(lines)].count("cola") == 2
    answer("export", "crops", "--to", tmp_path / "coco", "--format", "coco", "--lake", lake)
    coco = json.loads((tmp_path / "coco" / "annotations.json").read_text())
    assert [len(coco[name]) for name in ("images", "annotations", "categories")] == [2, 3, 2]
    for image in coco["images"]:
        assert (tmp_path / "coco" / image["file_name"]).read_bytes() in (photo(1), photo(2))
    again = facings("export", "crops", "--to", tmp_path / "c.csv", "--lake", lake)
    assert (again.returncode, "--force" in again.stderr) == (1, True)


@pytest.mark.parametrize(
    "arguments, code, words",
    [
        (["status"], 2, "FACINGS_LAKE"),
        (["status", "--lake", "nowhere/at/all"], 1, "no lake at"),
        (["rebuild", "--engine", "abacus"], 1, "embedded"),
        (["rebuild", "stock"], 1, "crops, quality, likeness"),
        (["rebuild", "--as-of", "yesterday"], 1, "2026-03-01T12:00:00Z"),
        (["export", "stock", "--to", "x.csv"], 1, "there are"),
        (["export", "crops", "--to", "x.docx"], 1, "parquet, csv, coco"),
        (["ingest"], 2, "Missing argument"),
        (["nonsense"], 2, "No such command"),
    ],
)
def test_errors_are_one_clear_line(
    shop: tuple[Path, Path], arguments: list[str], code: int, words: str, tmp_path: Path
) -> None:
    lake = {} if "--lake" in arguments or code == 2 else {"FACINGS_LAKE": str(shop[0])}
    done = facings(*arguments, **lake)
    assert done.returncode == code, done.stderr
    assert words in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_wrong_setting_is_named(shop: tuple[Path, Path]) -> None:
    done = facings("status", FACINGS_LAKE=str(shop[0]), FACINGS_THREADS="many")
    assert done.returncode == 1
    assert "FACINGS_THREADS is 'many'" in done.stderr


def test_the_clock_can_be_fixed(tmp_path: Path) -> None:
    (tmp_path / "p.jpg").write_bytes(photo(3))
    report = answer("ingest", tmp_path, "--lake", tmp_path / "lake", FACINGS_NOW="2026-03-01T12:00:00Z")
    assert report["run_id"].startswith("20260301T120000-")
