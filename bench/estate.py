"""A generated estate for the dashboard: rows of every table it reads, written through the lake, without any photo.

100 devices in 20 stores, each with `PLACES` of 500 SKUs; captures spread evenly over `DAYS`. A tenth of the devices
was never seen in the last day, one in twenty-five photos can't be trusted, one place in fifty is empty.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from lake import Lake
from lake.parquet import conform
from schemas.tables import CLASSES, MEASUREMENTS, TABLES, TIME

END = datetime(2026, 3, 2, 12, tzinfo=UTC)
DEVICES, STORES, SKUS, PLACES, DAYS = 100, 20, 500, 24, 90
_BATCH = 20_000  # captures


def build(lake: Lake, captures: int, seed: int = 5) -> None:
    """Fills an empty lake with `captures` captures and their view rows."""
    rng = np.random.default_rng(seed)
    start_us = int((END - timedelta(days=DAYS)).timestamp() * 1e6)
    at = np.sort(rng.integers(start_us, int(END.timestamp() * 1e6), captures))
    device = rng.integers(0, DEVICES, captures)
    quiet = (device % 10 == 9) & (at > at[-1] - 86_400_000_000)
    device = np.where(quiet, device - 1, device)
    good = np.where(rng.random(captures) < 0.04, 0.06, 0.93) + rng.random(captures) * 0.05
    plans = np.stack([rng.choice(SKUS, PLACES, replace=False) for _ in range(DEVICES)])
    expected = rng.integers(2, 7, (DEVICES, PLACES))
    _master(lake, at, device, plans, expected)
    lake.replace("views/quality", _quality(rng, good), scopes=None)
    lake.replace("views/inventory", _inventory(rng, at, device, good, plans, expected), scopes=None)
    lake.replace("views/throughput", _throughput(at, device), scopes=None)
    _runs(lake)


def _names(prefix: str, count: int) -> pa.Array:
    return pa.array([f"{prefix}-{number:03d}" for number in range(count)])


def _ids(start: int, stop: int) -> pa.Array:
    return pa.array([f"c-{number:07d}" for number in range(start, stop)])


def _hashes(start: int, stop: int) -> pa.Array:
    return pa.array([hashlib.sha256(b"%d" % number).hexdigest() for number in range(start, stop)])


def _where(device: np.ndarray) -> dict[str, pa.Array]:
    places = pa.array(device)
    stores = pa.array(device % STORES)
    return {"device_id": _names("cooler", DEVICES).take(places), "store_id": _names("store", STORES).take(stores)}


def _table(name: str, columns: dict[str, pa.Array]) -> pa.Table:
    return conform(pa.table(columns), TABLES[name].schema)


def _master(lake: Lake, at: np.ndarray, device: np.ndarray, plans: np.ndarray, expected: np.ndarray) -> None:
    count = len(at)
    received = pa.array(at + 4_000_000).cast(TIME)
    dates = received.cast(pa.date32())
    captures = {
        "capture_id": _ids(0, count),
        **_where(device),
        "captured_at": pa.array(at).cast(TIME),
        "received_at": received,
        "sha256": _hashes(0, count),
        "ingest_date": dates,
    }
    lake.append_new("master/captures", _table("master/captures", captures))
    facts = {"size_bytes": 3_500_000, "width": 4284, "height": 2968, "orientation": 1}
    images = {
        "sha256": _hashes(0, count),
        **{name: pa.array(np.full(count, value)) for name, value in facts.items()},
        "format": pa.array(["jpeg"]).take(pa.array(np.zeros(count, np.int64))),
        "ingest_date": dates,
    }
    lake.append_new("master/images", _table("master/images", images))
    each = np.repeat(np.arange(DEVICES), PLACES)
    planograms = {
        "planogram_id": _names("plan", DEVICES).take(pa.array(each)),
        **_where(each),
        "valid_from": pa.array(np.full(each.size, at[0])).cast(TIME),
        "shelf": pa.array(np.tile(np.arange(PLACES) // 6, DEVICES)),
        "sku": _names("sku", SKUS).take(pa.array(plans.ravel())),
        "facings": pa.array(expected.ravel()),
        "ingest_date": pa.array([END.date()] * each.size),
    }
    lake.append_new("master/planograms", _table("master/planograms", planograms))


def _quality(rng: np.random.Generator, good: np.ndarray) -> Iterator[pa.RecordBatch]:
    for start in range(0, len(good), _BATCH):
        part = good[start : start + _BATCH]
        columns = {"sha256": _hashes(start, start + len(part)), "p_good": pa.array(part)}
        columns |= {name: pa.array(rng.random(len(part))) for name in MEASUREMENTS}
        columns |= {f"p_{name}": pa.array((1 - part) / 6) for name in CLASSES if name != "good"}
        yield from _table("views/quality", columns).to_batches()


def _inventory(
    rng: np.random.Generator,
    at: np.ndarray,
    device: np.ndarray,
    good: np.ndarray,
    plans: np.ndarray,
    expected: np.ndarray,
) -> Iterator[pa.RecordBatch]:
    # A place is empty or not for a day at a time, so that shortages have a beginning and last.
    day = (at - at[0]) // 86_400_000_000
    empty = rng.random((DAYS + 1, DEVICES, PLACES)) < 0.02
    for start in range(0, len(at), _BATCH):
        stop = min(start + _BATCH, len(at))
        which, wanted = device[start:stop], expected[device[start:stop]].ravel()
        each = np.repeat(np.arange(start, stop), PLACES)
        seen = np.where(
            empty[day[start:stop], which].ravel(), 0, np.maximum(1, wanted - (rng.random(wanted.size) < 0.1))
        )
        columns = {
            **_where(device[each]),
            "sku": _names("sku", SKUS).take(pa.array(plans[which].ravel())),
            "captured_at": pa.array(at[each]).cast(TIME),
            "facings": pa.array(seen),
            "expected": pa.array(wanted),
            "trusted": pa.array(good[each] >= 0.5),
            "capture_id": _ids(start, stop).take(pa.array(each - start)),
            "p_good": pa.array(good[each]),
        }
        yield from _table("views/inventory", columns).to_batches()


def _throughput(at: np.ndarray, device: np.ndarray) -> Iterator[pa.RecordBatch]:
    hours, counts = np.unique(np.stack([device, at // 3_600_000_000], axis=1), axis=0, return_counts=True)
    flow = {"captures": counts, "images": counts, "bytes": counts * 3_500_000}
    none = np.zeros(len(counts), np.int64)
    columns = {
        **_where(hours[:, 0]),
        "hour": pa.array(hours[:, 1] * 3_600_000_000).cast(TIME),
        **{name: pa.array(values) for name, values in flow.items()},
        **{name: pa.array(none) for name in ("rejected", "late", "unreadable")},
        **{f"capture_to_receipt_{p}_s": pa.array(np.full(len(counts), 4.0)) for p in ("p50", "p99")},
        **{f"receipt_to_view_{p}_s": pa.array(np.full(len(counts), 300.0)) for p in ("p50", "p99")},
    }
    yield from _table("views/throughput", columns).to_batches()


def _runs(lake: Lake) -> None:
    steps = ("ingest", "crops", "quality", "inventory", "throughput")
    rows = [
        {"run_id": "r-1", "step": step, "engine": "embedded", "mode": "full", "status": "ok", "started_at": END}
        | {"finished_at": END + timedelta(minutes=1), "seconds": 60.0, "rows_in": 1, "rows_ok": 1, "rows_skipped": 0}
        | {"rows_rejected": 0, "parameters": '{"trust_threshold": 0.5}', "version": 1, "sources": "{}"}
        for step in steps
    ]
    lake.append_new("runs", conform(pa.Table.from_pylist(rows, TABLES["runs"].schema), TABLES["runs"].schema))
