"""Delta on Spark and delta-rs on the same tables, both ways: rows, versions, append-only, lineage, transactions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from batch.engines.spark_session import DELTA_CONF, check_java
from lake import CommitConflict, Lake
from tests.batch.build import DAY, Clock, at, lake_at, photo, put_boxes, put_capture, put_image, rows, run
from tests.sparks import SMALL, end_jvm

pytestmark = [pytest.mark.xdist_group("interop"), pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def spark() -> Iterator[SparkSession]:
    """A session with Delta's own jar, which Spark fetches the first time."""
    check_java()
    end_jvm()  # one that another test left was started without the jar
    conf = {
        **SMALL,
        **DELTA_CONF,
        "spark.sql.session.timeZone": "UTC",
        "spark.databricks.delta.snapshotPartitions": "1",
        "spark.log.level": "ERROR",
    }
    builder = SparkSession.builder.master("local[1]")
    for name, value in conf.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    yield session
    end_jvm()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    made = lake_at(tmp_path)
    for seed in range(3):
        name = put_image(made, photo(seed))
        put_boxes(made, name, "cola", "milk")
        put_capture(made, f"c{seed}", name, taken=seed * 60)
    run(made, "inventory", clock=Clock())
    return made


def _path(lake: Lake, name: str) -> str:
    return lake.storage.table_uri(name)


def test_spark_reads_what_we_write_at_every_version(spark: SparkSession, lake: Lake) -> None:
    crops = spark.read.format("delta").load(_path(lake, "views/crops"))
    ours = {row["crop_id"]: row["jpeg"] for row in lake.read("views/crops", columns=["crop_id", "jpeg"]).to_pylist()}
    assert {row.crop_id: bytes(row.jpeg) for row in crops.collect()} == ours
    first = spark.read.format("delta").option("versionAsOf", 1).load(_path(lake, "master/captures"))
    assert [row.capture_id for row in first.collect()] == ["c0"]
    (told,) = (
        row.userMetadata
        for row in spark.sql(f"DESCRIBE HISTORY delta.`{_path(lake, 'views/crops')}` LIMIT 1").collect()
    )
    commit = lake.last_rebuild("views/crops")
    assert commit is not None
    assert commit.lineage is not None
    assert told is None or commit.lineage.run_id in told  # Spark shows only what it calls userMetadata


def test_we_read_what_spark_writes_and_rebuild_from_it(spark: SparkSession, lake: Lake) -> None:
    annotations = _path(lake, "master/annotations")
    old = spark.read.format("delta").load(annotations)
    old.selectExpr(
        "concat(annotation_id, '-spark') AS annotation_id",
        "sha256",
        "boxes",
        "'spark' AS annotator",
        f"TIMESTAMP '{at(9000):%Y-%m-%d %H:%M:%S}' AS annotated_at",
        "source",
        f"DATE '{DAY}' AS ingest_date",
    ).write.format("delta").mode("append").save(annotations)
    report = run(lake, "inventory", clock=Clock(48))
    assert {view.mode for view in report.views if view.view == "crops"} == {"incremental"}
    assert all(name.endswith("-spark") for name in lake.read("views/crops")["annotation_id"].to_pylist())
    incremental = rows(lake, "crops", "inventory")
    run(lake, "inventory", clock=Clock(72), full=True)
    assert rows(lake, "crops", "inventory") == incremental


def test_spark_refuses_to_change_master(spark: SparkSession, lake: Lake) -> None:
    table = _path(lake, "master/captures")
    with pytest.raises(PySparkException, match=r"(?i)append"):
        spark.sql(f"DELETE FROM delta.`{table}` WHERE capture_id = 'c0'")
    with pytest.raises(PySparkException, match=r"(?i)append"):
        spark.sql(f"UPDATE delta.`{table}` SET store_id = 'x'")
    assert lake.count("master/captures") == 3


def test_delta_rs_refuses_to_change_master(lake: Lake) -> None:
    with pytest.raises(Exception, match=r"(?i)append"):
        DeltaTable(_path(lake, "master/captures")).delete("capture_id = 'c0'")
    assert lake.count("master/captures") == 3


def test_a_commit_of_spark_fences_a_rebuild_that_planned_before_it(spark: SparkSession, lake: Lake) -> None:
    view = "views/crops"
    planned = lake.version(view)
    frame = spark.read.format("delta").load(_path(lake, view))
    frame.write.format("delta").mode("append").save(_path(lake, view))
    with pytest.raises(CommitConflict):
        lake.replace(view, [], scopes=None, expect=planned)


def test_transactions_of_ours_are_seen_by_spark(spark: SparkSession, lake: Lake) -> None:
    log = Path(_path(lake, "views/crops")) / "_delta_log"
    entries = [json.loads(line) for line in (log / f"{lake.version('views/crops'):020d}.json").read_text().splitlines()]
    (transaction,) = [entry["txn"] for entry in entries if "txn" in entry]
    frame = spark.read.format("delta").load(_path(lake, "views/crops"))
    # A writer that repeats our transaction is skipped by Spark: it knows that it happened.
    frame.write.format("delta").mode("append").option("txnAppId", transaction["appId"]).option(
        "txnVersion", str(transaction["version"])
    ).save(_path(lake, "views/crops"))
    assert Lake.open(lake.storage.root).count("views/crops") == frame.count() == 6
