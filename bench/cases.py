"""The cases of bench.engines. Each prepares itself once in a process of its own and then runs as often as it is told.

Peers read a Parquet dataset of the same photos and boxes and write Parquet; ours read a lake and commit to it.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.codec import cut_all, cut_crops, save_box

Run = Callable[[], int]
"""Does the whole work once and gives how many crops it made."""


@dataclass(frozen=True)
class Inputs:
    """The same captures in three forms, and where a case may write. `cores` are all it may use."""

    folder: Path
    cores: int

    @property
    def lake(self) -> Path:
        """A lake with captures and annotations."""
        return self.folder / "lake"

    @property
    def parquet(self) -> list[str]:
        """Parquet files of rows sha256, bytes, boxes."""
        return sorted(str(path) for path in (self.folder / "captures").glob("*.parquet"))

    @property
    def boxes(self) -> Path:
        """A Parquet file of the few photos for those that decode one a box: rows ImgUrl, xmin, xmax, ymin, ymax."""
        return self.folder / "boxes.parquet"

    def output(self) -> Path:
        """An empty folder for one run's crops."""
        out = self.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        return out


@dataclass(frozen=True)
class Case:
    """One contender. `few`: it works on the few photos of `Inputs.boxes`, and its time is scaled by boxes."""

    name: str
    label: str
    prepare: Callable[[Inputs], Run]
    few: bool = False


def _bare(inputs: Inputs) -> Run:
    import pyarrow.parquet as pq

    rows = [row for path in inputs.parquet for row in pq.read_table(path).to_pylist()]
    photos = [(row["bytes"], row["boxes"]) for row in rows]
    return lambda: cut_all(photos, inputs.cores)


def _ours(name: str) -> Callable[[Inputs], Run]:
    def prepare(inputs: Inputs) -> Run:
        from batch.rebuild import rebuild
        from facings.jobs import make_engine, rebuild_settings
        from facings.settings import Settings
        from lake import Lake

        lake, settings = Lake.open(inputs.lake), Settings(threads=inputs.cores)
        engine, numbers = make_engine(name, settings), itertools.count()

        def run() -> int:
            report = rebuild(
                lake, ["crops"], engine=engine, settings=rebuild_settings(settings), full=True,
                clock=lambda: datetime.now(UTC), run_id=f"{name}-{next(numbers)}",
            )  # fmt: skip
            return report.views[0].ok

        return run

    return prepare


def _daft(inputs: Inputs) -> Run:
    import daft

    @daft.func(return_dtype=daft.DataType.list(daft.DataType.binary()))
    def crops(jpeg: bytes, boxes: list[dict[str, Any]]) -> list[bytes]:
        return cut_crops(jpeg, boxes)

    def run() -> int:
        out = inputs.output()
        rows = daft.read_parquet(inputs.parquet)
        made = rows.select(rows["sha256"], crops(rows["bytes"], rows["boxes"]).alias("jpeg")).explode("jpeg")
        made.write_parquet(str(out))
        return count_rows(out)

    return run


def _ray_data(inputs: Inputs) -> Run:
    import pyarrow as pa
    import ray

    ray.init(num_cpus=inputs.cores, include_dashboard=False, log_to_driver=False, logging_level="error")
    ray.data.DataContext.get_current().enable_progress_bars = False

    def crops(batch: pa.Table) -> pa.Table:
        rows = batch.to_pylist()
        made = [(row["sha256"], crop) for row in rows for crop in cut_crops(row["bytes"], row["boxes"])]
        return pa.table({"sha256": [sha for sha, _ in made], "jpeg": pa.array([crop for _, crop in made], pa.binary())})

    def run() -> int:
        out = inputs.output()
        photos = ray.data.read_parquet(inputs.parquet)
        photos.map_batches(crops, batch_size=4, batch_format="pyarrow").write_parquet(str(out))
        return count_rows(out)

    return run


def _origin(inputs: Inputs) -> Run:
    import pandas as pd
    from fugue import transform
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master(f"local[{inputs.cores}]").config("spark.ui.enabled", "false")
    spark = builder.config("spark.log.level", "ERROR").getOrCreate()
    boxes = pd.read_parquet(inputs.boxes)

    def save_crops(rows: Iterable[dict[str, Any]], folder: str) -> Iterator[dict[str, Any]]:
        for row in rows:
            to = Path(folder) / f"{row['crop']}.jpg"
            save_box(Path(row["ImgUrl"]), row, to)
            yield {"saved": str(to)}

    def run() -> int:
        out = inputs.output()
        saved = transform(
            boxes, save_crops, schema="saved:str", params={"folder": str(out)}, engine=spark,
            partition={"num": inputs.cores * 4}, as_local=True,
        )  # fmt: skip
        return len(saved)

    return run


def _pillow(inputs: Inputs) -> Run:
    from concurrent.futures import ThreadPoolExecutor

    import pyarrow.parquet as pq

    rows = pq.read_table(inputs.boxes).to_pylist()

    def run() -> int:
        out = inputs.output()
        with ThreadPoolExecutor(inputs.cores) as pool:
            jobs = [pool.submit(save_box, Path(row["ImgUrl"]), row, out / f"{row['crop']}.jpg") for row in rows]
        return sum(job.result() is None for job in jobs)

    return run


CASES = (
    Case("bare", "bare kernel", _bare),
    Case("embedded", "Facings, embedded", _ours("embedded")),
    Case("spark", "Facings on Spark", _ours("spark")),
    Case("dask", "Facings on Dask", _ours("dask")),
    Case("ray", "Facings on Ray", _ours("ray")),
    Case("daft", "Daft, same kernel", _daft),
    Case("ray-data", "Ray Data, same kernel", _ray_data),
    Case("pillow", "Pillow a box, threads", _pillow, few=True),
    Case("origin", "Pillow a box, Fugue on Spark", _origin, few=True),
)


def count_rows(folder: Path) -> int:
    """Rows of the Parquet files below a folder, from their footers."""
    import pyarrow.parquet as pq

    return sum(pq.ParquetFile(path).metadata.num_rows for path in folder.rglob("*.parquet"))
