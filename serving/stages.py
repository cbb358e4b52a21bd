"""The diagram of the stages, from the camera into the views: each count leads to its captures."""

from __future__ import annotations

import streamlit as st

from serving import flow, show
from serving.filters import share

ABOUT = {
    "captured": "Records that devices told of: those archived and those refused.",
    "received": "Records that arrived. The time is from the camera to us: network and retries of the device.",
    "archived": "Captures in master. The time is from receipt to the end of the run that took them in.",
    "scored": "Captures whose photo was measured. The time is from being archived to the end of the run that scored.",
    "in view": "Captures whose facings the inventory shows. The time is from being scored to the end of that rebuild.",
}


def draw(through: flow.Flow) -> None:
    """The stages in a row, with what each counts, how long it took, and what left the way there."""
    show.section("From the camera into the views", "Times: median, and what 99 of 100 stay under.")
    # What each stage holds and what left the way there: count, what it is, its page, and what to list there.
    kept = {"archived": "", "scored": "scored", "in view": "in view"}
    lost: dict[str, list[tuple[int, str, str | None]]] = {
        "archived": [(through.refused, "refused", None)],
        "scored": [
            (through.unreadable, "unreadable", "unreadable"),
            (through.waiting, "waiting", "not scored yet"),
        ],
        "in view": [
            (through.unseen, "without annotation", "without annotation"),
            (through.unbuilt, "wait for the next rebuild", "not in view yet"),
        ],
    }
    worst = through.bottleneck
    with st.container(horizontal=True, gap="small"):
        for stage in through.stages:
            with st.container(border=True, width="stretch", height="stretch", gap="xxsmall"):
                st.metric(
                    f"{'' if stage.name == 'captured' else '→ '}{stage.name}",
                    f"{stage.count:,}",
                    help=ABOUT[stage.name],
                )
                if stage.p50_s is not None:
                    if stage is worst:
                        st.markdown(":orange-badge[bottleneck]")
                    st.caption(f"after {show.span(stage.p50_s)}; 99 %: {show.span(stage.p99_s)}")
                elif stage.name != "captured":
                    st.caption("time not told by any run")
                if stage.name in kept:
                    leads_to(stage.count, "captures", kept[stage.name])
                for count, what, which in lost.get(stage.name, []):
                    leads_to(count, what, which)


def leads_to(count: int, what: str, which: str | None) -> None:
    """A link to that many captures, those that `which` names; without it to what was refused."""
    page, params = ("captures", share(which=which)) if which is not None else ("rejected", share())
    if count:
        st.page_link(f"screens/{page}.py", label=f"{count:,} {what}", icon=":material/call_split:", query_params=params)
