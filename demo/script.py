"""What live devices send: the story again and again as of now, with seeded shares that are sent twice or make no sense.

Which event comes when is a function of album, seed and name; only times are those of the clock.
"""

from __future__ import annotations

import base64
import json
import random
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg

from demo.delivery import stamp
from demo.faults import hostile
from demo.stores import store_id

Event = dict[str, Any]
_LATEST = 200  # captures that a device may still send again


@dataclass(frozen=True)
class Scene:
    """One event of a device, without its times and names. `refused`: reason codes of what ingest refuses of it."""

    schema: str
    name: str  # capture_id or door_event_id in the story
    visit: str | None
    rest: bytes  # its other fields as JSON, without the opening brace
    refused: tuple[str, ...] = ()
    whole: bool = True  # does it become a capture, whatever of it is refused?


@dataclass(frozen=True)
class Album:
    """The scenes of each device, in the order in which it goes through them."""

    scenes: dict[str, tuple[Scene, ...]]
    sample: Event  # a good capture, to make bad ones of

    def __len__(self) -> int:
        return sum(len(scenes) for scenes in self.scenes.values())


@dataclass(frozen=True)
class Message:
    """One record for the topic."""

    key: bytes
    value: bytes
    kind: str  # "capture", "door", "resent" or "bad"
    refused: tuple[str, ...] = ()


@dataclass
class Truth:
    """What was sent, so that it can be compared: `captures` are those that master must hold once each."""

    captures: int = 0
    door_events: int = 0
    resent: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def add(self, message: Message) -> None:
        """Counts one more message."""
        self.captures += message.kind == "capture"
        self.door_events += message.kind == "door"
        self.resent += message.kind == "resent"
        self.refused.update(message.refused)


def read_album(folder: Path) -> Album:
    """The stores that demo/generate.py drew into `folder`, as file URIs. Raises FileNotFoundError where there are none.

    Scenes keep what is wrong with their photos; `refused` says what truth.json expects of that.
    """
    truth = json.loads((folder / "truth.json").read_text("utf-8"))
    refused: dict[str, list[str]] = {}
    for row in truth["rejected"]:
        refused.setdefault(row["capture_id"], []).append(row["reason"])
    found: list[tuple[str, str, Scene]] = []
    sample: Event = {}
    seen: set[tuple[str, str]] = set()
    for line in (folder / "events.jsonl").read_bytes().splitlines():
        try:
            event = json.loads(line)["event"]
        except (ValueError, KeyError, TypeError):
            continue
        name = event.get("capture_id") if event.get("schema") == "capture/v1" else event.get("door_event_id")
        key = name, event.get("kind")
        known = event.get("schema") == "door_event/v1" or name in truth["captures"]
        if not known or key in seen:
            continue
        seen.add(key)
        if "image_uri" in event:
            event["image_uri"] = (folder / event["image_uri"]).absolute().as_uri()
        outcome = truth["captures"].get(name, {}).get("outcome")
        if outcome == "accepted" and name not in refused:
            sample = sample or event
        scene = _scene(event, tuple(refused.get(name, ())), outcome != "rejected")
        found.append((event.get("captured_at") or event["at"], event["device_id"], scene))
    # In the order in which things happened: they arrived in another.
    return _album(((device, scene) for _, device, scene in sorted(found, key=lambda one: one[0])), sample)


def tiny_album(seed: int = 7, *, devices: int = 16, visits: int = 2) -> Album:
    """Devices whose photos are of 48 × 36 pixels and ride inline: events of about a kilobyte, for load.

    A visit is a door that opens, two photos, and a door that closes.
    """
    rng = np.random.default_rng([seed, 11])
    found: list[tuple[str, Scene]] = []
    sample: Event = {}
    for number in range(devices * visits):
        device = f"tiny-{number % devices:02d}"
        place = {"device_id": device, "store_id": store_id(number % devices % 4)}
        door: Event = {"schema": "door_event/v1", "door_event_id": f"door-{number}", **place, "kind": "open"}
        found.append((device, _scene(door, (), True)))
        for shot in range(2):
            blocks = rng.integers(0, 256, (6, 8, 3), np.uint8).repeat(6, axis=0).repeat(6, axis=1)
            jpeg = simplejpeg.encode_jpeg(np.ascontiguousarray(blocks), quality=60)
            event: Event = {
                "schema": "capture/v1",
                "capture_id": f"photo-{number}-{shot}",
                **place,
                "door_event_id": door["door_event_id"],
                "image_uri": f"tiny/{number}-{shot}.jpg",
                "image_bytes": base64.b64encode(jpeg).decode("ascii"),
            }
            sample = sample or event
            found.append((device, _scene(event, (), True)))
        found.append((device, _scene({**door, "kind": "close"}, (), True)))
    return _album(found, sample)


def messages(
    album: Album,
    *,
    seed: int,
    name: str,
    resent: float = 0.02,
    bad: float = 0.005,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Iterator[Message]:
    """Messages without end, each made at the moment it is asked for. `resent` and `bad` are shares of all.

    `name` is part of every id: another name gives other captures of the same photos.
    """
    rng = random.Random(seed)
    devices = list(album.scenes)
    turns = dict.fromkeys(devices, 0)
    latest: deque[Message] = deque(maxlen=_LATEST)
    sample = {key: value for key, value in album.sample.items() if key != "image_bytes"}  # their address is the fault
    wrong = hostile({**sample, "captured_at": stamp(now()), "capture_id": "sample"})
    while True:
        draw = rng.random()
        device = rng.choice(devices)
        if draw < bad:
            one = rng.choice(wrong)
            value = one.line if one.line is not None else json.dumps(one.event).encode()
            yield Message(device.encode(), value, "bad", (str(one.reason),))
            continue
        if draw < bad + resent and latest:
            message = rng.choice(latest)
            yield Message(message.key, message.value, "resent")
            continue
        lap, place = divmod(turns[device], len(album.scenes[device]))
        turns[device] += 1
        message = _message(album.scenes[device][place], device, f"{name}-{lap}", stamp(now()))
        if message.kind == "capture" and not message.refused:
            latest.append(message)
        yield message


def _album(found: Iterable[tuple[str, Scene]], sample: Event) -> Album:
    scenes: dict[str, list[Scene]] = {}
    for device, scene in found:
        scenes.setdefault(device, []).append(scene)
    return Album({device: tuple(own) for device, own in scenes.items()}, sample)


def _scene(event: Event, refused: tuple[str, ...], whole: bool) -> Scene:
    schema = event["schema"]
    name = event["capture_id"] if schema == "capture/v1" else event["door_event_id"]
    dropped = {"schema", "capture_id", "door_event_id", "captured_at", "sent_at", "at"}
    rest = {key: value for key, value in event.items() if key not in dropped}
    return Scene(schema, name, event.get("door_event_id"), json.dumps(rest).encode()[1:], refused, whole)


def _message(scene: Scene, device: str, lap: str, at: str) -> Message:
    # Only ids and times are new, so that thousands a second can be made: the rest is JSON already.
    if scene.schema == "door_event/v1":
        head = f'{{"schema": "door_event/v1", "door_event_id": "{scene.name}-{lap}", "at": "{at}", '
        return Message(device.encode(), head.encode() + scene.rest, "door")
    door = f'"door_event_id": "{scene.visit}-{lap}", ' if scene.visit else ""
    head = f'{{"schema": "capture/v1", "capture_id": "{scene.name}-{lap}", "captured_at": "{at}", "sent_at": "{at}", '
    kind = "capture" if scene.whole else "bad"
    return Message(device.encode(), (head + door).encode() + scene.rest, kind, scene.refused)
