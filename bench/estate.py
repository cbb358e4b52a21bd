"""A generated estate for the dashboard: rows of every table it reads, written through the lake, without any photo.

100 devices in 20 stores, each with `PLACES` of 500 SKUs; captures spread evenly over `DAYS`. A tenth of the devices
was never seen in the last day, one in twenty-five photos can't be trusted, one place in fifty is empty. The newest
`WAITING` captures came by Kafka: they are archived and no batch view covers them; half of them were scored live.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from lake import Lake
from lake.lineage import Lineage
from lake.offsets import OffsetTable, Span
from lake.parquet import conform
from schemas.tables import CLASSES, MEASUREMENTS, TABLES, TIME

END = datetime(2026, 3, 2, 12, tzinfo=UTC)
DEVICES, STORES, SKUS, PLACES, DAYS = 100, 20, 500, 24, 90
WAITING = 500  # about an hour's, at a million captures
STREAM = ("kafka:estate/topic", 0)
_BATCH = 20_000  # captures


@dataclass
class Estate:
    """What there is: when (microseconds) and by which device each capture was taken, its p_good, and the plans."""

    rng: np.random.Generator
    at: np.ndarray
    device: np.ndarray
    good: np.ndarray
    plans: np.ndarray
    expected: np.ndarray
    empty: np.ndarray  # (days, devices, places): a place is empty or not for a day, so that shortages last

    def grow(self, count: int, seconds: float) -> None:
        """Adds captures of the next `seconds`."""
        more = self.at[-1] + np.sort(self.rng.integers(1, int(seconds * 1e6), count))
        self.at = np.concatenate([self.at, more])
        self.device = np.concatenate([self.device, self.rng.integers(0, DEVICES, count)])
        self.good = np.concatenate([self.good, _good(self.rng, count)])


def build(lake: Lake, captures: int, seed: int = 5) -> Estate:
    """Fills an empty lake with `captures` captures and their view rows."""
    rng = np.random.default_rng(seed)
    start_us = int((END - timedelta(days=DAYS)).timestamp() * 1e6)
    at = np.sort(rng.integers(start_us, int(END.timestamp() * 1e6), captures))
    device = rng.integers(0, DEVICES, captures)
    quiet = (device % 10 == 9) & (at > at[-1] - 86_400_000_000)
    device = np.where(quiet, device - 1, device)
    plans = np.stack([rng.choice(SKUS, PLACES, replace=False) for _ in range(DEVICES)])
    expected, empty = rng.integers(2, 7, (DEVICES, PLACES)), rng.random((DAYS + 2, DEVICES, PLACES)) < 0.02
    estate = Estate(rng, at, device, _good(rng, captures), plans, expected, empty)
    done = max(0, captures - WAITING)
    lake.append_new("master/captures", _captures(estate, 0, done))
    _master(lake, estate)
    rebuild(lake, estate, done)
    arrive(lake, estate, done, 0)
    _runs(lake)
    return estate


def resumed(lake: Lake, seed: int = 6) -> Estate:
    """An estate built before, so that more can arrive; what is known of the captures there is only their number."""
    rng, count = np.random.default_rng(seed), lake.count("master/captures")
    latest = lake.sql("SELECT max(epoch_us(captured_at)) FROM captures").column(0)[0].as_py()
    none = np.zeros((0, 0, 0))
    return Estate(rng, np.full(count, latest), np.zeros(count, int), np.zeros(count), none, none, none)


def rebuild(lake: Lake, estate: Estate, done: int) -> None:
    """Every view from the first `done` captures, which are all that master holds now."""
    sources = {"master/captures": lake.version("master/captures")}
    views = {
        "views/quality": _quality(estate, done),
        "views/inventory": _inventory(estate, done),
        "views/throughput": _throughput(estate.at[:done], estate.device[:done]),
    }
    for name, batches in views.items():
        lineage = Lineage("r-1", name, "embedded", "full", sources, "estate", {})
        lake.replace(name, batches, scopes=None, lineage=lineage)


def _good(rng: np.random.Generator, count: int) -> np.ndarray:
    return np.where(rng.random(count) < 0.04, 0.06, 0.93) + rng.random(count) * 0.05


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


def _captures(estate: Estate, start: int, stop: int) -> pa.Table:
    at, device = estate.at, estate.device
    received = pa.array(at[start:stop] + 4_000_000).cast(TIME)
    columns = {
        "capture_id": _ids(start, stop),
        **_where(device[start:stop]),
        "captured_at": pa.array(at[start:stop]).cast(TIME),
        "received_at": received,
        "sha256": _hashes(start, stop),
        "ingest_date": received.cast(pa.date32()),
    }
    return _table("master/captures", columns)


def arrive(lake: Lake, estate: Estate, start: int, offset: int) -> None:
    """What the services do with the captures from `start` on, the stream having been read to `offset`: each is
    archived and counted, and a sample of half of them is scored.
    """
    rng, at, device, good = estate.rng, estate.at, estate.device, estate.good
    count = len(at) - start
    span = [Span("/".join(map(str, STREAM)), offset or None, offset + count)]
    captures = _captures(estate, start, len(at))
    OffsetTable(lake.storage, TABLES["master/captures"]).append(captures, span)
    place = {"source": pa.repeat(STREAM[0], count), "kafka_partition": pa.repeat(STREAM[1], count)}
    place["kafka_offset"] = pa.array(np.arange(offset, offset + count))
    scored_at = pa.array(at[start:] + 5_000_000).cast(TIME)
    events = [
        [{"offset": each, "capture_id": name, "rejected": False, "late": False, "size_bytes": 1300}]
        for each, name in enumerate(captures.column("capture_id").to_pylist(), offset)
    ]
    counts = {name: pa.repeat(number, count) for name, number in {"events": 1, "captures": 1, "bytes": 1300}.items()}
    counts |= {name: pa.repeat(0, count) for name in ("rejected", "late")}
    minutes = pa.array(at[start:] // 60_000_000 * 60_000_000).cast(TIME)
    flow = {**_where(device[start:]), "minute": minutes, **counts, "seen": pa.array(events), "counted_at": scored_at}
    table = _table("realtime/throughput", {**flow, **place})
    OffsetTable(lake.storage, TABLES["realtime/throughput"]).append(table, span)
    told = captures.select(["capture_id", "device_id", "store_id", "captured_at", "sha256"])
    scores = _table("views/quality", _scores(rng, good[start:], told.column("sha256"))).drop_columns(["sha256"])
    columns = {name: each.column(name) for each in (told, scores) for name in each.column_names}
    columns |= {"scored_at": scored_at, "latency_s": pa.array(rng.uniform(0.2, 1.5, count))}
    columns["sampling_probability"] = pa.repeat(0.5, count)
    chosen = _table("realtime/quality", {**columns, **place}).filter(pa.array(rng.random(count) < 0.5))
    OffsetTable(lake.storage, TABLES["realtime/quality"]).append(chosen, span)


def _master(lake: Lake, estate: Estate) -> None:
    at, count = estate.at, len(estate.at)
    dates = pa.array(at + 4_000_000).cast(TIME).cast(pa.date32())
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
        "sku": _names("sku", SKUS).take(pa.array(estate.plans.ravel())),
        "facings": pa.array(estate.expected.ravel()),
        "ingest_date": pa.array([END.date()] * each.size),
    }
    lake.append_new("master/planograms", _table("master/planograms", planograms))


def _quality(estate: Estate, done: int) -> Iterator[pa.RecordBatch]:
    for start in range(0, done, _BATCH):
        part = estate.good[start : min(start + _BATCH, done)]
        yield from _table("views/quality", _scores(estate.rng, part, _hashes(start, start + len(part)))).to_batches()


def _scores(rng: np.random.Generator, good: np.ndarray, sha256: pa.Array) -> dict[str, pa.Array]:
    columns = {"sha256": sha256, "p_good": pa.array(good)}
    columns |= {name: pa.array(rng.random(len(good))) for name in MEASUREMENTS}
    return columns | {f"p_{name}": pa.array((1 - good) / 6) for name in CLASSES if name != "good"}


def _inventory(estate: Estate, done: int) -> Iterator[pa.RecordBatch]:
    at, device, good, rng = estate.at, estate.device, estate.good, estate.rng
    day = (at - at[0]) // 86_400_000_000
    for start in range(0, done, _BATCH):
        stop = min(start + _BATCH, done)
        which, wanted = device[start:stop], estate.expected[device[start:stop]].ravel()
        each = np.repeat(np.arange(start, stop), PLACES)
        seen = np.where(
            estate.empty[day[start:stop], which].ravel(), 0, np.maximum(1, wanted - (rng.random(wanted.size) < 0.1))
        )
        columns = {
            **_where(device[each]),
            "sku": _names("sku", SKUS).take(pa.array(estate.plans[which].ravel())),
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
