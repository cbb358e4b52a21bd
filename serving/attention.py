"""What needs attention now, ranked: pure functions from query results to findings, each with the page that shows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pandas as pd

from schemas.reasons import Reason
from serving import judged, ledgers, queries, retail
from serving.queries import Filters, Reader
from serving.show import each, moment, plural, span

UNSEEN_AFTER = timedelta(hours=6)
LATE_SHARE = 0.25
LATE_AT_LEAST = 5
Params = dict[str, str | list[str]]
DRIFTS = {"unsharp": "less sharp"}  # the others are comparatives already
KINDS = ("out of stock", "camera", "not seen", "late", "drift", "not planned", "check", "refused")


@dataclass(frozen=True)
class Finding:
    """One thing to look at. `severity` is "bad" or "attention"; `weight` ranks within it, the heaviest first."""

    severity: str
    kind: str
    what: str
    since: datetime | None
    weight: float
    page: str
    params: Params = field(default_factory=dict)
    before: datetime | None = None  # it began after this, where that is known
    store: str | None = None

    @property
    def key(self) -> str:
        """What it is about, the same as long as it lasts."""
        about = [value for name in ("device", "sku", "store") if (value := self.params.get(name))]
        names = [each for value in about for each in ([value] if isinstance(value, str) else value)]
        if self.kind == "check":
            names = [self.what.removeprefix("rule ").split(":")[0]]
        return "/".join([self.kind, *names])


def findings(reader: Reader, filters: Filters) -> list[Finding]:
    """All that needs attention within the filters, ranked."""
    places = retail.places(reader, filters)
    estate = queries.estate(reader)
    if filters.stores:
        estate = estate[estate["store_id"].isin(filters.stores)]
    if filters.devices:
        estate = estate[estate["device_id"].isin(filters.devices)]
    return ranked(
        [
            *cameras(judged.unusable_since(reader, filters), places),
            *out_of_stock(places, filters.end),
            *strangers(places),
            *unseen(estate, filters.end),
            *late(queries.throughput(reader, filters)),
            *refused(ledgers.rejected(reader, filters)),
            *drifting(judged.cameras(reader, filters)),
            *checks(ledgers.checks(reader)),
        ]
    )


def ranked(findings: list[Finding]) -> list[Finding]:
    """Bad before attention, then by weight; equal ones by their text."""
    return sorted(findings, key=lambda f: (f.severity != "bad", -f.weight, f.what))


def out_of_stock(places: pd.DataFrame, now: datetime) -> list[Finding]:
    """A planned SKU known to be without a facing, as bad as it is long: facings missing times hours."""
    rows = retail.out_of_stock(places)
    return [
        Finding(
            "bad",
            "out of stock",
            f"{row.sku} is out at {row.device_id}: 0 of {plural(int(row.expected), 'facing')}",
            row.out_since,
            int(row.expected) * max(1.0, (now - row.out_since).total_seconds() / 3600),
            "screens/inventory.py",
            {"device": [row.device_id], "shelf": row.device_id, "sku": row.sku},
            row.full_at,
            row.store_id,
        )
        for row in each(rows)
    ]


def strangers(places: pd.DataFrame) -> list[Finding]:
    """A SKU that stands where no plan has it: it takes a facing from another."""
    rows = retail.deviations(places)
    return [
        Finding(
            "attention",
            "not planned",
            f"{row.sku} stands at {row.device_id}, where no plan has it: {plural(int(row.facings), 'facing')}",
            row.seen_at,
            float(row.facings),
            "screens/inventory.py",
            {"device": [row.device_id], "shelf": row.device_id, "sku": row.sku},
            store=row.store_id,
        )
        for row in each(rows[rows["kind"] == "not planned"])
    ]


def checks(rows: pd.DataFrame) -> list[Finding]:
    """Rules on the lake's own health that their last check found broken, or could not check."""
    return [
        Finding(
            "bad" if row.level == "fail" else "attention",
            "check",
            f"rule {row.rule}: {row.detail or row.status}{'' if pd.isna(row.limit) else f', limit {row.limit:g}'}",
            row.checked_at,
            9_000.0 if row.level == "fail" else 3_000.0,
            "screens/runs.py",
        )
        for row in each(rows[rows["status"] != "ok"])
    ]


def drifting(rows: pd.DataFrame) -> list[Finding]:
    """Cameras whose photos are no longer what is normal for them."""
    return [
        Finding(
            "attention",
            "drift",
            f"{row.device_id}: its photos are {DRIFTS.get(row.drift, row.drift)} than normal for it",
            row.since,
            4_500.0,
            "screens/quality.py",
            {"device": [row.device_id]},
            store=row.store_id,
        )
        for row in each(rows[rows["drift"].notna()])
    ]


def cameras(unusable: pd.DataFrame, current: pd.DataFrame) -> list[Finding]:
    """A camera none of whose latest photos could be used: its stock is old or unknown, which outranks an empty SKU."""
    found = []
    known = current[current["state"] == "known"].groupby("device_id")["seen_at"].max()
    for row in unusable.to_dict("records"):
        faults = {
            name: row[name] for name in ("blur", "motion", "dark", "bright", "noise", "moire") if pd.notna(row[name])
        }
        fault = f", mostly {max(faults, key=lambda name: faults[name])}" if faults else ""
        seen = known.get(row["device_id"])
        stock = "its stock is unknown" if seen is None else f"its stock is as of {moment(seen)}"
        what = f"{row['device_id']}: the last {row['photos']} photos can't be used{fault}; {stock}"
        params: Params = {"device": [row["device_id"]]}
        found.append(
            Finding(
                "bad",
                "camera",
                what,
                row["since"],
                10_000 + row["photos"],
                "screens/quality.py",
                params,
                store=row["store_id"],
            )
        )
    return found


def unseen(estate: pd.DataFrame, now: datetime) -> list[Finding]:
    """A device that sent nothing for longer than `UNSEEN_AFTER`."""
    rows = estate[estate["last_at"] < pd.Timestamp(now - UNSEEN_AFTER)]
    return [
        Finding(
            "attention",
            "not seen",
            f"{row.device_id} at {row.store_id} has sent nothing for {span((now - row.last_at).total_seconds())}",
            row.last_at,
            5000.0,
            "screens/captures.py",
            {"device": [row.device_id], "range": "all"},
            store=row.store_id,
        )
        for row in each(estate.loc[rows.index])
    ]


def late(flow: pd.DataFrame) -> list[Finding]:
    """A store many of whose captures arrive late, with how long the slowest took."""
    found = []
    for store, rows in flow.groupby("store_id"):
        captures, late_ones = int(rows["captures"].sum()), int(rows["late"].sum())
        if late_ones >= LATE_AT_LEAST and late_ones >= LATE_SHARE * captures:
            slowest = span(rows["capture_to_receipt_p99_s"].max())
            what = f"{store}: {late_ones} of {captures} captures arrived late, the slowest after {slowest}"
            since = rows.loc[rows["late"] > 0, "hour"].min()
            found.append(
                Finding(
                    "attention",
                    "late",
                    what,
                    since,
                    4000.0 + late_ones,
                    "screens/throughput.py",
                    {"store": [str(store)]},
                    store=str(store),
                )
            )
    return found


def refused(rejects: pd.DataFrame) -> list[Finding]:
    """What was refused, all in one, with the most frequent reason and its remedy."""
    if rejects.empty:
        return []
    reasons = rejects["reason"].value_counts()
    most = str(reasons.index[0])
    kinds = "1 reason" if len(reasons) == 1 else f"{len(reasons)} reasons"
    what = f"{len(rejects)} refused for {kinds}, most often {most} ({reasons.iloc[0]}). {remedy(most)}"
    since = rejects["occurred_at"].min()
    return [Finding("attention", "refused", what, since, float(len(rejects)), "screens/rejected.py")]


def remedy(reason: str) -> str:
    """What a reason means and what to do, in a sentence; for a reason of a later release, that it is one."""
    try:
        return Reason(reason).explain
    except ValueError:
        return "This release does not know the reason; upgrade the dashboard."


def since(finding: Finding, now: datetime) -> str:
    """When it began and how long ago."""
    if finding.since is None or pd.isna(finding.since):
        return ""
    if finding.since >= now - timedelta(minutes=1):
        return "now"
    least, most = retail.duration_s(finding.since, finding.before, now)
    long, longest = span(least), span(most)
    return f"since {moment(finding.since)} ({long}{f' to {longest}' if most is not None and longest != long else ''})"
