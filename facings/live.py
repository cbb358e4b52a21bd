"""The demo, live: simulated devices that send to Kafka, with the photos of the lake's story or a few new ones."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Mapping
from datetime import datetime
from types import FrameType
from typing import Any

from demo.generate import generate
from demo.live import Pace, Progress, ensure_topic, send
from demo.script import Album, messages, read_album, tiny_album
from facings.console import say
from facings.story import DemoError
from lake import Lake

PARTITIONS = 4
_HOURS, _STORES = 6, 3  # of the photos that are drawn where there is no story


def run_live(
    album: Album,
    connection: Mapping[str, Any],
    pace: Pace,
    *,
    topic: str,
    seed: int,
    name: str,
    resent: float,
    bad: float,
    seconds: float | None,
    events: int | None,
    clock: Callable[[], datetime],
    progress: Progress,
) -> dict[str, Any]:
    """What was sent, and what of it must be found again; SIGTERM or Ctrl-C ends it in order.

    `name` is part of every capture's id. Raises SendFailed.
    """
    ended: list[int] = []
    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # a broker that is away is in the report, not on the screen

    def end(number: int, frame: FrameType | None) -> None:
        ended.append(number)

    ensure_topic(connection, topic, PARTITIONS)
    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    source = messages(album, seed=seed, name=name, resent=resent, bad=bad, now=clock)
    try:
        report = send(
            source,
            connection,
            topic,
            pace,
            seconds=seconds,
            events=events,
            progress=progress,
            stopped=lambda: bool(ended),
        )
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    told = dict(vars(report))
    truth = vars(told.pop("truth"))
    return {**told, **truth, "refused": dict(sorted(truth["refused"].items())), "name": name}


def story_album(lake: Lake, seed: int, until: datetime, progress: Progress) -> Album:
    """The devices of the lake's own story; where it has none, of a small one drawn beside its tables.

    Raises DemoError on an object store.
    """
    if lake.storage.local is None:
        raise DemoError(f"the demo reads photos beside its lake: {lake.storage.root} is not a local folder")
    for folder in (lake.storage.local / "demo", lake.storage.local / "live"):
        if (folder / "truth.json").exists():
            return read_album(folder)
    folder = lake.storage.local / "live"
    say(f"drawing photos for {_STORES} stores into {folder}")
    generate(folder, seed=seed, until=until, hours=_HOURS, stores=_STORES, progress=progress)
    return read_album(folder)


__all__ = ["Pace", "run_live", "story_album", "tiny_album"]
