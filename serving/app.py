"""Router of the dashboard: who is looking, at which state of the lake, through which filters; then it runs the page.

Started by `facings serve` or `streamlit run serving/app.py -- --lake L`.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = str(Path(__file__).resolve().parent.parent)
if ROOT not in sys.path:  # `streamlit run` puts this folder on the path, not the project's
    sys.path.insert(0, ROOT)

import streamlit as st  # noqa: E402  (after the path)
from PIL import Image  # noqa: E402

from lake import FacingsError, LakeNotFound  # noqa: E402
from serving import data, filters, launch, ledgers, photos, queries, show  # noqa: E402
from serving.reader import Stores  # noqa: E402

PAGES = {
    "screens/overview.py": ("Overview", ":material/space_dashboard:"),
    "screens/inventory.py": ("Inventory", ":material/shelves:"),
    "screens/throughput.py": ("Throughput", ":material/speed:"),
    "screens/quality.py": ("Quality", ":material/center_focus_strong:"),
    "screens/captures.py": ("Captures", ":material/photo_camera:"),
    "screens/rejected.py": ("Rejected", ":material/block:"),
    "screens/runs.py": ("Runs", ":material/account_tree:"),
    "screens/travel.py": ("Time travel", ":material/history:"),
    "screens/store.py": ("Store sheet", ":material/print:"),
}
LOOK_EVERY_S = 5


def main() -> None:
    """Draws one page, or the state that says why there is none."""
    st.set_page_config(
        page_title="Facings", page_icon=Image.fromarray(photos.icon()), layout="wide", initial_sidebar_state=250
    )
    pages = [
        st.Page(path, title=title, icon=icon, default=index == 0)
        for index, (path, (title, icon)) in enumerate(PAGES.items())
    ]
    page = st.navigation(pages)
    launched = launch.launched()
    if launched.lake is None:
        show.nothing("No lake is named.", "Start the dashboard with the lake to show:", "facings serve --lake PATH")
        return
    try:
        stores = viewer(launched)
        if stores == ():
            return
        draw(page, launched.lake, stores)
    except LakeNotFound as error:
        show.nothing("There is no lake here.", str(error), "facings demo --lake PATH")
    except FacingsError as error:
        st.error(show.inert(f"{type(error).__name__}: {error}"), icon=":material/error:")
        st.caption("The dashboard reads again when you reload the page.")


def viewer(launched: launch.Launch) -> Stores:
    """The stores that whoever is looking may see: None for all; empty after it has said why there is none."""
    if launched.access is None:
        return None
    policy = data.policy(launched.access)
    if not st.user.is_logged_in:
        show.header("Facings", "Sign in to see your stores.")
        st.button("Sign in", icon=":material/login:", type="primary", on_click=st.login)
        return ()
    stores = policy.stores(st.user.to_dict())
    with st.sidebar:
        st.caption(f"Signed in as {show.inert(st.user.get('name') or st.user.get('email') or st.user.get('sub'))}")
        st.button("Sign out", icon=":material/logout:", type="tertiary", on_click=st.logout)
    if stores == ():
        show.nothing("Your account has no store.", f"Ask whoever runs this dashboard for a role ({policy.claim}).")
    return stores


def draw(page: Any, uri: str, stores: Stores) -> None:
    """The filters, and the page at the state that the URL names."""
    at = filters.moment_chosen(page.url_path)
    data.pin(uri, at, stores)
    now = data.ask(queries.newest)
    if now is None and not at:
        empty(uri)
        return
    estate = data.ask(queries.estate)
    st.session_state["filters"] = filters.sidebar(estate, now or datetime.now(UTC), page.url_path)
    with st.sidebar:
        pulse(uri, at)
    if at:
        past, back = st.columns([6, 1], vertical_alignment="center")
        past.warning(f"This is the past: the lake as it was at **{show.inert(at)}**.", icon=":material/history:")
        back.button("Back to now", icon=":material/update:", type="tertiary", on_click=filters.to_now)
    page.run()


@st.fragment(run_every=LOOK_EVERY_S)
def pulse(uri: str, at: str) -> None:
    """Looks for new commits. Only when there is one does the page run again: nothing flickers in between."""
    if not at and data.moved(uri):
        st.rerun()
    newest = filters.chosen().end
    st.caption(
        f"As of **{show.moment(newest, '%d %b %Y %H:%M')} UTC**, the newest capture"
        + (". " if at else f", {show.ago(newest, max(newest, datetime.now(UTC)))} ago. ")
        + "All times are UTC."
    )


def empty(uri: str) -> None:
    """Says how photos come into a lake that has none; Runs and Rejected still show what happened."""
    show.nothing("No captures yet.", "Ingest photos, then rebuild the views; this page shows them at once:")
    st.code(f"facings ingest PHOTOS --lake {uri}\nfacings rebuild --lake {uri}", language="bash")
    rejects = data.ask(ledgers.rejected, queries.EVERYTHING, limit=20)
    if len(rejects):
        show.section("Refused so far")
        show.table(
            rejects, {"reason": "Reason", "detail": "Detail", "origin": "Origin"}, matching=int(rejects["matching"][0])
        )


main()
