"""`facings check` finds planted damage, each kind by its own word, and finds nothing in a lake that is whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from batch.verify import CheckReport, check
from lake import Lake
from lake.offsets import OffsetTable, Span
from lake.parquet import conform
from schemas.tables import TABLES
from tests.batch import build
from tests.batch.build import Clock, lake_at, photo, put_boxes, put_capture, put_image, run, sha


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lake = lake_at(tmp_path_factory.mktemp("whole") / "lake")
    clock = Clock()
    for seed in range(4):
        name = put_image(lake, photo(seed) if seed < 3 else photo(seed)[:-300])
        put_capture(lake, f"c{seed}", name, taken=seed * 60, source="kafka:k/t", kafka_partition=0, kafka_offset=seed)
        put_boxes(lake, name, "cola", "milk")
        if seed in (1, 3):
            run(lake, clock=clock)
    return Path(lake.storage.root)


@pytest.fixture
def lake(whole: Path, tmp_path: Path) -> Lake:
    shutil.copytree(whole, tmp_path / "lake")
    return Lake.open(tmp_path / "lake")


def checked(lake: Lake, **more: Any) -> CheckReport:
    return check(Lake.open(lake.storage.root), **more)


def codes(lake: Lake, **more: Any) -> set[tuple[str, str]]:
    return {(fault.code, fault.table) for fault in checked(lake, **more).faults}


def test_a_whole_lake_has_no_fault(lake: Lake) -> None:
    report = checked(lake)
    assert (report.ok, report.faults, report.notes) == (True, (), ())
    assert report.checked["photos"] == 4
    assert report.checked["tables"] == len(TABLES)
    assert checked(lake, sample=2, seed=3).ok


def file_of(lake: Lake, name: str, number: int = 0) -> Path:
    return Path(lake.storage.table_uri(name)) / lake.paths(name)[number]


def rewrite(lake: Lake, name: str, change: Callable[[pa.Table], pa.Table]) -> None:
    """Puts other rows into a table's first data file, and the file's size into its commit: silent damage."""
    path = file_of(lake, name)
    table = change(pq.ParquetFile(path).read())
    pq.write_table(table, path)
    for commit in (Path(lake.storage.table_uri(name)) / "_delta_log").glob("*.json"):
        lines = [json.loads(line) for line in commit.read_text().splitlines()]
        for line in lines:
            if "add" in line and path.name in line["add"]["path"]:
                stats = json.loads(line["add"]["stats"])
                line["add"] |= {
                    "size": path.stat().st_size,
                    "stats": json.dumps({**stats, "numRecords": table.num_rows}),
                }
        commit.write_text("\n".join(map(json.dumps, lines)) + "\n")


def with_values(column: str, values: Callable[[list[Any]], list[Any]]) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        index = table.schema.get_field_index(column)
        made = pa.array(values(table.column(column).to_pylist()), table.schema.field(column).type)
        return table.set_column(index, column, made)

    return change


def flipped(values: list[bytes]) -> list[bytes]:
    first = bytearray(values[0])
    first[len(first) // 2] ^= 1
    return [bytes(first), *values[1:]]


def newest_commit(lake: Lake, name: str) -> Path:
    return Path(lake.storage.table_uri(name)) / "_delta_log" / f"{lake.version(name):020d}.json"


def flip_on_disk(lake: Lake) -> None:
    path, data = file_of(lake, "master/images"), photo(0)
    stored = path.read_bytes()
    at = stored.index(data) + len(data) // 2
    path.write_bytes(stored[:at] + bytes([stored[at] ^ 1]) + stored[at + 1 :])


def empty_last_commit(lake: Lake) -> None:
    newest_commit(lake, "master/captures").write_bytes(b"")


def damaged_commit(lake: Lake) -> None:
    path = newest_commit(lake, "views/visits")
    path.write_bytes(path.read_bytes()[:-47])


def commit_cut_between_lines(lake: Lake) -> None:
    path = newest_commit(lake, "views/crops")
    path.write_text("".join(line + "\n" for line in path.read_text().splitlines()[:-1]))


def commit_in_between_gone(lake: Lake) -> None:
    (newest_commit(lake, "master/annotations").parent / f"{2:020d}.json").unlink()


def lose_a_file(lake: Lake) -> None:
    file_of(lake, "master/annotations").unlink()


def cut_a_file(lake: Lake) -> None:
    path = file_of(lake, "master/captures")
    path.write_bytes(path.read_bytes()[:-10])


def twice(lake: Lake) -> None:
    rewrite(lake, "master/captures", lambda table: pa.concat_tables([table, table]))


def runs_row(lake: Lake) -> None:
    rewrite(lake, "runs", with_values("rows_ok", lambda values: [value + 1 for value in values]))


def orphan(lake: Lake) -> None:
    put_capture(lake, "c-orphan", "f" * 64)


def offset_twice(lake: Lake) -> None:
    put_capture(lake, "c-again", sha(photo(0)), source="kafka:k/t", kafka_partition=0, kafka_offset=1)


def view_row_changed(lake: Lake) -> None:
    rewrite(lake, "views/inventory", with_values("facings", lambda values: [(v or 0) + 1 for v in values]))


def view_row_missing(lake: Lake) -> None:
    rewrite(lake, "views/quality", lambda table: table.slice(1))


def view_row_extra(lake: Lake) -> None:
    rewrite(lake, "views/visits", with_values("visit_id", lambda values: [f"{v}-other" for v in values]))


def crop_bytes(lake: Lake) -> None:
    rewrite(lake, "views/crops", with_values("jpeg", flipped))


def unreadable_forgotten(lake: Lake) -> None:
    lake.replace("views/unreadable", [], scopes=None)


DAMAGE: dict[str, tuple[Callable[[Lake], None], str, str]] = {
    "a byte of a photo": (flip_on_disk, "hash-mismatch", "master/images"),
    "a data file": (lose_a_file, "missing-file", "master/annotations"),
    "the end of a data file": (cut_a_file, "cut-file", "master/captures"),
    "the last commit empty": (empty_last_commit, "empty-commit", "master/captures"),
    "a commit cut": (damaged_commit, "damaged-commit", "views/visits"),
    "a commit cut between two lines": (commit_cut_between_lines, "damaged-commit", "views/crops"),
    "a commit gone": (commit_in_between_gone, "gap-in-log", "master/annotations"),
    "a key twice": (twice, "duplicate-key", "master/captures"),
    "a Kafka offset twice": (offset_twice, "offset-twice", "master/captures"),
    "a run that does not add up": (runs_row, "runs-sum", "runs"),
    "a capture without its photo": (orphan, "orphaned-reference", "master/captures"),
    "a view's row changed": (view_row_changed, "row-changed", "views/inventory"),
    "a view's row missing": (view_row_missing, "row-missing", "views/quality"),
    "a view's row too much": (view_row_extra, "row-extra", "views/visits"),
    "a byte of a crop": (crop_bytes, "bytes-changed", "views/crops"),
    "an unreadable photo forgotten": (unreadable_forgotten, "unaccounted-photo", "views/quality"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_planted_damage_is_found(damage: str, lake: Lake) -> None:
    plant, code, table = DAMAGE[damage]
    plant(lake)
    report = checked(lake)
    assert not report.ok
    assert (code, table) in {(fault.code, fault.table) for fault in report.faults}
    assert all(fault.remedy for fault in report.faults)


def test_a_photo_neither_scored_nor_unreadable_is_found_by_its_sum(lake: Lake) -> None:
    rewrite(lake, "views/quality", lambda table: table.slice(1))
    assert ("unaccounted-photo", "views/quality") in codes(lake)


def test_all_faults_at_once_are_told_apart(lake: Lake) -> None:
    for plant in (flip_on_disk, lose_a_file, view_row_changed, crop_bytes, runs_row):
        plant(lake)
    found = checked(lake)
    assert {fault.code for fault in found.faults} >= {"hash-mismatch", "missing-file", "runs-sum"}
    assert any("master/annotations" in note for note in found.notes)


def test_a_sample_finds_what_it_meets(lake: Lake) -> None:
    crop_bytes(lake)
    view_row_missing(lake)
    found = codes(lake, sample=4, seed=1)
    assert ("bytes-changed", "views/crops") in found
    assert ("row-missing", "views/quality") in found


def test_a_change_of_code_is_a_note_and_no_fault(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batch.verify.fingerprint", lambda view: "0" * 16)
    report = checked(lake)
    assert report.ok
    assert "views/crops: the code has changed since its last rebuild; not computed again" in report.notes


def test_evolved_rows_are_no_fault(lake: Lake) -> None:
    rewrite(lake, "master/captures", lambda table: table.drop_columns(["trigger"]))
    assert conform(lake.read("master/captures"), TABLES["master/captures"].schema.remove(0)) is not None
    assert checked(lake).ok
    assert pc.all(pc.is_null(lake.read("master/captures")["trigger"])).as_py()
    assert build.sha(photo(0)) in lake.read("master/images")["sha256"].to_pylist()


STREAM = "kafka:k/u"


def _told(lake: Lake, *names: str, passed: int, p: float = 0.5) -> None:
    """Realtime rows as the speed layer writes them: events of these captures, in a stream read up to `passed`."""
    seen = [
        {"offset": number, "capture_id": name, "rejected": False, "late": False, "size_bytes": 1}
        for number, name in enumerate(names)
    ]
    place = {"source": STREAM, "kafka_partition": 0, "kafka_offset": 0, "store_id": "s", "device_id": "d1"}
    row = {**place, "minute": build.at(0), "events": len(seen), "captures": len(seen), "seen": seen}
    scored = {**place, "capture_id": names[0], "sampling_probability": p, "captured_at": build.at(0)}
    for table, rows in (("realtime/throughput", [row]), ("realtime/quality", [scored])):
        arrow = pa.Table.from_pylist(rows, TABLES[table].schema)
        OffsetTable(lake.storage, TABLES[table]).append(arrow, [Span(f"{STREAM}/0", None, passed)])


def _archived(lake: Lake, *names: str) -> None:
    for number, name in enumerate(names):
        where: dict[str, Any] = {"source": STREAM, "kafka_partition": 0, "kafka_offset": number}
        put_capture(lake, name, sha(photo(0)), taken=5000 + number, **where)


def test_a_whole_seam_has_no_fault(lake: Lake) -> None:
    _archived(lake, "k0", "k1")
    _told(lake, "k0", "k1", "k2", passed=3)
    assert checked(lake).ok


def test_a_capture_that_neither_layer_has_is_found(lake: Lake) -> None:
    _archived(lake, "k0", "k1")
    _told(lake, "k0", passed=2)
    found = [fault for fault in checked(lake).faults if fault.law == 6]
    assert [(fault.code, "k1" in fault.detail) for fault in found] == [("missing-at-the-seam", True)]


def test_a_sampled_row_without_its_chance_is_found(lake: Lake) -> None:
    _told(lake, "k0", passed=1, p=0.0)
    assert ("no-probability", "realtime/quality") in codes(lake)
