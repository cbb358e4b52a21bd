"""Spark on more than threads: separate executors that share no code, no environment and no folder with the driver."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from batch.engines.code import EVERYTHING, pack
from lake import Lake
from tests.batch.build import Clock, at, boxes, lake_at, photo, put, rows, run, sha
from tests.cluster.conftest import Dist
from tests.cluster.standalone import SPARK_HOME, standalone
from tests.sparks import SMALL

pytestmark = [pytest.mark.xdist_group("cluster"), pytest.mark.timeout(900)]
VIEWS = ("crops", "quality", "inventory")
AN_APPEND = 8  # photos: several files, so that there are several tasks
NOW = "2026-03-03T00:00:00Z"


def _fill(root: Path, photos: int) -> Lake:
    lake = lake_at(root)
    facts = {"format": "jpeg", "width": 64, "height": 64, "orientation": 1}
    boxed = {"boxes": boxes("cola", "milk"), "annotator": "test", "annotated_at": at(0)}
    taken = {"device_id": "d1", "store_id": "s1"}
    for first in range(0, photos, AN_APPEND):
        seeds = range(first, min(first + AN_APPEND, photos))
        found = {seed: photo(seed) if seed % 7 else photo(seed)[:-300] for seed in seeds}
        named = {seed: sha(data) for seed, data in found.items()}
        images = ({"sha256": named[s], "bytes": data, "size_bytes": len(data), **facts} for s, data in found.items())
        put(lake, "images", *images)
        put(lake, "annotations", *({"annotation_id": f"a{s}", "sha256": named[s], **boxed} for s in seeds))
        times = {s: {"captured_at": at(s * 60), "received_at": at(s * 60 + 3)} for s in seeds}
        put(lake, "captures", *({"capture_id": f"c{s}", "sha256": named[s], **taken, **times[s]} for s in seeds))
    return lake


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    lake = _fill(tmp_path_factory.mktemp("embedded"), 24)
    run(lake, "inventory", clock=Clock())
    return rows(lake, *VIEWS, "unreadable")


def _command(lake: Lake, cluster: str, conf: dict[str, str]) -> subprocess.CompletedProcess[str]:
    settings = {
        "FACINGS_CLUSTER": cluster,
        "FACINGS_SPARK_CONF": shlex.join(f"{name}={value}" for name, value in conf.items()),
        "FACINGS_NOW": NOW,
    }
    command = [
        sys.executable,
        "-m",
        "facings",
        "rebuild",
        "inventory",
        "--engine",
        "spark",
        "--lake",
        lake.storage.root,
    ]
    return subprocess.run(
        command, env={**os.environ, **settings}, capture_output=True, text=True, timeout=600, check=False
    )


def test_local_cluster_gives_the_same_rows(tmp_path: Path, expected: dict[str, list[str]]) -> None:
    lake = _fill(tmp_path, 24)
    done = _command(lake, "local-cluster[2,1,1024]", SMALL)
    assert done.returncode == 0, done.stderr[-3000:]
    assert rows(lake, *VIEWS, "unreadable") == expected


def test_code_and_environment_travel_to_workers_that_have_neither(
    tmp_path: Path, dist: Dist, expected: dict[str, list[str]], root: Path
) -> None:
    with standalone(tmp_path / "cluster") as cluster:
        lake = _fill(tmp_path / "by-command", 24)
        done = _command(lake, cluster.address, dist.conf)
        assert done.returncode == 0, done.stderr[-3000:]
        assert rows(lake, *VIEWS, "unreadable") == expected

        lake = _fill(tmp_path / "by-submit", 24)
        code = pack(tmp_path / "facings.zip", EVERYTHING)
        conf = [part for name, value in dist.conf.items() for part in ("--conf", f"{name}={value}")]
        driver = ["--conf", f"spark.pyspark.driver.python={sys.executable}"]
        submit = [str(SPARK_HOME / "bin" / "spark-submit"), "--master", cluster.address, *driver]
        submit += ["--py-files", str(code), *conf]
        script = [str(root / "batch/rebuild.py"), "inventory", "--lake", lake.storage.root]
        env = {**os.environ, "SPARK_HOME": str(SPARK_HOME), "FACINGS_NOW": NOW}
        done = subprocess.run(
            [*submit, *script], env=env, capture_output=True, text=True, timeout=600, check=False, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr[-3000:]
        assert rows(lake, *VIEWS, "unreadable") == expected


def test_a_worker_killed_midway_costs_time_and_nothing_else(
    tmp_path: Path, dist: Dist, request: pytest.FixtureRequest
) -> None:
    photos = request.config.getoption("--photos")
    lake = _fill(tmp_path / "lake", photos)
    reference = Lake.open(shutil.copytree(tmp_path / "lake", tmp_path / "embedded"))
    run(reference, "crops", clock=Clock())
    conf = {**dist.conf, "spark.sql.shuffle.partitions": "24", "spark.sql.adaptive.enabled": "false"}
    with standalone(tmp_path / "cluster") as cluster:
        killed = threading.Event()

        def kill_when_files_appear() -> None:
            deadline = time.monotonic() + 300
            while time.monotonic() < deadline:
                if len(list((tmp_path / "lake/views/crops").glob("*.parquet"))) >= 2:
                    cluster.kill_worker(0)
                    killed.set()
                    return
                time.sleep(0.02)

        hunter = threading.Thread(target=kill_when_files_appear)
        hunter.start()
        done = _command(lake, cluster.address, {**conf})
        hunter.join()
        assert killed.is_set(), "the rebuild was over before a worker could be killed"
        assert done.returncode == 0, done.stderr[-3000:]
    assert rows(lake, "crops", "unreadable") == rows(reference, "crops", "unreadable")


def test_wrong_java_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from batch.engines.spark_session import SparkUnavailable, check_java

    fake = tmp_path / "bin" / "java"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\necho 'openjdk version \"1.8.0_402\"' >&2\n")
    fake.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(SparkUnavailable, match=r"needs Java 17 or 21; this is .*1\.8\.0_402.*JAVA_HOME"):
        check_java()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
    with pytest.raises(SparkUnavailable, match="none was found: install Java 17 or 21"):
        check_java()


def test_an_active_session_is_used_as_it_is() -> None:
    code = (
        "from pyspark.sql import SparkSession\n"
        "mine = SparkSession.builder.master('local[1]').appName('mine').getOrCreate()\n"
        "from batch.engines.spark_session import open_session\n"
        "assert open_session(None, {}, cores=4) is mine and mine.sparkContext.master == 'local[1]'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=200, capture_output=True)
