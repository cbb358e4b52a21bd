"""Erasure: a store's photos are gone from rows, versions and files; the rest stands; lineage names it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from deltalake.exceptions import DeltaError

from batch.lineage import trace
from batch.status import read_status
from batch.verify import check
from facings.jobs_upkeep import Erased, run_erase
from facings.settings import Settings
from lake import Lake, LakeError
from lake.write import append_new
from schemas.tables import CAPTURES, MASTER, TABLES
from tests.batch.build import Clock, at, photo, put, put_boxes, put_capture, put_image, rows, run, sha

WHY = "contract ended"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two devices of a store each with photos, one of which both have; refusals, doors, a plan, an unreadable photo."""
    lake = Lake.open(tmp_path_factory.mktemp("erase") / "lake", create=True)
    for seed, device in enumerate(["d1", "d2", "d1", "d2"]):
        name = put_image(lake, photo(seed))
        put_capture(lake, f"c{seed}", name, device=device, taken=seed * 60)
        put_boxes(lake, name, "cola", "milk")
    put_capture(lake, "both", sha(photo(1)), device="d1", taken=900)
    put_capture(lake, "broken", put_image(lake, photo(8)[:-300]), device="d1", taken=950)
    for device in ("d1", "d2"):
        event = {
            "door_event_id": f"door-{device}",
            "kind": "open",
            "device_id": device,
            "store_id": f"store-of-{device}",
        }
        put(lake, "door_events", {**event, "happened_at": at(0)})
        refusal = {"reject_id": f"r-{device}", "reason": "truncated", "device_id": device, "payload": photo(20)}
        put(lake, "rejected", {**refusal, "occurred_at": at(0), "origin": device, "attempts": 1})
        plan = {"planogram_id": f"p-{device}", "device_id": device, "store_id": f"store-of-{device}", "shelf": 0}
        put(lake, "planograms", {**plan, "valid_from": at(0), "sku": "cola", "facings": 2})
    run(lake, clock=Clock(24))
    put_boxes(lake, sha(photo(0)), "juice", made=5)
    run(lake, clock=Clock(25))
    return Path(lake.storage.root)


@pytest.fixture
def lake(prepared: Path, tmp_path: Path) -> Lake:
    shutil.copytree(prepared, tmp_path / "lake")
    return Lake.open(tmp_path / "lake")


def erase(lake: Lake, run_id: str = "the-erasure", **more: bool) -> Erased:
    silent = lambda step, done, total: None  # noqa: E731  # one line, used once
    return run_erase(lake, Settings(), Clock(48), run_id, silent, store="store-of-d1", why=WHY, **more)


def scan(seed: int) -> bytes:
    """Bytes that only this photo has: the tables at a JPEG's beginning are those of every other."""
    return photo(seed)[-500:-350]


def bytes_on_disk(lake: Lake, needle: bytes) -> list[Path]:
    return [path for path in Path(lake.storage.root).rglob("*") if path.is_file() and needle in path.read_bytes()]


def test_a_dry_run_counts_and_touches_nothing(lake: Lake) -> None:
    versions = lake.versions(TABLES)
    found = erase(lake, dry_run=True)
    counted = {name: count for name, count in found.rows.items() if count}
    assert counted == {
        "master/captures": 4,
        "master/images": 3,
        "master/annotations": 3,
        "master/door_events": 1,
        "master/planograms": 1,
        "master/rejected": 1,
    }
    assert found.shared_photos == 1
    assert lake.versions(TABLES) == versions


def test_the_stores_bytes_are_gone_and_the_rest_stands(lake: Lake) -> None:
    crops = lake.read("views/crops", columns=["sha256", "jpeg"]).to_pylist()
    gone = [scan(0), scan(2), scan(8)]
    gone += [row["jpeg"][-200:] for row in crops if row["sha256"] in (sha(photo(0)), sha(photo(2)))]
    stays = [scan(1), scan(3), scan(20)]  # the other store's refusal has the last one's bytes
    assert all(bytes_on_disk(lake, needle) for needle in (*gone, *stays))
    other = [row for row in lake.read("master/captures").to_pylist() if row["store_id"] == "store-of-d2"]
    done = erase(lake)
    assert [needle for needle in gone if bytes_on_disk(lake, needle)] == []
    assert all(bytes_on_disk(lake, needle) for needle in stays)
    assert lake.read("master/captures").to_pylist() == other
    assert {name: lake.count(name) for name in ("master/images", "views/unreadable", "master/rejected")} == {
        "master/images": 2,
        "views/unreadable": 0,
        "master/rejected": 1,
    }
    assert done.files_deleted > 0
    assert any("1 photos are other stores' as well" in line for line in done.breaks)


def test_views_after_an_erasure_are_those_of_a_full_rebuild(lake: Lake) -> None:
    erase(lake)
    after = rows(lake)
    report = check(lake)
    assert report.ok, report.faults
    run(lake, clock=Clock(48), full=True)
    assert {**rows(lake), "views/throughput": []} == {**after, "views/throughput": []}


def test_tables_are_append_only_again_and_the_erasure_is_on_record(lake: Lake) -> None:
    erase(lake)
    for table in MASTER:
        assert lake.handle(table.name).metadata().configuration["delta.appendOnly"] == "true"
        with pytest.raises(DeltaError, match="append-only"):
            lake.handle(table.name).delete()
    (row,) = [row for row in lake.read("runs").to_pylist() if row["step"] == "erase"]
    assert (row["detail"], row["rows_in"], row["rows_ok"]) == (WHY, 13, 13)
    with pytest.raises(LakeError, match=f"c0 of master/captures was erased at .* store-of-d1: {WHY}"):
        trace(lake, "c0")
    with pytest.raises(LakeError, match="was erased"):
        trace(lake, sha(photo(0)))
    assert trace(lake, "c1").nodes[0].facts["store_id"] == "store-of-d2"
    assert erase(lake, "again").rows["master/images"] == 0


def test_a_store_that_the_lake_never_had_is_an_error(lake: Lake) -> None:
    silent = lambda step, done, total: None  # noqa: E731  # one line, used once
    with pytest.raises(LakeError, match="nothing in the lake is of store 'store-of-d9'"):
        run_erase(lake, Settings(), Clock(48), "typo", silent, store="store-of-d9", why=WHY)


def test_a_photo_that_came_back_with_another_store_stays(lake: Lake) -> None:
    erase(lake)
    put_capture(lake, "back", put_image(lake, photo(0)), device="d2", taken=2000)
    erase(lake, "again")
    assert sha(photo(0)) in lake.read("master/images")["sha256"].to_pylist()


KILLED = """
import sys
from facings.jobs_upkeep import run_erase
from facings.settings import Settings
from lake import Lake
from tests.batch.build import Clock
from tests.dying import die_at
die_at("lake.erase.commit", "before", int(sys.argv[2]))
run_erase(Lake.open(sys.argv[1]), Settings(), Clock(48), "killed", lambda *a: None, store="store-of-d1", why="w")
"""


@pytest.mark.parametrize("at_commit", [1, 3])
def test_a_killed_erasure_is_found_and_completed(at_commit: int, lake: Lake) -> None:
    command = [sys.executable, "-c", KILLED, lake.storage.root, str(at_commit)]
    killed = subprocess.run(command, cwd=Path(__file__).parents[2], check=False, timeout=120, env={**os.environ})
    assert killed.returncode == -signal.SIGKILL
    found = {fault.code for fault in check(Lake.open(lake.storage.root)).faults}
    assert {"not-append-only", "erasure-unfinished"} <= found
    assert "An erasure was broken off" in read_status(Lake.open(lake.storage.root)).advice[0]
    lake = Lake.open(lake.storage.root)
    erase(lake, "completing")
    assert (lake.count("master/captures"), lake.count("master/images"), lake.count("master/annotations")) == (2, 2, 2)
    assert check(lake).ok
    assert bytes_on_disk(lake, scan(0)) == []
    assert append_new(lake.storage, CAPTURES, CAPTURES.schema.empty_table()).added == 0
