"""Copies and moves: a lake elsewhere is the same lake, also when copying was killed half way."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from batch.lineage import resolve_view
from batch.reproduce import SAME, reproduce
from batch.verify import check
from lake import Lake, LakeError
from lake.copy import copy_lake
from lake.upkeep import optimise, vacuum
from schemas.tables import TABLES
from tests.batch.build import Clock, photo, put_boxes, put_capture, put_image, rows, run, sha


@pytest.fixture
def lake(small_lake: Path, tmp_path: Path) -> Lake:
    shutil.copytree(small_lake, tmp_path / "lake")
    return Lake.open(tmp_path / "lake")


def test_a_moved_lake_works_as_before(lake: Lake, tmp_path: Path) -> None:
    before = rows(lake)
    moved = tmp_path / "elsewhere" / "shop"
    moved.parent.mkdir()
    Path(lake.storage.root).rename(moved)
    there = Lake.open(moved)
    assert rows(there) == before
    put_capture(there, "new", put_image(there, photo(9)), taken=700)
    assert {view.view: view.mode for view in run(there, clock=Clock(60)).views}["quality"] == "incremental"
    optimise(there)
    assert vacuum(there, retain_h=2, now=datetime.now(UTC) + timedelta(days=9), delete=True)
    assert check(there).ok


def test_a_copy_holds_what_lineage_needs_and_nothing_older(lake: Lake, tmp_path: Path) -> None:
    optimise(lake)
    done = copy_lake(lake, str(tmp_path / "copy"))
    there = Lake.open(tmp_path / "copy")
    assert (done.resumed, done.versions) == (0, {name: lake.version(name) for name in TABLES})
    assert rows(there) == rows(lake)
    for row in there.read("views/crops", columns=["crop_id"]).to_pylist():
        assert reproduce(there, *resolve_view(there, row["crop_id"])).verdict == SAME
    assert check(there).ok
    assert there.history("views/crops") == lake.history("views/crops")
    with pytest.raises(LakeError, match="holds a lake already"):
        copy_lake(lake, str(tmp_path / "copy"))


def test_a_copy_as_of_a_moment_is_the_lake_of_then(lake: Lake, tmp_path: Path) -> None:
    then, moment = rows(lake), datetime.now(UTC)
    put_capture(lake, "late", put_image(lake, photo(9)), taken=700)
    put_boxes(lake, sha(photo(0)), "juice", made=99)
    run(lake, clock=Clock(60))
    copy_lake(lake, str(tmp_path / "copy"), at=moment)
    there = Lake.open(tmp_path / "copy")
    assert rows(there) == then
    assert "late" not in there.read("master/captures")["capture_id"].to_pylist()
    report = run(there, clock=Clock(70))
    assert {view.mode for view in report.views if view.view not in ("throughput", "repeats", "cameras")} == {"current"}


KILLED = """
import sys
from lake import Lake
import lake.copy
from tests.dying import die_at
die_at("lake.copy._write", "before", int(sys.argv[3]))
lake.copy.copy_lake(Lake.open(sys.argv[1]), sys.argv[2])
"""


@pytest.mark.parametrize("at_file", [5, 60])
def test_a_killed_copy_refuses_to_be_a_lake_and_is_gone_on_with(at_file: int, lake: Lake, tmp_path: Path) -> None:
    to = tmp_path / "copy"
    command = [sys.executable, "-c", KILLED, lake.storage.root, str(to), str(at_file)]
    killed = subprocess.run(command, cwd=Path(__file__).parents[2], check=False, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    with pytest.raises(LakeError, match="run `facings copy` again"):
        Lake.open(to)
    versions = lake.versions(TABLES)
    put_capture(lake, "after", sha(photo(0)), taken=900)  # the lake goes on; the copy stays that of its beginning
    done = copy_lake(lake, str(to))
    assert done.resumed == min(at_file - 1, sum(len(lake.paths(name, versions[name])) for name in TABLES))
    assert done.versions == versions
    assert Lake.open(to).count("master/captures") == lake.count("master/captures") - 1
    assert not list(to.rglob("*.part"))


def test_a_file_that_arrives_damaged_is_found(lake: Lake, tmp_path: Path) -> None:
    to = tmp_path / "copy"
    command = [sys.executable, "-c", KILLED, lake.storage.root, str(to), "20"]
    subprocess.run(command, cwd=Path(__file__).parents[2], check=False, timeout=120)
    (path, *_) = sorted(to.rglob("*.parquet"), key=os.path.getsize)
    data = path.read_bytes()
    path.write_bytes(data[:50] + bytes([data[50] ^ 1]) + data[51:])
    with pytest.raises(LakeError, match="is not what was copied"):
        copy_lake(lake, str(to))
    path.unlink()
    assert copy_lake(lake, str(to)).files > 0
