"""The engines under test, each started once. Those of one kind run in one test process (xdist's groups)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from batch.engines.base import Engine
from tests.sparks import SMALL

ENGINES = ("spark", "dask", "ray")
WORKERS = 2


@pytest.fixture(scope="session", params=[pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in ENGINES])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An engine on processes of this machine."""
    if request.param == "spark":
        from functools import partial

        from batch.engines.spark import SparkEngine
        from batch.engines.spark_session import open_session

        yield SparkEngine(partial(open_session, None, SMALL, cores=WORKERS))
        open_session(None, {}, cores=WORKERS).stop()
        return
    from batch.engines.fugue import FugueEngine, dask_client

    if request.param == "dask":
        from distributed import LocalCluster

        with LocalCluster(n_workers=WORKERS, threads_per_worker=1, dashboard_address=":0") as cluster:
            yield FugueEngine("dask", WORKERS, cluster.scheduler_address)
            dask_client(WORKERS, cluster.scheduler_address).close()
        return
    import ray

    ray.init(num_cpus=WORKERS, include_dashboard=False, log_to_driver=False)
    yield FugueEngine("ray", WORKERS)
    ray.shutdown()
