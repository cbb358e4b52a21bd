"""Settings turned into the arguments of the speed layer: what `facings archive`, `score` and `expire` run."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from batch.runs import append_run
from facings.console import Exit, say
from facings.consuming import Consume
from facings.jobs import ingest_settings, threads
from facings.options import run_id
from facings.settings import Settings, storage_options
from imaging.model import Model
from intake.content import Loader
from intake.objects import is_object
from intake.places import Places
from intake.settings import IngestSettings
from lake import FacingsError, Lake
from speed import archive, score
from speed.batch import Topic
from speed.connection import Connection
from speed.dead_letters import DeadLetters
from speed.expire import expire
from speed.run import Consumption, Plan
from speed.sampling import Rate
from speed.service import Pace, Report
from speed.telemetry import Telemetry
from speed.watchdog import Patience

log = logging.getLogger(__name__)
ARCHIVE_LINGER_S, SCORE_LINGER_S = 1.0, 0.05
_BATCH_BYTES = 16 << 20
_EXPIRE_END_S = 5.0


def run_archive(
    lake: Lake,
    given: Consume,
    settings: Settings,
    clock: Callable[[], datetime],
    stop: threading.Event,
    *,
    dead_letters: str | None = None,
) -> Report:
    """`facings archive` with the settings of this process, until `stop` is set."""
    letters_topic = dead_letters or f"{given.topic}.dead-letters"
    connection = _connection(given, settings)
    letters = DeadLetters(connection, letters_topic)
    with Loader(_intake(given, settings)) as loader:
        sink = archive.Archive(
            lake,
            loader,
            _places(given),
            letters,
            clock,
            max_inline_bytes=settings.max_inline_bytes,
            flush_bytes=_BATCH_BYTES * 2,
        )
        plan = _plan(given, settings, ARCHIVE_LINGER_S, letters_topic)
        parts = (lake, connection, plan, archive.TABLE, sink, Telemetry("archive"), stop, _die, _ready)
        with _recorded(lake, "archive", given, settings, clock) as record:
            report = record(Consumption(*parts).run())
        _leave_if_busy(report)
        letters.close()
    return report


def run_score(
    lake: Lake,
    given: Consume,
    settings: Settings,
    clock: Callable[[], datetime],
    stop: threading.Event,
    *,
    sample_rate: float,
    expire_every_s: float,
) -> Report:
    """`facings score` with the settings of this process, until `stop` is set."""
    telemetry = Telemetry("score")
    intake = _intake(given, settings)
    with Loader(intake) as loader:
        sink = score.Score(
            lake,
            loader,
            _places(given),
            Model.load(settings.model),
            intake.limits,
            clock,
            rate=Rate(sample_rate),
            late_after_s=settings.late_after_s,
            max_inline_bytes=settings.max_inline_bytes,
            threads=threads(settings),
        )
        sink.latencies_s = telemetry.latency_seconds.observe
        telemetry.rate.set_function(lambda: sink.rate.value)
        telemetry.capture_seconds.set_function(lambda: sink.rate.capture_s)
        plan = _plan(given, settings, SCORE_LINGER_S, None)
        parts = (lake, _connection(given, settings), plan, score.TABLE, sink, telemetry, stop, _die, _ready)
        with _expiring(lake, expire_every_s), _recorded(lake, "score", given, settings, clock) as record:
            report = record(Consumption(*parts).run())
        _leave_if_busy(report)
        sink.close()
    return report


@contextlib.contextmanager
def _expiring(lake: Lake, every_s: float) -> Iterator[None]:
    """While the block runs, takes covered rows away now and then, so that the realtime tables stay small."""
    done = threading.Event()

    def work() -> None:
        while not done.wait(every_s):
            try:
                expire(lake)
            except FacingsError as error:
                log.warning("expire, again in %g s: %s", every_s, error)

    worker = threading.Thread(target=work, name="facings-expire", daemon=True)
    if every_s:
        worker.start()
    try:
        yield
    finally:
        done.set()
        if every_s:
            worker.join(_EXPIRE_END_S)


@contextlib.contextmanager
def _recorded(
    lake: Lake, kind: str, given: Consume, settings: Settings, clock: Callable[[], datetime]
) -> Iterator[Callable[[Report], Report]]:
    """A row in `runs` when the service ends, whatever ends it but a kill; the block hands over its report."""
    reports: list[Report] = []

    def keep(report: Report) -> Report:
        reports.append(report)
        return report

    row: dict[str, Any] = {"run_id": run_id(settings), "step": kind, "mode": "stream", "started_at": clock()}
    row["parameters"] = json.dumps({"topic": given.topic, "group": given.group})
    try:
        yield keep
    except Exception as error:
        failed = {"status": "failed", "finished_at": clock(), "detail": f"{type(error).__name__}: {error}"[:500]}
        with contextlib.suppress(Exception):
            append_run(lake, {**row, **failed})
        raise
    for report in reports:
        figures = {f"rows_{name}": getattr(report, name) for name in ("ok", "skipped", "rejected")}
        rows_in = sum(figures.values())  # events, and boxes that were refused on their own
        ended = {"status": "ok", "finished_at": clock(), "seconds": report.seconds, "bytes_in": report.size_bytes}
        append_run(lake, {**row, **ended, **figures, "rows_in": rows_in})


def _connection(given: Consume, settings: Settings) -> Connection:
    def text(path: Path | None) -> str | None:
        return str(path) if path is not None else None

    return Connection(
        tuple(part.strip() for part in given.brokers.split(",") if part.strip()),
        given.security.upper(),
        text(given.ca_file),
        text(given.cert_file),
        text(given.key_file),
        given.mechanism.upper(),
        given.username or settings.kafka_username,
        settings.kafka_password,
    )


def _plan(given: Consume, settings: Settings, linger_s: float, dead_letter_topic: str | None) -> Plan:
    return Plan(
        given.topic,
        given.group,
        Pace(given.linger_s if given.linger_s is not None else linger_s, _BATCH_BYTES, settings.drain_s),
        given.instance_id,
        given.until_caught_up,
        given.accept_gap,
        settings.buffer_bytes,
        session_timeout_s=settings.session_timeout_s,
        patience=Patience(settings.stuck_after_s / 5, settings.stuck_after_s),
        metrics_host=given.metrics_host,
        metrics_port=given.metrics_port,
        dead_letter_topic=dead_letter_topic,
    )


def _places(given: Consume) -> Places:
    folders = tuple(Path(place).absolute() for place in given.photos or () if not is_object(place))
    return Places(folders, _buckets(given))


def _buckets(given: Consume) -> tuple[str, ...]:
    return tuple(place for place in given.photos or () if is_object(place))


def _intake(given: Consume, settings: Settings) -> IngestSettings:
    return replace(ingest_settings(settings), buckets=_buckets(given), store_options=storage_options())


def _ready(topic: Topic, port: int | None) -> None:
    say(f"reading topic {topic.name} ({topic.topic_id})" + (f", metrics on port {port}" if port is not None else ""))


def _die(why: str) -> None:
    say(f"facings: stuck: {why}; nothing that was committed is lost, start again")
    sys.stderr.flush()
    os._exit(Exit.FAILED)


def _leave_if_busy(report: Report) -> None:
    """Ends the process where a batch that was given up still holds a thread: it would be waited for."""
    if not report.drained:
        say("stopped; the batch that was given up is read again at the next start")
        sys.stderr.flush()
        os._exit(Exit.DONE)
