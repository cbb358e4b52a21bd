"""Overview: how the stores stand and what needs attention now."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import streamlit as st

from serving import attention, charts, queries, show
from serving.data import ask
from serving.filters import chosen, share, window

SHOWN = 12
ICONS = {"bad": ":red-badge[:material/error: {}]", "attention": ":orange-badge[:material/warning: {}]"}


def render() -> None:
    """Draws the page."""
    filters = chosen()
    current = ask(queries.current_inventory, filters)
    flow = ask(queries.throughput, filters)
    rejects = ask(queries.rejected, filters)
    estate = selected(ask(queries.estate))
    show.header("Overview", "How the stores stand now, and what needs attention first.")
    headline(current, estate, rejects)
    if flow.empty:
        show.nothing("No views in this window.", "Widen the time, or build the views:", "facings rebuild --lake LAKE")
        return
    findings = attention.ranked(
        [
            *attention.cameras(ask(queries.unusable_since, filters), current),
            *attention.out_of_stock(current, filters.end),
            *attention.unseen(estate, filters.end),
            *attention.late(flow),
            *attention.refused(rejects),
        ]
    )
    listing(findings)
    trends(flow)


def selected(estate: pd.DataFrame) -> pd.DataFrame:
    """The devices that the filters leave."""
    filters = chosen()
    keep = estate["store_id"].isin(filters.stores) if filters.stores else pd.Series(True, index=estate.index)
    return estate[keep & estate["device_id"].isin(filters.devices)] if filters.devices else estate[keep]


def headline(current: pd.DataFrame, estate: pd.DataFrame, rejects: pd.DataFrame) -> None:
    """The row of figures."""
    filters = chosen()
    day = ask(queries.totals, window(filters, timedelta(hours=24))).iloc[0]
    planned = current[(current["expected"] > 0) & (current["state"] == "known")]
    known_out = planned[planned["facings"] == 0]
    unknown = current.loc[current["state"] == "unknown", "device_id"].nunique()
    unseen = len(attention.unseen(estate, filters.end))
    available = show.percent(len(planned) - len(known_out), len(planned))
    show.figures(
        [
            (
                "Availability",
                available,
                f"Planned SKUs with a facing, of {len(planned)} that a trusted photo shows.",
            ),
            (
                "Out of stock",
                f"{len(known_out):,}",
                f"Planned SKUs without a facing; {int(known_out['expected'].sum())} facings are missing.",
            ),
            (
                "Stock unknown",
                f"{unknown} of {len(estate)}",
                "Devices without a trusted photo in the last 12 h: their stock is unknown, not zero.",
            ),
            ("Captures, 24 h", f"{int(day['captures']):,}", f"From {int(day['devices'])} devices."),
            ("Usable, 24 h", show.percent(day["usable"], day["scored"]), "Of the photos scored in the last 24 h."),
            ("Refused", f"{len(rejects):,}", "Records and photos refused in the chosen time."),
            (
                "Seen, 6 h",
                f"{len(estate) - unseen} of {len(estate)}",
                "Devices that sent a capture in the last 6 h.",
            ),
        ]
    )


def listing(findings: list[attention.Finding]) -> None:
    """The findings, worst first, each a link to its page."""
    show.section(
        "What needs attention now", "Ranked: cameras that hide their stock, then what is out longest and widest."
    )
    if not findings:
        st.success("Nothing does.", icon=":material/check_circle:")
        return
    with st.container(border=True, gap="xsmall"):
        for finding in findings[:SHOWN]:
            badge, what, when, link = st.columns([1.4, 5.9, 2.3, 1.6], vertical_alignment="center", gap="small")
            badge.markdown(ICONS[finding.severity].format(finding.kind))
            what.markdown(show.inert(finding.what))
            when.caption(show.inert(attention.since(finding, chosen().end)) or "now")
            page = finding.page.removeprefix("screens/").removesuffix(".py").capitalize()
            link.page_link(
                finding.page, label=page, icon=":material/arrow_forward:", query_params=share(**finding.params)
            )
    if len(findings) > SHOWN:
        st.caption(f"Showing {SHOWN} of {len(findings)}. Choose a store to see its own.")


def trends(flow: pd.DataFrame) -> None:
    """Three small charts: availability, usable photos, captures."""
    filters = chosen()
    quality = ask(queries.quality_by_device, filters).groupby("hour", as_index=False)[["usable", "scored"]].sum()
    quality = quality[quality["scored"] > 0].assign(share=lambda q: q["usable"] / q["scored"])
    hourly = flow.groupby("hour", as_index=False)[["captures", "late"]].sum()
    drawn = [
        ("On-shelf availability", ask(queries.availability_by_hour, filters), "available", True),
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
