"""The commands of upkeep and lineage as a user runs them: real processes, output, exit codes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from lake import Lake
from tests.batch.build import put
from tests.facings.test_cli import answer, facings


@pytest.fixture(scope="module")
def shop(small_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("shop") / "lake"
    shutil.copytree(small_lake, to)
    put(
        Lake.open(to),
        "rejected",
        {"reject_id": "r-1", "reason": "not-json", "origin": "x:1", "payload": b"{a", "attempts": 1},
    )
    return to


def test_an_auditor_asks(shop: Path) -> None:
    crop = Lake.open(shop).read("views/crops", columns=["crop_id"]).column(0)[0].as_py()
    found = answer("reproduce", crop, "--lake", shop)
    assert (found["verdict"], found["table"]) == ("same", "views/crops")
    assert found["stored"] == found["recomputed"]
    nodes = answer("lineage", "d1/cola/c1", "--lake", shop, "--forward")["nodes"]
    assert [node["table"] for node in nodes][:2] == ["views/inventory", "master/captures"]
    shown = facings("lineage", "c1", "--lake", shop)
    assert "master/captures c1" in shown.stdout
    wrong = facings("lineage", "nobody", "--lake", shop)
    assert (wrong.returncode, "nothing is called 'nobody'" in wrong.stderr) == (1, True)


def test_an_operator_keeps_it_well(shop: Path, tmp_path: Path) -> None:
    assert answer("check", "--lake", shop)["ok"]
    tables = {table["table"]: table for table in answer("optimise", "--lake", shop)["tables"]}
    assert tables["master/images"]["files_after"] == 2
    listed = answer("vacuum", "--lake", shop)
    assert (listed["deleted"], listed["files"]) == (False, 0)
    for wrong, words in (("7", "like 12h or 7d"), ("0h", "at least 1 h")):
        refused = facings("vacuum", "--retain", wrong, "--lake", shop)
        assert refused.returncode in (1, 2)
        assert words in " ".join(refused.stderr.split())
    done = answer("copy", "--to", tmp_path / "copy", "--lake", shop)
    assert done["files"] > 0
    assert answer("check", "--sample", 2, "--lake", tmp_path / "copy")["ok"]
    dry = answer("erase", "--store", "store-of-d1", "--why", "asked to", "--lake", tmp_path / "copy")
    assert (dry["dry_run"], dry["rows"]["master/images"]) == (True, 4)
    gone = answer("erase", "--store", "store-of-d1", "--why", "asked to", "--yes", "--lake", tmp_path / "copy")
    assert gone["files_deleted"] > 0
    assert Lake.open(tmp_path / "copy").count("master/images") == 0


def test_damage_is_exit_1_with_a_remedy(shop: Path, tmp_path: Path) -> None:
    shutil.copytree(shop, tmp_path / "lake")
    lake = Lake.open(tmp_path / "lake")
    (Path(lake.storage.table_uri("views/crops")) / lake.paths("views/crops")[0]).unlink()
    found = facings("check", "--lake", tmp_path / "lake", "--json")
    assert found.returncode == 1
    report = json.loads(found.stdout)
    assert [(fault["code"], fault["table"]) for fault in report["faults"]] == [("missing-file", "views/crops")]
    assert "facings rebuild" in facings("check", "--lake", tmp_path / "lake").stderr


def test_the_ledger_is_shown_and_replayed(shop: Path, tmp_path: Path) -> None:
    shown = answer("rejected", "show", "r-1", "--to", tmp_path / "payload", "--lake", shop)
    assert (shown["payload"], (tmp_path / "payload").read_bytes()) == ("{a", b"{a")
    assert answer("rejected", "replay", "--dry-run", "--lake", shop)["again"] == 1
    again = facings("rejected", "replay", "--reason", "not-json", "--max-rejected", "0", "--lake", shop)
    assert again.returncode == 3
    assert answer("rejected", "list", "--state", "replayed-again", "--lake", shop)["total"] == 1
    loose = facings("rejected", "replay", "--corrected", tmp_path / "payload", "--lake", shop)
    assert loose.returncode == 2
