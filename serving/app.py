"""Router of the dashboard: opens the lake, draws the filters, runs the page.

Started by `facings serve` or `streamlit run serving/app.py -- --lake L`.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parent.parent)
if ROOT not in sys.path:  # `streamlit run` puts this folder on the path, not the project's
    sys.path.insert(0, ROOT)

import streamlit as st  # noqa: E402  (after the path)
from PIL import Image  # noqa: E402

from lake import FacingsError, LakeNotFound  # noqa: E402
from serving import data, filters, photos, queries, show  # noqa: E402

PAGES = {
    "screens/overview.py": ("Overview", ":material/space_dashboard:"),
    "screens/inventory.py": ("Inventory", ":material/shelves:"),
    "screens/throughput.py": ("Throughput", ":material/speed:"),
    "screens/quality.py": ("Quality", ":material/center_focus_strong:"),
    "screens/captures.py": ("Captures", ":material/photo_camera:"),
    "screens/rejected.py": ("Rejected", ":material/block:"),
    "screens/runs.py": ("Runs", ":material/history:"),
}


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
    uri = data.lake_uri()
    if uri is None:
        show.nothing("No lake is named.", "Start the dashboard with the lake to show:", "facings serve --lake PATH")
        return
    try:
        data.pin(uri)
        now = data.ask(queries.newest)
        if now is None:
            empty(uri, page.title)
            return
        st.session_state["filters"] = filters.sidebar(data.ask(queries.estate), now, page.url_path)
        page.run()
    except LakeNotFound as error:
        show.nothing("There is no lake here.", str(error), "facings demo --lake PATH")
    except FacingsError as error:
        st.error(show.inert(f"{type(error).__name__}: {error}"), icon=":material/error:")
        st.caption("The dashboard reads again when you reload the page.")


def empty(uri: str, title: str) -> None:
    """Says how photos come into a lake that has none; Runs and Rejected still show what happened."""
    show.nothing("No captures yet.", "Ingest photos, then rebuild the views; this page shows them at once:")
    st.code(f"facings ingest PHOTOS --lake {uri}\nfacings rebuild --lake {uri}", language="bash")
    rejects = data.ask(queries.rejected, queries.EVERYTHING, limit=20)
    if len(rejects):
        show.section("Refused so far")
        show.table(
            rejects, {"reason": "Reason", "detail": "Detail", "origin": "Origin"}, matching=int(rejects["matching"][0])
        )


main()
