"""The report's plots, as SVG."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd

from batch.quality.evaluate import SIZES
from imaging.model import CLASSES

_WIDTH, _HEIGHT, _ROW = 520, 240, 18
FEWEST = 10  # examples of a point of the reliability diagram


def draw(figures: Mapping[str, Any], folder: Path) -> list[str]:
    """Writes the plots below `folder`; their file names, in the order that the report shows them."""
    made = {
        "classes.svg": _classes(figures),
        "methods.svg": _methods(figures),
        "severity.svg": _severity(figures),
        "reliability.svg": _reliability(figures),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, chart in made.items():
        chart.configure_view(strokeWidth=0).configure_axis(grid=True, gridOpacity=0.4).save(str(folder / name))
    return list(made)


def _classes(figures: Mapping[str, Any]) -> Any:
    rows = [
        {"part": part, "class": name, "low": found["low"], "area": found["value"], "high": found["high"]}
        for part, each in figures["parts"].items()
        if "usable" in each
        for name, found in {"usable": each["usable"], **each["classes"]}.items()
        if name != "good"
    ]
    base = alt.Chart(pd.DataFrame(rows)).encode(
        y=alt.Y("part:N", title=None, sort=None, axis=alt.Axis(labelLimit=220)),
        color=alt.Color("part:N", legend=None),
    )
    scale = alt.Scale(domain=[min(0.95, *(row["low"] for row in rows)), 1.0], clamp=True)
    bars = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", scale=scale, title="area under the curve"), x2="high:Q"
    )
    dots = base.mark_point(filled=True, size=45).encode(x=alt.X("area:Q", scale=scale))
    layered = alt.layer(bars, dots).properties(width=200, height=_ROW * len({row["part"] for row in rows}))
    return layered.facet(facet=alt.Facet("class:N", title=None, sort=["usable", *CLASSES]), columns=3)


def _methods(figures: Mapping[str, Any]) -> Any:
    rows = [
        {"part": part, "method": method, "usable": areas["usable"]}
        for part, found in figures["methods"].items()
        for method, areas in found["areas"].items()
    ]
    return (
        alt.Chart(pd.DataFrame(rows))
        .mark_bar()
        .encode(
            x=alt.X(
                "usable:Q", title="usable or not: area under the curve", scale=alt.Scale(domain=[0.4, 1.0], clamp=True)
            ),
            y=alt.Y("method:N", title=None, sort=None, axis=alt.Axis(labelLimit=320)),
            yOffset=alt.YOffset("part:N", sort=None),
            color=alt.Color("part:N", title=None, sort=None),
        )
        .properties(width=_WIDTH, height=360)
    )


def _severity(figures: Mapping[str, Any]) -> Any:
    rows = [
        {"part": part, "class": name, "severity": each["from"] + 0.125, "flagged": each["flagged"]}
        for part, found in figures["parts"].items()
        if part in SIZES
        for name, steps in found["by_severity"].items()
        for each in steps
    ]
    return (
        alt.Chart(pd.DataFrame(rows))
        .mark_line(point=True)
        .encode(
            x=alt.X("severity:Q", title="severity, 0 mildest to 1 strong", scale=alt.Scale(domain=[0, 1])),
            y=alt.Y("flagged:Q", title="share flagged", scale=alt.Scale(domain=[0, 1])),
            color=alt.Color("class:N", title=None, sort=None),
            strokeDash=alt.StrokeDash("part:N", title=None, sort=None),
        )
        .properties(width=_WIDTH, height=_HEIGHT)
    )


def _reliability(figures: Mapping[str, Any]) -> Any:
    rows = [
        {"part": part, **each}
        for part, found in figures["parts"].items()
        if "reliability" in found and not part.endswith("other damage")
        for each in found["reliability"]
        if each["count"] >= FEWEST
    ]
    ideal = alt.Chart(pd.DataFrame({"predicted": [0, 1], "observed": [0, 1]})).mark_line(
        strokeDash=[4, 4], color="grey"
    )
    seen = (
        alt.Chart(pd.DataFrame(rows))
        .mark_line(point=True)
        .encode(color=alt.Color("part:N", title=None, sort=None), size=alt.value(2))
    )
    return alt.layer(
        *(
            chart.encode(
                x=alt.X("predicted:Q", title="p_good, mean of its bin"),
                y=alt.Y("observed:Q", title="share that is good"),
            )
            for chart in (ideal, seen)
        )
    ).properties(width=320, height=280)
