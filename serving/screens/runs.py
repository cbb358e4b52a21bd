"""Runs: what was done to the lake, when, by which code, on which versions, and whether every row is accounted for."""

from __future__ import annotations

import json

import pandas as pd
import streamlit as st

from serving import charts, data, ledgers, show
from serving.data import ask
from serving.filters import share
from serving.graph import lineage_graph
from serving.ledgers import FAILED, GAPS, LAST
from serving.show import Figure

LISTED = 500
BROKEN = "broken"


def render() -> None:
    """Draws the page."""
    show.header(
        "Runs", "What was done to the lake, by which code, on which versions, and whether every row is accounted for."
    )
    rows = ask(ledgers.runs, limit=LISTED)
    if rows.empty:
        show.nothing("No runs yet.", "Each ingest and rebuild leaves a row here:", "facings rebuild --lake LAKE")
        return
    headline(rows)
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
    lineage(rows)
    checks()
    show.section("Steps")
    steps()
    with st.expander("Versions that this page was drawn from"):
        versions = pd.DataFrame(data.current_versions(), columns=["table", "version"])
        show.table(versions, {"table": "Table", "version": "Version"}, height=38 + 35 * len(versions))


def headline(rows: pd.DataFrame) -> None:
    """The row of figures."""
    counts = ask(ledgers.steps)
    broken = ask(ledgers.checks)
    known = broken[broken["status"] != "ok"]

    def counted(label: str, word: str, about: str, to: str = "Which") -> Figure:
        return Figure(label, f"{counts[word]:,}", about, to=to, choose={"steps": word} if counts[word] else None)

    show.figures(
        [
            counted("Runs", LAST, "Different runs; each has one or more steps.", "Last steps"),
            counted("Steps", "", "Rows of the ledger.", "Every one"),
            counted("Failed steps", FAILED, "Steps that ended with an error; the last version stayed readable."),
            counted("Unaccounted", GAPS, "Steps whose rows in differ from ok + skipped + rejected. Must be 0."),
            Figure(
                "Checks broken",
                f"{len(known)} of {len(broken)}" if len(broken) else "unknown",
                "Rules on the lake's health, at their last check.",
                "" if len(broken) else "no check has run",
                to="Which",
                choose={"checks": BROKEN} if len(known) else None,
            ),
            Figure(
                f"Last run, {show.moment(rows['started_at'].max(), '%d %b')}",
                show.moment(rows["started_at"].max(), "%H:%M"),
                "UTC.",
                "",
                "screens/travel.py",
                "What changed",
                share(),
            ),
        ]
    )


def lineage(rows: pd.DataFrame) -> None:
    """From which versions the tables were made, as a graph of the last run of each step or of one run."""
    show.section("Lineage", "Tables and their versions; an arrow is a step that read the one and wrote the other.")
    runs = list(dict.fromkeys(rows["run_id"]))
    picked = st.selectbox(
        "Run", ["", *runs], key="run", bind="query-params", format_func=lambda v: v or "the last of each step"
    )
    shown = rows[rows["run_id"] == picked] if picked else rows[rows["status"] == "ok"].drop_duplicates("step")
    graph = lineage_graph(shown)
    if graph is None:
        st.caption("These steps told no sources.")
    else:
        st.graphviz_chart(graph, width="content")
    with st.expander("Code and parameters"):
        told = shown.assign(
            sources=[", ".join(f"{k} {v}" for k, v in sources_of(text).items()) for text in shown["sources"]]
        )
        names = {"step": "Step", "code": "Code", "engine": "Engine", "parameters": "Parameters", "sources": "Sources"}
        show.table(told, names, name="lineage")


def sources_of(text: object) -> dict[str, object]:
    """Versions by table out of a run's `sources`; empty where it tells none."""
    try:
        found = json.loads(str(text))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def checks() -> None:
    """The last verdict on each rule."""
    rows = ask(ledgers.checks)
    if rows.empty:
        return
    show.section("Checks", "Rules on the lake's health, at their last check; those that are broken first.")
    kept = st.selectbox(
        "Rules", ["", BROKEN], key="checks", bind="query-params", format_func=lambda v: v or "every rule"
    )
    rows = rows[rows["status"] != "ok"] if kept else rows
    rows = rows.assign(at=show.times(rows["checked_at"])).sort_values("status", key=lambda s: s == "ok", kind="stable")
    names = {"status": "Status", "level": "Level", "rule": "Rule", "value": "Value", "limit": "Limit"}
    show.table(rows, {**names, "at": "Checked (UTC)", "detail": "Detail"}, name="checks")


def steps() -> None:
    """The steps with their counts, newest first."""
    kind = st.selectbox(
        "Steps", list(ledgers.STEPS), key="steps", bind="query-params", format_func=lambda v: v or "every step"
    )
    rows = ask(ledgers.runs, kind or "", LISTED)
    matching = int(rows["matching"].max()) if len(rows) else 0
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
    formats = {"seconds": "%.2f"}
    show.table(rows, {**names, **counts, **traces}, matching=matching, formats=formats, name="runs")


render()
