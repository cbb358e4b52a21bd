"""Lakes of older releases: read, evolved, rebuilt incrementally and checked by this one; a later one's are refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pytest

import lake.handles as handles
from batch.lineage import trace
from batch.verify import check
from lake import Lake
from lake.errors import LakeTooNew
from lake.sql import alias
from lake.upkeep import optimise
from schemas.tables import CAPTURES, TABLES, Table
from tests.batch.build import Clock, photo, put_boxes, put_capture, put_image, rows, run, sha

GOLDEN = sorted(Path(__file__).parent.glob("lake-v*.zip"))


@pytest.fixture(params=GOLDEN, ids=lambda path: path.stem)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    shutil.unpack_archive(request.param, tmp_path / "lake")
    return tmp_path / "lake"


def test_an_old_lake_is_read(folder: Path) -> None:
    expected = json.loads((folder / "expected.json").read_text())
    lake = Lake.open(folder)
    for name, count in expected["rows"].items():
        assert lake.count(name) == count
        assert lake.read(name, columns=TABLES[name].schema.names).num_rows == count
        assert sum(batch.num_rows for batch in lake.scan(name)) == count
        assert lake.read(name, version=0).num_rows == 0
    assert sorted(lake.read("views/crops", columns=["crop_id"]).column(0).to_pylist()) == expected["crops"]
    for name in TABLES:
        columns = ", ".join(f'"{column}"' for column in TABLES[name].columns)
        lake.sql(f"SELECT {columns} FROM {alias(name)}")


def test_an_old_lake_is_evolved_rebuilt_and_traced(folder: Path) -> None:
    lake = Lake.open(folder)
    run(lake, clock=Clock(48), run_id="by-this-release")
    put_boxes(lake, sha(photo(1)), "juice", made=99)
    put_capture(lake, "new", put_image(lake, photo(9)), taken=500)
    report = {view.view: view.mode for view in run(lake, clock=Clock(50), run_id="incremental").views}
    assert report["crops"] == report["inventory"] == "incremental"
    step_by_step = rows(lake)
    run(lake, clock=Clock(50), run_id="in-full", full=True)
    assert {**rows(lake), "views/throughput": []} == {**step_by_step, "views/throughput": []}
    assert trace(lake, "c0").nodes[0].facts["device_id"] == "d1"
    optimise(lake)
    assert rows(lake, "crops")["views/crops"] == step_by_step["views/crops"]
    assert check(Lake.open(folder)).faults == ()


def _with_column(monkeypatch: pytest.MonkeyPatch) -> Table:
    """This release, with one more column in captures: what the next one will be to the lakes of this."""
    newer = Table(
        CAPTURES.name,
        CAPTURES.schema.append(pa.field("battery_percent", pa.int32())),
        CAPTURES.key,
        CAPTURES.partition_by,
        CAPTURES.append_only,
    )
    monkeypatch.setitem(TABLES, CAPTURES.name, newer)
    return newer


def test_a_new_column_is_null_in_old_rows_and_kept_in_new_ones(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    newer = _with_column(monkeypatch)
    lake = Lake.open(folder)
    before = lake.count("master/captures")
    assert lake.read("master/captures")["battery_percent"].null_count == before
    assert [f.name for f in lake.handle("master/captures").schema().fields] == newer.schema.names
    put_capture(lake, "new", put_image(lake, photo(9)), battery_percent=70)
    assert lake.sql("SELECT sum(battery_percent) AS n FROM captures")["n"].to_pylist() == [70]
    optimise(lake, ["master/captures"])
    assert lake.sql("SELECT sum(battery_percent) AS n FROM captures")["n"].to_pylist() == [70]
    assert lake.read("master/captures", version=1)["battery_percent"].null_count == 1
    report = run(lake, clock=Clock(60))
    assert {view.mode for view in report.views} <= {"full", "incremental"}

    monkeypatch.undo()  # the release before, on the lake of the one after
    old = Lake.open(folder)
    assert "battery_percent" not in old.read("master/captures").column_names
    put_capture(old, "newer", sha(photo(9)))
    with pytest.raises(LakeTooNew, match="battery_percent"):
        optimise(old, ["master/captures"])


def test_a_lake_that_can_not_be_written_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _with_column(monkeypatch)

    def refused(*_: object, **__: object) -> None:
        raise OSError("read-only file system")

    monkeypatch.setattr("deltalake.table.TableAlterer.add_columns", refused)
    lake = Lake.open(folder)
    assert lake.read("master/captures")["battery_percent"].null_count == lake.count("master/captures")
    assert handles.unknown_columns(lake.handle("master/captures"), TABLES["master/captures"]) == []


def test_a_lake_of_a_later_format_is_refused(tmp_path: Path) -> None:
    lake = Lake.open(tmp_path / "lake", create=True)
    mark = Path(lake.storage.root) / ".facings.json"
    assert json.loads(mark.read_text()) == {"format": 1}
    mark.write_text('{"format": 2}')
    with pytest.raises(LakeTooNew, match="has format 2; this release knows up to 1"):
        Lake.open(tmp_path / "lake")
    assert json.loads(mark.read_text()) == {"format": 2}
