"""The lake on an S3-compatible server keeps the promises of the local one: equal rows, once, whole, one winner."""

from __future__ import annotations

import json
import pickle
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from batch.views import VIEWS
from lake import Lake
from lake.storage import Storage
from schemas.tables import TABLES
from tests.batch.build import Clock, at, boxes, lake_at, photo, put, put_boxes, rows, run, sha
from tests.storage.server import Server

Open = Callable[[], Lake]
ROOT = Path(__file__).parents[2]

# What a child process does with the lake that it is given; `argv[3:]` are its own arguments.
OPEN = "import json, sys; from lake import Lake; lake = Lake.open(sys.argv[1], options=json.loads(sys.argv[2]));"
APPEND = f"""{OPEN}
from tests.batch.build import put_capture
sys.stdin.readline()
for number in range(4):
    put_capture(lake, f"{{sys.argv[3]}}-{{number}}", "a" * 64)
    put_capture(lake, f"shared-{{number}}", "a" * 64)
"""
CREATE = """import json, sys; from lake import Lake
sys.stdin.readline()
lake = Lake.open(sys.argv[1], create=True, options=json.loads(sys.argv[2]))
from tests.batch.build import put_capture
put_capture(lake, sys.argv[3], "a" * 64)
"""
REBUILD = f"""{OPEN}
from tests.batch.build import Clock, run
from lake import CommitConflict
sys.stdin.readline()
try:
    run(lake, clock=Clock(48), run_id=sys.argv[3], full=True)
except CommitConflict as error:
    sys.exit(str(error))
"""
ON_SPARK = f"""{OPEN}
from facings.jobs import make_engine
from facings.settings import Settings
from tests.batch.build import Clock, run
from tests.storage.test_lake_on_s3 import fill
engine = make_engine("spark", Settings(threads=2))
run(lake, clock=Clock(24), engine=engine, full=True)
fill(lake, 2, 3)
assert {{view.mode for view in run(lake, clock=Clock(48), engine=engine).views}} == {{"incremental"}}
"""
DYING = f"""{OPEN}
from tests.batch.build import Clock, run
from tests.dying import die_at
die_at(sys.argv[3], sys.argv[4], int(sys.argv[5]))
run(lake, clock=Clock(48), run_id="victim", full=True)
"""


def fill(lake: Lake, *seeds: int) -> None:
    """Captures with boxes, one append a table; photo 5 is cut short."""
    photos = {seed: photo(seed) if seed != 5 else photo(seed)[:-300] for seed in seeds}
    facts = {"format": "jpeg", "width": 64, "height": 64, "orientation": 1}
    put(
        lake,
        "images",
        *({"sha256": sha(data), "bytes": data, "size_bytes": len(data), **facts} for data in photos.values()),
    )
    boxed = {"boxes": boxes("milk", "cola"), "annotator": "test", "annotated_at": at(0)}
    put(
        lake,
        "annotations",
        *({"annotation_id": f"a{seed}", "sha256": sha(data), **boxed} for seed, data in photos.items()),
    )
    taken = {"device_id": "d1", "store_id": "s1", "received_at": at(900)}
    captures = (
        {"capture_id": f"c{s}", "captured_at": at(s * 60), "sha256": sha(d), **taken} for s, d in photos.items()
    )
    put(lake, "captures", *captures)


def start(server: Server, uri: str, code: str, *arguments: str) -> subprocess.Popen[str]:
    """A child with the lake's address and options; it begins its work when it is sent a line."""
    command = [sys.executable, "-c", code, uri, json.dumps(server.options), *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def at_once(server: Server, uri: str, code: str, names: list[str]) -> list[tuple[int, str]]:
    """Exit code and errors of children that begin together."""
    children = [start(server, uri, code, name) for name in names]
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    ended = [child.communicate(timeout=120) for child in children]
    return [(child.returncode, errors) for child, (_, errors) in zip(children, ended, strict=True)]


def test_every_view_has_the_rows_of_a_local_lake_full_and_incremental(open_there: Open, tmp_path: Path) -> None:
    there, here = open_there(), lake_at(tmp_path / "lake")
    for lake in (there, here):
        fill(lake, 0, 1, 2)
        run(lake, clock=Clock(24))
        fill(lake, 3, 4, 5)
        put_boxes(lake, sha(photo(0)), "water", made=9)
        assert {view.mode for view in run(lake, clock=Clock(48)).views} == {"incremental"}
    assert rows(there) == rows(here)
    assert rows(there)["views/unreadable"]
    run(there, clock=Clock(48), full=True)
    assert rows(there) == rows(here)


@pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java on the machine")
def test_spark_gives_the_same_rows_there_full_and_incremental(
    server: Server, uri: str, open_there: Open, tmp_path: Path
) -> None:
    there, here = open_there(), lake_at(tmp_path / "lake")
    for lake in (there, here):
        fill(lake, 0, 1, 5)
    run(here, clock=Clock(24), full=True)
    fill(here, 2, 3)
    run(here, clock=Clock(48))
    spark = start(server, uri, ON_SPARK)
    _, errors = spark.communicate(timeout=280)
    assert spark.returncode == 0, errors[-2000:]
    assert rows(there) == rows(here)
    for view in VIEWS:
        commit = there.last_rebuild(view.table.name)
        assert commit is not None
        assert commit.lineage is not None
        assert commit.lineage.engine == "spark"


def test_no_append_is_lost_and_none_is_there_twice(server: Server, uri: str, open_there: Open) -> None:
    lake = open_there()
    before = lake.version("master/captures")
    names = ["a", "b", "c", "d"]
    ended = at_once(server, uri, APPEND, names)
    assert [code for code, _ in ended] == [0] * 4, ended
    found = lake.read("master/captures", columns=["capture_id"])["capture_id"].to_pylist()
    assert sorted(found) == sorted(f"{name}-{number}" for name in (*names, "shared") for number in range(4))
    assert lake.version("master/captures") == before + len(found)


def test_two_that_make_the_lake_at_once_both_write_into_it(server: Server, uri: str, open_there: Open) -> None:
    ended = at_once(server, uri, CREATE, ["one", "two"])
    assert [code for code, _ in ended] == [0, 0], ended
    lake = open_there()
    assert sorted(lake.read("master/captures", columns=["capture_id"])["capture_id"].to_pylist()) == ["one", "two"]
    assert all(lake.count(name) == 0 for name in TABLES if name != "master/captures")


def test_of_two_rebuilds_at_once_each_view_has_one_winner(
    server: Server, uri: str, open_there: Open, tmp_path: Path
) -> None:
    lake, here = open_there(), lake_at(tmp_path / "lake")
    for each in (lake, here):
        fill(each, 0, 1, 2, 5)
    run(here, clock=Clock(48))
    ended = at_once(server, uri, REBUILD, ["one", "two"])
    assert min(code for code, _ in ended) == 0, ended
    assert all("run again" in errors for code, errors in ended if code), ended
    assert rows(lake) == rows(here)
    run(lake, clock=Clock(48))
    assert rows(lake) == rows(here)


@pytest.mark.parametrize(
    "target,when,count",
    [
        ("deltalake.DeltaTable.create_write_transaction", "before", 1),
        ("deltalake.DeltaTable.create_write_transaction", "after", 1),
    ],
)
def test_a_killed_rebuild_leaves_whole_views_and_the_next_completes_them(
    server: Server, uri: str, open_there: Open, tmp_path: Path, target: str, when: str, count: int
) -> None:
    lake, here = open_there(), lake_at(tmp_path / "lake")
    for each in (lake, here):
        fill(each, 0, 1)
        run(each, clock=Clock(24))
        fill(each, 2, 5)
    before = rows(lake)
    run(here, clock=Clock(48), full=True, run_id="victim")
    victim = start(server, uri, DYING, target, when, str(count))
    _, errors = victim.communicate(timeout=120)
    assert victim.returncode == -signal.SIGKILL, errors
    after, expected = rows(open_there()), rows(here)
    assert all(after[name] in (before[name], expected[name]) for name in after)
    run(lake, clock=Clock(48), run_id="the-next")
    assert rows(lake) == expected
    assert {view.mode for view in run(lake, clock=Clock(48), run_id="another").views} == {"current"}


def test_another_process_is_given_the_same_storage(server: Server, uri: str, open_there: Open) -> None:
    lake = open_there()
    fill(lake, 0)
    sent = pickle.loads(pickle.dumps(lake.storage))
    told = Storage.at(lake.storage.root, lake.storage.options)
    assert {Lake(storage).count("master/images") for storage in (sent, told)} == {1}
    assert (told.root, told.prefix, told.options) == (lake.storage.root, lake.storage.prefix, lake.storage.options)


def test_the_keys_are_in_no_repr(server: Server, open_there: Open) -> None:
    shown = repr(open_there().storage)
    assert server.options["AWS_SECRET_ACCESS_KEY"] not in shown


@pytest.mark.parametrize("form", ["s3a", "s3"])
def test_one_lake_has_one_address_however_it_is_written(server: Server, uri: str, form: str) -> None:
    Lake.open(uri, create=True, options=server.options)
    written = f"{form}{uri.removeprefix('s3')}/"
    assert Lake.open(written, options=server.options).storage.root == uri
