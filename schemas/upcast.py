"""Older versions of a contract made into the next: one function a step, chained to the newest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from schemas.times import from_epoch_ms

Record = dict[str, Any]
NEWEST = {"capture": 1, "annotation": 1, "door_event": 1, "planogram": 1}
_V0_NAMES = {"id": "capture_id", "device": "device_id", "store": "store_id", "ImgUrl": "image_uri"}


def upcast(record: Record, contract: str, version: int) -> Record | None:
    """The record in the newest version of its contract; None where no chain of steps leads there."""
    newest = NEWEST.get(contract)
    if newest is None or version > newest:
        return None
    while version < newest:
        step = UPCASTERS.get((contract, version))
        if step is None:
            return None
        record, version = step(record), version + 1
    return record


def looks_like_capture_v0(record: Mapping[str, Any]) -> bool:
    """Is this the older form, which did not have to name its contract?"""
    return "schema" not in record and "ImgUrl" in record and "ts" in record


def _capture_v0(record: Record) -> Record:
    """capture/v0: id, device, store, ts (milliseconds since 1970), ImgUrl and perhaps boxes."""
    made = {new: record[old] for old, new in _V0_NAMES.items() if old in record}
    rest = {key: value for key, value in record.items() if key not in _V0_NAMES and key != "ts"}
    if "ts" in record:
        made["captured_at"] = _time_text(record["ts"])
    return {**rest, **made, "schema": "capture/v1"}


def _time_text(milliseconds: object) -> object:
    # What is not a time stays as it is: the contract of the newest version names it and refuses it.
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, (int, float)):
        return milliseconds
    try:
        return from_epoch_ms(milliseconds).isoformat()
    except ValueError:
        return milliseconds


UPCASTERS: dict[tuple[str, int], Callable[[Record], Record]] = {("capture", 0): _capture_v0}
