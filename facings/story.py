"""The demo: simulated stores told round by round, as a lake would have lived through them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from batch.engines.base import Progress
from demo.generate import generate
from facings.console import say
from facings.jobs import run_ingest, run_rebuild
from facings.settings import Settings
from lake import FacingsError, Lake


class DemoError(FacingsError):
    """The demo can't be told into this lake: choose another folder."""


def run_demo(
    lake: Lake,
    settings: Settings,
    *,
    seed: int,
    until: datetime,
    hours: int,
    stores: int,
    steps: int,
    progress: Progress,
) -> dict[str, Any]:
    """Generates the stores beside the lake's tables and takes them in, in `steps` rounds of ingest and rebuild.

    Each round runs on the simulated clock of its end, so that ages and latencies are those of the story. A story that
    was interrupted is told to its end.
    Raises DemoError on an object store, or where the lake already holds something else.
    """
    began = time.monotonic()
    if lake.storage.local is None:
        raise DemoError(f"the demo writes photos beside its lake: {lake.storage.root} is not a local folder")
    folder = lake.storage.local / "demo"
    begun = folder / "begun.json"
    if lake.count("master/captures") and not begun.exists():
        raise DemoError(f"{lake.storage.root} holds captures that are not the demo's: choose another folder")
    if (folder / "told.json").exists():
        return {
            **json.loads((folder / "told.json").read_text()),
            "note": "told before; remove the lake to tell it anew",
        }
    if begun.exists():  # the same story to its end, not another one on top of it
        kept = json.loads(begun.read_text())
        seed, hours, stores, steps = (kept[name] for name in ("seed", "hours", "stores", "steps"))
        until = datetime.fromisoformat(kept["until"])
        say(f"going on with the story that was begun, until {until:%Y-%m-%d %H:%M} UTC")
    else:
        folder.mkdir(parents=True, exist_ok=True)
        told = {"seed": seed, "until": until.isoformat(), "hours": hours, "stores": stores, "steps": steps}
        begun.write_text(json.dumps(told))
    say(f"1/2 drawing {stores} stores over {hours} hours into {folder}")
    generate(folder, seed=seed, until=until, hours=hours, stores=stores, progress=progress)
    say(f"2/2 taking them in, in {steps} rounds of ingest and rebuild")
    totals = {"rows_in": 0, "ok": 0, "skipped": 0, "rejected": 0}
    for number, (end, events) in enumerate(_rounds(folder, until, hours, steps), 1):
        now = lambda end=end: end  # noqa: E731  # the simulated clock of this round
        run_id = f"demo-{end:%Y%m%dT%H%M%S}"
        taken = run_ingest(
            lake, [str(events)], settings, now, run_id, _prefixed(progress, f"round {number} "), form="events"
        )
        run_rebuild(lake, [], settings, now, run_id, _prefixed(progress, f"round {number} "))
        for name in totals:
            totals[name] += getattr(taken, name)
    report = {
        "lake": lake.storage.root,
        "until": until.isoformat(),
        "captures": lake.count("master/captures"),
        "images": lake.count("master/images"),
        "crops": lake.count("views/crops"),
        "visits": lake.count("views/visits"),
        **totals,
        "seconds": round(time.monotonic() - began, 1),
    }
    (folder / "told.json").write_text(json.dumps(report))
    return report


def _rounds(folder: Path, until: datetime, hours: int, steps: int) -> Iterator[tuple[datetime, Path]]:
    """Yields (end, events received up to then) of each round, in a file beside the photos."""
    begin = until - timedelta(hours=hours)
    ends = [begin + timedelta(hours=hours * (step + 1) / steps) for step in range(steps)]
    lines = (folder / "events.jsonl").read_bytes().splitlines(keepends=True)
    done, last = 0, begin
    for number, end in enumerate(ends, 1):
        start = done
        while done < len(lines) and (number == steps or (last := _received(lines[done], last)) <= end):
            done += 1
        path = folder / f"round-{number:02d}.jsonl"
        path.write_bytes(b"".join(lines[start:done]))
        yield end, path


def _received(line: bytes, last: datetime) -> datetime:
    # A hostile line may not parse: it came in with its neighbours.
    try:
        return datetime.fromisoformat(json.loads(line)["received_at"])
    except (ValueError, KeyError, TypeError):
        return last


def _prefixed(progress: Progress, prefix: str) -> Progress:
    return lambda step, done, total: progress(prefix + step, done, total)
