"""Quality: which cameras can be trusted, since when not, and what is wrong with their photos."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import streamlit as st

from schemas.tables import CLASSES, MEASUREMENTS
from serving import charts, data, queries, show
from serving.data import ask
from serving.filters import chosen, share

WORST = 12
LATEST_HOURS = 3
SAMPLE = 2000
NAMES = {
    "laplacian_var": "Sharpness (Laplacian variance)",
    "sobel_var": "Edge strength (Sobel variance)",
    "fft_high": "Fine detail (FFT high frequencies, dB)",
    "moire_peak": "Moiré peak (dB)",
    "reblur": "Blur (re-blur, 0 sharp to 1)",
    "motion_ratio": "Motion (gradient anisotropy)",
    "noise_sigma": "Noise (sigma, grey levels)",
    "mean_luma": "Brightness (mean, 0 to 255)",
    "p01_luma": "Darkest 1 % (grey level)",
    "p99_luma": "Brightest 1 % (grey level)",
    "clip_dark": "Share clipped dark",
    "clip_bright": "Share clipped bright",
    "rms_contrast": "Contrast (RMS)",
}


def render() -> None:
    """Draws the page."""
    filters = chosen()
    show.header("Quality", "Which cameras can be trusted, since when not, and what is wrong with their photos.")
    hourly = ask(queries.quality_by_device, filters)
    if hourly.empty or int(hourly["scored"].sum()) == 0:
        show.nothing(
            "No scored photos in this window.",
            "Widen the filters, or build the view:",
            "facings rebuild quality --lake LAKE",
        )
        return
    sample = ask(queries.captures, filters, limit=SAMPLE)
    trust = ask(queries.trust_threshold)
    scored, usable = int(hourly["scored"].sum()), int(hourly["usable"].sum())
    latest = hourly[hourly["scored"] > 0].sort_values("hour").groupby("device_id").tail(LATEST_HOURS)
    shares = latest.groupby("device_id")[["usable", "scored"]].sum()
    doubtful = int((shares["usable"] < 0.5 * shares["scored"]).sum())
    show.figures(
        [
            (
                "Usable photos",
                show.percent(usable, scored),
                f"Photos whose probability of being good is at least {trust:g}.",
            ),
            ("Photos scored", f"{scored:,}", f"Of {int(hourly['captures'].sum()):,} captures in the chosen time."),
            (
                "Cameras in doubt",
                f"{doubtful} of {len(shares)}",
                "Devices with under half of their photos usable, over their last three hours with photos.",
            ),
            (
                "Unreadable",
                f"{int(sample['unreadable'].notna().sum()):,}",
                "Photos whose header passed and whose pixels did not decode.",
            ),
        ]
    )
    show.section("Usable share, by device and time")
    st.altair_chart(charts.share_map(cells(hourly, filters)))
    mix, spread = st.columns(2, gap="medium")
    with mix:
        show.section("What the photos are", "The likeliest class of each photo.")
        st.altair_chart(charts.class_mix(kinds(sample)))
    with spread:
        distribution(sample, trust)
    show.section("Worst photos", "Least likely to be good, first.")
    worst = ask(queries.captures, filters, order="worst", limit=WORST)
    worst = worst[worst["p_good"] < trust]
    if worst.empty:
        st.success("Every photo in this window is usable.", icon=":material/check_circle:")
    sheet(worst)


def cells(hourly: pd.DataFrame, filters: queries.Filters) -> pd.DataFrame:
    """Cells of the heat map: by hour up to three days, by day beyond."""
    step = "1h" if filters.end - pd.Timestamp(hourly["hour"].min()) <= timedelta(hours=73) else "1D"
    grouped = hourly.assign(start=hourly["hour"].dt.floor(step)).groupby(["device_id", "start"], as_index=False)
    rows = grouped[["captures", "scored", "usable"]].sum()
    share_of = rows["usable"] / rows["scored"].where(rows["scored"] > 0)
    return rows.assign(hour=rows["start"], stop=rows["start"] + pd.Timedelta(step), share=share_of)


def kinds(sample: pd.DataFrame) -> pd.DataFrame:
    """Photos of each device by their likeliest class."""
    columns = [f"p_{name}" for name in CLASSES]
    filled = sample[columns].astype(float).fillna(-1.0)
    kind = filled.idxmax(axis=1).str.removeprefix("p_").where(sample["p_good"].notna(), "not scored")
    return (
        sample.assign(kind=kind)
        .groupby(["device_id", "kind"], as_index=False)
        .size()
        .rename(columns={"size": "photos"})
    )


def distribution(sample: pd.DataFrame, trust: float) -> None:
    """Histogram of one measurement."""
    show.section("How they measure")
    column = st.selectbox(
        "Measurement",
        MEASUREMENTS,
        format_func=lambda name: NAMES.get(name, name),
        key="measure",
        label_visibility="collapsed",
    )
    rows = sample[[column, "p_good"]].dropna(subset=[column])
    verdict = rows["p_good"].map(lambda p: "not scored" if pd.isna(p) else "usable" if p >= trust else "not usable")
    st.altair_chart(charts.histogram(rows.assign(verdict=verdict)[[column, "verdict"]], column))
    if int(sample["matching"].iloc[0]) > len(sample):
        st.caption(f"Of the newest {len(sample):,} of {int(sample['matching'].iloc[0]):,} captures.")


def sheet(rows: pd.DataFrame) -> None:
    """Thumbnails, each with a link to its capture."""
    uri = st.session_state["lake_uri"]
    with st.container(horizontal=True, gap="small"):
        for row in show.each(rows.drop_duplicates("sha256")):
            with st.container(width=208, gap="xsmall"):
                picture = data.thumbnail(uri, row.sha256)
                if picture is None:
                    st.caption("This photo does not decode.")
                else:
                    st.image(picture, width="stretch", alt=f"Photo of {row.device_id}")
                st.page_link(
                    "screens/captures.py",
                    label=show.inert(f"{row.device_id}, {show.moment(row.captured_at)}"),
                    query_params=share(device=[row.device_id], capture=row.capture_id),
                )
                st.caption(f"good: {100 * row.p_good:.0f} %")


render()
