"""The laws of DESIGN.md that the views answer for: nothing lost, a function, incremental = full, whole commits."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from hypothesis import given, settings
from hypothesis import strategies as st

from batch.rebuild import RebuildSettings
from lake import Lake
from tests.batch import build
from tests.batch.build import Clock, lake_at, photo, put_boxes, put_capture, put_image, rows, run

SETTINGS = RebuildSettings(camera_captures=2)
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("capture"), st.integers(0, 5), st.sampled_from(["d1", "d2"]), st.integers(0, 9000)),
        st.tuples(
            st.just("again"),
            st.integers(0, 1),
            st.sampled_from(["d1", "d2"]),
            st.integers(0, 3),
            st.sampled_from([95, 70]),
        ),
        st.tuples(st.just("boxes"), st.integers(0, 5), st.lists(st.sampled_from(["cola", "milk", None]), max_size=3)),
        st.tuples(st.just("broken"), st.integers(6, 8)),
        st.tuples(st.just("door"), st.integers(0, 3), st.sampled_from(["open", "close"]), st.integers(0, 9000)),
        st.tuples(st.just("plan"), st.sampled_from(["d1", "d2"]), st.integers(0, 9000)),
        st.tuples(st.just("reject"), st.integers(0, 9), st.sampled_from(["d1", None])),
        st.tuples(st.just("compact")),
        st.tuples(st.just("rebuild")),
    ),
    min_size=1,
    max_size=14,
)


def act(lake: Lake, number: int, action: tuple[Any, ...], clock: Clock) -> None:
    kind, *rest = action
    if kind == "capture":
        put_image(lake, photo(rest[0]))
        named = f"door-{rest[0] % 3}" if rest[0] % 2 else None
        put_capture(lake, f"c{number}", build.sha(photo(rest[0])), device=rest[1], taken=rest[2], door_event_id=named)
    elif kind == "again":  # minutes apart and days apart: bursts, and normals of cameras
        name = put_image(lake, build.sent_again(photo(rest[0]), rest[3]))
        put_boxes(lake, name, "cola", made=number)
        put_capture(lake, f"c{number}", name, device=rest[1], taken=number % 3 * 86400 + rest[2] * 200)
    elif kind == "boxes":
        put_boxes(lake, build.sha(photo(rest[0])), *rest[1], made=number)
    elif kind == "broken":
        data = photo(rest[0])[:-300]
        put_boxes(lake, put_image(lake, data), "cola")
        put_capture(lake, f"c{number}", build.sha(data), taken=number)
    elif kind == "door":
        event = {"door_event_id": f"door-{rest[0]}", "kind": rest[1], "device_id": "d1", "store_id": "store-of-d1"}
        build.put(lake, "door_events", {**event, "happened_at": build.at(rest[2])})
    elif kind == "plan":
        plan = {"planogram_id": f"p{number}", "device_id": rest[0], "valid_from": build.at(rest[1]), "shelf": 0}
        build.put(lake, "planograms", {**plan, "sku": "cola", "facings": number % 4 + 1})
    elif kind == "reject":
        known = {"device_id": rest[1], "store_id": rest[1] and f"store-of-{rest[1]}"}
        build.put(
            lake,
            "rejected",
            {"reject_id": f"r{number}", "reason": "truncated", "occurred_at": build.at(rest[0]), **known},
        )
    elif kind == "compact":
        for name in ("master/images", "master/annotations", "views/crops", "views/quality"):
            DeltaTable(lake.storage.table_uri(name)).optimize.compact()
    else:
        run(lake, clock=clock, settings=SETTINGS)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(actions=ACTIONS)
def test_incremental_gives_the_rows_of_full(tmp_path_factory: pytest.TempPathFactory, actions: list[Any]) -> None:
    lake, clock = lake_at(tmp_path_factory.mktemp("lake")), Clock()
    for number, action in enumerate(actions):
        act(lake, number, action, clock)
    run(lake, clock=clock, settings=SETTINGS)
    step_by_step = rows(lake)
    run(lake, clock=clock, settings=SETTINGS, full=True)
    assert rows(lake) == step_by_step
    _nothing_is_lost(lake)


def _nothing_is_lost(lake: Lake) -> None:
    counts = {name: lake.count(name) for name in ("master/images", "views/quality", "views/unreadable")}
    assert counts["master/images"] == counts["views/quality"] + counts["views/unreadable"]
    throughput = lake.read("views/throughput").to_pydict()
    assert sum(throughput["captures"]) == lake.count("master/captures")
    assert sum(throughput["rejected"]) == lake.count("master/rejected")
    assert sum(lake.read("views/visits")["captures"].to_pylist()) == lake.count("master/captures")
    for row in lake.read("runs").to_pylist():
        assert row["rows_in"] == row["rows_ok"] + row["rows_skipped"] + row["rows_rejected"]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    made = lake_at(tmp_path / "lake")
    for seed in range(4):
        name = put_image(made, photo(seed))
        put_boxes(made, name, "cola", "milk")
        put_capture(made, f"c{seed}", name, taken=seed * 60)
    return made


def test_the_same_master_gives_the_same_bytes_in_another_lake(lake: Lake, tmp_path: Path) -> None:
    shutil.copytree(lake.storage.root, tmp_path / "copy")
    other = Lake.open(tmp_path / "copy")
    run(lake, clock=Clock(), threads=1)
    run(other, clock=Clock(), threads=3)
    assert rows(lake) == rows(other)


def test_what_is_current_is_not_done_again(lake: Lake) -> None:
    run(lake)
    before = lake.versions(name for name in rows(lake))
    report = run(lake)
    assert {view.mode for view in report.views} == {"current"}
    assert lake.versions(before) == before
    assert all(view.rows_in == view.skipped for view in report.views)


def test_an_incremental_rebuild_reads_the_new_photos_alone(lake: Lake) -> None:
    run(lake)
    put_boxes(lake, put_image(lake, photo(9)), "cola")
    crops, quality = run(lake, "crops", "quality").views
    assert (crops.mode, crops.ok, crops.skipped) == ("incremental", 1, 8)
    assert (quality.ok, quality.bytes_in) == (1, len(photo(9)))


def test_a_new_annotation_of_an_old_photo_replaces_its_crops(lake: Lake) -> None:
    run(lake)
    name = put_boxes(lake, build.sha(photo(0)), "juice", made=5)
    run(lake)
    crops = [c for c in lake.read("views/crops").to_pylist() if c["sha256"] == build.sha(photo(0))]
    assert [(c["label"], c["annotation_id"]) for c in crops] == [("juice", name)]
    assert lake.count("views/crops") == 7


def test_a_late_photo_completes_an_annotation_that_came_first(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    put_boxes(lake, build.sha(photo(0)), "cola")
    run(lake)
    assert lake.count("views/crops") == 0
    put_image(lake, photo(0))
    run(lake)
    assert lake.count("views/crops") == 1


def test_changed_parameters_rebuild_in_full(lake: Lake) -> None:
    run(lake)
    report = run(lake, "crops", settings=RebuildSettings(crop_quality=50))
    assert (report.views[0].mode, report.views[0].why) == ("full", "changed parameters: crop_quality")


def test_a_cleaned_log_falls_back_to_full(lake: Lake) -> None:
    run(lake)
    for seed in (9, 10):
        put_image(lake, photo(seed))
    table = DeltaTable(lake.storage.table_uri("master/images"))
    table.create_checkpoint()
    for version in range(table.version()):
        (Path(lake.storage.table_uri("master/images")) / "_delta_log" / f"{version:020d}.json").unlink()
    (report,) = [view for view in run(Lake.open(lake.storage.root), "quality").views if view.view == "quality"]
    assert (report.mode, report.ok) == ("full", 6)
    assert "rebuild in full" in report.why


def test_as_of_a_version_shows_the_view_of_then(lake: Lake) -> None:
    run(lake)
    then = rows(lake, "crops", "quality", "visits")
    version = lake.version("master/captures")
    put_capture(lake, "late", put_image(lake, photo(9)))
    put_boxes(lake, build.sha(photo(0)), "juice", made=5)
    run(lake)
    assert rows(lake, "crops", "quality", "visits") != then
    run(lake, as_of=str(version))
    assert rows(lake, "crops", "quality", "visits") == then
    run(lake)
    assert lake.count("views/quality") == 5


def test_lineage_pins_what_was_read(lake: Lake) -> None:
    run(lake, run_id="the-run")
    found = lake.last_rebuild("views/crops")
    assert found is not None
    assert found.lineage is not None
    assert found.lineage.run_id == "the-run"
    assert found.lineage.sources == lake.versions(["master/images", "master/annotations"])
    assert found.lineage.parameters["crop_quality"] == 90
    assert len(found.lineage.code) == 16


def test_a_fault_of_the_code_is_loud_and_on_record(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    import batch.views.crops as crops

    def broken(*_: object) -> bytes:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(crops, "cut", broken)
    with pytest.raises(ZeroDivisionError):
        run(lake, "crops")
    (row,) = lake.read("runs").to_pylist()
    assert (row["status"], row["detail"]) == ("failed", "ZeroDivisionError: a bug")
    assert lake.count("views/crops") == 0
    monkeypatch.undo()
    run(lake, "crops")
    assert lake.count("views/crops") == 8
