"""Rejected: what was refused, why, and what to do about it."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from schemas.reasons import Reason
from serving import blobs, charts, data, ledgers, queries, show
from serving.attention import remedy
from serving.data import ask
from serving.filters import chosen
from serving.ledgers import NAMELESS, OPEN
from serving.show import Figure

LISTED = 1000
PREVIEW_BYTES = 2000
_PHOTOS = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF", b"GIF8", b"II*\x00", b"MM\x00*", b"BM")


def render() -> None:
    """Draws the page."""
    show.header(
        "Rejected",
        "What was refused, why, and what to do about it. Nothing is lost: each record is kept byte for byte.",
    )
    every = ask(ledgers.rejected, chosen(), limit=LISTED)
    if every.empty:
        show.nothing("Nothing was refused in this window.", "Widen the filters to look further back.")
        return
    tally = ask(ledgers.refusals, chosen())
    by_reason = tally.groupby("reason", as_index=False)[["records"]].sum()
    headline(tally)
    left, right = st.columns([2, 3], gap="medium")
    with left:
        show.section("By reason")
        st.altair_chart(charts.counts(by_reason, "reason", "records"))
    with right:
        show.section("Over time, by device")
        hourly = (
            every.assign(hour=every["occurred_at"].dt.floor("h")).groupby(["hour", "device_id"], as_index=False).size()
        )
        st.altair_chart(
            charts.bars_by_hour(hourly.rename(columns={"size": "records"}), "records", "device_id", title="records")
        )
    st.divider()
    reasons = sorted(set(by_reason["reason"]))
    one, other = st.columns(2)
    reason = one.selectbox(
        "Reason", ["", *reasons], key="reason", bind="query-params", format_func=lambda value: value or "every reason"
    )
    which = other.selectbox(
        "Records", list(ledgers.RECORDS), key="records", bind="query-params",
        format_func=lambda value: value or "every record",
    )  # fmt: skip
    rows = ask(ledgers.rejected, chosen(), reason=reason or "", which=which or "", limit=LISTED)
    if rows.empty:
        show.nothing("No such record.", "Choose another reason or other records.")
        return
    remedies(sorted(set(rows["reason"])), bool(reason))
    replay(reason or "")
    row = pick(rows)
    if row is not None:
        preview(row)


def headline(tally: pd.DataFrame) -> None:
    """The row of figures; `tally` counts the records."""
    counts = ask(ledgers.records, chosen())
    most = tally.groupby("reason")["records"].sum().sort_values(ascending=False)
    devices = tally.groupby("device_id")["records"].sum().sort_values(ascending=False)
    told = devices.drop("unknown", errors="ignore")
    filtered = [name for name in told.index if name in set(ask(queries.estate)["device_id"])]
    everything = {"reason": "", "records": ""}
    show.figures(
        [
            Figure("Refused", f"{counts['']:,}", "Records and photos in the chosen time.", "exact", to="Every one",
                   choose=everything),
            Figure("Reasons", f"{len(most)}", "Different reasons.", f"most often {most.index[0]}",
                   to=f"Its {most.iloc[0]:,}", choose={**everything, "reason": str(most.index[0])}),
            Figure("Still open", f"{counts[OPEN]:,}", "Records that no replay has taken in since.",
                   f"{counts[''] - counts[OPEN]:,} replayed", to="Which", choose={**everything, "records": OPEN}),
            Figure("Devices", f"{len(told)}", "Devices that the records name.",
                   f"most often {filtered[0]}" if filtered else "",
                   to=f"Its {told[filtered[0]]:,}" if filtered else "",
                   choose={**everything, "device": [filtered[0]]} if filtered else None),
            Figure("Origin unknown", f"{counts[NAMELESS]:,}", "Records that did not tell their device.",
                   to="Which", choose={**everything, "records": NAMELESS}),
        ]
    )  # fmt: skip


def remedies(reasons: list[str], one: bool) -> None:
    """What each reason means and what to do."""
    if one:
        st.info(show.inert(remedy(reasons[0])), icon=":material/build:")
        return
    with st.expander("What each reason means and what to do"):
        table = pd.DataFrame({"reason": reasons, "remedy": [remedy(reason) for reason in reasons]})
        show.table(table, {"reason": "Reason", "remedy": "What to do"}, height=38 + 35 * len(table))


def replay(reason: str) -> None:
    """The command that takes the refused in again, once their cause is gone."""
    with st.expander("Take them in again", expanded=bool(reason)):
        st.caption("When the cause is gone, replay what was kept; what is refused once more stays here.")
        which = f" --reason {reason}" if reason in set(Reason) else ""
        st.code(f"facings rejected replay{which} --lake {data.lake_uri()}", language="bash")


def pick(rows: pd.DataFrame) -> pd.Series | None:
    """The table, and the row selected in it."""
    shown = rows.assign(at=show.times(rows["occurred_at"]))
    names = {
        "at": "When (UTC)",
        "reason": "Reason",
        "state": "State",
        "store_id": "Store",
        "device_id": "Device",
        "detail": "Detail",
        "origin": "Origin",
    }
    event = st.dataframe(
        shown,
        column_order=[*names, "attempts"],
        column_config={**names, "attempts": st.column_config.NumberColumn("Attempts")},
        hide_index=True,
        height=min(420, 38 + 35 * len(shown)),
        key="refusal",
        on_select="rerun",
        selection_mode="single-row",
    )
    st.caption("Click a row's box to see what was refused.")
    show.under(shown[list(names)].rename(columns=names), len(rows), int(rows["matching"].iloc[0]), "rejected")
    places = event["selection"]["rows"]
    return rows.iloc[places[0]] if places and places[0] < len(rows) else rows.iloc[0] if len(rows) else None


def preview(row: pd.Series) -> None:
    """The payload as inert text or hexadecimal; a photo only by its size."""
    show.section(f"What was refused: {show.inert(row['reason'])}")
    content = blobs.payload(str(row["reject_id"]))
    st.text(str(row["origin"]))
    st.code(describe(content), language=None, wrap_lines=True)


def describe(content: bytes | None) -> str:
    """A payload as text that can be shown: decoded where it is UTF-8, else hexadecimal, cut after 2,000 bytes."""
    if content is None:
        return "No payload was kept: it never arrived, or was larger than the limit."
    if not content:
        return "Empty: 0 bytes."
    head = content[:PREVIEW_BYTES]
    more = f"\n… {len(content) - len(head):,} more bytes" if len(content) > len(head) else ""
    if content.startswith(_PHOTOS):
        return f"A photo's content, {show.size(len(content))}. It starts: {head[:32].hex(' ')}"
    try:
        text = head.decode("utf-8", errors="strict" if not more else "ignore")
    except UnicodeDecodeError:
        return head[:512].hex(" ") + (f"\n… {len(content) - 512:,} more bytes" if len(content) > 512 else "")
    if any(ord(char) < 32 and char not in "\t\r\n" for char in text):
        return head[:512].hex(" ") + more
    return text + more


render()
