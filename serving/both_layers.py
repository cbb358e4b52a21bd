"""The figures of both layers on Throughput: what the speed layer adds, and whether it agrees with batch."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from serving import found, live, queries, show
from serving.data import ask
from serving.filters import chosen, share
from serving.show import Figure


def draw(now: live.Live | None) -> None:
    """What the speed layer adds, and whether it agrees with batch."""
    if now is None:
        st.caption("The speed layer holds nothing now: every figure is of the batch views.")
        return
    show.section(
        "Live", "What the speed layer saw and the batch views don't hold yet; merged, each capture counts once."
    )
    every, scored = (ask(found.count, chosen(), which, now.lacking) for which in ("of both layers", "scored live"))
    same, apart = ask(live.agreement, chosen(), ask(queries.trust_threshold))
    age = "unknown" if now.seen_at is None else show.ago(now.seen_at, datetime.now(UTC))
    rate = "every one scored" if now.rate is None or now.rate >= 1 else f"{100 * now.rate:.0f} % scored"
    show.figures(
        [
            listed("Captures, merged", f"{every:,}", "Archived ones, and those that only the speed layer saw.",
                   "exact", every, "of both layers"),
            listed("Only live", f"{len(now.waiting):,}", "Captures that the batch views don't hold yet.",
                   told_by_state(now.waiting), len(now.waiting), "only live"),
            listed("Usable, merged", now.usable.text, "Share of usable photos.",
                   show.sure(now.usable), every, "of both layers", order="worst"),
            listed("Event to score", show.span(now.latency_p50_s), "Median from the event to its score.",
                   f"99 %: {show.span(now.latency_p99_s)}; newest {age} old; {rate}; {scored:,} captures",
                   scored, "scored live"),
            listed("Layers agree", same.text, "Captures that both layers scored and gave the same verdict.",
                   f"of {int(same.whole):,} captures{'' if apart is None else f'; p_good {apart:.3f} apart'}",
                   int(same.whole), "scored by both layers"),
        ]
    )  # fmt: skip
    if len(now.refused):
        st.caption("Events that could not be parsed and that the archive has not reached: they will be in Rejected.")
        rows = now.refused.assign(at=show.times(now.refused["captured_at"]))
        names = {"at": "When (UTC)", "store_id": "Store", "device_id": "Device", "source": "Source"}
        places = {"kafka_partition": "Partition", "kafka_offset": "Offset"}
        formats = dict.fromkeys(places, "%d")
        show.table(rows.head(200), {**names, **places}, matching=len(rows), formats=formats, name="refused-live")


def listed(label: str, value: str, about: str, note: str, count: int, which: str, order: str = "") -> Figure:
    """A figure of both layers that leads to its captures, where there are any."""
    to, link = ("Worst first" if order else "Which"), ("screens/captures.py" if count else "")
    return Figure(label, value, about, note, link, to, share(which=which, order=order))


def told_by_state(waiting: pd.DataFrame) -> str:
    """How many of the captures that wait are archived, refused or on their way there."""
    tally = waiting["state"].value_counts()
    return ", ".join(f"{count:,} {state}" for state, count in tally.items()) or "exact"
