"""What goes wrong: damaged photos, and records that no contract allows."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from demo.cast import Cast
from demo.story import History
from schemas.reasons import Reason

# kind: (is it seen at ingest, before any decode?, its reason code)
DAMAGE: dict[str, tuple[bool, Reason]] = {
    "cut-header": (True, Reason.TRUNCATED),
    "empty": (True, Reason.EMPTY_FILE),
    "html": (True, Reason.UNSUPPORTED_FORMAT),
    "bomb": (True, Reason.TOO_MANY_PIXELS),
    "missing": (True, Reason.MISSING_FILE),
    "hash": (True, Reason.HASH_MISMATCH),
    "truncated": (False, Reason.TRUNCATED),
    "bit-rot": (False, Reason.UNDECODABLE),
}
_ORDER = ("truncated", "bit-rot", "empty", "html", "bomb", "missing", "dark", "cut-header", "hash", "bit-rot", "empty")
_PAGE = (
    b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n"
)


def damage(jpeg: bytes, kind: str, rng: np.random.Generator) -> bytes | None:
    """The file as it arrives; None where it never does. `kind` is a key of DAMAGE."""
    if kind == "missing":
        return None
    if kind == "empty":
        return b""
    if kind == "html":
        return _PAGE
    if kind == "bomb":
        return _bomb(13000)
    if kind == "hash":
        return jpeg
    scan = jpeg.index(b"\xff\xda")
    if kind == "cut-header":
        return jpeg[: scan // 2]
    if kind == "truncated":
        return jpeg[: scan + (len(jpeg) - scan) * 55 // 100]
    # Bit rot: the header is whole, and a stretch of the scan holds other bytes (no 0xff, so no marker appears).
    start = scan + (len(jpeg) - scan) // 3
    rot = rng.integers(0, 255, 4096, dtype=np.uint8).tobytes()
    return jpeg[:start] + rot + jpeg[start + len(rot) :]


def _bomb(side: int) -> bytes:
    """A PNG of a few hundred bytes that announces `side` x `side` pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(20_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def spread(histories: list[History], parts: Cast, seed: int) -> list[History]:
    """The histories with one fault of each kind in _ORDER, as far as there is room: each in another visit.

    Spared are the blurred camera, the late store, the hand-held device and every visit's last photo.
    """
    rng = np.random.default_rng([seed, 4])
    spared = {parts.blurred, parts.hand_held}
    places = [
        (h, v)
        for h, history in enumerate(histories)
        if history.device.device_id not in spared and history.device.store_id != parts.late_store
        for v in range(len(history.visits))
    ]
    chosen = [places[int(k)] for k in rng.permutation(len(places))]
    found = list(histories)
    for kind, (h, v) in zip(_ORDER, chosen, strict=False):
        visits = list(found[h].visits)
        shots = list(visits[v].shots)
        k = int(rng.integers(0, len(shots) - 1))
        shots[k] = replace(shots[k], dark=True) if kind == "dark" else replace(shots[k], damage=kind)
        visits[v] = replace(visits[v], shots=tuple(shots))
        found[h] = replace(found[h], visits=tuple(visits))
    return found


BAD_BOXES: tuple[tuple[Reason, dict[str, Any]], ...] = (
    (Reason.BOX_NOT_FINITE, {"label": "cola-330", "xmin": float("nan"), "xmax": 0.4, "ymin": 0.1, "ymax": 0.3}),
    (Reason.BOX_INVERTED, {"label": "cola-330", "xmin": 0.6, "xmax": 0.4, "ymin": 0.1, "ymax": 0.3}),
)


def bad_boxes(histories: list[History], parts: Cast, seed: int) -> dict[str, tuple[Reason, dict[str, Any]]]:
    """A bad box each for some sound captures, by capture id: the box is refused, the capture and its others are not."""
    sound = [
        shot.capture_id
        for history in histories
        for visit in history.visits
        for shot in visit.shots
        if shot.damage is None and not (shot.dark or shot.defocus_px) and history.device.store_id != parts.late_store
    ]
    chosen = np.random.default_rng([seed, 8]).permutation(len(sound))
    return {sound[int(k)]: bad for k, bad in zip(chosen, BAD_BOXES, strict=False)}


@dataclass(frozen=True)
class Hostile:
    """A line that is no good event: its bytes, or the event in its envelope, and the reason why it is refused."""

    name: str
    reason: Reason
    event: dict[str, Any] | None = None
    line: bytes | None = None


def hostile(sample: dict[str, Any]) -> list[Hostile]:
    """Lines made from a good capture event; none of them may leave a capture behind."""

    def made(name: str, reason: Reason, **changes: object) -> Hostile:
        event = {**sample, "capture_id": f"hostile-{name}", **changes}
        return Hostile(name, reason, {key: value for key, value in event.items() if value is not None})

    return [
        Hostile("cut-line", Reason.NOT_JSON, line=b'{"received_at": "2026-11-20T08:00:00Z", "event": {"schema": "capt'),
        Hostile("not-json", Reason.NOT_JSON, line=b"\x00\x01GET / HTTP/1.1"),
        made("unknown-version", Reason.UNKNOWN_SCHEMA, schema="capture/v9"),
        made("unknown-contract", Reason.UNKNOWN_SCHEMA, schema="temperature/v1"),
        made("missing-field", Reason.MISSING_FIELD, captured_at=None),
        made("bad-time", Reason.INVALID_FIELD, captured_at="yesterday"),
        made("metadata-url", Reason.FETCH_REFUSED, image_uri="http://169.254.169.254/latest/meta-data/", sha256=None),
        made("loopback-url", Reason.FETCH_REFUSED, image_uri="http://[::ffff:127.0.0.1]:8501/admin.jpg", sha256=None),
        made("traversal", Reason.FETCH_REFUSED, image_uri="../../etc/passwd", sha256=None),
    ]
