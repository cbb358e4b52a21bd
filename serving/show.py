"""Formats of figures and times, text from devices made inert, and the states of a page that has nothing to draw."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

_SPECIAL = re.compile(r"([!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~])")
_LINKS = re.compile(r"(www)(?=\.)|(https?|ftp|mailto|xmpp)(?=:)|(@)", re.IGNORECASE)
_JOINER = "\u2060"


def inert(text: object) -> str:
    """`text` for a place that renders Markdown: shows as it is, and is no link, image, formula or markup."""
    line = " ".join(str(text).split())
    return _SPECIAL.sub(r"\\\1", _LINKS.sub(lambda m: m.group(0) + _JOINER, line))


def ago(moment: datetime, now: datetime) -> str:
    """How long before `now`: "5 min", "3 h", "2 d"."""
    return span((now - moment).total_seconds())


def span(seconds: float | None) -> str:
    """A duration in its largest fitting unit; "–" where there is none."""
    if seconds is None or pd.isna(seconds):
        return "–"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 90:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86400:.0f} d"


def percent(part: float, whole: float) -> str:
    """Share of a whole; "–" where the whole is nothing."""
    return "–" if not whole else f"{100 * part / whole:.0f} %" if part in (0, whole) else f"{100 * part / whole:.1f} %"


def size(count: float | None) -> str:
    """Bytes in B, kB, MB or GB."""
    if count is None or pd.isna(count):
        return "–"
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def moment(value: datetime | pd.Timestamp | None, form: str = "%d %b %H:%M") -> str:
    """A time in UTC; "–" where there is none."""
    return "–" if value is None or pd.isna(value) else value.strftime(form)


def times(column: pd.Series) -> pd.Series:
    """A column of times as text that sorts, in UTC."""
    return column.map(lambda value: moment(value, "%Y-%m-%d %H:%M"))


def header(title: str, about: str) -> None:
    """Title of a page and the sentence that says what it answers."""
    st.title(title, anchor=False)
    st.caption(about)


def section(title: str, about: str = "") -> None:
    """Heading of a part of a page."""
    st.subheader(title, anchor=False, help=about or None)


def figures(values: Sequence[tuple[str, str, str]]) -> None:
    """A row of headline figures: label, value, and what it means. Wraps on a narrow screen."""
    with st.container(horizontal=True, gap="small"):
        for label, value, about in values:
            st.metric(label, value, help=about, border=True, width="stretch")


def nothing(what: str, remedy: str, command: str | None = None) -> None:
    """Says that there is nothing to draw, why, and what to do about it."""
    st.info(f"**{inert(what)}** {inert(remedy)}", icon=":material/info:")
    if command:
        st.code(command, language="bash")


def table(
    rows: pd.DataFrame,
    columns: Mapping[str, str],
    *,
    matching: int | None = None,
    height: int | None = None,
    formats: Mapping[str, str] | None = None,
) -> None:
    """A table with plain column names; says "n of m" where not all rows are shown. Text in it is never markup."""
    config = {
        column: st.column_config.NumberColumn(label, format=(formats or {}).get(column, "localized"))
        if pd.api.types.is_numeric_dtype(rows[column]) and not pd.api.types.is_bool_dtype(rows[column])
        else st.column_config.Column(label)
        for column, label in columns.items()
    }
    st.dataframe(
        rows[list(columns)],
        placeholder="–",
        column_config=config,
        hide_index=True,
        height=height or min(630, 38 + 35 * max(1, len(rows))),
    )
    if matching is not None and matching > len(rows):
        st.caption(f"Showing {len(rows):,} of {matching:,}. Narrow the filters to see the others.")


def each(rows: pd.DataFrame) -> Iterable[Any]:
    """The rows as named tuples."""
    return rows.itertuples(index=False)
