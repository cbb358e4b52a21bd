"""Photos drawn, damaged where the story says so, and written, by processes that keep their own coolers' sprites."""

from __future__ import annotations

import hashlib
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import simplejpeg

from demo.faults import DAMAGE, damage
from demo.optics import Camera
from demo.render import Box, render_shelf
from demo.story import Shot

_BATCH = 8  # photos a task: what progress is counted in
_SMALLEST = 0.006  # share of the photo; a package of which less is seen is not detected
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Order:
    """A photo to be drawn into `path`, with the device's camera."""

    shot: Shot
    camera: Camera
    kind: int  # coolers of one kind share sprites
    path: Path
    seed: tuple[int, ...]


@dataclass(frozen=True)
class Drawn:
    """What was drawn. `sha256` is what the device tells: of the file, None where the file is damaged. `boxes` are true
    ones; `detected` are what the device's detector saw, with its confidences, as events write them."""

    capture_id: str
    size_bytes: int
    sha256: str | None
    boxes: tuple[Box, ...]
    detected: tuple[dict[str, object], ...]


def draw_all(orders: Sequence[Order], workers: int, progress: Progress | None) -> dict[str, Drawn]:
    """What was drawn, by capture id. `workers` below 2 draws in this process; the files are the same either way."""
    batches: list[tuple[int, list[Order]]] = []
    for kind in sorted({order.kind for order in orders}):
        own = [order for order in orders if order.kind == kind]
        batches += [(kind, own[k : k + _BATCH]) for k in range(0, len(own), _BATCH)]
    found: dict[str, Drawn] = {}

    def take(drawn: list[Drawn]) -> None:
        found.update((each.capture_id, each) for each in drawn)
        if progress is not None:
            progress("drawing", len(found), len(orders))

    if workers < 2:
        for _, batch in batches:
            take(draw_batch(batch))
        return found
    # One process an executor, so that a kind of cooler always meets the process that has its sprites.
    context = multiprocessing.get_context("spawn")
    with ExitStack() as stack:
        pools = [stack.enter_context(ProcessPoolExecutor(1, mp_context=context)) for _ in range(workers)]
        futures: list[Future[list[Drawn]]] = [
            pools[kind % workers].submit(draw_batch, batch) for kind, batch in batches
        ]
        for future in as_completed(futures):
            take(future.result())
    return found


def draw_batch(orders: Sequence[Order]) -> list[Drawn]:
    """Draws and writes each photo; the work of one task."""
    cv2.setNumThreads(1)
    return [_draw(order) for order in orders]


def _draw(order: Order) -> Drawn:
    shot, rng = order.shot, np.random.default_rng([*order.seed, 6])
    camera = replace(order.camera, defocus_px=shot.defocus_px, exposure=0.07 if shot.dark else order.camera.exposure)
    drawn = render_shelf(shot.shelves, seed=int(rng.integers(1 << 31)), camera=camera)
    content: bytes | None = simplejpeg.encode_jpeg(drawn.rgb, quality=85, colorsubsampling="420")
    assert content is not None
    sha256: str | None = hashlib.sha256(content).hexdigest()
    if shot.damage is not None:
        # The hash of another photo, or none at all: a device that damages a file does not know its hash either.
        sha256 = hashlib.sha256(content + b"another").hexdigest() if shot.damage == "hash" else None
        content = damage(content, shot.damage, rng)
    if content is not None:
        order.path.parent.mkdir(parents=True, exist_ok=True)
        order.path.write_bytes(content)
    missed = float(rng.uniform(0.3, 0.6)) if shot.defocus_px else 0.7 if shot.dark else 0.004
    sure = (0.35, 0.72) if shot.defocus_px or shot.dark else (0.82, 0.99)
    detected = _detect(drawn.boxes, missed, sure, drawn.rgb.shape[1], drawn.rgb.shape[0], rng)
    return Drawn(shot.capture_id, len(content or b""), sha256, drawn.boxes, detected)


def _detect(
    boxes: Sequence[Box], missed: float, sure: tuple[float, float], width: int, height: int, rng: np.random.Generator
) -> tuple[dict[str, object], ...]:
    """The true boxes but for a share of `missed`, with corners up to 1.5 pixels off."""
    seen: list[dict[str, object]] = []
    for box in boxes:
        off = rng.uniform(-1.5, 1.5, 4)
        confidence = round(float(rng.uniform(*sure)), 3)
        sides = {
            "xmin": max(0.0, box.xmin + off[0] / width),
            "xmax": min(1.0, box.xmax + off[1] / width),
            "ymin": max(0.0, box.ymin + off[2] / height),
            "ymax": min(1.0, box.ymax + off[3] / height),
        }
        large = sides["xmax"] - sides["xmin"] > _SMALLEST and sides["ymax"] - sides["ymin"] > _SMALLEST
        if rng.random() >= missed and large:
            exact = {name: round(float(value), 5) for name, value in sides.items()}
            seen.append({"label": box.label, **exact, "confidence": confidence})
    return tuple(seen)


def shrunk(photo: bytes) -> bytes:
    """The photo at half its width and height, as JPEG of a lower quality: what a device sends to spare its network."""
    rgb = simplejpeg.decode_jpeg(photo)
    half = cv2.resize(rgb, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(half), quality=70, colorsubsampling="420"))


def outcome(shot: Shot) -> tuple[str, str | None]:
    """("accepted", None), or ("rejected" at ingest or "unreadable" at decode, the reason code)."""
    if shot.damage is None:
        return "accepted", None
    at_ingest, reason = DAMAGE[shot.damage]
    return ("rejected" if at_ingest else "unreadable"), reason.value
