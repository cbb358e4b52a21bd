"""Every query of the dashboard. Pure: a reader at fixed table versions and filters in, data frames out.

Values go in as parameters only. Times are UTC. What the shelves hold is in `serving.retail`, how captures flow in
`serving.flow`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pandas as pd

from schemas.tables import CLASSES
from serving.reader import Given

CHANCES = tuple(f"p_{name}" for name in CLASSES)
STALE_AFTER = timedelta(hours=12)


class Reader(Protocol):
    """Answers queries over the lake's tables by name (`captures`, `views_quality`, …)."""

    def frame(self, text: str, params: dict[str, object] | None = None, given: Given | None = None) -> pd.DataFrame:
        """Rows of a query; `given` is one whose rows the text may name."""

    def columns(self, name: str) -> frozenset[str]:
        """Names of a table's columns; empty where the lake has no such table."""


@dataclass(frozen=True)
class Filters:
    """What a page is limited to. Empty stores or devices mean all; `start` <= time <= `end`."""

    start: datetime
    end: datetime
    stores: tuple[str, ...] = field(default=())
    devices: tuple[str, ...] = field(default=())

    def where(self, time: str | None = "captured_at", *, since: bool = True) -> str:
        """The condition in SQL; `time` is a column's name, never a value. Without it whatever the time, and without
        `since` whatever the start.
        """
        window = "TRUE" if time is None else f"{f'{time} >= $start AND ' if since else ''}{time} <= $end"
        return (
            f"{window} AND (len($stores) = 0 OR list_contains($stores, store_id))"
            " AND (len($devices) = 0 OR list_contains($devices, device_id))"
        )

    def params(self, **more: object) -> dict[str, object]:
        """The values of `where`, and others beside them."""
        limits = {"start": self.start, "end": self.end, "stores": list(self.stores), "devices": list(self.devices)}
        return {**limits, **more}


EVERYTHING = Filters(datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))


def estate(reader: Reader) -> pd.DataFrame:
    """Every device: store_id, device_id, captures, last_at, reached; ordered by store and device.

    `reached` is how far its data reaches: a device whose clock runs ahead counts from its receipt.
    """
    return reader.frame(
        "SELECT coalesce(store_id, 'unknown') AS store_id, coalesce(device_id, 'unknown') AS device_id,"
        " count(*) AS captures, max(captured_at) AS last_at,"
        " max(least(captured_at, coalesce(received_at, captured_at))) AS reached"
        " FROM captures GROUP BY 1, 2 ORDER BY 1, 2"
    )


def newest(reader: Reader) -> datetime | None:
    """The moment that the data reaches to; None where there is none."""
    value = estate(reader)["reached"].max()
    return None if pd.isna(value) else pd.Timestamp(value).to_pydatetime()


def scored(reader: Reader, filters: Filters) -> Given:
    """The captures of the window with what was found of their photos: capture_id, store_id, device_id, captured_at,
    received_at, sha256, the chances of each class (null: not scored) and unreadable. Several questions share it:
    quality is read once.
    """
    chances = ", ".join(CHANCES)
    return Given(
        f"""
        WITH taken AS MATERIALIZED (
            SELECT capture_id, store_id, device_id, captured_at, received_at, sha256 FROM captures
            WHERE {filters.where()}
        ),
        judged AS (
            SELECT sha256, {chances} FROM views_quality WHERE sha256 IN (SELECT sha256 FROM taken)
        )
        SELECT t.*, j.* EXCLUDE (sha256), u.sha256 IS NOT NULL AS unreadable FROM taken t
        LEFT JOIN judged j USING (sha256) LEFT JOIN (SELECT DISTINCT sha256 FROM views_unreadable) u USING (sha256)
        """,
        filters.params(),
    )


def seen(filters: Filters) -> str:
    """SQL of the captures whose facings the inventory shows: capture_id, each once. For captures of the window: others
    are among them where the window is all of time, whose column then needs no reading.
    """
    inside = filters.where() if filters.start > EVERYTHING.start else filters.where(None)
    return f"SELECT capture_id FROM views_inventory WHERE {inside} GROUP BY capture_id HAVING max(facings) IS NOT NULL"


def named(text: str, params: dict[str, object]) -> dict[str, object]:
    """Those of the values that the text names: DuckDB takes no others."""
    names = set(re.findall(r"\$(\w+)", text))
    return {name: value for name, value in params.items() if name in names}


def totals(reader: Reader, filters: Filters, since: datetime | None = None) -> pd.DataFrame:
    """One row of counts, of the captures from `since` on: captures, images, devices, scored, usable, unreadable."""
    return reader.frame(
        """
        SELECT count(*) AS captures, count(DISTINCT sha256) AS images, count(DISTINCT device_id) AS devices,
               count(p_good) AS scored, count(*) FILTER (p_good >= $trust) AS usable,
               count(*) FILTER (unreadable) AS unreadable
        FROM given WHERE captured_at >= $since
        """,
        {"trust": trust_threshold(reader), "since": since or filters.start},
        scored(reader, filters),
    )


def trust_threshold(reader: Reader) -> float:
    """Least p_good of a trusted capture, as the latest rebuild of the inventory had it; 0.5 where none tells."""
    found = reader.frame(
        'SELECT try_cast(regexp_extract(parameters, \'"trust_threshold":\\s*"?([0-9.]+)\', 1) AS DOUBLE) AS trust'
        " FROM runs WHERE step = 'inventory' AND status = 'ok' ORDER BY finished_at DESC LIMIT 1"
    )
    return 0.5 if found.empty or pd.isna(found["trust"].iloc[0]) else float(found["trust"].iloc[0])


def throughput(reader: Reader, filters: Filters) -> pd.DataFrame:
    """Rows of views/throughput: a store, device and hour each."""
    return reader.frame(
        f"SELECT * FROM views_throughput WHERE {filters.where('hour')} ORDER BY hour",
        filters.params(),
    )


def counted_in(reader: Reader, capture_id: str, at: datetime) -> pd.DataFrame:
    """What the inventory took from one capture: sku, facings, expected, trusted."""
    return reader.frame(
        "SELECT sku, facings, expected, trusted FROM views_inventory"
        " WHERE captured_at = $at AND capture_id = $id ORDER BY sku",
        {"id": capture_id, "at": at},
    )


def labels(reader: Reader) -> list[str]:
    """Every label of a crop, in order."""
    return [
        str(v)
        for v in reader.frame("SELECT DISTINCT label FROM views_crops WHERE label IS NOT NULL ORDER BY 1")["label"]
    ]


def crops_of(reader: Reader, sha256: str) -> pd.DataFrame:
    """Crops of one photo in the order of its boxes: crop_id, box_index, label, x0, y0, x1, y1, annotation_id."""
    return reader.frame(
        "SELECT crop_id, box_index, label, x0, y0, x1, y1, annotation_id FROM views_crops WHERE sha256 = $sha256"
        " ORDER BY box_index",
        {"sha256": sha256},
    )


def plan_of(reader: Reader, device: str, at: datetime) -> pd.DataFrame:
    """The planogram of one device that is valid at a moment: shelf (0 is the top), sku, facings."""
    return reader.frame(
        """SELECT shelf, sku, facings FROM (
            SELECT *, rank() OVER (ORDER BY valid_from DESC, planogram_id DESC) AS place
            FROM planograms WHERE device_id = $device AND valid_from <= $at
        ) WHERE place = 1 ORDER BY shelf, sku""",
        {"device": device, "at": at},
    )


def capture(reader: Reader, capture_id: str) -> pd.DataFrame:
    """One capture by its id: capture_id, store_id, device_id, captured_at, sha256; no row where there is none."""
    return reader.frame(
        "SELECT capture_id, store_id, device_id, captured_at, sha256 FROM captures WHERE capture_id = $id LIMIT 1",
        {"id": capture_id},
    )
