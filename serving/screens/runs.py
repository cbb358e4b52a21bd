"""Runs: what was done to the lake, when, by which code, on which versions, and whether every row is accounted for."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from serving import charts, data, queries, show
from serving.data import ask

LISTED = 500


def render() -> None:
    """Draws the page."""
    show.header(
        "Runs", "What was done to the lake, by which code, on which versions, and whether every row is accounted for."
    )
    rows = ask(queries.runs, limit=LISTED)
    if rows.empty:
        show.nothing("No runs yet.", "Each ingest and rebuild leaves a row here:", "facings rebuild --lake LAKE")
        return
    counted = rows[rows["rows_in"].notna() & (rows["status"] == "ok")]
    gaps = counted[counted["rows_in"] != counted[["rows_ok", "rows_skipped", "rows_rejected"]].sum(axis=1)]
    failed = int((rows["status"] == "failed").sum())
    show.figures(
        [
            ("Runs", f"{rows['run_id'].nunique():,}", "Different runs; each has one or more steps."),
            ("Steps", f"{int(rows['matching'].iloc[0]):,}", "Rows of the ledger."),
            ("Failed steps", f"{failed:,}", "Steps that ended with an error; the last version stayed readable."),
            ("Unaccounted", f"{len(gaps):,}", "Steps whose rows in differ from ok + skipped + rejected. Must be 0."),
            (
                f"Last run, {show.moment(rows['started_at'].max(), '%d %b')}",
                show.moment(rows["started_at"].max(), "%H:%M"),
                "UTC.",
            ),
        ]
    )
    left, right = st.columns([3, 2], gap="medium")
    with left:
        show.section("Duration of each step")
        worked = rows[rows["mode"] != "current"]  # what found nothing to do says nothing of durations
        worked = worked if len(worked) else rows
        marked = worked.assign(last=~worked["step"].duplicated())
        st.altair_chart(charts.durations(marked[["started_at", "step", "seconds", "status", "last"]]))
    with right:
        show.section("Last run of each step")
        last = rows.drop_duplicates("step").assign(at=lambda r: show.times(r["finished_at"]))
        show.table(
            last,
            {"step": "Step", "status": "Status", "version": "Version", "seconds": "Seconds", "at": "Finished (UTC)"},
            formats={"seconds": "%.2f"},
        )
    show.section("Steps")
    steps(rows)
    with st.expander("Versions that this page was drawn from"):
        versions = pd.DataFrame(data.current_versions(), columns=["table", "version"])
        show.table(versions, {"table": "Table", "version": "Version"}, height=38 + 35 * len(versions))


def steps(rows: pd.DataFrame) -> None:
    """Every step with its counts, newest first."""
    rows = rows.assign(
        at=show.times(rows["started_at"]),
        read=[show.size(v) for v in rows["bytes_in"]],
        wrote=[show.size(v) for v in rows["bytes_out"]],
    )
    names = {
        "at": "Started (UTC)",
        "step": "Step",
        "status": "Status",
        "mode": "Mode",
        "seconds": "Seconds",
        "rows_in": "Rows in",
    }
    counts = {
        "rows_ok": "Ok",
        "rows_skipped": "Skipped",
        "rows_rejected": "Refused",
        "read": "Read",
        "wrote": "Written",
    }
    traces = {
        "version": "Version",
        "sources": "Sources",
        "code": "Code",
        "engine": "Engine",
        "run_id": "Run",
        "detail": "Detail",
    }
    show.table(rows, {**names, **counts, **traces}, matching=int(rows["matching"].iloc[0]), formats={"seconds": "%.2f"})


render()
