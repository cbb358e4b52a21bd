"""`facings status` says what is wrong and what to run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from batch.runs import append_run
from batch.status import read_status
from lake import Lake
from lake.upkeep import optimise
from tests.batch.build import Clock, at, photo, put, put_capture, put_image, run


@pytest.fixture
def lake(small_lake: Path, tmp_path: Path) -> Lake:
    shutil.copytree(small_lake, tmp_path / "lake")
    return Lake.open(tmp_path / "lake")


def test_all_is_well(lake: Lake) -> None:
    assert read_status(lake).advice == ("All views are current.",)
    optimise(lake)
    assert read_status(lake).advice == ("All views are current.",)


def test_what_is_wrong_and_what_to_run(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    put_capture(lake, "new", put_image(lake, photo(9)), taken=700)
    put(lake, "rejected", {"reject_id": "r-1", "reason": "truncated", "occurred_at": at(0), "attempts": 1})
    row = {"run_id": "x", "step": "crops", "status": "failed", "started_at": at(90_000_000), "detail": "disk full"}
    append_run(lake, row)
    monkeypatch.setattr("batch.status.SMALL_FILES", lake.count("master/captures"))
    advice = "\n".join(read_status(lake).advice)
    for words in (
        "The last crops failed: disk full",
        "facings rebuild",
        "1 rejected rows",
        "Many small files in ",
        "master/captures, ",
    ):
        assert words in advice
    run(lake, clock=Clock(30_000))
    assert "facings rebuild" not in "\n".join(read_status(lake).advice)


def test_a_damaged_table_does_not_hide_the_others(lake: Lake) -> None:
    log = Path(lake.storage.table_uri("views/visits")) / "_delta_log"
    sorted(log.glob("*.json"))[-1].write_bytes(b"")
    state = read_status(Lake.open(lake.storage.root))
    states = {table.name: table.state for table in state.tables}
    assert states["views/visits"].startswith("damaged: views/visits: commit 4 is empty")
    assert states["views/crops"] == "current"
    assert "facings check" in state.advice[-1]
