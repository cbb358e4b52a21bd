"""Time travel: every commit of the lake, what it changed, and the way to any page as it was then."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from schemas.tables import TABLES
from serving import data, queries, retail, show
from serving.filters import chosen, share

LISTED = 200
WATCHED = ("views/inventory", "master/captures", "views/quality", "views/throughput", "master/rejected", "runs")
PAGES = ("overview", "inventory", "throughput", "quality", "captures", "rejected", "runs")


def render() -> None:
    """Draws the page."""
    show.header("Time travel", "Every page as it was: pick a commit, or write a time into “State of the lake”.")
    at = str(st.session_state.get("at", "") or "")
    table = st.selectbox("Commits of", [*WATCHED, *sorted(set(TABLES) - set(WATCHED))], key="table",
                         bind="query-params")  # fmt: skip
    commits = data.commits(str(table), LISTED)
    if commits.empty:
        show.nothing("No commits.", "This table was made and never written.")
        return
    rows = commits.assign(at_text=[show.moment(at, "%Y-%m-%d %H:%M:%S") for at in commits["at"]])
    names = {"version": "Version", "at_text": "Committed (UTC)", "operation": "What", "view": "View", "mode": "Mode"}
    more = {"run_id": "Run", "sources": "From versions", "code": "Code"}
    names, more = ({name: title for name, title in each.items() if rows[name].notna().any()} for each in (names, more))
    config = show.config_of(rows, {**names, **more}, {"version": "%d"})
    event = st.dataframe(
        rows, column_order=[*names, *more], column_config=config, hide_index=True,
        height=min(420, 38 + 35 * len(rows)), key="commit", placeholder="–",
        on_select="rerun", selection_mode="single-row",
    )  # fmt: skip
    show.under(rows[[*names, *more]].rename(columns={**names, **more}), len(rows), None, "commits")
    places = event["selection"]["rows"]
    row = rows.iloc[places[0] if places and places[0] < len(rows) else 0]
    name = f"{table}@{int(row['version'])}"
    show.section(f"The lake as it was at {show.inert(name)}", "All tables are pinned at the moment of that commit.")
    with st.container(horizontal=True, gap="small"):
        for page in PAGES:
            st.page_link(f"screens/{page}.py", label=page.capitalize(), query_params=share(at=name))
    compare(name, at)


def compare(name: str, at: str) -> None:
    """The headline figures then, beside those of the state that is shown."""
    then = data.reader_at(name)
    moment = queries.newest(then)
    if moment is None:
        st.caption("The lake held no capture then.")
        return
    filters = chosen()
    past = queries.Filters(moment - (filters.end - filters.start), moment, filters.stores, filters.devices)
    shown = []
    for label, reader, window in (("then", then, past), ("now" if not at else "shown", data.reader(), filters)):
        places = retail.places(reader, window)
        totals = queries.totals(reader, window).iloc[0]
        out = retail.out_of_stock(places)
        shown.append(
            {
                "state": label,
                "newest capture (UTC)": show.moment(window.end, "%Y-%m-%d %H:%M"),
                "captures": int(totals["captures"]),
                "availability": retail.availability(places).text,
                "out of stock": len(out),
                "planogram kept": retail.compliance(places).text,
                "unknown places": int((places["state"] == "unknown").sum()),
            }
        )
    rows = pd.DataFrame(shown)
    show.section("Then and now", "The same filters, each with its window up to the newest capture of its state.")
    show.table(rows, {name: f"{name[0].upper()}{name[1:]}" for name in rows.columns}, name="then-and-now")


render()
