"""Events as rows of master."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from schemas.events import Box, DoorEvent, Planogram


def box_row(box: Box) -> dict[str, Any]:
    """A box as the struct that the tables hold."""
    return {
        "label": box.label,
        "xmin": box.xmin,
        "xmax": box.xmax,
        "ymin": box.ymin,
        "ymax": box.ymax,
        "confidence": box.confidence,
    }


def door_event_row(event: DoorEvent, source: str, now: datetime) -> dict[str, Any]:
    """Row of `master/door_events`."""
    return {
        "door_event_id": event.door_event_id,
        "kind": event.kind,
        "device_id": event.device_id,
        "store_id": event.store_id,
        "happened_at": event.at,
        "received_at": event.received_at or now,
        "source": source,
    }


def planogram_rows(plan: Planogram, source: str) -> Iterator[dict[str, Any]]:
    """Yields rows of `master/planograms`, one a shelf and SKU."""
    for slot in plan.slots:
        yield {
            "planogram_id": plan.planogram_id,
            "device_id": plan.device_id,
            "store_id": plan.store_id,
            "valid_from": plan.valid_from,
            "source": source,
            "shelf": slot.shelf,
            "sku": slot.sku,
            "facings": slot.facings,
        }
