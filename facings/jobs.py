"""Settings turned into the arguments of the batch layer: what the commands and the demo both run."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

from batch.engines.base import Engine, Progress
from batch.engines.embedded import EmbeddedEngine
from batch.ingest import IngestReport, IngestSettings
from batch.ingest import ingest as ingest_sources
from batch.openlineage import Emitter, tell
from batch.rebuild import RebuildReport, RebuildSettings, rebuild
from facings.settings import Settings
from imaging.header import Limits
from lake import FacingsError, Lake

ENGINES = ("embedded", "spark", "dask", "ray")


class UnknownEngine(FacingsError):
    """The engine is not one of ours."""


def run_ingest(
    lake: Lake,
    sources: Sequence[str],
    settings: Settings,
    clock: Callable[[], datetime],
    run_id: str,
    progress: Progress,
    *,
    annotations: Path | None = None,
    form: str | None = None,
    store: str | None = None,
    device: str | None = None,
) -> IngestReport:
    """Ingest with the settings of this process."""
    with told(lake, settings, run_id):
        return ingest_sources(
            lake,
            sources,
            annotations=str(annotations) if annotations is not None else None,
            format=form,
            store_id=store,
            device_id=device,
            settings=ingest_settings(settings),
            clock=clock,
            progress=progress,
            run_id=run_id,
        )


def run_rebuild(
    lake: Lake,
    views: Sequence[str],
    settings: Settings,
    clock: Callable[[], datetime],
    run_id: str,
    progress: Progress,
    *,
    engine: str = "embedded",
    full: bool = False,
    as_of: str | None = None,
) -> RebuildReport:
    """Rebuild with the settings of this process. Raises UnknownEngine."""
    with told(lake, settings, run_id):
        return rebuild(
            lake,
            views,
            engine=make_engine(engine, settings),
            settings=rebuild_settings(settings),
            clock=clock,
            run_id=run_id,
            full=full,
            as_of=as_of,
            progress=progress,
        )


@contextlib.contextmanager
def told(lake: Lake, settings: Settings, run_id: str) -> Iterator[None]:
    """Tells OpenLineage of the run's steps when the block ends, however it ends; where the setting names a target."""
    try:
        yield
    finally:
        if settings.openlineage is not None:
            tell(lake, run_id, Emitter(settings.openlineage, lake=lake.storage.root))


def make_engine(name: str, settings: Settings) -> Engine:
    """The engine of a name. Raises UnknownEngine; SparkUnavailable and EngineUnavailable come when it is first used."""
    if name == "embedded":
        return EmbeddedEngine(threads=threads(settings))
    if name == "spark":
        from batch.engines.spark import SparkEngine
        from batch.engines.spark_session import open_session

        return SparkEngine(partial(open_session, settings.cluster, dict(settings.spark_conf), cores=threads(settings)))
    if name in ENGINES:
        from batch.engines.fugue import FugueEngine

        return FugueEngine(name, threads(settings), settings.cluster)
    raise UnknownEngine(f"engine {name!r}: there are {', '.join(ENGINES)}")


def spark_submit(
    views: Sequence[str], lake: str | None, *, master: str, executors: int, cores: int, dist: Path
) -> list[list[str]]:
    """The spark-submit command of a rebuild, an option with its value each. Sizes are those of docs/engines.md."""
    from batch.engines.spark_session import CONF, SESSION

    conf = {
        **SESSION,
        **{name: value for name, value in CONF.items() if not name.startswith("spark.ui.")},
        "spark.sql.shuffle.partitions": 2 * executors * cores,
        "spark.executor.instances": executors,
        "spark.executor.cores": cores,
        "spark.cores.max": executors * cores,
        "spark.executor.memory": f"{1024 + 512 * cores}m",
        "spark.executor.memoryOverhead": f"{600 * cores}m",
        "spark.executorEnv.PYTHONPATH": "facings_env",
        "spark.pyspark.python": "python3.11",
    }
    if master == "yarn":
        conf["spark.yarn.appMasterEnv.PYTHONPATH"] = "facings_env"
    elif master.startswith("k8s://"):
        conf["spark.kubernetes.driverEnv.PYTHONPATH"] = "facings_env"
    inside = master == "yarn" or master.startswith("k8s://")
    return [
        ["spark-submit"],
        ["--master", master],
        *([["--deploy-mode", "cluster"]] if inside else []),
        ["--py-files", f"{dist}/facings.zip"],
        ["--archives", f"{dist}/facings-env.tar.gz#facings_env"],
        *(["--conf", f"{name}={value}"] for name, value in conf.items()),
        [f"{dist}/rebuild.py", *views, "--lake", lake or "LAKE"],
    ]


def threads(settings: Settings) -> int:
    """Threads to map photos with: the setting, else one a core that this process may use."""
    return settings.threads or len(os.sched_getaffinity(0))


def ingest_settings(settings: Settings) -> IngestSettings:
    """What ingest needs to know."""
    return IngestSettings(
        limits=Limits(max_bytes=settings.max_bytes, max_pixels=settings.max_pixels),
        allow_hosts=settings.allow_hosts,
        connect_timeout_s=settings.fetch_connect_s,
        total_timeout_s=settings.fetch_total_s,
        concurrency=settings.fetch_concurrency,
        cost_per_core_hour=settings.cost_per_core_hour,
    )


def rebuild_settings(settings: Settings) -> RebuildSettings:
    """What a rebuild needs to know."""
    return RebuildSettings(
        crop_quality=settings.crop_quality,
        crop_subsampling=settings.crop_subsampling,
        max_bytes=settings.max_bytes,
        max_pixels=settings.max_pixels,
        model=settings.model,
        trust_threshold=settings.trust_threshold,
        late_after_s=settings.late_after_s,
        visit_gap_s=settings.visit_gap_s,
        repeat_window_s=settings.repeat_window_s,
        camera_days=settings.camera_days,
        camera_captures=settings.camera_captures,
        camera_deviations=settings.camera_deviations,
        cores=threads(settings),
        cost_per_core_hour=settings.cost_per_core_hour,
    )
