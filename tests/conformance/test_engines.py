"""One suite for every engine: on generated lakes each gives the rows of the embedded engine, blobs and all.

What an engine can't do would be an exception here with its reason; today none is.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from batch.engines.base import Engine
from batch.engines.embedded import EmbeddedEngine
from batch.plan import plan
from batch.rebuild import RebuildSettings, pin
from batch.views import VIEWS, crops
from lake import CommitConflict, Lake, Lineage
from tests.batch.build import Clock, lake_at, photo, put_boxes, put_capture, put_image, rows, run
from tests.batch.test_laws import SETTINGS, act
from tests.conformance.histories import HISTORIES


def _live(root: Path, history: list[list[tuple[Any, ...]]], engine: Engine | None) -> tuple[Lake, list[Any]]:
    """The lake that a history gives, and its rows after a first, an incremental and a full rebuild."""
    lake, clock, seen = lake_at(root), Clock(), []
    more: dict[str, Any] = {} if engine is None else {"engine": engine}
    number = 0
    for part in history:
        for action in part:
            act(lake, number, action, clock)
            number += 1
        run(lake, clock=clock, run_id=f"run-{number}", settings=SETTINGS, **more)
        seen.append(rows(lake))
    run(lake, clock=clock, run_id="full", full=True, settings=SETTINGS, **more)
    return lake, [*seen, rows(lake)]


@pytest.mark.timeout(1200)
def test_every_view_of_a_generated_lake_is_equal(
    engine: Engine, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> None:
    @settings(
        max_examples=request.config.getoption("--examples"),
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(history=HISTORIES)
    def check(history: list[list[tuple[Any, ...]]]) -> None:
        folder = tmp_path_factory.mktemp("lakes")
        _, expected = _live(folder / "embedded", history, None)
        lake, found = _live(folder / "other", history, engine)
        for there, here in zip(expected, found, strict=True):
            for name in there:
                assert here[name] == there[name], name
        assert found[-2] == found[-1], "incremental = full"
        assert all(found[-1][view.table.name] for view in VIEWS), "every view has rows"
        _same_lineage(lake, engine)

    check()


def _same_lineage(lake: Lake, engine: Engine) -> None:
    for view in VIEWS:
        commit = lake.last_rebuild(view.table.name)
        assert commit is not None
        assert commit.lineage is not None
        assert (commit.lineage.engine, commit.lineage.mode) == (engine.name, "full")
    for row in lake.read("runs").to_pylist():
        assert row["rows_in"] == row["rows_ok"] + row["rows_skipped"] + row["rows_rejected"], row


def test_one_engine_goes_on_where_another_stopped(engine: Engine, tmp_path: Path) -> None:
    lake, clock = lake_at(tmp_path), Clock()
    for seed in range(3):
        name = put_image(lake, photo(seed))
        put_boxes(lake, name, "cola")
        put_capture(lake, f"c{seed}", name, taken=seed)
        one = engine if seed == 1 else EmbeddedEngine(threads=1)
        report = run(lake, "inventory", clock=clock, engine=one)
        modes = {view.mode for view in report.views if view.view in ("crops", "quality", "inventory")}
        assert modes == {"incremental" if seed else "full"}
    incremental = rows(lake, "crops", "quality", "inventory")
    run(lake, "inventory", clock=clock, full=True)
    assert rows(lake, "crops", "quality", "inventory") == incremental


def test_a_second_rebuild_from_the_same_plan_is_refused_and_leaves_no_files(engine: Engine, tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    put_boxes(lake, put_image(lake, photo(1)), "cola")
    task = plan(lake, crops.VIEW, pin(lake, [crops.VIEW], None), asdict(RebuildSettings()), full=True)
    lineage = Lineage("r", task.view.table.name, engine.name, task.mode, task.pins, task.code, task.parameters)
    engine.rebuild(lake, task, lineage, lambda *_: None, {})
    before = sorted((tmp_path / "views/crops").rglob("*.parquet"))
    with pytest.raises(CommitConflict):
        engine.rebuild(lake, task, lineage, lambda *_: None, {})
    assert sorted((tmp_path / "views/crops").rglob("*.parquet")) == before
    assert lake.count("views/crops") == 1


def test_a_fault_of_the_code_is_loud_and_changes_nothing(engine: Engine, tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    put_boxes(lake, put_image(lake, photo(1)), "cola")
    with pytest.raises(Exception, match="nonsense"):
        run(lake, "crops", engine=engine, settings=RebuildSettings(crop_subsampling="nonsense"))
    (row,) = lake.read("runs").to_pylist()
    assert row["status"] == "failed"
    assert lake.count("views/crops") == 0
    assert not list((tmp_path / "views/crops").rglob("*.parquet"))
