"""OpenLineage events: to a file and to a real endpoint; an endpoint that is dead, slow or angry fails no run."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from batch.openlineage import COMPLETE, FAIL, START, Emitter, run_event
from facings.jobs import run_rebuild
from facings.settings import Settings
from tests.batch.build import Clock, lake_at, photo, put_boxes, put_image, run

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LAKE = "file:///srv/lake"


@pytest.fixture(scope="module")
def row(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    lake = lake_at(tmp_path_factory.mktemp("lake") / "lake")
    put_boxes(lake, put_image(lake, photo(1)), "cola", "milk")
    run(lake, "crops", clock=Clock(1), run_id="the-run")
    (found,) = lake.read("runs").to_pylist()
    return dict(found)


def test_an_event_names_inputs_and_outputs_with_their_versions(row: dict[str, Any]) -> None:
    event = run_event(row, COMPLETE, NOW, lake=LAKE)
    assert (event["eventType"], event["eventTime"]) == ("COMPLETE", "2026-03-01T12:00:00+00:00")
    assert {d["name"]: d["facets"]["version"]["datasetVersion"] for d in event["inputs"]} == {
        "master/images": "1",
        "master/annotations": "1",
    }
    (output,) = event["outputs"]
    assert (output["namespace"], output["name"]) == (LAKE, "views/crops")
    assert output["facets"]["version"]["datasetVersion"] == str(row["version"])
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 2
    assert {"name": "jpeg", "type": "binary"} in output["facets"]["schema"]["fields"]
    assert event["run"]["facets"]["facings_run"]["code"] == row["code"]
    assert "FROM annotations" in event["job"]["facets"]["sql"]["query"]
    facets = [*event["run"]["facets"].values(), *event["job"]["facets"].values(), *output["facets"].values()]
    assert all({"_producer", "_schemaURL"} <= set(facet) for facet in facets)


def test_the_events_of_one_step_share_a_run_that_is_a_uuid(row: dict[str, Any]) -> None:
    begun = run_event({name: row[name] for name in ("run_id", "step")}, START, NOW, lake=LAKE)
    ended = run_event(row, COMPLETE, NOW, lake=LAKE)
    other = run_event({**row, "step": "quality"}, COMPLETE, NOW, lake=LAKE)
    assert UUID(begun["run"]["runId"]) == UUID(ended["run"]["runId"]) != UUID(other["run"]["runId"])
    failed = run_event({**row, "detail": "disk full"}, FAIL, NOW, lake=LAKE)
    assert failed["run"]["facets"]["errorMessage"]["message"] == "disk full"


def test_a_file_gets_a_line_an_event(row: dict[str, Any], tmp_path: Path) -> None:
    emit = Emitter(str(tmp_path / "events.jsonl"), lake=LAKE)
    assert emit(row, START, NOW)
    assert emit(row, COMPLETE, NOW)
    lines = (tmp_path / "events.jsonl").read_text().splitlines()
    assert [json.loads(line)["eventType"] for line in lines] == ["START", "COMPLETE"]


class _Endpoint(BaseHTTPRequestHandler):
    status, wait_s = 201, 0.0
    received: list[dict[str, Any]] = []  # noqa: RUF012  # one endpoint a test

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.received.append(json.loads(body))
        threading.Event().wait(self.wait_s)
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[tuple[str, type[_Endpoint]]]:
    handler = type("Handler", (_Endpoint,), {"received": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/api/v1/lineage", handler
    server.shutdown()
    server.server_close()


def test_an_endpoint_gets_them(row: dict[str, Any], endpoint: tuple[str, type[_Endpoint]]) -> None:
    url, handler = endpoint
    assert Emitter(url, lake=LAKE)(row, COMPLETE, NOW)
    assert [event["job"]["name"] for event in handler.received] == ["crops"]


def test_an_endpoint_that_refuses_or_hangs_fails_nothing(
    row: dict[str, Any], endpoint: tuple[str, type[_Endpoint]], caplog: pytest.LogCaptureFixture
) -> None:
    url, handler = endpoint
    handler.status = 500
    emit = Emitter(url, lake=LAKE)
    assert [emit(row, START, NOW), emit(row, COMPLETE, NOW)] == [False, False]
    assert len(handler.received) == 1  # after the first failure it stays silent
    assert len(caplog.records) == 1
    handler.status, handler.wait_s = 201, 30.0
    began = time.monotonic()
    assert not Emitter(url, lake=LAKE, timeout_s=0.3)(row, START, NOW)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("target", ["http://127.0.0.1:1/nobody", "no/such/folder/events.jsonl", "http://[::bad"])
def test_a_target_that_is_not_there_fails_nothing(row: dict[str, Any], target: str) -> None:
    assert not Emitter(target, lake=LAKE)(row, START, NOW)


def test_a_run_is_told_whole_by_its_settings(tmp_path: Path) -> None:
    lake = lake_at(tmp_path / "lake")
    put_boxes(lake, put_image(lake, photo(1)), "cola")
    target = tmp_path / "events.jsonl"
    run_rebuild(lake, ["crops"], Settings(openlineage=str(target)), Clock(1), "told", lambda step, done, total: None)
    events = [json.loads(line) for line in target.read_text().splitlines()]
    assert [(event["eventType"], event["job"]["name"]) for event in events] == [
        ("START", "crops"),
        ("COMPLETE", "crops"),
    ]
    nowhere = Settings(openlineage="http://127.0.0.1:1/nobody")
    run_rebuild(lake, ["crops"], nowhere, Clock(1), "untold", lambda step, done, total: None)
