"""What the speed layer adds to the batch views, and whether the two agree. Merged by law 6, see serving.merge."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from serving import found
from serving.figures import Estimate, sampled
from serving.merge import ON_THE_WAY, Merged
from serving.queries import Filters, Reader, named


@dataclass(frozen=True)
class Live:
    """Figures of the window, both layers together. `lacking`: what the batch views don't hold yet, by event, see
    `Merged.lacking`.

    `hourly`: hour, captures, late, rejected, and waiting, those of the captures that wait. `usable`: share of usable
    photos, a sample's where only some of the waiting were scored. `seen_at`: when the newest realtime row was scored;
    latencies from the event to its score, seconds; `rate`: the lowest sampling rate.
    """

    lacking: pd.DataFrame
    usable: Estimate
    hourly: pd.DataFrame
    seen_at: datetime | None
    latency_p50_s: float | None
    latency_p99_s: float | None
    rate: float | None

    @property
    def waiting(self) -> pd.DataFrame:
        """The captures among `lacking`."""
        return captures_of(self.lacking)

    @property
    def refused(self) -> pd.DataFrame:
        """Events that could not be parsed, and that the archive has not reached."""
        return self.lacking[self.lacking["rejected"] & (self.lacking["state"] == ON_THE_WAY)]


def captures_of(lacking: pd.DataFrame) -> pd.DataFrame:
    """The events that told of a capture."""
    return lacking[lacking["capture_id"].notna()]


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
        lacking=merged.lacking(where),
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


def refused_note(now: Live | None) -> str:
    """How sure a count of refused records is, and how many more of the window only the speed layer knows."""
    more = 0 if now is None else len(now.refused)
    return f"exact; {more:,} more live" if more else "exact"


def agreement(reader: Reader, filters: Filters, threshold: float) -> tuple[Estimate, float | None]:
    """Captures that both layers scored: the share with the same verdict, and the mean difference of p_good (0 to 1)."""
    both = found.wanted(reader, filters, "scored by both layers", judged=True)
    text = f"""
        SELECT count(*) AS n, count(*) FILTER ((s.p_good >= $trust) = (b.p_good >= $trust)) AS same,
               avg(abs(s.p_good - b.p_good)) AS apart
        FROM ({both.text}) b JOIN ({found.scores()}) s USING (capture_id)"""
    row = reader.frame(text, named(text, {**both.params, "trust": threshold}), both.given).iloc[0]
    return sampled(float(row["same"]), float(row["n"]), float(row["n"])), _known(row["apart"])
