"""A rebuild killed at any point: the old view is served and the next run completes it. Real processes and SIGKILL."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lake import Lake
from tests.batch.build import Clock, lake_at, photo, put_boxes, put_capture, put_image, rows, run

# Where the victim kills itself: the name to patch, before or after the original runs, and at which call.
# Steps are those of docs/guarantees.md.
POINTS = {
    "1 before any file is written": ("lake.write.FileWriter.write", "before", 1),
    "2 after a file, before the next": ("lake.parquet.FileWriter._flush", "after", 1),
    "3 files durable, nothing committed": ("lake.write.commit", "before", 1),
    "4 files durable, not committed": ("deltalake.DeltaTable.create_write_transaction", "before", 1),
    "4 unreadable committed, the view not": ("lake.write.commit", "before", 2),
    "5 committed, not yet acknowledged": ("deltalake.DeltaTable.create_write_transaction", "after", 1),
    "6 acknowledged, run not recorded": ("batch.rebuild.append_run", "before", 1),
}

VICTIM = """
import sys
from lake import Lake
from tests.batch.build import Clock, run
from tests.dying import die_at
opened = Lake.open(sys.argv[1])
die_at(sys.argv[2], sys.argv[3], int(sys.argv[4]))
run(opened, clock=Clock(48), run_id="victim", full=True)
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with views, and then more in master than they cover."""
    lake = lake_at(tmp_path_factory.mktemp("lake"))
    for seed in range(3):
        name = put_image(lake, photo(seed))
        put_capture(lake, f"c{seed}", name, taken=seed * 60)
        put_boxes(lake, name, "cola")
    run(lake, clock=Clock(24))
    for seed in range(3, 6):
        name = put_image(lake, photo(seed) if seed < 5 else photo(seed)[:-300])
        put_capture(lake, f"c{seed}", name, taken=seed * 60)
        put_boxes(lake, name, "milk", "cola")
    return Path(lake.storage.root)


@pytest.fixture(scope="module")
def expected(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    copy = tmp_path_factory.mktemp("expected") / "lake"
    shutil.copytree(prepared, copy)
    lake = Lake.open(copy)
    run(lake, clock=Clock(48), full=True, run_id="victim")
    return rows(lake)


def _kill(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", VICTIM, str(root), *arguments],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("point", POINTS)
def test_killed_then_completed(point: str, prepared: Path, expected: dict[str, list[str]], tmp_path: Path) -> None:
    root = tmp_path / "lake"
    shutil.copytree(prepared, root)
    before = rows(Lake.open(root))
    target, when, count = POINTS[point]

    victim = _kill(root, target, when, str(count))

    assert victim.returncode == -signal.SIGKILL, victim.stderr
    lake = Lake.open(root)
    after = rows(lake)
    assert all(after[name] in (before[name], expected[name]) for name in after)
    run(lake, clock=Clock(48), run_id="the-next")
    assert rows(lake) == expected
    report = run(lake, clock=Clock(48), run_id="another")
    assert {view.mode for view in report.views} == {"current"}
    recorded = lake.read("runs").to_pylist()
    for view in ("crops", "quality", "inventory", "throughput", "visits"):
        commit = lake.last_rebuild(f"views/{view}")
        assert commit is not None
        assert commit.lineage is not None
        assert any(row["run_id"] == commit.lineage.run_id and row["step"] == view for row in recorded)


def test_two_rebuilds_at_once_of_an_empty_view_write_it_once(prepared: Path, tmp_path: Path) -> None:
    root = tmp_path / "lake"
    shutil.copytree(prepared, root)
    for view in ("crops", "quality"):
        shutil.rmtree(root / "views" / view)
    code = (
        "import sys; from lake import Lake; from tests.batch.build import run; "
        "run(Lake.open(sys.argv[1]), 'crops', 'quality', run_id=sys.argv[2])"
    )
    workers = [
        subprocess.Popen([sys.executable, "-c", code, str(root), name], cwd=Path(__file__).parents[2])
        for name in ("one", "two")
    ]
    assert [worker.wait(120) for worker in workers] == [0, 0]
    lake = Lake.open(root)
    assert lake.count("views/crops") == 3 + 2 * 2
    assert lake.count("views/quality") == 5
