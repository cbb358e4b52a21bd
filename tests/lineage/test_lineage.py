"""Lineage on real lakes: from a figure back to the file it came from, and from a photo to all that it led to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from batch.ingest import ingest
from batch.lineage import trace
from lake import Lake, LakeError
from tests.batch.build import Clock, at, boxes, lake_at, photo, put_boxes, put_capture, put_image, run, sha


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Two photos taken in from a file of events, one with boxes, and views of them."""
    lines = []
    for seed in (1, 2):
        (tmp_path / f"{seed}.jpg").write_bytes(photo(seed))
        event = {"schema": "capture/v1", "capture_id": f"c{seed}", "device_id": f"d{seed}", "store_id": "s1"}
        event |= {"captured_at": at(seed).isoformat(), "image_uri": f"{seed}.jpg"}
        lines.append(json.dumps({**event, "boxes": boxes("cola", "cola", "milk")} if seed == 1 else event))
    (tmp_path / "events.jsonl").write_text("\n".join(lines))
    lake = lake_at(tmp_path / "lake")
    ingest(lake, [str(tmp_path / "events.jsonl")], clock=Clock(1), run_id="the-ingest")
    run(lake, run_id="the-rebuild", clock=Clock(2))
    return lake


def test_from_a_figure_back_to_its_file(lake: Lake, tmp_path: Path) -> None:
    found = trace(lake, "d1/cola/c1")
    tables = {node.table: node for node in found.nodes}
    figure = found.nodes[0]
    assert (figure.table, figure.facts["facings"]) == ("views/inventory", 2)
    assert (figure.made["run_id"], figure.made["code_is_current"]) == ("the-rebuild", True)
    assert figure.made["sources"] == {name: lake.version(name) for name in figure.made["sources"]}
    assert {"master/captures", "master/planograms", "views/crops", "views/quality"} <= set(figure.made["sources"])
    assert {i.table: i.rows for i in figure.inputs}["views/crops"] == 3
    assert tables["views/quality"].facts["model_id"] == tables["views/quality"].made["parameters"]["model_id"]
    capture = tables["master/captures"]
    assert capture.facts["source"] == str(tmp_path / "events.jsonl")
    assert capture.made["run_id"] == "the-ingest"
    assert tables["master/images"].id == sha(photo(1))
    assert tables["master/annotations"].facts["annotator"] == "device:d1"


def test_every_row_of_every_table_is_found_by_its_key(lake: Lake) -> None:
    for name in ("views/crops", "views/quality", "views/visits", "views/throughput", "master/annotations", "runs"):
        handle = lake.handle(name)
        assert handle is not None
    crop = lake.read("views/crops", columns=["crop_id"]).column(0)[0].as_py()
    assert trace(lake, crop).nodes[0].made["parameters"]["crop_quality"] == 90
    assert trace(lake, "s1/d1/2026-03-01T08:00:00Z").nodes[0].table == "views/throughput"
    assert trace(lake, "c1/milk").nodes[0].facts["facings"] == 1
    assert trace(lake, sha(photo(2))).nodes[0].table == "master/images"
    assert trace(lake, "the-ingest/ingest").nodes[0].facts["rows_ok"] == 2


def test_forwards_from_a_photo_to_the_rows_it_led_to(lake: Lake) -> None:
    effects = {effect.view: effect for effect in trace(lake, sha(photo(1)), forward=True).effects}
    assert effects["views/crops"].rows == 3
    assert set(effects["views/inventory"].keys) == {"c1/cola", "c1/milk"}
    assert effects["views/throughput"].keys == ("s1/d1/2026-03-01T08:00:00Z",)
    assert effects["views/quality"].keys == (sha(photo(1)),)
    assert all(effect.covered and effect.run_id == "the-rebuild" for effect in effects.values())


def test_forwards_says_what_no_rebuild_covers_yet(lake: Lake) -> None:
    name = put_image(lake, photo(3))
    put_capture(lake, "c3", name)
    put_boxes(lake, name, "cola")
    assert not any(effect.covered for effect in trace(lake, "c3", forward=True).effects)
    run(lake)
    effects = {effect.view: effect for effect in trace(lake, "c3", forward=True).effects}
    assert effects["views/crops"].covered
    assert effects["views/crops"].rows == 1


def test_what_is_not_there_is_said(lake: Lake) -> None:
    with pytest.raises(LakeError, match="nothing is called 'c9'"):
        trace(lake, "c9")
