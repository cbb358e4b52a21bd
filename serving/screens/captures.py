"""Captures: find one, see its photo with its boxes, its crops, its measurements and where it came from."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from schemas.tables import CLASSES, MEASUREMENTS
from serving import blobs, data, found, layers, photos, queries, show
from serving.data import ask
from serving.filters import chosen

LISTED = 200
CROPS_SHOWN = 48
ORDERS = ["newest", "worst"]


def render() -> None:
    """Draws the page."""
    show.header("Captures", "Every figure traces back to here: the photo, what was seen on it, and where it came from.")
    text, label, which, order = search()
    lacking = layers.lacking(chosen()) if which in found.LIVE else None
    rows = ask(
        found.captures, chosen(), text=text, label=label, which=which, order=order, limit=LISTED, lacking=lacking
    )
    wanted = str(st.query_params.get("capture", ""))
    if wanted and wanted not in set(rows["capture_id"]):
        one = ask(found.captures, queries.EVERYTHING, text=wanted, limit=1)
        rows = pd.concat([one, rows], ignore_index=True) if len(one) and len(rows) else one if len(one) else rows
    if rows.empty:
        show.nothing("No capture matches.", "Widen the time, drop a filter or shorten the search.")
        return
    picked = pick(rows, wanted)
    detail(rows.iloc[picked])


def search() -> tuple[str, str, str, str]:
    """What to look for: text, label, which (a word of `found.WHICH`), order."""
    left, middle, kinds, right = st.columns([3, 2, 2, 1])
    text = left.text_input("Search", key="q", bind="query-params", placeholder="Capture, device, store or hash")
    label = middle.selectbox(
        "Label on a crop",
        ["", *ask(queries.labels)],
        key="label",
        bind="query-params",
        format_func=lambda v: v or "any label",
    )
    which = kinds.selectbox(
        "Which", found.WHICH, key="which", bind="query-params", format_func=lambda word: word or "archived"
    )
    order = right.selectbox("Order", ORDERS, key="order", bind="query-params")
    return text.strip(), label or "", which or "", order or "newest"


def pick(rows: pd.DataFrame, wanted: str) -> int:
    """Position of the chosen capture: the selected row, else the one in the URL, else the first."""
    shown = rows.assign(
        at=show.times(rows["captured_at"]),
        good=rows["p_good"].astype(float) * 100,
        delay=[show.span(s) for s in delays(rows)],
    )
    names = {
        "at": "Captured (UTC)",
        "store_id": "Store",
        "device_id": "Device",
        "good": "Good",
        "delay": "Delivered after",
    }
    config = {
        **{column: st.column_config.Column(name) for column, name in names.items()},
        "good": st.column_config.NumberColumn(
            "Good", format="%.0f %%", help="Probability that the photo is good enough to count."
        ),
        "capture_id": st.column_config.Column("Capture", width="medium"),
    }
    event = st.dataframe(
        shown, column_order=[*names, "capture_id"], column_config=config, hide_index=True, height=250, key="pick",
        on_select="rerun", selection_mode="single-row",
    )  # fmt: skip
    columns = [*names, "capture_id", "sha256", "image_uri", "unreadable"]
    show.under(shown[columns].rename(columns=names), len(rows), int(rows["matching"].iloc[-1]), "captures")
    chosen_rows = event["selection"]["rows"]
    if chosen_rows and chosen_rows[0] < len(rows):
        st.query_params["capture"] = str(rows["capture_id"].iloc[chosen_rows[0]])
        return int(chosen_rows[0])
    places = list(rows["capture_id"])
    return places.index(wanted) if wanted in places else 0


def delays(rows: pd.DataFrame) -> pd.Series:
    """Seconds from capture to receipt."""
    return (rows["received_at"] - rows["captured_at"]).dt.total_seconds()


def detail(row: pd.Series) -> None:
    """One capture: photo, figures, crops, what it counted for, lineage."""
    sha256 = str(row["sha256"])  # one that is not archived may have none: no table has "None"
    crops = ask(queries.crops_of, sha256)
    boxes: tuple[photos.Box, ...] = tuple(
        (int(c.x0), int(c.y0), int(c.x1), int(c.y1), str(c.label)) for c in show.each(crops)
    )
    facts = blobs.photo_facts(sha256)
    show.section(f"{show.inert(row['device_id'])} at {show.moment(row['captured_at'], '%d %b %Y %H:%M:%S')} UTC")
    left, right = st.columns([3, 2], gap="medium")
    with left:
        drawn = st.toggle("Boxes", value=True, key="boxes") if boxes else False
        picture = blobs.boxed_photo(sha256, boxes if drawn else (), photos.PHOTO_PX)
        if picture is None:
            reason = row["unreadable"] if pd.notna(row["unreadable"]) else "it is not in this lake"
            if pd.isna(row["received_at"]):
                reason = "only the speed layer saw it; the archive has not reached it, or refused it"
            show.nothing("This photo can't be shown.", f"Reason: {reason}. See Rejected for the remedy.")
        else:
            st.image(picture, width="stretch", alt=f"Photo of {row['device_id']} with {len(boxes)} boxes")
            st.caption(f"{len(boxes)} boxes, numbered as the crops below.")
    with right:
        verdict(row, facts)
        counted(row)
    if len(crops):
        closer(sha256, boxes)
        pieces(sha256, crops)
    lineage(row, crops, facts)


def verdict(row: pd.Series, facts: dict[str, object]) -> None:
    """The photo's quality: probabilities and measurements."""
    if pd.isna(row["p_good"]):
        st.caption("Not scored yet: run `facings rebuild quality`.")
        return
    chances = pd.DataFrame({"is": CLASSES, "chance": [100 * float(row[f"p_{name}"] or 0) for name in CLASSES]})
    st.dataframe(
        chances.sort_values("chance", ascending=False), hide_index=True, height="content",
        column_config={
            "is": st.column_config.Column("The photo is"),
            "chance": st.column_config.ProgressColumn("Probability", format="%.0f %%", min_value=0, max_value=100),
        },
    )  # fmt: skip
    with st.expander("Measurements"):
        known = [name for name in MEASUREMENTS if name in facts]
        measured = pd.DataFrame({"name": known, "value": [facts[name] for name in known]})
        show.table(measured, {"name": "Measurement", "value": "Value"}, height=500, formats={"value": "%.3f"})


def counted(row: pd.Series) -> None:
    """What the inventory took from it."""
    rows = ask(queries.counted_in, str(row["capture_id"]), row["captured_at"].to_pydatetime())
    with st.expander("What it counted for", expanded=len(rows) > 0):
        if rows.empty:
            st.caption("Nothing: no annotation tells what it shows.")
            return
        trusted = bool(rows["trusted"].iloc[0])
        st.caption("Trusted: it counts." if trusted else "Not trusted: its counts are shown, and count for nothing.")
        names = {"sku": "SKU", "facings": "Facings", "expected": "Planned"}
        show.table(rows, names, height=min(320, 38 + 35 * len(rows)), name=f"capture-{row['capture_id']}")


def closer(sha256: str, boxes: tuple[photos.Box, ...]) -> None:
    """One box at the photo's own scale."""
    numbers = [f"{number}. {box[4]}" for number, box in enumerate(boxes, 1)]
    picked = st.selectbox("Look closer at box", ["", *numbers], key="closer", format_func=lambda v: v or "none")
    if picked:
        box = boxes[numbers.index(picked)]
        picture = blobs.closeup(sha256, box, photos.PHOTO_PX)
        if picture is not None:
            st.image(picture, width="content", alt=f"Box {picked} at full scale")
        st.caption(f"x {box[0]} to {box[2]}, y {box[1]} to {box[3]} in pixels of the upright photo.")


def pieces(sha256: str, crops: pd.DataFrame) -> None:
    """The crops, numbered as on the photo, with their labels."""
    show.section("Crops")
    jpegs = dict(blobs.crop_jpegs(sha256, CROPS_SHOWN))
    with st.container(horizontal=True, gap="small"):
        for number, crop in enumerate(show.each(crops.head(CROPS_SHOWN)), start=1):
            with st.container(width=104, gap="xxsmall"):
                if jpegs.get(crop.crop_id):
                    st.image(
                        photos.scaled_crop(jpegs[crop.crop_id]), width="content", alt=f"Crop {number}: {crop.label}"
                    )
                st.caption(f"{number}. {show.inert(crop.label if crop.label is not None else 'unlabelled')}")
    if len(crops) > CROPS_SHOWN:
        st.caption(f"Showing {CROPS_SHOWN} of {len(crops)} crops.")
    with st.expander("These crops for training"):
        st.code("facings export crops --to crops --format coco --lake LAKE", language="bash")


def lineage(row: pd.Series, crops: pd.DataFrame, photo: dict[str, object]) -> None:
    """Ids, source and versions: what it takes to trace and reproduce."""
    versions = dict(data.current_versions())
    shown = ", ".join(f"{name} {versions[name]}" for name in ("master/captures", "views/crops", "views/quality"))
    stored = "–"
    if "width" in photo:
        pixels = f"{photo['width']:.0f} x {photo['height']:.0f}, orientation {photo['orientation']:.0f}"
        stored = f"{photo['format']}, {pixels}, {show.size(float(str(photo['size_bytes'])))}"
    facts = {
        "Capture": row["capture_id"],
        "Photo (sha256)": row["sha256"],
        "Address": row["image_uri"],
        "Record's source": row["source"],
        "Contract": row["schema"],
        "Trigger": row["trigger"],
        "Captured (UTC)": show.moment(row["captured_at"], "%Y-%m-%d %H:%M:%S"),
        "Received (UTC)": show.moment(row["received_at"], "%Y-%m-%d %H:%M:%S"),
        "Photo as stored": stored,
        "Annotation": ", ".join(sorted({str(v) for v in crops["annotation_id"].dropna()})) or "–",
        "Quality model": photo.get("model_id"),
        "Versions shown": shown,
        "Lineage in full": f"facings lineage {row['capture_id']}",
    }
    show.section("Where it came from")
    rows = pd.DataFrame(
        {"name": list(facts), "value": ["–" if v is None or pd.isna(v) else str(v) for v in facts.values()]}
    )
    show.table(rows, {"name": "What", "value": "Value"}, height=38 + 35 * len(rows))


render()
