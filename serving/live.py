"""What the speed layer adds to the batch views, and whether the two agree. Merged by law 6, see serving.merge."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from serving.figures import Estimate, sampled
from serving.merge import Merged
from serving.queries import Filters, Reader


@dataclass(frozen=True)
class Live:
    """Figures of the window, both layers together. `waiting` captures are not in the batch views yet.

    `hourly`: hour, captures, late, rejected, and waiting, those of the captures that wait. `usable`: share of usable
    photos, a sample's where only some of the waiting were scored. `seen_at`: when the newest realtime row was scored;
    latencies from the event to its score, seconds; `rate`: the lowest sampling rate.
    """

    captures: int
    waiting: int
    usable: Estimate
    hourly: pd.DataFrame
    seen_at: datetime | None
    latency_p50_s: float | None
    latency_p99_s: float | None
    rate: float | None


def has_rows(reader: Reader) -> bool:
    """Does the speed layer hold anything now?"""
    if not reader.columns("realtime/throughput"):
        return False
    return len(reader.frame("SELECT 1 FROM realtime_throughput LIMIT 1")) > 0


def live(merged: Merged, where: dict[str, object], threshold: float, batch: pd.DataFrame | None = None) -> Live:
    """The merged figures of a window; `where` as `Filters.params` gives it, `batch` as `Merged.usable` takes it."""
    flow, fresh = merged.throughput(where), merged.freshness().iloc[0]
    devices = merged.usable(where, threshold, batch)
    whole = sum(device.captures for device in devices)
    known = sum(device.batch for device in devices)
    waiting = sum(device.waiting for device in devices)
    looked = sum(device.estimate.sampled for device in devices)
    middles = [device.total for device in devices]
    low, high = sum(total[1] for total in middles), sum(total[2] for total in middles)
    value = None
    if whole and all(total[0] is not None for total in middles):
        value = sum(total[0] or 0.0 for total in middles) / whole
    if looked >= waiting:
        usable = sampled(value * whole if value is not None else 0, whole, whole)
    else:
        usable = Estimate(value, low / whole, high / whole, known + looked, whole, "sample")
    return Live(
        captures=int(flow["captures"].sum()),
        waiting=int(flow["realtime"].sum()),
        usable=usable,
        hourly=flow.rename(columns={"realtime": "waiting"})
        .groupby("hour", as_index=False)[["captures", "late", "rejected", "waiting"]]
        .sum(),
        seen_at=None if pd.isna(fresh["scored_at"]) else fresh["scored_at"].to_pydatetime(),
        latency_p50_s=_known(fresh["latency_p50_s"]),
        latency_p99_s=_known(fresh["latency_p99_s"]),
        rate=_known(fresh["lowest_rate"]),
    )


def _known(value: float | None) -> float | None:
    return None if value is None or pd.isna(value) else float(value)


def refused_note(now: Live | None, archived: int) -> str:
    """How sure a count of refused records is, and how many more of the window only the speed layer knows."""
    more = 0 if now is None else int(now.hourly["rejected"].sum()) - archived
    return f"exact; {more:,} more live" if more > 0 else "exact"


def agreement(reader: Reader, filters: Filters, threshold: float) -> tuple[Estimate, float | None]:
    """Photos that both layers scored: the share with the same verdict, and the mean difference of p_good (0 to 1)."""
    row = reader.frame(
        f"""SELECT count(*) AS n, count(*) FILTER ((r.p_good >= $trust) = (q.p_good >= $trust)) AS same,
                   avg(abs(r.p_good - q.p_good)) AS apart
        FROM (SELECT sha256, p_good FROM realtime_quality WHERE {filters.where()} AND p_good IS NOT NULL) r
        JOIN (SELECT sha256, p_good FROM views_quality) q USING (sha256)""",
        filters.params(trust=threshold),
    ).iloc[0]
    return sampled(float(row["same"]), float(row["n"]), float(row["n"])), _known(row["apart"])
