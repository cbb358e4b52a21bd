"""Simulated stores on disk: `photos/STORE/DEVICE/CAPTURE_ID.jpg`, `events.jsonl` in order of receipt, and `truth.json`.

Each line of events.jsonl is an envelope {"received_at": …, "event": …} of a capture/v1, door_event/v1 or planogram/v1
event, but for a few hostile ones. `image_uri` is relative to the file. See demo/truth.py for truth.json, demo/cast.py
for who plays which part and what is left out in a small demo.

    python -m demo.generate --out DIR --seed 7 --until 2026-11-20T18:00:00Z
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from demo.cast import cast
from demo.delivery import Sent, capture_event, deliver, enclosed, mix_in, orders, photo_uri, stamp
from demo.draw import draw_all, shrunk
from demo.faults import bad_boxes, hostile, spread
from demo.stores import devices, odd_device, planogram
from demo.story import live, one_photo
from demo.truth import DemoTruth, tell


def generate(
    out: Path,
    *,
    seed: int = 7,
    until: datetime,
    hours: int = 48,
    stores: int = 6,
    coolers_per_store: int = 2,
    progress: Callable[[str, int, int], None] | None = None,
    workers: int = 2,
) -> DemoTruth:
    """The truth of the stores that it writes below `out`: the same bytes for the same arguments, whatever `workers` is.

    `progress` is called with ("drawing", photos done, photos in all). A folder `photos` already there is replaced.
    Raises ValueError where `until` has no zone, or `hours`, `stores` or `coolers_per_store` is below 1.
    """
    if until.tzinfo is None or hours < 1:
        raise ValueError(f"until {until} and {hours} hours: give a time with a zone, and at least one hour")
    until = until.astimezone(UTC).replace(microsecond=0)
    begin = until - timedelta(hours=hours)
    everyone = devices(seed, stores, coolers_per_store)
    parts = cast(everyone, begin, until)
    histories = spread([live(device, parts, begin, until, seed) for device in everyone], parts, seed)
    bad = bad_boxes(histories, parts, seed)
    histories.append(one_photo(odd_device(seed, len(everyone)), begin + (until - begin) * 0.6, seed))

    shutil.rmtree(out / "photos", ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    drawn = draw_all(orders(histories, out, seed), workers, progress)

    mail = deliver(histories, drawn, {name: box for name, (_, box) in bad.items()}, parts, begin, until, seed)
    for device in everyone:
        at = begin + timedelta(milliseconds=100 + device.index)
        mail.sent.append(Sent(at, enclosed(at, planogram(device, begin, stamp(begin)))))
    first = next(v for v in histories[0].visits if v.shots[-1].damage is None)
    sample = capture_event(first, first.shots[-1], drawn[first.shots[-1].capture_id], first.shots[-1].at)
    lines = hostile(sample)
    mix_in(mail, lines, begin, until, seed)

    for history in histories:  # what had not arrived is still on the device
        device = history.device
        for shot in (shot for visit in history.visits for shot in visit.shots if shot.capture_id in mail.in_transit):
            (out / photo_uri(device.store_id, device.device_id, shot.capture_id)).unlink()
    truth = tell(histories, drawn, mail, bad, lines, parts, (begin, until), seed)
    for copy, original in mail.copies.items():
        place = truth.captures[copy]["store_id"], truth.captures[copy]["device_id"]
        photo = (out / photo_uri(*place, original)).read_bytes()
        (out / photo_uri(*place, copy)).write_bytes(shrunk(photo) if copy in mail.shrunk else photo)
    (out / "events.jsonl").write_bytes(b"".join(each.line + b"\n" for each in mail.sorted()))
    truth.write(out / "truth.json")
    return truth


def main(arguments: Sequence[str] | None = None) -> int:
    """Generates the demo and prints a summary."""
    parser = argparse.ArgumentParser(prog="python -m demo.generate", description=generate.__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--until", type=datetime.fromisoformat, required=True, help="RFC 3339, e.g. 2026-11-20T18:00:00Z"
    )
    for name, default in (("seed", 7), ("hours", 48), ("stores", 6), ("coolers-per-store", 2), ("workers", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args(arguments)
    began = time.monotonic()
    truth = generate(**vars(options))
    told = {
        "captures": len(truth.captures),
        "outcomes": dict(Counter(each["outcome"] for each in truth.captures.values())),
        "late": sum(each["late"] for each in truth.hours),
        "visits": dict(Counter(each["kind"] for each in truth.visits)),
        "out_of_stock": truth.out_of_stock,
        "resent": truth.duplicates["resent"],
        "copies": list(truth.duplicates["copies"]),
        "rejects": truth.rejects,
        "unreadable": truth.unreadable,
        "blurred": truth.blurred,
        "dark": truth.dark,
        "misplaced": truth.misplaced,
        "open_door": truth.open_door,
        "late_store": truth.late_store,
        "hand_held": truth.hand_held,
        "in_transit": len(truth.in_transit),
        "seconds": round(time.monotonic() - began, 1),
    }
    sys.stdout.write(json.dumps(told, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
