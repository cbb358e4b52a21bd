"""A commit that arrived and whose answer was lost: nobody may take its files away, and it counts once."""

from __future__ import annotations

from lake import Lake
from tests.batch.build import Clock, put_capture, rows, run
from tests.storage.lossy import before
from tests.storage.server import Server
from tests.storage.test_lake_on_s3 import fill


def test_an_append_whose_answer_is_lost_is_there_once(server: Server, uri: str) -> None:
    with before(server.url) as lossy:
        lake = Lake.open(uri, create=True, options=server.options | {"AWS_ENDPOINT_URL": lossy.url})
        lossy.lose("/master/captures/_delta_log/")
        put_capture(lake, "c1", "a" * 64)
        put_capture(lake, "c1", "a" * 64)
        assert lossy.lost() == 1
        assert lake.read("master/captures", columns=["capture_id"])["capture_id"].to_pylist() == ["c1"]


def test_a_rebuild_whose_answer_is_lost_stands(server: Server, uri: str) -> None:
    with before(server.url) as lossy:
        lake = Lake.open(uri, create=True, options=server.options | {"AWS_ENDPOINT_URL": lossy.url})
        fill(lake, 0, 1)
        lossy.lose("/views/crops/_delta_log/")
        run(lake, "crops", clock=Clock(24))
        assert lossy.lost() == 1
        assert len(rows(lake, "crops")["views/crops"]) == 4
        assert {view.mode for view in run(lake, "crops", clock=Clock(48)).views} == {"current"}
