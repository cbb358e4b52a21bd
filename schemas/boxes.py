"""Checks of one box: the same for an event, a table's row and every annotation format."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass

from schemas.events import Box, storable
from schemas.reasons import Reason

TOLERANCE = 1e-6  # rounding at the border, clamped
MAX_LABEL_CHARS = 200
SIDES = ("xmin", "xmax", "ymin", "ymax")


class BoxError(ValueError):
    """A box that was refused: `reason`, and a detail such as "xmax 0.21 < xmin 0.4"."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a box: why, in words that name the value and the place."""

    reason: Reason
    detail: str


def check_box(raw: Mapping[str, object], where: str) -> Box | Fault:
    """The box, clamped to 0..1, or what is wrong with it; `where` begins the message ("capture c-17: box 3")."""
    sides: list[float] = []
    for name in SIDES:
        if name not in raw:
            return Fault(Reason.MISSING_FIELD, f"{where} has no {name}; send all four of {', '.join(SIDES)}")
        value = raw[name]
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
            return Fault(Reason.INVALID_FIELD, f"{where} has {name} {shown(value)}; send a number from 0 to 1")
        number = as_float(value)
        if not math.isfinite(number):
            return Fault(Reason.BOX_NOT_FINITE, f"{where} has {name} {shown(value)}; send a number from 0 to 1")
        if not -TOLERANCE <= number <= 1 + TOLERANCE:
            return Fault(
                Reason.BOX_OUT_OF_RANGE,
                f"{where} has {name} {shown(value)}, outside 0 to 1; coordinates are fractions of the upright photo",
            )
        sides.append(min(max(number, 0.0), 1.0))
    xmin, xmax, ymin, ymax = sides
    for axis, low, high in (("x", xmin, xmax), ("y", ymin, ymax)):
        if high <= low:
            sign = "=" if high == low else "<"
            return Fault(Reason.BOX_INVERTED, f"{where} has {axis}max {high:g} {sign} {axis}min {low:g}")
    label, confidence = raw.get("label"), raw.get("confidence")
    if label is not None and not _is_label(label):
        return Fault(
            Reason.INVALID_FIELD,
            f"{where} has label {shown(label)}; send at most {MAX_LABEL_CHARS} characters, no control characters",
        )
    if confidence is not None and not _is_fraction(confidence):
        return Fault(Reason.INVALID_FIELD, f"{where} has confidence {shown(confidence)}; send a number from 0 to 1")
    return Box(
        str(label) if label else None, xmin, xmax, ymin, ymax, None if confidence is None else as_float(confidence)
    )


def make_box(
    xmin: float, xmax: float, ymin: float, ymax: float, label: str | None = None, confidence: float | None = None
) -> Box:
    """The checked box of a table's row. Raises BoxError."""
    raw = {"xmin": xmin, "xmax": xmax, "ymin": ymin, "ymax": ymax, "label": label, "confidence": confidence}
    found = check_box(raw, "")
    if isinstance(found, Fault):
        raise BoxError(found.reason, found.detail.removeprefix(" has "))
    return found


def as_float(value: object) -> float:
    """`value` as a float; NaN for None, infinity for an integer beyond floats."""
    if isinstance(value, (int, float)):
        try:
            return float(value)
        except OverflowError:
            return math.inf
    return math.nan


def shown(value: object) -> str:
    """`value` for a message: short, and safe whatever it is."""
    if value is None:
        return "null"
    try:
        return storable(reprlib.repr(value), 80)
    except (ValueError, RecursionError):
        return f"<{type(value).__name__}>"


def is_clean(text: str) -> bool:
    """Is the text free of control characters (C0, DEL, C1) and lone surrogates?"""
    return text.isprintable() or not any(
        char < " " or "\x7f" <= char <= "\x9f" or "\ud800" <= char <= "\udfff" for char in text
    )


def _is_label(value: object) -> bool:
    return isinstance(value, str) and len(value) <= MAX_LABEL_CHARS and is_clean(value)


def _is_fraction(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= as_float(value) <= 1
