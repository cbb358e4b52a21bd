"""Compaction and vacuum on real lakes: no row changes, nothing that is needed goes, killed rebuilds leave no litter."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from batch.lineage import resolve_view, trace
from batch.rebuild import RebuildSettings
from batch.reproduce import SAME, reproduce
from batch.status import read_status
from imaging.model import Model
from lake import Lake, LakeError
from lake.errors import FilesGone
from lake.log import read_commit
from lake.parquet import BLOB_ROW_GROUP_BYTES
from lake.upkeep import optimise, vacuum, vacuum_table
from schemas.tables import TABLES
from tests.batch.build import DAY, Clock, lake_at, photo, put, put_boxes, put_capture, rows, run, sha


@pytest.fixture
def lake(small_lake: Path, tmp_path: Path) -> Lake:
    shutil.copytree(small_lake, tmp_path / "lake")
    return Lake.open(tmp_path / "lake")


def _content(lake: Lake) -> dict[str, list[str]]:
    return {
        name: sorted(map(repr, lake.read(name, columns=table.schema.names).to_pylist()))
        for name, table in TABLES.items()
        if name != "runs"
    }


def test_compaction_changes_files_and_no_row(lake: Lake) -> None:
    before = _content(lake)
    done = {table.table: table for table in optimise(lake)}
    images = done["master/images"]
    assert (images.files_before, images.files_after) == (4, 2)
    assert {path.split("/")[0] for path in lake.paths("master/images")} == {
        f"ingest_date={DAY}",
        f"ingest_date={DAY + timedelta(days=1)}",
    }
    assert _content(lake) == before
    actions = read_commit(lake.storage, "master/images", images.version)
    changes = [a[kind]["dataChange"] for a in actions for kind in ("add", "remove") if kind in a]
    assert changes == [False] * 6
    assert [table.files_after for table in optimise(lake)] == [table.files_after for table in done.values()]


def test_a_rebuild_after_compaction_has_nothing_to_do(lake: Lake) -> None:
    optimise(lake)
    assert {t.state for t in read_status(lake).tables if t.name.startswith("views/")} <= {
        "current",
        "with quality and crops",
    }
    report = run(lake, clock=Clock(40))
    assert {view.view: view.mode for view in report.views if view.view != "throughput"} == {
        view.view: "current" for view in report.views if view.view != "throughput"
    }


def test_photos_keep_their_row_groups(tmp_path: Path) -> None:
    lake = lake_at(tmp_path / "lake")
    facts = {"format": "jpeg", "width": 8, "height": 8, "orientation": 1, "size_bytes": 1 << 20}
    for seed in range(12):
        put(lake, "images", {"sha256": f"{seed:064x}", "bytes": os.urandom(1 << 20), **facts})
    optimise(lake, ["master/images"])
    (path,) = lake.paths("master/images")
    metadata = pq.ParquetFile(Path(lake.storage.table_uri("master/images")) / path).metadata
    sizes = [metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups)]
    assert metadata.num_rows == 12
    assert max(sizes) <= BLOB_ROW_GROUP_BYTES + (1 << 20)
    assert len(sizes) == 3


def test_a_checkpoint_shortens_a_long_log(lake: Lake) -> None:
    for number in range(20):
        put_capture(lake, f"more-{number}", sha(photo(0)), taken=number)
    done = {table.table: table.checkpoint for table in optimise(lake, ["master/captures", "master/planograms"])}
    assert done == {"master/captures": True, "master/planograms": False}
    assert lake.count("master/captures") == 24


def test_vacuum_lists_first_and_deletes_what_nothing_needs(lake: Lake) -> None:
    table = Path(lake.storage.table_uri("views/crops"))
    orphan = table / "part-killed.parquet"  # as a killed rebuild leaves it
    orphan.write_bytes(b"half a file")
    young = table / "part-young.parquet"
    young.write_bytes(b"under way")
    hours_ago = datetime.now(UTC).timestamp() - 3 * 3600
    os.utime(orphan, (hours_ago, hours_ago))
    before = _content(lake)
    listed = {t.table: t for t in vacuum(lake, retain_h=2, now=datetime.now(UTC))}
    assert listed["views/crops"].files == ("part-killed.parquet",)
    assert orphan.exists()
    assert not listed["views/crops"].deleted
    vacuum(lake, retain_h=2, now=datetime.now(UTC), delete=True)
    assert not orphan.exists()
    assert young.exists()
    assert _content(lake) == before
    with pytest.raises(LakeError, match="at least 1 h"):
        vacuum(lake, retain_h=0, now=datetime.now(UTC))


def _reproduce_crop(lake: Lake, name: str) -> str:
    return reproduce(lake, *resolve_view(lake, name)).verdict


def test_a_crop_is_reproduced_after_annotations_a_new_model_compaction_and_a_vacuum(lake: Lake, tmp_path: Path) -> None:
    old = lake.read("views/crops", columns=["crop_id", "sha256"]).to_pylist()
    crop = next(row["crop_id"] for row in old if row["sha256"] == sha(photo(1)))
    put_boxes(lake, sha(photo(1)), "juice", made=99)
    first = set(lake.read("views/quality", columns=["model_id"]).column(0).to_pylist())
    document = Model.load().document()
    other = tmp_path / "model.json"
    other.write_text(json.dumps({**document, "temperature": document["temperature"] * 2}))
    run(lake, clock=Clock(50), settings=RebuildSettings(model=str(other)))
    assert first.isdisjoint(lake.read("views/quality", columns=["model_id"]).column(0).to_pylist())
    optimise(lake)
    run(lake, clock=Clock(51), settings=RebuildSettings(model=str(other)))
    vacuum(lake, retain_h=2, now=datetime.now(UTC), delete=True)
    assert crop not in lake.read("views/crops", columns=["crop_id"]).column(0).to_pylist()
    assert _reproduce_crop(lake, crop) == SAME
    assert trace(lake, crop).nodes[0].version < lake.version("views/crops")
    for row in lake.read("views/crops", columns=["crop_id"]).to_pylist():
        assert _reproduce_crop(lake, row["crop_id"]) == SAME


@pytest.mark.parametrize("view", ["views/quality", "views/inventory", "views/throughput", "views/visits"])
def test_any_row_of_a_view_is_reproduced(lake: Lake, view: str) -> None:
    for row in lake.read(view, columns=TABLES[view].key).to_pylist():
        found = reproduce(lake, view, row)
        assert (found.verdict, found.columns) == (SAME, ())


def test_what_a_vacuum_took_is_said(lake: Lake) -> None:
    crop = lake.read("views/crops", columns=["crop_id"]).column(0)[0].as_py()
    optimise(lake, ["master/annotations"])
    vacuum_table(lake, "master/annotations", 0, [], delete=True)
    with pytest.raises(FilesGone, match=r"master/annotations@.* are gone"):
        _reproduce_crop(lake, crop)


def test_vacuum_keeps_what_the_views_in_force_were_made_from(lake: Lake, at_age: Callable[[Lake, float], None]) -> None:
    crop = lake.read("views/crops", columns=["crop_id"]).column(0)[0].as_py()
    optimise(lake)
    at_age(lake, 100)
    listed = {t.table: t for t in vacuum(lake, retain_h=2, now=datetime.now(UTC) + timedelta(hours=100), delete=True)}
    assert listed["master/images"].kept_versions
    assert _reproduce_crop(lake, crop) == SAME
    assert rows(lake, "crops")


def test_a_row_that_no_source_gives_is_not_the_same(lake: Lake) -> None:
    crop = lake.read("views/crops", columns=["crop_id", "sha256"]).to_pylist()[0]
    stored = lake.read("views/crops", columns=TABLES["views/crops"].schema.names)
    wrong = stored.set_column(stored.schema.get_field_index("label"), "label", [["wrong"] * stored.num_rows])
    commit = lake.last_rebuild("views/crops")
    assert commit is not None
    lake.replace("views/crops", wrong.to_batches(), scopes=None, lineage=commit.lineage)
    found = reproduce(lake, "views/crops", {"crop_id": crop["crop_id"]})
    assert (found.verdict, found.columns) == ("differs", ("label",))
    assert found.stored == found.recomputed  # the bytes are right, the label is not
