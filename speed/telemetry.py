"""What a service says of itself: Prometheus metrics and health over HTTP, on loopback unless told otherwise."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.process_collector import ProcessCollector

from speed.errors import SpeedError

log = logging.getLogger(__name__)
_LATENCY_S = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 60, 300)
_BATCH_S = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)
_HEALTHY, _UNHEALTHY, _NOT_FOUND = 200, 503, 404


class Telemetry:
    """The metrics of one service. Safe to use from several threads."""

    def __init__(self, service: str) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)

        def counter(name: str, about: str) -> Counter:
            return Counter(f"facings_{name}", about, ["service"], registry=self.registry).labels(service)

        def gauge(name: str, about: str) -> Gauge:
            return Gauge(f"facings_{name}", about, ["service"], registry=self.registry).labels(service)

        def histogram(name: str, about: str, buckets: tuple[float, ...]) -> Histogram:
            made = Histogram(f"facings_{name}", about, ["service"], buckets=buckets, registry=self.registry)
            return made.labels(service)

        self.events = counter("events", "Events committed to the lake.")
        self.bytes = counter("bytes", "Bytes of those events.")
        self.rejected = counter("rejected", "Events and boxes that were refused.")
        self.sampled = counter("sampled", "Captures that were scored.")
        self.commits = counter("commits", "Batches committed.")
        self.fenced = counter("fenced", "Batches given up because another process had read on.")
        self.retries = counter("retries", "Batches tried again after an error that may pass.")
        self.rebalances = counter("rebalances", "Assignments of partitions.")
        self.rate = gauge("sample_rate", "Share of captures that is scored now.")
        self.capture_seconds = gauge("capture_seconds", "Seconds that fetching and scoring a capture takes here.")
        self.buffered = gauge("buffered_bytes", "Bytes of events in memory.")
        self.paused = gauge("paused", "1 while fetching is paused by backpressure.")
        self.lag = Gauge("facings_lag_events", "Events that wait.", ["service", "partition"], registry=self.registry)
        self.batch_seconds = histogram("batch_seconds", "From a batch's first step to its commit.", _BATCH_S)
        self.latency_seconds = histogram("latency_seconds", "From an event's Kafka timestamp to its row.", _LATENCY_S)
        self._service = service

    def set_lag(self, lag: Mapping[int, int]) -> None:
        """Events that wait, a partition; partitions that went away are dropped."""
        self.lag.clear()
        for partition, events in lag.items():
            self.lag.labels(self._service, str(partition)).set(events)


class Endpoint:
    """Serves /metrics and /healthz until closed. `health` gives what is wrong, None where all is well."""

    def __init__(self, telemetry: Telemetry, health: Callable[[], str | None], host: str, port: int):
        """Raises SpeedError where the port is taken. Port 0 takes a free one; `port` says which."""

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/metrics":
                    self._answer(_HEALTHY, CONTENT_TYPE_LATEST, generate_latest(telemetry.registry))
                elif self.path == "/healthz":
                    wrong = health()
                    body = json.dumps({"ok": wrong is None, "detail": wrong or "ok"}).encode()
                    self._answer(_HEALTHY if wrong is None else _UNHEALTHY, "application/json", body)
                else:
                    self._answer(_NOT_FOUND, "text/plain", b"there are /metrics and /healthz\n")

            def _answer(self, status: int, kind: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                log.debug(format, *args)

        try:
            self._server = ThreadingHTTPServer((host, port), Handler)
        except OSError as error:
            raise SpeedError(f"metrics can't be served at {host}:{port}: {error}; choose another port") from error
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, name="facings-metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends serving."""
        self._server.shutdown()
        self._server.server_close()
