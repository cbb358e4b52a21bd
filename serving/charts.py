"""Charts of the dashboard, in Altair. Data frames in, charts out; times on UTC axes; colours from `serving.theme`."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from serving.theme import ATTENTION, BAD, CLASSES, OK, PLACES, RUN_STATES, SECOND, SHADES, STATES, UNKNOWN

Chart = Any  # Altair's decorated methods have no types
_ROW_PX = 24
_FIGURE_PX = 22  # a cell narrower than this has no room for "2/4"
_MIDNIGHT = "utchours(datum.value) == 0 && utcminutes(datum.value) == 0"
_CLOCK = f"{_MIDNIGHT} ? utcFormat(datum.value, '%d %b') : utcFormat(datum.value, '%H:%M')"
_TICKS_S = (0.01, 0.1, 1, 5, 15, 60, 300, 900, 3600, 10800, 36000, 86400, 259200)
_UTC = alt.Scale(type="utc")


def _time(column: str, **axis: Any) -> alt.X:
    return alt.X(
        f"{column}:T",
        title=None,
        scale=_UTC,
        axis=alt.Axis(labelExpr=_CLOCK, labelOverlap=True, grid=False, tickCount=8, **axis),
    )


def _when(column: str, title: str = "time (UTC)") -> alt.Tooltip:
    return alt.Tooltip(f"utcyearmonthdatehoursminutes({column}):T", title=title)


def _states(column: str, colours: dict[str, str], present: pd.Series) -> alt.Color:
    names = [name for name in colours if name in set(present)]
    scale = alt.Scale(domain=names, range=[colours[name] for name in names])
    columns = alt.ExprRef("width < 260 ? 2 : 8")
    return alt.Color(f"{column}:N", scale=scale, legend=alt.Legend(orient="top", title=None, columns=columns))


def _names(column: str, **more: Any) -> alt.Y:
    return alt.Y(
        f"{column}:N", title=None, axis=alt.Axis(labelLimit=260, labelOverlap=False, ticks=False, domain=False), **more
    )


def heat_map(rows: pd.DataFrame) -> Chart:
    """Current facings beside the plan: a row a SKU, a column a device; columns sku, device_id, state, shown, …

    A click selects a cell: `cell` holds its device_id and sku.
    """
    base = alt.Chart(rows).encode(
        x=alt.X(
            "device_id:N",
            title=None,
            scale=alt.Scale(paddingInner=0.03),
            axis=alt.Axis(
                orient="top",
                labelAngle=-50,
                labelFontSize=alt.ExprRef("min(11, max(8, bandwidth('x')))"),
                labelLimit=200,
                labelOverlap=False,
                ticks=False,
                domain=False,
            ),
        ),
        y=_names("sku", scale=alt.Scale(paddingInner=0.08)),
        tooltip=[
            alt.Tooltip("device_id:N", title="device"),
            alt.Tooltip("sku:N", title="SKU"),
            alt.Tooltip("state:N", title="state"),
            alt.Tooltip("shown:N", title="facings / plan"),
            _when("seen_at", "photo (UTC)"),
        ],
    )
    cell = alt.selection_point(name="cell", fields=["device_id", "sku"])
    cells = base.mark_rect(cornerRadius=2, cursor="pointer")
    cells = cells.encode(
        color=_states("state", STATES, rows["state"]), opacity=alt.condition(cell, alt.value(1.0), alt.value(0.45))
    ).add_params(cell)
    fits = alt.ExprRef(f"bandwidth('x') < {_FIGURE_PX} ? 0 : 1")  # on a phone the colours tell, and a tap the figures
    figures = base.mark_text(fontSize=11, fontWeight=600, cursor="pointer", opacity=fits).encode(text="shown:N")
    dark = figures.transform_filter("datum.state != 'out of stock'").encode(color=alt.value("#1d2733"))
    light = figures.transform_filter("datum.state == 'out of stock'").encode(color=alt.value("#ffffff"))
    return (cells + light + dark).properties(height=alt.Step(_ROW_PX))


def planogram(rows: pd.DataFrame) -> Chart:
    """The plan of one device, facing by facing: columns shelf, x0, x1, middle, wanted (facings), sku, name, state."""
    y = alt.Y(
        "shelf:O", title=None, axis=alt.Axis(labels=False, ticks=False, domain=False), scale=alt.Scale(padding=0.12)
    )
    x = alt.X("x0:Q", title=None, axis=None, scale=alt.Scale(nice=False, domainMin=0))
    tip = [alt.Tooltip("sku:N", title="SKU"), alt.Tooltip("state:N"), alt.Tooltip("shelf:O")]
    base = alt.Chart(rows).encode(y=y)
    cells = base.mark_rect(cornerRadius=3).encode(
        x=x, x2="x1:Q", color=_states("state", PLACES, rows["state"]), tooltip=tip
    )
    names = (
        base.transform_filter("datum.name != ''")
        .mark_text(fontSize=10, color="#1d2733", limit=alt.ExprRef("scale('x', datum.wanted) - scale('x', 0)"))
        .encode(x=alt.X("middle:Q"), text="name:N", tooltip=tip)
    )
    return (cells + names).properties(height=alt.Step(58))


def facings_line(rows: pd.DataFrame) -> Chart:
    """Facings of one SKU over time; photos that were not trusted are hollow and not on the line; the plan is dashed."""
    shown = rows.assign(kind=rows["trusted"].map({True: "trusted", False: "not trusted"}))
    top = max(1.0, float(rows[["facings", "expected"]].max(numeric_only=True).max()))
    y = alt.Y(
        "facings:Q", title="facings", scale=alt.Scale(domain=[0, top + 0.5]), axis=alt.Axis(tickMinStep=1, tickCount=5)
    )
    tip = [
        _when("captured_at"),
        alt.Tooltip("facings:Q"),
        alt.Tooltip("expected:Q", title="plan"),
        alt.Tooltip("kind:N", title="photo"),
    ]
    base = alt.Chart(shown).encode(x=_time("captured_at"), tooltip=tip)
    plan = base.mark_line(strokeDash=[5, 4], color=UNKNOWN, interpolate="step-after").encode(y="expected:Q")
    line = (
        base.transform_filter("datum.trusted").mark_line(interpolate="step-after", color=OK, strokeWidth=2).encode(y=y)
    )
    full = base.transform_filter("datum.trusted").mark_circle(size=42, opacity=1, color=OK).encode(y=y)
    hollow = base.transform_filter("!datum.trusted").mark_point(size=42, filled=False, color=UNKNOWN).encode(y=y)
    return (plan + line + full + hollow).properties(height=240)


def trend(rows: pd.DataFrame, value: str, title: str, *, share: bool = False) -> Chart:
    """A small chart of one figure by hour: bars, since hours without a capture have no value to join."""
    percents = alt.Axis(format="%", values=[0, 0.5, 1], title=None)
    axis = percents if share else alt.Axis(format="~s", tickCount=3, title=None)
    y = alt.Y(f"{value}:Q", axis=axis, scale=alt.Scale(domain=[0, 1]) if share else alt.Scale(domainMin=0))
    tip = [_when("hour"), alt.Tooltip(f"{value}:Q", title=title, format=".0%" if share else ",")]
    long = rows.assign(stop=rows["hour"] + pd.Timedelta("54min"))
    base = alt.Chart(long).mark_bar(color=OK).encode(x=_time("hour"), x2="stop:T", y=y, y2=alt.datum(0), tooltip=tip)
    return base.properties(height=150)


def bars_by_hour(
    rows: pd.DataFrame, value: str, group: str, *, colours: dict[str, str] | None = None, title: str = ""
) -> Chart:
    """Stacked bars by hour; groups in shades of one hue unless `colours` gives them a meaning."""
    names = sorted(set(rows[group]))
    scale = alt.Scale(
        domain=names, range=[(colours or {}).get(n, SHADES[i % len(SHADES)]) for i, n in enumerate(names)]
    )
    colour = alt.Color(
        f"{group}:N", scale=scale, legend=alt.Legend(orient="top", title=None, labelLimit=130, columns=4)
    )
    return (
        alt.Chart(rows)
        .mark_bar()
        .encode(
            x=alt.X(
                "utcyearmonthdatehours(hour):T",
                title=None,
                scale=_UTC,
                axis=alt.Axis(labelExpr=_CLOCK, grid=False, tickCount=8),
            ),
            y=alt.Y(f"sum({value}):Q", title=title or None, axis=alt.Axis(tickMinStep=1, tickCount=5)),
            color=colour,
            tooltip=[_when("hour"), alt.Tooltip(f"{group}:N"), alt.Tooltip(f"sum({value}):Q", title=title or value)],
        )
        .properties(height=260)
    )


def arrivals(rows: pd.DataFrame) -> Chart:
    """Captures by hour beside what is usual: columns hour, captures, usual, low, high; the band is from low to high."""
    known = rows[rows["usual"].notna()].assign(kind="usual")
    shown = rows.assign(stop=rows["hour"] + pd.Timedelta("54min"), kind="captures")
    tip = [_when("hour"), alt.Tooltip("captures:Q", format=","), alt.Tooltip("usual:Q", format=",.0f")]
    colour = alt.Color(
        "kind:N",
        scale=alt.Scale(domain=["captures", "usual"], range=[OK, SECOND]),
        legend=alt.Legend(orient="top", title=None),
    )
    y = alt.Y("captures:Q", title=None, axis=alt.Axis(tickMinStep=1, tickCount=5), scale=alt.Scale(domainMin=0))
    bars = (
        alt.Chart(shown)
        .mark_bar()
        .encode(x=_time("hour"), x2="stop:T", y=y, y2=alt.datum(0), color=colour, tooltip=tip)
    )
    if known.empty:
        return bars.properties(height=230)
    over = alt.Chart(known).encode(x=_time("hour"), tooltip=tip)
    band = over.mark_area(interpolate="step-after", opacity=0.22, color=SECOND).encode(y="low:Q", y2="high:Q")
    line = over.mark_line(interpolate="step-after", strokeWidth=2).encode(y="usual:Q", color=colour)
    return (bars + band + line).properties(height=230)


def latency(rows: pd.DataFrame) -> Chart:
    """p50 and p99 by hour on a logarithmic axis: columns hour, p50, p99 in seconds."""
    low, high = float(rows["p50"].min()) / 2, float(rows["p99"].max()) * 2
    short = "datum.value >= 60 ? datum.value/60 + ' min' : datum.value + ' s'"
    labels = f"datum.value >= 3600 ? datum.value/3600 + ' h' : {short}"
    ticks = [tick for tick in _TICKS_S if low <= tick <= high]
    axis = alt.Axis(values=ticks, labelExpr=labels, labelOverlap=True)
    y = alt.Y("seconds:Q", title=None, scale=alt.Scale(type="log", nice=False, domain=[low, high]), axis=axis)
    scale = alt.Scale(domain=["p50", "p99"], range=[OK, SECOND])
    colour = alt.Color("figure:N", scale=scale, legend=alt.Legend(orient="top", title=None))
    tip = [_when("hour"), alt.Tooltip("figure:N"), alt.Tooltip("seconds:Q", format=",.1f")]
    long = rows.melt("hour", ["p50", "p99"], var_name="figure", value_name="seconds")
    base = alt.Chart(long).encode(x=_time("hour"), y=y, color=colour, tooltip=tip)
    return base.mark_line(point=alt.OverlayMarkDef(size=22), strokeWidth=2).properties(height=260)


def share_map(rows: pd.DataFrame) -> Chart:
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
        _when("hour"),
        alt.Tooltip("share:Q", title="usable", format=".0%"),
        alt.Tooltip("captures:Q"),
    ]
    x = alt.X("start:T", title=None, scale=_UTC, axis=alt.Axis(labelExpr=_CLOCK, grid=False, tickCount=8))
    return (
        alt.Chart(rows)
        .mark_rect(stroke="#ffffff", strokeOpacity=0.25)
        .encode(x=x, x2="stop:T", y=_names("device_id"), color=colour, tooltip=tip)
        .properties(height=alt.Step(_ROW_PX))
    )


def camera_days(rows: pd.DataFrame) -> Chart:
    """One measurement of a camera by day beside its normal: columns day, value, normal, step, drift."""
    shown = rows.assign(low=rows["normal"] - rows["step"], high=rows["normal"] + rows["step"])
    shown = shown.assign(state=rows["drift"].map(lambda drift: "drifted" if isinstance(drift, str) else "normal"))
    x = alt.X("day:T", title=None, scale=_UTC, axis=alt.Axis(format="%d %b", grid=False, tickCount="day"))
    y = alt.Y("value:Q", title=None, axis=alt.Axis(tickCount=5), scale=alt.Scale(zero=False))
    tip = [_when("day"), alt.Tooltip("value:Q", format=",.3f"), alt.Tooltip("normal:Q", format=",.3f")]
    base = alt.Chart(shown).encode(x=x, tooltip=tip)
    band = base.mark_area(opacity=0.25, color=UNKNOWN).encode(y="low:Q", y2="high:Q")
    line = base.mark_line(color=OK, strokeWidth=2).encode(y=y)
    points = base.mark_circle(size=60, opacity=1).encode(
        y=y, color=_states("state", {"normal": OK, "drifted": BAD}, shown["state"])
    )
    return (band + line + points).properties(height=200)


def class_mix(rows: pd.DataFrame) -> Chart:
    """What the photos of each device are, as shares: columns device_id, kind, photos."""
    order = {name: place for place, name in enumerate(CLASSES)}
    return (
        alt.Chart(rows.assign(place=rows["kind"].map(order)))
        .mark_bar()
        .encode(
            x=alt.X("sum(photos):Q", stack="normalize", title=None, axis=alt.Axis(format="%", tickCount=5)),
            y=_names("device_id"),
            color=_states("kind", CLASSES, rows["kind"]),
            order=alt.Order("place:Q"),
            tooltip=[
                alt.Tooltip("device_id:N", title="device"),
                alt.Tooltip("kind:N"),
                alt.Tooltip("sum(photos):Q", title="photos"),
            ],
        )
        .properties(height=alt.Step(_ROW_PX))
    )


def histogram(rows: pd.DataFrame, column: str) -> Chart:
    """Distribution of one measurement, usable photos beside the others."""
    kinds = {"usable": OK, "not usable": BAD, "not scored": UNKNOWN}
    return (
        alt.Chart(rows)
        .mark_bar(opacity=0.85)
        .encode(
            x=alt.X(f"{column}:Q", bin=alt.Bin(maxbins=30), title=None, axis=alt.Axis(format="~s", grid=False)),
            y=alt.Y("count():Q", title="photos", axis=alt.Axis(tickCount=4)),
            color=_states("verdict", kinds, rows["verdict"]),
            tooltip=[alt.Tooltip("verdict:N"), alt.Tooltip("count():Q", title="photos")],
        )
        .properties(height=230)
    )


def counts(rows: pd.DataFrame, name: str, value: str, colour: str = BAD) -> Chart:
    """Horizontal bars, longest first, with their figures."""
    base = alt.Chart(rows).encode(y=_names(name, sort="-x"), x=alt.X(f"{value}:Q", title=None, axis=None))
    bars = base.mark_bar(color=colour, cornerRadiusEnd=2).encode(
        tooltip=[alt.Tooltip(f"{name}:N"), alt.Tooltip(f"{value}:Q", format=",")]
    )
    text = base.mark_text(align="left", dx=4, color=UNKNOWN, fontWeight=600).encode(
        text=alt.Text(f"{value}:Q", format=",")
    )
    return (bars + text).properties(height=alt.Step(30))


def durations(rows: pd.DataFrame) -> Chart:
    """Seconds of each step: a bar for its last run, ticks for those before; columns step, seconds, status, last."""
    y = _names("step", sort="-x")
    x = alt.X("seconds:Q", title="seconds", axis=alt.Axis(tickCount=6))
    tip = [_when("started_at"), alt.Tooltip("step:N"), alt.Tooltip("seconds:Q", format=",.2f"), alt.Tooltip("status:N")]
    base = alt.Chart(rows).encode(y=y, x=x, tooltip=tip)
    colour = _states("status", RUN_STATES, rows["status"])
    bars = base.transform_filter("datum.last").mark_bar(cornerRadiusEnd=2, size=13).encode(color=colour)
    before = base.transform_filter("!datum.last").mark_tick(thickness=2, size=15, color=UNKNOWN)
    return (bars + before).properties(height=alt.Step(_ROW_PX))
