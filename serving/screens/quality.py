"""Quality: which cameras can be trusted, since when not, and what is wrong with their photos."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import streamlit as st

from schemas.tables import MEASUREMENTS, TRACKED
from serving import blobs, charts, found, judged, queries, show
from serving.data import ask
from serving.figures import sampled
from serving.filters import chosen, share
from serving.show import Figure

WORST = 15
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
    "p10_luma": "Dark tenth (grey level)",
    "p50_luma": "Median brightness (grey level)",
    "p90_luma": "Bright tenth (grey level)",
    "glare": "Glare (share of blocks washed out)",
    "veil": "Veil, such as fog (grey level)",
    "local_contrast": "Local contrast (grey levels)",
    "edge_share": "Share of windows with edges",
    "edge_slope": "Sharpest edges (0 blurred to 1)",
    "edge_slope_mid": "Typical edges (0 blurred to 1)",
    "edge_direction": "Edges lost in one direction (0 to 1)",
    "tile_slope_min": "Edges of the worst tile",
    "tile_slope_max": "Edges of the best tile",
    "tile_blurred": "Share of tiles blurred",
    "tile_flat": "Share of tiles flat",
    "noise_flat": "Noise of flat parts (grey levels)",
    "noise_coarse": "Noise at half scale (grey levels)",
    "spec_mid": "Spectrum, middle band (dB)",
    "spec_high": "Spectrum, high band (dB)",
    "spec_top": "Spectrum, top band (dB)",
    "spec_worst": "Spectrum, weakest direction (dB)",
    "spec_direction": "Spectrum, best over worst direction (dB)",
    "moire_patch": "Moiré peak of patches (dB)",
    "moire_freq": "Moiré frequency (cycles a pixel)",
    "moire_harmonic": "Moiré harmonic (dB)",
    "moire_cover": "Share of patches with the moiré peak",
    "line_peak": "Peak along the axes (dB)",
}


def render() -> None:
    """Draws the page."""
    filters = chosen()
    show.header("Quality", "Which cameras can be trusted, since when not, and what is wrong with their photos.")
    hourly = ask(judged.quality_by_device, filters)
    if hourly.empty or int(hourly["scored"].sum()) == 0:
        show.nothing(
            "No scored photos in this window.",
            "Widen the filters, or build the view:",
            "facings rebuild quality --lake LAKE",
        )
        return
    trust = ask(queries.trust_threshold)
    scored, usable = int(hourly["scored"].sum()), int(hourly["usable"].sum())
    latest = hourly[hourly["scored"] > 0].sort_values("hour").groupby("device_id").tail(LATEST_HOURS)
    shares = latest.groupby("device_id")[["usable", "scored"]].sum()
    doubtful = [str(device) for device in shares.index[shares["usable"] < 0.5 * shares["scored"]]]
    cameras = ask(judged.cameras, filters)
    drifting = cameras[cameras["drift"].notna()]
    unreadable = int(ask(queries.totals, filters).iloc[0]["unreadable"])
    usable_share = sampled(usable, scored, int(hourly["captures"].sum()) - unreadable)
    show.figures(
        [
            Figure(
                "Usable photos",
                usable_share.text,
                f"Photos whose probability of being good is at least {trust:g}.",
                show.sure(usable_share),
                "screens/captures.py",
                "Worst first",
                share(order="worst"),
            ),
            Figure(
                "Photos scored",
                f"{scored:,}",
                f"Of {int(hourly['captures'].sum()):,} captures in the chosen time.",
                f"of {int(hourly['captures'].sum()):,} captures",
                "screens/captures.py",
                "Which",
                share(which="scored"),
            ),
            Figure(
                "Cameras in doubt",
                f"{len(doubtful)} of {len(shares)}",
                "Devices with under half of their photos usable, over their last three hours with photos.",
                "exact",
                "screens/captures.py" if doubtful else "",
                "Their photos",
                share(device=doubtful, order="worst"),
            ),
            Figure(
                "Cameras drifting",
                f"{len(drifting)} of {len(cameras)}" if len(cameras) else "unknown",
                "Devices whose photos on their latest day are not what is normal for them.",
                f"medians of {show.moment(cameras['day'].max(), '%d %b')}" if len(cameras) else "not built yet",
                "screens/captures.py" if len(drifting) else "",
                "Their photos",
                share(device=[str(device) for device in drifting["device_id"]]),
            ),
            Figure(
                "Unreadable",
                f"{unreadable:,}",
                "Captures of photos whose header passed and whose pixels did not decode.",
                "exact",
                "screens/captures.py",
                "Which",
                share(which="unreadable"),
            ),
        ]
    )
    show.section("Usable share, by device and time")
    st.altair_chart(charts.share_map(cells(hourly, filters)))
    drift(cameras)
    mix, spread = st.columns(2, gap="medium")
    with mix:
        show.section("What the photos are", "The likeliest class of each photo.")
        st.altair_chart(charts.class_mix(ask(judged.kinds, filters)))
    with spread:
        distribution(filters, trust)
    show.section("Worst photos", "Least likely to be good, first.")
    worst = ask(found.captures, filters, order="worst", limit=WORST)
    worst = worst[worst["p_good"] < trust]
    if worst.empty:
        st.success("Every photo in this window is usable.", icon=":material/check_circle:")
    sheet(worst)


def drift(cameras: pd.DataFrame) -> None:
    """Cameras beside their own normal, day by day."""
    if cameras.empty:
        return
    show.section("Cameras beside their own normal", "Medians of a day; the band is what a camera may differ by.")
    drifting = cameras[cameras["drift"].notna()]
    if len(drifting):
        rows = drifting.assign(since=show.times(drifting["since"]), good=100 * drifting["p_good"].astype(float))
        names = {
            "device_id": "Device",
            "store_id": "Store",
            "drift": "Than normal",
            "since": "Since (UTC)",
            "good": "Good",
        }
        show.table(rows, names, formats={"good": "%.0f %%"}, name="drifting-cameras")
    left, right = st.columns(2)
    device = left.selectbox("Camera", list(cameras["device_id"]), key="camera", bind="query-params")
    measured = right.selectbox("Measurement by day", TRACKED, format_func=lambda name: NAMES.get(name, name))
    days = ask(judged.camera_days, chosen(), measured)
    st.altair_chart(charts.camera_days(days[days["device_id"] == device]))


def cells(hourly: pd.DataFrame, filters: queries.Filters) -> pd.DataFrame:
    """Cells of the heat map: by hour up to three days, by day beyond."""
    step = "1h" if filters.end - pd.Timestamp(hourly["hour"].min()) <= timedelta(hours=73) else "1D"
    grouped = hourly.assign(start=hourly["hour"].dt.floor(step)).groupby(["device_id", "start"], as_index=False)
    rows = grouped[["captures", "scored", "usable"]].sum()
    share_of = rows["usable"] / rows["scored"].where(rows["scored"] > 0)
    return rows.assign(hour=rows["start"], stop=rows["start"] + pd.Timedelta(step), share=share_of)


def distribution(filters: queries.Filters, trust: float) -> None:
    """Histogram of one measurement."""
    show.section("How they measure")
    column = st.selectbox(
        "Measurement",
        MEASUREMENTS,
        format_func=lambda name: NAMES.get(name, name),
        key="measure",
        label_visibility="collapsed",
    )
    rows = ask(judged.measured, filters, str(column), SAMPLE).dropna(subset=["value"])
    if rows.empty:
        st.caption("This lake's photos have not been measured so yet: rebuild quality.")
        return
    verdict = rows["p_good"].map(lambda p: "usable" if p >= trust else "not usable")
    st.altair_chart(charts.histogram(pd.DataFrame({"value": rows["value"].astype(float), "verdict": verdict}), "value"))
    if int(rows["matching"].iloc[0]) > len(rows):
        st.caption(f"A sample of {len(rows):,} of {int(rows['matching'].iloc[0]):,} scored photos.")


def sheet(rows: pd.DataFrame) -> None:
    """Thumbnails, each with a link to its capture."""
    with st.container(horizontal=True, gap="small"):
        for row in show.each(rows.drop_duplicates("sha256")):
            with st.container(width=188, gap="xsmall"):
                picture = blobs.thumbnail(row.sha256)
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
