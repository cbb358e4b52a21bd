"""Charts of the dashboard, in Altair. Data frames in, charts out; times on UTC axes; colours from `serving.theme`.

Those of shelves are in `serving.shelf_charts`.
"""

from __future__ import annotations

import altair as alt
import pandas as pd

from serving import axes
from serving.axes import readable
from serving.theme import ATTENTION, BAD, CLASSES, OK, RUN_STATES, SECOND, SHADES, UNKNOWN

_TICKS_S = (0.01, 0.1, 1, 5, 15, 60, 300, 900, 3600, 10800, 36000, 86400, 259200)


@readable
def trend(rows: pd.DataFrame, value: str, title: str, *, share: bool = False) -> axes.Chart:
    """A small chart of one figure by hour: bars, since hours without a capture have no value to join."""
    percents = alt.Axis(format="%", values=[0, 0.5, 1], title=None)
    axis = percents if share else alt.Axis(format="~s", tickCount=3, title=None)
    y = alt.Y(f"{value}:Q", axis=axis, scale=alt.Scale(domain=[0, 1]) if share else alt.Scale(domainMin=0))
    tip = [axes.when("hour"), alt.Tooltip(f"{value}:Q", title=title, format=".0%" if share else ",")]
    long = rows.assign(stop=rows["hour"] + pd.Timedelta("54min"))
    base = (
        alt.Chart(long).mark_bar(color=OK).encode(x=axes.time("hour"), x2="stop:T", y=y, y2=alt.datum(0), tooltip=tip)
    )
    return base.properties(height=150)


@readable
def bars_by_hour(
    rows: pd.DataFrame, value: str, group: str, *, colours: dict[str, str] | None = None, title: str = ""
) -> axes.Chart:
    """Stacked bars by hour; groups in shades of one hue unless `colours` gives them a meaning."""
    names = sorted(set(rows[group]))
    scale = alt.Scale(
        domain=names, range=[(colours or {}).get(n, SHADES[i % len(SHADES)]) for i, n in enumerate(names)]
    )
    colour = alt.Color(
        f"{group}:N", scale=scale, legend=alt.Legend(orient="top", title=None, labelLimit=130, columns=4)
    )
    tip = [axes.when("hour"), alt.Tooltip(f"{group}:N"), alt.Tooltip(f"sum({value}):Q", title=title or value)]
    return (
        alt.Chart(rows)
        .mark_bar()
        .encode(
            x=alt.X(
                "utcyearmonthdatehours(hour):T",
                title=None,
                scale=axes.UTC,
                axis=alt.Axis(labelExpr=axes.CLOCK, grid=False, tickCount=8),
            ),
            y=alt.Y(f"sum({value}):Q", title=title or None, axis=alt.Axis(tickMinStep=1, tickCount=5)),
            color=colour,
            tooltip=tip,
        )
        .properties(height=260)
    )


@readable
def arrivals(rows: pd.DataFrame) -> axes.Chart:
    """Captures by hour beside what is usual: columns hour, captures, usual, low, high; the band is from low to high."""
    known = rows[rows["usual"].notna()].assign(kind="usual")
    shown = rows.assign(stop=rows["hour"] + pd.Timedelta("54min"), kind="captures")
    tip = [axes.when("hour"), alt.Tooltip("captures:Q", format=","), alt.Tooltip("usual:Q", format=",.0f")]
    colour = alt.Color(
        "kind:N",
        scale=alt.Scale(domain=["captures", "usual"], range=[OK, SECOND]),
        legend=alt.Legend(orient="top", title=None),
    )
    y = alt.Y("captures:Q", title=None, axis=alt.Axis(tickMinStep=1, tickCount=5), scale=alt.Scale(domainMin=0))
    bars = (
        alt.Chart(shown)
        .mark_bar()
        .encode(x=axes.time("hour"), x2="stop:T", y=y, y2=alt.datum(0), color=colour, tooltip=tip)
    )
    if known.empty:
        return bars.properties(height=230)
    over = alt.Chart(known).encode(x=axes.time("hour"), tooltip=tip)
    band = over.mark_area(interpolate="step-after", opacity=0.22, color=SECOND).encode(y="low:Q", y2="high:Q")
    line = over.mark_line(interpolate="step-after", strokeWidth=2).encode(y="usual:Q", color=colour)
    return (bars + band + line).properties(height=230)


@readable
def latency(rows: pd.DataFrame) -> axes.Chart:
    """p50 and p99 by hour on a logarithmic axis: columns hour, p50, p99 in seconds."""
    low, high = float(rows["p50"].min()) / 2, float(rows["p99"].max()) * 2
    short = "datum.value >= 60 ? datum.value/60 + ' min' : datum.value + ' s'"
    labels = f"datum.value >= 3600 ? datum.value/3600 + ' h' : {short}"
    ticks = [tick for tick in _TICKS_S if low <= tick <= high]
    axis = alt.Axis(values=ticks, labelExpr=labels, labelOverlap=True)
    y = alt.Y("seconds:Q", title=None, scale=alt.Scale(type="log", nice=False, domain=[low, high]), axis=axis)
    scale = alt.Scale(domain=["p50", "p99"], range=[OK, SECOND])
    colour = alt.Color("figure:N", scale=scale, legend=alt.Legend(orient="top", title=None))
    tip = [axes.when("hour"), alt.Tooltip("figure:N"), alt.Tooltip("seconds:Q", format=",.1f")]
    long = rows.melt("hour", ["p50", "p99"], var_name="figure", value_name="seconds")
    base = alt.Chart(long).encode(x=axes.time("hour"), y=y, color=colour, tooltip=tip)
    return base.mark_line(point=alt.OverlayMarkDef(size=22), strokeWidth=2).properties(height=260)


@readable
def share_map(rows: pd.DataFrame) -> axes.Chart:
    """Usable share of a device by hour, from bad through attention to fine; grey where nothing was scored."""
    scale = alt.Scale(domain=[0, 0.5, 1], range=[BAD, ATTENTION, OK], interpolate="rgb")
    colour = alt.condition(
        "isValid(datum.share)",
        alt.Color(
            "share:Q", scale=scale, legend=alt.Legend(orient="top", title="usable", format="%", gradientLength=160)
        ),
        alt.value(UNKNOWN),
    )
    tip = [
        alt.Tooltip("device_id:N", title="device"),
        axes.when("hour"),
        alt.Tooltip("share:Q", title="usable", format=".0%"),
        alt.Tooltip("captures:Q"),
    ]
    x = alt.X("start:T", title=None, scale=axes.UTC, axis=alt.Axis(labelExpr=axes.CLOCK, grid=False, tickCount=8))
    return (
        alt.Chart(rows)
        .mark_rect(stroke="#ffffff", strokeOpacity=0.25)
        .encode(x=x, x2="stop:T", y=axes.names("device_id"), color=colour, tooltip=tip)
        .properties(height=alt.Step(axes.ROW_PX))
    )


@readable
def camera_days(rows: pd.DataFrame) -> axes.Chart:
    """One measurement of a camera by day beside its normal: columns day, value, normal, step, drift."""
    shown = rows.assign(low=rows["normal"] - rows["step"], high=rows["normal"] + rows["step"])
    shown = shown.assign(state=rows["drift"].map(lambda drift: "drifted" if isinstance(drift, str) else "normal"))
    x = alt.X("day:T", title=None, scale=axes.UTC, axis=alt.Axis(format="%d %b", grid=False, tickCount="day"))
    y = alt.Y("value:Q", title=None, axis=alt.Axis(tickCount=5), scale=alt.Scale(zero=False))
    tip = [axes.when("day"), alt.Tooltip("value:Q", format=",.3f"), alt.Tooltip("normal:Q", format=",.3f")]
    base = alt.Chart(shown).encode(x=x, tooltip=tip)
    band = base.mark_area(opacity=0.25, color=UNKNOWN).encode(y="low:Q", y2="high:Q")
    line = base.mark_line(color=OK, strokeWidth=2).encode(y=y)
    points = base.mark_circle(size=60, opacity=1).encode(
        y=y, color=axes.states("state", {"normal": OK, "drifted": BAD}, shown["state"])
    )
    return (band + line + points).properties(height=200)


@readable
def class_mix(rows: pd.DataFrame) -> axes.Chart:
    """What the photos of each device are, as shares: columns device_id, kind, photos."""
    order = {name: place for place, name in enumerate(CLASSES)}
    return (
        alt.Chart(rows.assign(place=rows["kind"].map(order)))
        .mark_bar()
        .encode(
            x=alt.X("sum(photos):Q", stack="normalize", title=None, axis=alt.Axis(format="%", tickCount=5)),
            y=axes.names("device_id"),
            color=axes.states("kind", CLASSES, rows["kind"]),
            order=alt.Order("place:Q"),
            tooltip=[
                alt.Tooltip("device_id:N", title="device"),
                alt.Tooltip("kind:N"),
                alt.Tooltip("sum(photos):Q", title="photos"),
            ],
        )
        .properties(height=alt.Step(axes.ROW_PX))
    )


@readable
def histogram(rows: pd.DataFrame, column: str) -> axes.Chart:
    """Distribution of one measurement, usable photos beside the others."""
    kinds = {"usable": OK, "not usable": BAD, "not scored": UNKNOWN}
    return (
        alt.Chart(rows)
        .mark_bar(opacity=0.85)
        .encode(
            x=alt.X(f"{column}:Q", bin=alt.Bin(maxbins=30), title=None, axis=alt.Axis(format="~s", grid=False)),
            y=alt.Y("count():Q", title="photos", axis=alt.Axis(tickCount=4)),
            color=axes.states("verdict", kinds, rows["verdict"]),
            tooltip=[alt.Tooltip("verdict:N"), alt.Tooltip("count():Q", title="photos")],
        )
        .properties(height=230)
    )


@readable
def counts(rows: pd.DataFrame, name: str, value: str, colour: str = BAD) -> axes.Chart:
    """Horizontal bars, longest first, with their figures."""
    base = alt.Chart(rows).encode(y=axes.names(name, sort="-x"), x=alt.X(f"{value}:Q", title=None, axis=None))
    bars = base.mark_bar(color=colour, cornerRadiusEnd=2).encode(
        tooltip=[alt.Tooltip(f"{name}:N"), alt.Tooltip(f"{value}:Q", format=",")]
    )
    text = base.mark_text(align="left", dx=4, color=axes.INK, fontWeight=600).encode(
        text=alt.Text(f"{value}:Q", format=",")
    )
    return (bars + text).properties(height=alt.Step(30))


@readable
def durations(rows: pd.DataFrame) -> axes.Chart:
    """Seconds of each step: a bar for its last run, ticks for those before; columns step, seconds, status, last."""
    y = axes.names("step", sort="-x")
    x = alt.X("seconds:Q", title="seconds", axis=alt.Axis(tickCount=6))
    tip = [
        axes.when("started_at"),
        alt.Tooltip("step:N"),
        alt.Tooltip("seconds:Q", format=",.2f"),
        alt.Tooltip("status:N"),
    ]
    base = alt.Chart(rows).encode(y=y, x=x, tooltip=tip)
    colour = axes.states("status", RUN_STATES, rows["status"])
    bars = base.transform_filter("datum.last").mark_bar(cornerRadiusEnd=2, size=13).encode(color=colour)
    before = base.transform_filter("!datum.last").mark_tick(thickness=2, size=15, color=UNKNOWN)
    return (bars + before).properties(height=alt.Step(axes.ROW_PX))
