"""Throughput: how captures flow from the camera into the views, where they wait, and what that costs."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from serving import both_layers, charts, flow, found, layers, ledgers, live, queries, show, stages
from serving.data import ask
from serving.filters import chosen, share
from serving.show import Figure

STAGES = {"capture_to_receipt": "Capture to receipt", "receipt_to_view": "Receipt to view"}


def render() -> None:
    """Draws the page."""
    show.header("Throughput", "How captures flow from the camera into the views, and where they wait.")
    layers.live_ahead()
    hourly = ask(queries.throughput, chosen())
    if hourly.empty:
        show.nothing(
            "No throughput in this window.",
            "Widen the filters, or build the view:",
            "facings rebuild throughput --lake LAKE",
        )
        return
    now = layers.live_figures(chosen(), ask(queries.trust_threshold))
    through = ask(flow.stages, chosen())
    headline(hourly, now, through.refused)
    stages.draw(through)
    st.info(bottleneck(through, hourly), icon=":material/hourglass_top:")
    both_layers.draw(now)
    beside_the_past(now)
    latencies(hourly)
    left, right = st.columns([2, 3], gap="medium")
    with left:
        refused()
    with right:
        costs()
    show.section("Devices")
    devices(hourly)


def headline(hourly: pd.DataFrame, now: live.Live | None, refusals: int) -> None:
    """The row of figures, both layers together where there are two."""
    totals = ask(queries.totals, chosen()).iloc[0]
    captures, photos = int(totals["captures"]), int(totals["images"])
    twice = captures - photos
    lacking = None if now is None else now.lacking
    late = ask(found.count, chosen(), "late", lacking)
    every = ask(found.count, chosen(), "of both layers", lacking)
    show.figures(
        [
            Figure(
                "Captures",
                f"{captures:,}",
                "Captures taken in the chosen time.",
                f"{int(totals['devices']):,} devices",
                "screens/captures.py",
                "Newest",
                share(),
            ),
            Figure(
                "Same photo again",
                f"{twice:,}",
                "Captures beyond the first with the same content: sent twice, or the same scene; stored once.",
                show.percent(twice, captures),
                "screens/captures.py",
                "Which",
                share(which="repeated photo"),
            ),
            Figure(
                "Late",
                show.percent(late, every),
                "Captures that arrived later than allowed; with a speed layer also those that are not archived yet.",
                f"{late:,} captures of {every:,}",
                "screens/captures.py",
                "Which",
                share(which="late"),
            ),
            Figure(
                "Refused",
                f"{refusals:,}",
                "Records and photos that could not be taken.",
                live.refused_note(now),
                "screens/rejected.py",
                "Why",
                share(),
            ),
            Figure(
                "Volume",
                show.size(float(hourly["bytes"].sum())),
                "Bytes of distinct photos, as the last rebuild of throughput counted them.",
                show.aged(f"{photos:,} photos", ask(flow.behind, chosen(), "throughput")),
                "screens/captures.py",
                "Photos",
                share(which="distinct photo"),
            ),
        ]
    )


def weighted(rows: pd.DataFrame, column: str) -> float:
    """Median of an hourly figure, weighted by its captures; NaN where there is none."""
    known = rows[rows[column].notna() & (rows["captures"] > 0)]
    if known.empty:
        return float("nan")
    known = known.sort_values(column)
    return float(known.loc[known["captures"].cumsum() >= known["captures"].sum() / 2, column].iloc[0])


def bottleneck(through: flow.Flow, hourly: pd.DataFrame) -> str:
    """The stage that takes longest, and the store that is slowest to deliver, in a sentence."""
    slow = through.bottleneck
    if slow is None or slow.p50_s is None:
        text = "No stage has been timed yet."
    else:
        before = through.stages[[stage.name for stage in through.stages].index(slow.name) - 1].name
        text = f"The bottleneck is from {before} to {slow.name}: typically {show.span(slow.p50_s)}."
    stores = {str(store): weighted(rows, "capture_to_receipt_p50_s") for store, rows in hourly.groupby("store_id")}
    stores = {store: value for store, value in stores.items() if pd.notna(value)}
    if len(stores) > 1:
        worst = max(stores, key=lambda store: stores[store])
        usual = show.span(float(pd.Series([v for s, v in stores.items() if s != worst]).median()))
        text += f" Slowest to deliver is {worst}: typically {show.span(stores[worst])}; the others take {usual}."
    return show.inert(text)


def beside_the_past(now: live.Live | None) -> None:
    """Captures an hour beside what is usual."""
    waiting = None if now is None else now.hourly.assign(captures=now.hourly["waiting"])
    told = ask(flow.arrivals, chosen(), waiting)
    show.section("Captures an hour, beside the past", "The band spans the least and the most of those hours.")
    st.altair_chart(charts.arrivals(told.rows))
    if not told.basis:
        st.caption("No earlier day to compare with yet.")
        return
    change = f"{100 * (told.now / told.usual - 1):+.0f} %" if told.usual else "none before"
    st.caption(f"Usual: the median of {told.basis}. {told.now:,} captures beside {told.usual:,.0f} ({change}).")


def latencies(hourly: pd.DataFrame) -> None:
    """Latency of each stage by hour: the median device's median, and the worst device's p99."""
    for column, (stage, title) in zip(st.columns(len(STAGES)), STAGES.items(), strict=True):
        rows = hourly.groupby("hour", as_index=False).agg(
            p50=(f"{stage}_p50_s", "median"), p99=(f"{stage}_p99_s", "max")
        )
        rows = rows.dropna()
        rows[["p50", "p99"]] = rows[["p50", "p99"]].clip(lower=0.01)
        with column:
            show.section(title, "p50: the median of the devices' medians. p99: the slowest device's. Logarithmic.")
            if rows.empty:
                st.caption("Not timed in this window.")
            else:
                st.altair_chart(charts.latency(rows))


def refused() -> None:
    """Refused by reason."""
    show.section("Refused, by reason")
    rows = ask(ledgers.refusals, chosen())
    if rows.empty:
        st.caption("Nothing was refused.")
        return
    by_reason = rows.groupby("reason", as_index=False)[["records"]].sum()
    st.altair_chart(charts.counts(by_reason, "reason", "records"))
    st.page_link("screens/rejected.py", label="What they are", icon=":material/arrow_forward:", query_params=share())


def costs() -> None:
    """What each step took and cost, per thousand captures received."""
    show.section("Cost of a thousand captures", "Runs that finished in the window, over the captures received in it.")
    rows = ask(flow.costs, chosen())
    if rows.empty:
        st.caption("No run finished in this window.")
        return
    names = {"step": "Step", "runs": "Runs", "seconds": "Seconds", "seconds_k": "s / 1000", "cost_k": "Cost / 1000"}
    formats = {"seconds": "%.2f", "seconds_k": "%.2f", "cost_k": "%.4f"}
    show.table(rows, names, formats=formats, name="cost-by-step")
    if rows["cost_k"].isna().all():
        st.caption("Set FACINGS_COST_PER_CORE_HOUR, and runs carry their cost.")
    else:
        st.caption(f"All steps: {rows['cost_k'].sum():.4f} for a thousand captures, in the currency of the rate.")


def devices(hourly: pd.DataFrame) -> None:
    """Totals of each device."""
    keys = ["store_id", "device_id"]
    rows = hourly.groupby(keys, as_index=False)[["captures", "images", "late", "rejected", "unreadable", "bytes"]].sum()
    typical = [weighted(group, "capture_to_receipt_p50_s") for _, group in hourly.groupby(keys)]
    rows = rows.assign(typical=typical, megabytes=(rows["bytes"] / 1e6).round(1)).sort_values(
        ["late", "captures"], ascending=False
    )
    names = {"store_id": "Store", "device_id": "Device", "captures": "Captures", "images": "Photos", "late": "Late"}
    more = {"rejected": "Refused", "unreadable": "Unreadable", "megabytes": "MB", "typical": "Typical delivery, s"}
    formats = {"megabytes": "%.1f", "typical": "%.1f"}
    show.table(rows.head(500), {**names, **more}, matching=len(rows), formats=formats, name="throughput")


render()
