"""Charts of shelves: facings beside the plan, now and over time. Data frames in, charts out."""

from __future__ import annotations

import altair as alt
import pandas as pd

from serving import axes
from serving.axes import readable
from serving.theme import DARK_INK, LIGHT_INK, OK, PLACES, STATES, UNKNOWN

_FIGURE_PX = 22  # a cell narrower than this has no room for "2/4"


def _inked(texts: alt.Chart) -> tuple[alt.Chart, alt.Chart]:
    """Texts on cells coloured by state: dark, and light on those that are out of stock."""
    dark = texts.transform_filter("datum.state != 'out of stock'").encode(color=alt.value(DARK_INK))
    return dark, texts.transform_filter("datum.state == 'out of stock'").encode(color=alt.value(LIGHT_INK))


@readable
def heat_map(rows: pd.DataFrame) -> axes.Chart:
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
        y=axes.names("sku", scale=alt.Scale(paddingInner=0.08)),
        tooltip=[
            alt.Tooltip("device_id:N", title="device"),
            alt.Tooltip("sku:N", title="SKU"),
            alt.Tooltip("state:N", title="state"),
            alt.Tooltip("shown:N", title="facings / plan"),
            axes.when("seen_at", "photo (UTC)"),
        ],
    )
    cell = alt.selection_point(name="cell", fields=["device_id", "sku"])
    cells = base.mark_rect(cornerRadius=2, cursor="pointer")
    cells = cells.encode(
        color=axes.states("state", STATES, rows["state"]), opacity=alt.condition(cell, alt.value(1.0), alt.value(0.45))
    ).add_params(cell)
    fits = alt.ExprRef(f"bandwidth('x') < {_FIGURE_PX} ? 0 : 1")  # on a phone the colours tell, and a tap the figures
    figures = base.mark_text(fontSize=11, fontWeight=600, cursor="pointer", opacity=fits).encode(text="shown:N")
    dark, light = _inked(figures)
    return (cells + light + dark).properties(height=alt.Step(axes.ROW_PX))


@readable
def planogram(rows: pd.DataFrame) -> axes.Chart:
    """The plan of one device, facing by facing: columns shelf, x0, x1, middle, wanted (facings), sku, name, state."""
    y = alt.Y(
        "shelf:O", title=None, axis=alt.Axis(labels=False, ticks=False, domain=False), scale=alt.Scale(padding=0.12)
    )
    x = alt.X("x0:Q", title=None, axis=None, scale=alt.Scale(nice=False, domainMin=0))
    tip = [alt.Tooltip("sku:N", title="SKU"), alt.Tooltip("state:N"), alt.Tooltip("shelf:O")]
    base = alt.Chart(rows).encode(y=y)
    cells = base.mark_rect(cornerRadius=3).encode(
        x=x, x2="x1:Q", color=axes.states("state", PLACES, rows["state"]), tooltip=tip
    )
    limit = alt.ExprRef("scale('x', datum.wanted) - scale('x', 0)")
    named = base.transform_filter("datum.name != ''").mark_text(fontSize=10, limit=limit)
    dark, light = _inked(named.encode(x=alt.X("middle:Q"), text="name:N", tooltip=tip))
    return (cells + dark + light).properties(height=alt.Step(58))


@readable
def facings_line(rows: pd.DataFrame) -> axes.Chart:
    """Facings of one SKU over time; photos that were not trusted are hollow and not on the line; the plan is dashed."""
    shown = rows.assign(kind=rows["trusted"].map({True: "trusted", False: "not trusted"}))
    top = max(1.0, float(rows[["facings", "expected"]].max(numeric_only=True).max()))
    y = alt.Y(
        "facings:Q", title="facings", scale=alt.Scale(domain=[0, top + 0.5]), axis=alt.Axis(tickMinStep=1, tickCount=5)
    )
    tip = [
        axes.when("captured_at"),
        alt.Tooltip("facings:Q"),
        alt.Tooltip("expected:Q", title="plan"),
        alt.Tooltip("kind:N", title="photo"),
    ]
    base = alt.Chart(shown).encode(x=axes.time("captured_at"), tooltip=tip)
    plan = base.mark_line(strokeDash=[5, 4], color=UNKNOWN, interpolate="step-after").encode(y="expected:Q")
    line = (
        base.transform_filter("datum.trusted").mark_line(interpolate="step-after", color=OK, strokeWidth=2).encode(y=y)
    )
    full = base.transform_filter("datum.trusted").mark_circle(size=42, opacity=1, color=OK).encode(y=y)
    hollow = base.transform_filter("!datum.trusted").mark_point(size=42, filled=False, color=UNKNOWN).encode(y=y)
    return (plan + line + full + hollow).properties(height=240)
