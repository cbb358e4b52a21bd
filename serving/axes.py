"""What every chart shares: axes of times and names, colours with a meaning, and text that is readable on any ground."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

import altair as alt
import pandas as pd

P = ParamSpec("P")
Chart = Any  # Altair's decorated methods have no types
ROW_PX = 24
_MIDNIGHT = "utchours(datum.value) == 0 && utcminutes(datum.value) == 0"
CLOCK = f"{_MIDNIGHT} ? utcFormat(datum.value, '%d %b') : utcFormat(datum.value, '%H:%M')"
UTC = alt.Scale(type="utc")
INK = "currentColor"  # the page's own: Streamlit's grey for charts has a contrast of 3.7 on white
_FADED = 0.75


def readable(draw: Callable[P, Chart]) -> Callable[P, Chart]:
    """The chart with labels and titles in the page's ink, a little faded, whether the page is light or dark."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Chart:
        text = {"labelColor": INK, "labelOpacity": _FADED, "titleColor": INK, "titleOpacity": _FADED}
        return draw(*args, **kwargs).configure_axis(**text).configure_legend(**text)

    return drawn


def time(column: str, **axis: Any) -> alt.X:
    """An axis of times in UTC: hours, and days at midnight."""
    return alt.X(
        f"{column}:T",
        title=None,
        scale=UTC,
        axis=alt.Axis(labelExpr=CLOCK, labelOverlap=True, grid=False, tickCount=8, **axis),
    )


def when(column: str, title: str = "time (UTC)") -> alt.Tooltip:
    """A time in a tooltip, in UTC."""
    return alt.Tooltip(f"utcyearmonthdatehoursminutes({column}):T", title=title)


def states(column: str, colours: dict[str, str], present: pd.Series) -> alt.Color:
    """Colours of those states that are present, in their order, with a legend."""
    names = [name for name in colours if name in set(present)]
    scale = alt.Scale(domain=names, range=[colours[name] for name in names])
    columns = alt.ExprRef("width < 260 ? 2 : 8")
    return alt.Color(f"{column}:N", scale=scale, legend=alt.Legend(orient="top", title=None, columns=columns))


def names(column: str, **more: Any) -> alt.Y:
    """An axis of names, each of them written."""
    return alt.Y(
        f"{column}:N", title=None, axis=alt.Axis(labelLimit=260, labelOverlap=False, ticks=False, domain=False), **more
    )
