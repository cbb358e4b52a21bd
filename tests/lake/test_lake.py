"""The lake keeps its promises: once per key, whole commits, versions that stay, compare and swap."""

from __future__ import annotations

import multiprocessing
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from hypothesis import given, settings
from hypothesis import strategies as st

from lake import ChangesLost, CommitConflict, Lake, LakeError, LakeNotFound, Lineage, QueryError, TableCorrupt
from lake.parquet import conform
from schemas.tables import CROPS, IMAGES, QUALITY, TABLES

DAY = date(2026, 3, 1)


def images(*names: str, size: int = 10) -> pa.Table:
    rows = [{"sha256": name, "bytes": name.encode() * size, "size_bytes": size, "ingest_date": DAY} for name in names]
    return conform(pa.Table.from_pylist(rows), IMAGES.schema)


def crops(*ids: str) -> list[pa.RecordBatch]:
    """Crops named by the photo's letter and a number: `a1` is a crop of photo `a`."""
    rows = [{"crop_id": name, "sha256": name[0], "jpeg": name.encode()} for name in ids]
    return conform(pa.Table.from_pylist(rows), CROPS.schema).to_batches()


def ids(lake: Lake, version: int | None = None) -> list[str]:
    return sorted(lake.read("views/crops", columns=["crop_id"], version=version)["crop_id"].to_pylist())


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.open(tmp_path / "lake", create=True)


def test_a_missing_lake_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(LakeNotFound, match="facings ingest"):
        Lake.open(tmp_path / "nowhere")


def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(LakeError, match="scheme 'ftp'"):
        Lake.open("ftp://host/lake")


def test_opening_twice_makes_the_tables_once(tmp_path: Path) -> None:
    for _ in range(2):
        lake = Lake.open(tmp_path, create=True)
        assert {lake.version(name) for name in TABLES} == {0}


def test_a_file_uri_and_a_path_are_the_same_lake(tmp_path: Path) -> None:
    Lake.open(tmp_path / "a b", create=True).append_new("master/images", images("x"))
    assert Lake.open((tmp_path / "a b").as_uri()).count("master/images") == 1


@settings(max_examples=25, deadline=None)
@given(batches=st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=6), max_size=5))
def test_each_key_is_appended_once(tmp_path_factory: pytest.TempPathFactory, batches: list[list[str]]) -> None:
    lake = Lake.open(tmp_path_factory.mktemp("lake"), create=True)
    for names in batches:
        before = lake.count("master/images")
        done = lake.append_new("master/images", images(*names))
        assert done.added == lake.count("master/images") - before
    stored = lake.read("master/images", columns=["sha256"])["sha256"].to_pylist()
    assert sorted(stored) == sorted(set().union(*batches))


def _append_three_times(root: str, barrier: object) -> None:
    lake = Lake.open(root)
    barrier.wait()  # type: ignore[attr-defined]  # a multiprocessing barrier has no public type
    for _ in range(3):
        lake.append_new("master/images", images("same", "other"))


def test_the_same_photo_three_times_from_two_processes_is_one_row(tmp_path: Path) -> None:
    lake = Lake.open(tmp_path, create=True)
    spawn = multiprocessing.get_context("spawn")
    barrier = spawn.Barrier(2)
    workers = [spawn.Process(target=_append_three_times, args=(str(tmp_path), barrier)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert sorted(lake.read("master/images")["sha256"].to_pylist()) == ["other", "same"]


def test_master_refuses_to_be_edited(lake: Lake) -> None:
    lake.append_new("master/images", images("a"))
    with pytest.raises(Exception, match="append-only"):
        DeltaTable(lake.storage.table_uri("master/images")).delete()


def test_a_version_once_read_stays(lake: Lake) -> None:
    lake.append_new("master/images", images("a"))
    version = lake.version("master/images")
    lake.append_new("master/images", images("b"))
    assert lake.read("master/images", version=version)["sha256"].to_pylist() == ["a"]
    assert lake.count("master/images", version) == 1
    assert lake.count("master/images") == 2


def test_one_photo_is_read_by_key(lake: Lake) -> None:
    lake.append_new("master/images", images("a", "b", "c", size=3 << 20))
    assert lake.blob("master/images", "bytes", {"sha256": "b"}) == b"b" * (3 << 20)
    assert lake.blob("master/images", "bytes", {"sha256": "z"}) is None


def test_photos_lie_in_row_groups_of_their_own(lake: Lake) -> None:
    import pyarrow.parquet as pq

    lake.append_new("master/images", images(*"abcd", size=5 << 20))
    (path,) = lake.paths("master/images")
    assert pq.ParquetFile(Path(lake.storage.table_uri("master/images")) / path).num_row_groups == 4


def test_a_rebuild_replaces_scopes_and_keeps_the_rest(lake: Lake) -> None:
    lake.replace("views/crops", crops("a1", "a2", "b1"), scopes=None)
    done = lake.replace("views/crops", crops("a9", "c1"), scopes=pa.table({"sha256": ["a", "c"]}))
    assert (done.written, done.kept, done.dropped) == (2, 1, 2)
    assert ids(lake) == ["a9", "b1", "c1"]
    assert ids(lake, version=1) == ["a1", "a2", "b1"]


def test_a_full_rebuild_replaces_everything(lake: Lake) -> None:
    lake.replace("views/crops", crops("a1"), scopes=None)
    done = lake.replace("views/crops", crops("b1"), scopes=None)
    assert (done.written, done.kept, done.dropped) == (1, 0, 1)
    assert ids(lake) == ["b1"]


def test_scopes_of_two_columns_match_together(lake: Lake) -> None:
    rows = [{"store_id": "s", "device_id": d, "visit_id": v, "captures": 1} for d in "ab" for v in "xy"]
    schema = TABLES["views/visits"].schema
    lake.replace("views/visits", conform(pa.Table.from_pylist(rows), schema).to_batches(), scopes=None)
    lake.replace("views/visits", [], scopes=pa.table({"device_id": ["a"], "visit_id": ["y"]}))
    left = lake.read("views/visits", columns=["device_id", "visit_id"]).to_pylist()
    assert sorted(row["device_id"] + row["visit_id"] for row in left) == ["ax", "bx", "by"]


def test_a_failed_rebuild_leaves_the_old_view_and_no_files(lake: Lake) -> None:
    lake.replace("views/crops", crops("a1"), scopes=None)

    def breaks() -> object:
        yield from crops("b1")
        raise RuntimeError("the function broke")

    with pytest.raises(RuntimeError):
        lake.replace("views/crops", breaks(), scopes=None)  # type: ignore[arg-type]  # a generator of batches
    assert ids(lake) == ["a1"]
    folder = Path(lake.storage.table_uri("views/crops"))
    assert len(list(folder.glob("*.parquet"))) == 1


@pytest.mark.parametrize("scopes", [None, pa.table({"sha256": ["b"]})])
def test_of_two_rebuilds_planned_on_one_version_one_commits(lake: Lake, scopes: pa.Table | None) -> None:
    version = lake.version("views/crops")
    lake.replace("views/crops", crops("a1"), scopes=None, expect=version)
    with pytest.raises(CommitConflict, match="run again"):
        lake.replace("views/crops", crops("b1"), scopes=scopes, expect=version)
    assert ids(lake) == ["a1"]


def test_lineage_travels_with_the_commit(lake: Lake) -> None:
    lineage = Lineage("run-1", "views/crops", "embedded", "full", {"master/images": 3}, "c0de", {"crop_quality": 90})
    lake.replace("views/crops", crops("a1"), scopes=None, lineage=lineage)
    DeltaTable(lake.storage.table_uri("views/crops")).optimize.compact()
    found = lake.last_rebuild("views/crops")
    assert found is not None
    assert found.lineage == lineage


def test_changes_are_rows_that_came_or_went_not_those_carried_along(lake: Lake) -> None:
    lake.replace("views/crops", crops("a1", "b1"), scopes=None)
    lake.replace("views/crops", crops("a2"), scopes=pa.table({"sha256": ["a"]}))
    lake.replace("views/crops", crops("d1"), scopes=pa.table({"sha256": ["d"]}))
    assert sorted(lake.changed("views/crops", 1, 2, ["crop_id"])["crop_id"].to_pylist()) == ["a1", "a2"]
    assert lake.changed("views/crops", 2, 3, ["crop_id"])["crop_id"].to_pylist() == ["d1"]


def test_compaction_changes_nothing(lake: Lake) -> None:
    for name in "abc":
        lake.append_new("master/images", images(name))
    version = lake.version("master/images")
    DeltaTable(lake.storage.table_uri("master/images")).optimize.compact()
    assert lake.version("master/images") == version + 1
    assert lake.changed("master/images", version, version + 1, ["sha256", "ingest_date"]).num_rows == 0
    assert lake.changed("master/images", 1, version + 1, ["sha256"])["sha256"].to_pylist() == ["b", "c"]


def test_a_cleaned_log_says_that_changes_are_lost(lake: Lake) -> None:
    lake.append_new("master/images", images("a"))
    (Path(lake.storage.table_uri("master/images")) / "_delta_log" / f"{1:020d}.json").unlink()
    with pytest.raises(ChangesLost, match="rebuild in full"):
        lake.changed("master/images", 0, 1, ["sha256"])


def test_a_last_commit_of_zero_length_is_named_not_read(lake: Lake) -> None:
    lake.append_new("master/images", images("a"))
    commit = Path(lake.storage.table_uri("master/images")) / "_delta_log" / f"{1:020d}.json"
    commit.write_bytes(b"")
    with pytest.raises(TableCorrupt, match="never acknowledged"):
        Lake.open(lake.storage.root).read("master/images")


def test_scan_gives_every_row_in_small_batches(lake: Lake) -> None:
    lake.append_new("master/images", images(*(f"{n:03d}" for n in range(200))))
    batches = list(lake.scan("master/images", columns=["sha256", "bytes"]))
    assert sum(batch.num_rows for batch in batches) == 200
    assert max(batch.num_rows for batch in batches) <= 64


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "COPY images TO 'out.csv'",
        "ATTACH 'other.db'",
        "SELECT * FROM no_such_table",
    ],
)
def test_queries_reach_nothing_but_the_tables(lake: Lake, query: str) -> None:
    with pytest.raises(QueryError):
        lake.sql(query)


def test_settings_of_the_query_engine_are_locked(lake: Lake) -> None:
    with pytest.raises(Exception, match="locked"):
        lake.sql("SET enable_external_access = true")


def test_values_go_in_as_parameters(lake: Lake) -> None:
    lake.append_new("master/images", images("a"))
    hostile = "a' OR '1'='1"
    assert lake.sql("SELECT count(*) AS n FROM images WHERE sha256 = ?", [hostile])["n"].to_pylist() == [0]


def test_queries_see_a_new_version_at_once(lake: Lake) -> None:
    assert lake.sql("SELECT count(*) AS n FROM images")["n"].to_pylist() == [0]
    lake.append_new("master/images", images("a", "b"))
    assert lake.sql("SELECT count(*) AS n FROM images")["n"].to_pylist() == [2]


def test_time_travel_by_moment(lake: Lake) -> None:
    lake.append_new("master/images", images("a"))
    at = lake.history("master/images")[0].at
    lake.append_new("master/images", images("b"))
    assert lake.version_at("master/images", at) == 1
    with pytest.raises(LakeError, match="created later"):
        lake.version_at("master/images", datetime(2000, 1, 1, tzinfo=UTC))


def test_quality_names_the_columns_that_others_rely_on() -> None:
    names = ["sha256", "p_good", "p_blur", "p_motion", "p_dark", "p_bright", "p_noise", "p_moire", "model_id"]
    assert set(names) <= set(QUALITY.schema.names)
