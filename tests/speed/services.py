"""The services run in this process, to the end of their topic: what a test does when no process has to die."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from demo.broker import Broker
from imaging.header import DEFAULT_LIMITS
from imaging.model import Model
from intake.content import Loader
from intake.places import Places
from intake.settings import IngestSettings
from lake import Lake
from speed import archive, score
from speed.connection import Connection
from speed.dead_letters import DeadLetters
from speed.run import Consumption, Plan
from speed.sampling import Rate
from speed.service import Pace, Report
from speed.telemetry import Telemetry
from tests.speed.stream import LATE_AFTER_S, Clock


def connection(broker: Broker, user: str | None = None) -> Connection:
    """How to reach a test's broker."""
    options = broker.client_options(user)
    return Connection(
        tuple(options["bootstrap_servers"]),
        options["security_protocol"],
        options.get("ssl_cafile"),
        mechanism=options.get("sasl_mechanism", "SCRAM-SHA-256"),
        username=options.get("sasl_plain_username"),
        password=options.get("sasl_plain_password"),
    )


def consume(
    kind: str,
    broker: Broker,
    topic: str,
    lake: Lake,
    *,
    rate: float = 1.0,
    folders: tuple[Path, ...] = (),
    stop: threading.Event | None = None,
    **plan: Any,
) -> Report:
    """Runs `archive` or `score` until the topic is caught up, or until `stop`."""
    linger_s = plan.pop("linger_s", 0.05)
    given = {"until_caught_up": stop is None, "session_timeout_s": 6.0, **plan}
    letters = DeadLetters(connection(broker), f"{topic}.dead-letters")
    with Loader(IngestSettings(threads=1)) as loader:
        places = Places(folders)
        sink: archive.Archive | score.Score
        if kind == "archive":
            given["dead_letter_topic"] = f"{topic}.dead-letters"
            sink = archive.Archive(
                lake, loader, places, letters, Clock(), max_inline_bytes=1 << 20, flush_bytes=32 << 20
            )
            table = archive.TABLE
        else:
            sink = score.Score(
                lake,
                loader,
                places,
                Model.load(),
                DEFAULT_LIMITS,
                Clock(),
                rate=Rate(rate),
                late_after_s=LATE_AFTER_S,
                max_inline_bytes=1 << 20,
                threads=1,
            )
            table = score.TABLE
        chosen = Plan(topic, f"{kind}-{topic}", Pace(linger_s, 1 << 20), **given)
        try:
            telemetry, until = Telemetry(kind), stop or threading.Event()
            return Consumption(lake, connection(broker), chosen, table, sink, telemetry, until, _die).run()
        finally:
            letters.close()
            if isinstance(sink, score.Score):
                sink.close()


def _die(why: str) -> None:
    raise AssertionError(f"stuck: {why}")
