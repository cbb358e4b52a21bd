"""How captures flow: counts and times of each stage, arrivals beside the past, and what it costs. See docs/figures.md.

Stages: captured, received, archived (in master), scored, in view. A stage ends when the first run that covers the
capture finished; what no run tells has no time, and no time is not zero.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pandas as pd

from serving.covers import TAKES_IN, UNBUILT, covered
from serving.ledgers import refusals
from serving.queries import Filters, Reader, named, scored, seen

STAGES = ("captured", "received", "archived", "scored", "in view")
WEEKS, DAYS = 4, 6


@dataclass(frozen=True)
class Stage:
    """A stage: how many captures reached it, and seconds from the stage before (None where no run tells)."""

    name: str
    count: int
    p50_s: float | None = None
    p99_s: float | None = None


@dataclass(frozen=True)
class Flow:
    """The stages in order, and where captures left the way: refused, unreadable, without annotation, still waiting."""

    stages: tuple[Stage, ...]
    refused: int
    unreadable: int
    unseen: int  # scored, but not in the inventory that covers them: no annotation tells what they show
    waiting: int  # archived, neither scored nor unreadable
    unbuilt: int = 0  # scored, and no rebuild of the inventory covers them yet

    @property
    def bottleneck(self) -> Stage | None:
        """The stage that captures typically wait for longest; None where none has a time."""
        timed = [stage for stage in self.stages if stage.p50_s is not None]
        return max(timed, key=lambda stage: stage.p50_s or 0.0, default=None)


def stages(reader: Reader, filters: Filters) -> Flow:
    """The flow of the captures taken in the window."""
    text = f"""
        WITH ingests AS (SELECT finished_at AS at FROM runs WHERE {TAKES_IN}),
        scorings AS (SELECT pinned_at, finished_at AS at FROM runs
                     WHERE step = 'quality' AND status = 'ok' AND pinned_at IS NOT NULL),
        views AS (SELECT pinned_at, finished_at AS at FROM runs
                  WHERE step = 'inventory' AND status = 'ok' AND pinned_at IS NOT NULL),
        -- When what an ingest took in was scored, and in view: by the first rebuild that pinned its sources after it.
        steps AS (
            SELECT i.at AS archived_at, s.at AS scored_at, v.at AS viewed_at FROM ingests i
            ASOF LEFT JOIN scorings s ON i.at <= s.pinned_at ASOF LEFT JOIN views v ON i.at <= v.pinned_at
        ),
        told AS (
            SELECT epoch(received_at) - epoch(captured_at) AS receipt_s,
                   epoch(archived_at) - epoch(received_at) AS archive_s,
                   CASE WHEN p_good IS NOT NULL THEN epoch(scored_at) - epoch(archived_at) END AS score_s,
                   CASE WHEN s.capture_id IS NOT NULL THEN epoch(viewed_at) - epoch(scored_at) END AS view_s,
                   p_good IS NOT NULL AS scored, unreadable, s.capture_id IS NOT NULL AS seen, {UNBUILT} AS unbuilt
            FROM given c ASOF LEFT JOIN steps t ON c.received_at <= t.archived_at
            LEFT JOIN ({seen(filters)}) s ON s.capture_id = c.capture_id
        )
        SELECT count(*) AS archived, count(*) FILTER (scored) AS scored, count(*) FILTER (unreadable) AS unreadable,
               count(*) FILTER (seen) AS seen, count(*) FILTER (scored AND NOT seen AND NOT unbuilt) AS unseen,
               count(*) FILTER (scored AND NOT seen AND unbuilt) AS unbuilt,
               count(*) FILTER (NOT scored AND NOT unreadable) AS waiting,
               {_times("receipt")}, {_times("archive")}, {_times("score")}, {_times("view")}
        FROM told
        """
    values = named(text, filters.params(**covered(reader, "inventory").params()))
    row = reader.frame(text, values, scored(reader, filters)).iloc[0]
    lost = int(refusals(reader, filters)["records"].sum())

    def seconds(name: str) -> tuple[float | None, float | None]:
        found = row[f"{name}_s"]
        return (None, None) if found is None else (max(0.0, float(found[0])), max(0.0, float(found[1])))

    told = int(row["archived"]) + lost
    return Flow(
        (
            Stage("captured", told),
            Stage("received", told, *seconds("receipt")),
            Stage("archived", int(row["archived"]), *seconds("archive")),
            Stage("scored", int(row["scored"]), *seconds("score")),
            Stage("in view", int(row["seen"]), *seconds("view")),
        ),
        refused=lost,
        unreadable=int(row["unreadable"]),
        unseen=int(row["unseen"]),
        waiting=int(row["waiting"]),
        unbuilt=int(row["unbuilt"]),
    )


def behind(reader: Reader, filters: Filters, step: str) -> datetime | None:
    """When the last rebuild of a view pinned its sources, where captures of the window came in after that.

    None where it covers them all, or no run tells.
    """
    until = covered(reader, step)
    newest = reader.frame(f"SELECT max(received_at) AS at FROM captures WHERE {filters.where()}", filters.params())
    at = newest["at"].iloc[0]
    return None if until.until is None or pd.isna(at) or at <= until.until else until.pinned_at


def _times(name: str) -> str:
    return f"quantile_cont({name}_s, [0.5, 0.99]) AS {name}_s"


@dataclass(frozen=True)
class Arrivals:
    """Captures an hour: `rows` has hour, captures, usual, low, high (null: no past); `basis` says what usual is."""

    rows: pd.DataFrame
    basis: str

    @property
    def now(self) -> int:
        """Captures in the hours that have a past to compare with."""
        return int(self.rows.loc[self.rows["usual"].notna(), "captures"].sum())

    @property
    def usual(self) -> float:
        """What these hours usually bring."""
        return float(self.rows["usual"].sum())


def arrivals(reader: Reader, filters: Filters, more: pd.DataFrame | None = None) -> Arrivals:
    """Captures by hour beside the median of the same hour in up to 4 past weeks; where there is no past week, in up to
    6 past days. An hour without a capture counts as zero from the first capture on. `more` are captures that batch
    lacks: hour, captures.
    """
    past = replace(filters, start=max(filters.start - timedelta(weeks=WEEKS), _FIRST))
    hourly = reader.frame(
        f"""SELECT hour, sum(captures) AS captures FROM views_throughput
        WHERE {past.where("hour")} GROUP BY 1 ORDER BY 1""",
        past.params(),
    )
    if more is not None and len(more):
        both = pd.concat([hourly, more[["hour", "captures"]]])
        hourly = both.groupby("hour", as_index=False)[["captures"]].sum()
    empty = pd.DataFrame(columns=["hour", "captures", "usual", "low", "high"])
    if hourly.empty:
        return Arrivals(empty, "")
    begin, end = pd.Timestamp(hourly["hour"].iloc[0]), pd.Timestamp(filters.end).floor("h")
    every = hourly.set_index("hour")["captures"].astype(float)
    every = every.reindex(pd.date_range(begin, max(end, begin), freq="h"), fill_value=0.0)
    shown = every[every.index >= pd.Timestamp(filters.start)]
    weekly = end - begin >= pd.Timedelta(weeks=1)
    unit_h, most = (168, WEEKS) if weekly else (24, DAYS)
    steps = [pd.Timedelta(hours=unit_h * k) for k in range(1, most + 1)]
    hours = pd.DatetimeIndex(shown.index)
    before = pd.DataFrame({k: every.reindex(hours - step).to_numpy() for k, step in enumerate(steps)})
    rows = pd.DataFrame({"hour": hours, "captures": shown.to_numpy()})
    rows = rows.assign(usual=before.median(axis=1), low=before.min(axis=1), high=before.max(axis=1))
    if rows["usual"].notna().sum() == 0:
        return Arrivals(rows, "")
    kept, unit = int(before.notna().any().sum()), "week" if weekly else "day"
    return Arrivals(rows, f"the same hour of the past {unit}" if kept == 1 else f"the same hour of {kept} past {unit}s")


_FIRST = pd.Timestamp("1990-01-01", tz="UTC").to_pydatetime()


def costs(reader: Reader, filters: Filters) -> pd.DataFrame:
    """One row a step of the runs that finished in the window: step, runs, seconds, rows, cost, and both per thousand
    captures received in the window (`seconds_k`, `cost_k`; null without captures, and cost without a rate).
    """
    limits: dict[str, object] = {"start": filters.start, "end": filters.end}
    return reader.frame(
        """
        WITH received AS (SELECT count(*) AS n FROM captures WHERE received_at BETWEEN $start AND $end)
        SELECT step, count(*) AS runs, sum(seconds) AS seconds, CAST(sum(rows_ok) AS BIGINT) AS rows, sum(cost) AS cost,
               1000.0 * sum(seconds) / nullif(any_value(n), 0) AS seconds_k,
               1000.0 * sum(cost) / nullif(any_value(n), 0) AS cost_k
        FROM runs, received
        WHERE status = 'ok' AND coalesce(engine, '') <> 'pipeline' AND finished_at BETWEEN $start AND $end
        GROUP BY step ORDER BY seconds DESC
        """,
        limits,
    )
