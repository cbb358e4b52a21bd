"""Every setting of Facings, with its default: the only module that is handed the environment.

Nothing else reads it: the command line loads `Settings` once and passes values on as arguments.
"""

from __future__ import annotations

import difflib
import ipaddress
import math
import os
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, TypeVar

from lake.errors import FacingsError

T = TypeVar("T")
PREFIX = "FACINGS_"
SUBSAMPLINGS = ("444", "422", "420")
# Variables of the clouds' own that reach a lake on an object store: docs/object-storage.md.
STORAGE = re.compile(r"(?:AWS|GOOGLE|AZURE)_[A-Z0-9_]+")


class SettingsError(FacingsError):
    """The environment holds a setting that can't be used: correct or unset it."""


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError("must be 1 or more")
    return value


def _quality(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 100:
        raise ValueError("must be between 1 and 100")
    return value


def _positive(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and value > 0):
        raise ValueError("must be above 0")
    return value


def _rate(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and value >= 0):
        raise ValueError("must be 0 or more")
    return value


def _probability(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise ValueError("must be between 0 and 1")
    return value


def _instant(text: str) -> datetime:
    value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        raise ValueError("must end in Z or an offset such as +02:00")
    return value.astimezone(UTC)


def _hosts(text: str) -> tuple[str, ...]:
    hosts = tuple(part.strip().lower() for part in text.split(",") if part.strip())
    for host in hosts:
        if any(char.isspace() for char in host):
            raise ValueError(f"{host!r} is not a host name or an address")
        if "/" in host:
            ipaddress.ip_network(host)  # says itself what is wrong
    return hosts


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    pairs = [word.partition("=") for word in shlex.split(text)]
    for name, equals, _ in pairs:
        if not (name and equals):
            raise ValueError(f"{name!r} is not NAME=VALUE")
    return tuple((name, value) for name, _, value in pairs)


def _subsampling(text: str) -> str:
    if text not in SUBSAMPLINGS:
        raise ValueError(f"must be one of {', '.join(SUBSAMPLINGS)}")
    return text


def _setting(default: T, parse: Callable[[str], T], example: str, about: str) -> T:
    return field(default=default, metadata={"parse": parse, "example": example, "about": about})


@dataclass(frozen=True)
class Settings:
    """Every setting. Each is read from FACINGS_ and its name in capitals; a command's option goes before it."""

    lake: str | None = _setting(None, str, ".facings/demo", "Path or URI of the lake, where `--lake` doesn't say.")
    now: datetime | None = _setting(
        None, _instant, "2026-03-01T12:00:00Z", "A fixed clock, RFC 3339, for reproducible runs; unset, the real one."
    )
    threads: int | None = _setting(
        None, _count, "2", "Threads, or processes, of an engine on this machine; unset, one a core."
    )
    cluster: str | None = _setting(
        None,
        str,
        "spark://head:7077",
        "Where the engine's cluster is: a Spark master, a Dask scheduler (tcp://…), a Ray head; unset, this machine.",
    )
    spark_conf: tuple[tuple[str, str], ...] = _setting(
        (),
        _pairs,
        "spark.executor.memory=4g spark.executor.cores=2",
        "Spark settings of your own, where the session is not spark-submit's.",
    )
    max_bytes: int = _setting(64 * 2**20, _count, "33554432", "A photo of more bytes is refused.")
    max_pixels: int = _setting(64_000_000, _count, "20000000", "A photo whose header announces more pixels is refused.")
    allow_hosts: tuple[str, ...] = _setting(
        (),
        _hosts,
        "photos.internal,10.0.0.7",
        "Hosts or networks (10.0.0.0/24) inside private networks that photos may be fetched from.",
    )
    fetch_connect_s: float = _setting(5.0, _positive, "2", "Seconds to wait for a connection to a photo's server.")
    fetch_total_s: float = _setting(30.0, _positive, "60", "Seconds that one photo may take to arrive, all told.")
    fetch_concurrency: int = _setting(8, _count, "16", "Photos fetched at the same time.")
    cost_per_core_hour: float | None = _setting(
        None, _rate, "0.05", "Price of a core for an hour, in your currency; unset, runs carry no cost."
    )
    model: str | None = _setting(
        None, str, "/etc/facings/model.json", "File of the quality model, from `facings train`; unset, the shipped one."
    )
    trust_threshold: float = _setting(
        0.5, _probability, "0.7", "A capture counts as trusted from this probability of being good (`p_good`) on."
    )
    late_after_s: float = _setting(
        900.0, _positive, "3600", "A capture received later than this after it was taken is late."
    )
    visit_gap_s: float = _setting(
        120.0, _positive, "300", "Without door events, a pause between captures longer than this starts a new visit."
    )
    repeat_window_s: float = _setting(
        300.0, _positive, "60", "A capture repeats one of the same device that shows the same, taken up to this before."
    )
    camera_days: int = _setting(28, _count, "14", "Days of its own history that a device's normal is made of.")
    camera_captures: int = _setting(
        10, _count, "30", "A device with fewer captures than this on those days has no normal of its own yet."
    )
    camera_deviations: float = _setting(
        4.0, _positive, "6", "A device drifts when a day lies further from its normal than this many robust deviations."
    )
    crop_quality: int = _setting(90, _quality, "85", "JPEG quality of crops, 1 to 100. Part of the view's parameters.")
    crop_subsampling: str = _setting(
        "420", _subsampling, "444", "Chroma subsampling of crops: 444, 422 or 420. Part of the view's parameters."
    )
    openlineage: str | None = _setting(
        None,
        str,
        "http://marquez:5000/api/v1/lineage",
        "File or endpoint that gets OpenLineage events of every ingest and rebuild.",
    )
    pipeline: str | None = _setting(None, str, "nightly.toml", "The pipeline of `facings run`; unset, the default one.")
    rules: str | None = _setting(
        None, str, "rules.toml", "Rules of `facings expect` on top of those that come with Facings."
    )
    notify: tuple[str, ...] = _setting(
        (),
        _words,
        "https://hooks.example.com/T0/B0 mailto:ops@example.com",
        "Whom `facings run` tells of failure and recovery: webhooks in Slack's form, `mailto:`; spaces between.",
    )
    smtp: str | None = _setting(
        None, str, "smtps://user:password@mail.example.com:465?from=facings@example.com", "Mail server for `mailto:`."
    )
    run_id: str | None = _setting(
        None, str, "20260301T120000-a1b2c3/rebuild", "Name of the run in `runs`; `facings run` sets it for its steps."
    )
    kafka_brokers: str | None = _setting(
        None,
        str,
        "localhost:9092",
        "Kafka brokers to begin with, HOST:PORT with commas, where `--brokers` doesn't say.",
    )
    kafka_username: str | None = _setting(None, str, "facings", "User that logs in to Kafka.")
    kafka_password: str | None = _setting(
        None, str, "from-a-secret", "That user's password; there is no option for it, which others could see."
    )
    max_inline_bytes: int = _setting(
        2**20, _count, "262144", "A photo of more bytes that comes inside its event is refused."
    )
    buffer_bytes: int = _setting(
        64 * 2**20, _count, "16777216", "Bytes of events that a service holds; above, it pauses fetching."
    )
    session_timeout_s: float = _setting(
        45.0, _positive, "10", "Seconds without a heartbeat after which Kafka gives a member's partitions to others."
    )
    drain_s: float = _setting(8.0, _positive, "4", "Seconds that a stop waits for the batch under way.")
    stuck_after_s: float = _setting(
        300.0, _positive, "60", "Seconds that one batch may take before the watchdog ends the service."
    )


def env_name(setting: Field[Any]) -> str:
    """Name of the environment variable of a field of `Settings`."""
    return PREFIX + setting.name.upper()


def load(environ: Mapping[str, str]) -> Settings:
    """Settings out of `environ`; an empty value counts as unset.

    Raises SettingsError naming every value that can't be used and every FACINGS_ name that is none.
    """
    known = {env_name(setting): setting for setting in fields(Settings)}
    values: dict[str, Any] = {}
    problems: list[str] = []
    for name, text in sorted(environ.items()):
        if not name.startswith(PREFIX) or not text.strip():
            continue
        setting = known.get(name)
        if setting is None:
            near = difflib.get_close_matches(name, known, n=1)
            remedy = f"did you mean {near[0]}?" if near else "unset it; docs/settings.md lists what there is"
            problems.append(f"{name} is not a setting: {remedy}")
            continue
        try:
            values[setting.name] = setting.metadata["parse"](text.strip())
        except ValueError as error:
            example = setting.metadata["example"]
            problems.append(f"{name} is {text!r}: {error}; set it like {name}={example}, or unset it")
    if problems:
        raise SettingsError("\n".join(problems))
    return Settings(**values)


def from_environment() -> Settings:
    """Settings of this process. Raises SettingsError."""
    return load(os.environ)


def storage_options(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Options of an object store: the clouds' own variables (AWS_…, GOOGLE_…, AZURE_…), as far as they are set."""
    return {name: text for name, text in environ.items() if STORAGE.fullmatch(name) and text.strip()}


def environment(**settings: str) -> dict[str, str]:
    """Variables for a child process: this process's own, and `settings` by their names in `Settings`."""
    return {**os.environ, **{PREFIX + name.upper(): value for name, value in settings.items()}}


# Taken when a process begins. Arrow's own pool and an arena a thread keep far more than is in use (bench/README.md).
FRUGAL = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "2"}


def frugal(environ: Mapping[str, str] = os.environ) -> dict[str, str] | None:
    """The environment to begin a server anew with, or None where all of `FRUGAL` is set, to whatever."""
    return None if environ.keys() >= FRUGAL.keys() else {**FRUGAL, **environ}


def describe() -> str:
    """Every setting as a Markdown table: docs/settings.md."""
    rows = [
        f"| `{env_name(one)}` | {_shown(one.default)} | `{one.metadata['example']}` | {one.metadata['about']} |"
        for one in fields(Settings)
    ]
    return "\n".join(["| variable | default | example | what it is |", "|---|---|---|---|", *rows])


def _shown(default: object) -> str:
    return "unset" if default is None or default == () else f"`{default}`"
