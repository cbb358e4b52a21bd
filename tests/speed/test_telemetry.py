"""What a service says of itself: metrics that Prometheus parses, health, and a dashboard that names nothing else."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from speed.errors import SpeedError
from speed.telemetry import Endpoint, Telemetry

DASHBOARD = Path(__file__).parents[2] / "docs" / "grafana" / "services.json"


class Health:
    wrong: str | None = None

    def __call__(self) -> str | None:
        return self.wrong


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry("score")


@pytest.fixture
def endpoint(telemetry: Telemetry, health: Health) -> Iterator[Endpoint]:
    served = Endpoint(telemetry, health, "127.0.0.1", 0)
    yield served
    served.close()


def _get(endpoint: Endpoint, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{endpoint.port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_metrics_are_what_was_counted(telemetry, endpoint):
    telemetry.events.inc(7)
    telemetry.latency_seconds.observe(0.2)
    telemetry.set_lag({0: 3, 2: 4})
    telemetry.set_lag({2: 5})
    status, text = _get(endpoint, "/metrics")
    samples = {
        (sample.name, sample.labels.get("partition")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert status == 200
    assert samples["facings_events_total", None] == 7
    assert samples["facings_latency_seconds_count", None] == 1
    assert samples["facings_lag_events", "2"] == 5
    assert ("facings_lag_events", "0") not in samples


def test_health_says_what_is_wrong(endpoint, health):
    assert _get(endpoint, "/healthz")[0] == 200
    health.wrong = "no poll came back for 61 s"
    status, text = _get(endpoint, "/healthz")
    assert status == 503
    assert json.loads(text) == {"ok": False, "detail": health.wrong}
    assert _get(endpoint, "/elsewhere")[0] == 404


def test_a_port_that_is_taken_is_named(telemetry, health, endpoint):
    with pytest.raises(SpeedError, match=str(endpoint.port)):
        Endpoint(telemetry, health, "127.0.0.1", endpoint.port)


def test_the_dashboard_shows_metrics_that_there_are(telemetry):
    telemetry.set_lag({0: 1})
    known = {sample.name for family in telemetry.registry.collect() for sample in family.samples}
    text = DASHBOARD.read_text("utf-8")
    named = set(re.findall(r"\b(?:facings|process)_[a-z_]+\b", text))
    assert named
    assert named <= known
    panels = json.loads(text)["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
