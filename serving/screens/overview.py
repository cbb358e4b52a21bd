"""Overview: how the stores stand and what needs attention now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import streamlit as st

from serving import attention, charts, flow, judged, layers, ledgers, queries, retail, show
from serving.data import ask
from serving.figures import sampled
from serving.filters import chosen, share, window
from serving.live import Live, refused_note
from serving.show import Figure, Link

SHOWN = 12
LIVE_ICON = ":material/bolt:"
ICONS = {"bad": ":red-badge[:material/error: {}]", "attention": ":orange-badge[:material/warning: {}]"}


def render() -> None:
    """Draws the page."""
    filters = chosen()
    layers.live_ahead()
    places = ask(retail.places, filters)
    hourly = ask(queries.throughput, filters)
    rejects = ask(ledgers.rejected, filters)
    estate = selected(ask(queries.estate))
    show.header("Overview", "How the stores stand now, and what needs attention first.")
    now = layers.live_figures(filters, ask(queries.trust_threshold))
    headline(places, estate, rejects, now)
    if hourly.empty and places.empty:
        show.nothing("No views in this window.", "Widen the time, or build the views:", "facings rebuild --lake LAKE")
        return
    listing(ask(attention.findings, filters))
    trends(hourly if now is None else now.hourly)


def selected(estate: pd.DataFrame) -> pd.DataFrame:
    """The devices that the filters leave."""
    filters = chosen()
    keep = estate["store_id"].isin(filters.stores) if filters.stores else pd.Series(True, index=estate.index)
    return estate[keep & estate["device_id"].isin(filters.devices)] if filters.devices else estate[keep]


def headline(places: pd.DataFrame, estate: pd.DataFrame, rejects: pd.DataFrame, now: Live | None) -> None:
    """The row of figures."""
    filters = chosen()
    begin = window(filters, timedelta(hours=24)).start
    day = ask(queries.totals, filters, begin).iloc[0]
    listed: dict[str, str | list[str]] = {"range": "24h"} if begin > filters.start else {}
    available, covered = retail.availability(places), retail.coverage(places, estate)
    out = retail.out_of_stock(places)
    hidden = retail.planned(places)
    hidden = hidden[hidden["state"] == "unknown"]
    usable = sampled(day["usable"], day["scored"], day["captures"] - day["unreadable"])
    oldest = places.loc[places["state"] == "known", "seen_at"].min()
    known = "" if pd.isna(oldest) else f"photos up to {show.ago(oldest, filters.end)} old"
    everyone = set(estate["device_id"]) | set(places["device_id"])
    show.figures(
        [
            Figure(
                "Availability",
                available.text,
                f"Planned SKUs with a facing, of {int(available.whole):,} that a trusted photo shows. The bounds hold"
                " whatever the shelves that can't be seen hold.",
                show.aged(show.sure(available), ask(flow.behind, filters, "inventory")),
                "screens/inventory.py",
                "By shelf",
                share(),
            ),
            Figure(
                "Out of stock",
                f"{len(out):,}" if available.whole else "unknown",
                f"Planned SKUs without a facing; {int(out['expected'].sum())} facings are missing.",
                f"up to {len(hidden):,} more are unknown" if len(hidden) else "exact",
                "screens/inventory.py",
                "Which",
                share(state="out of stock"),
            ),
            Figure(
                "Shelves seen",
                f"{int(covered.part)} of {len(everyone)}",
                "Coverage: devices with a trusted photo in the last 12 h. The stock of the others is unknown.",
                known,
                "screens/quality.py",
                "Cameras",
                share(),
            ),
            Figure(
                "Usable, 24 h",
                usable.text,
                "Of the photos scored in the last 24 h.",
                show.sure(usable),
                "screens/captures.py",
                "Worst first",
                share(order="worst", **listed),
            ),
            Figure(
                "Captures, 24 h",
                f"{int(day['captures']):,}",
                f"From {int(day['devices'])} devices.",
                f"{int(day['devices'])} devices, exact" if now is None else live_note(now),
                "screens/captures.py",
                "Newest",
                share(**listed),
                also=None if now is None else only_live(len(now.waiting)),
            ),
            Figure(
                "Refused",
                f"{int(rejects['matching'].iloc[0]) if len(rejects) else 0:,}",
                "Records and photos refused in the chosen time.",
                refused_note(now),
                "screens/rejected.py",
                "Why",
                share(),
                also=None if now is None else refused_live(now),
            ),
        ]
    )


def live_note(now: Live) -> str:
    """What the speed layer adds, and how old it is."""
    age = "" if now.seen_at is None else f", {show.ago(now.seen_at, datetime.now(UTC))} old"
    return f"{len(now.waiting):,} live, not in the views yet{age}"


def only_live(count: int) -> Link | None:
    """The way to the captures that the views lack."""
    return Link(f"{count:,} only live", "screens/captures.py", share(which="only live"), LIVE_ICON) if count else None


def refused_live(now: Live) -> Link | None:
    """The way to the events that only the speed layer refused so far."""
    count = len(now.refused)
    return Link(f"{count:,} more live", "screens/throughput.py", share(), LIVE_ICON) if count else None


def listing(findings: list[attention.Finding]) -> None:
    """The findings, worst first, each a link to its page."""
    show.section(
        "What needs attention now", "Ranked: cameras that hide their stock, then what is out longest and widest."
    )
    if not findings:
        st.success("Nothing does.", icon=":material/check_circle:")
        return
    with st.container(border=True, gap="small"):
        for finding in findings[:SHOWN]:
            badge, what, when, link = st.columns([1.4, 5.7, 2.6, 1.5], vertical_alignment="center", gap="xxsmall")
            badge.markdown(ICONS[finding.severity].format(finding.kind))
            what.markdown(show.inert(finding.what))
            when.caption(show.inert(attention.since(finding, chosen().end)))
            page = finding.page.removeprefix("screens/").removesuffix(".py").capitalize()
            link.page_link(
                finding.page, label=page, icon=":material/arrow_forward:", query_params=share(**finding.params)
            )
    if len(findings) > SHOWN:
        st.caption(f"Showing {SHOWN} of {len(findings)}. Choose a store to see its own.")


def trends(arrived: pd.DataFrame) -> None:
    """Three small charts: availability, usable photos, captures."""
    filters = chosen()
    quality = ask(judged.quality_by_device, filters).groupby("hour", as_index=False)[["usable", "scored"]].sum()
    quality = quality[quality["scored"] > 0].assign(share=lambda q: q["usable"] / q["scored"])
    hourly = arrived.groupby("hour", as_index=False)[["captures", "late"]].sum()
    drawn = [
        ("On-shelf availability", ask(retail.availability_by_hour, filters), "available", True),
        ("Usable photos", quality, "share", True),
        ("Captures an hour", hourly, "captures", False),
    ]
    for column, (title, rows, value, is_share) in zip(st.columns(len(drawn)), drawn, strict=True):
        with column:
            show.section(title)
            if rows.empty:
                st.caption("Nothing in this window.")
            else:
                st.altair_chart(charts.trend(rows, value, title, share=is_share))


render()
