"""Formats of figures and times, text from devices made inert, and the states of a page that has nothing to draw."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from serving import export
from serving.figures import Estimate

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


def plural(count: int, noun: str) -> str:
    """A count with its noun: "1 facing", "2 facings"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


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


@dataclass(frozen=True)
class Link:
    """A way to another page, with the filters that it sets there."""

    label: str
    page: str
    params: Mapping[str, str | list[str]]
    icon: str = ":material/arrow_forward:"


@dataclass(frozen=True)
class Figure:
    """A headline figure: what it is, its value, what it means, how sure or old it is, and where its captures are.

    They are on another page, `link` with `params` in its URL, or further down on this one: `choose` then has the values
    of the filters there, by the key of each.
    """

    label: str
    value: str
    about: str
    note: str = ""
    link: str = ""  # a page's script, e.g. "screens/captures.py"
    to: str = "Show"
    params: Mapping[str, str | list[str]] = field(default_factory=dict)
    choose: Mapping[str, str | list[str]] | None = None
    also: Link | None = None  # the captures of a second count, which its label tells


def figures(values: Sequence[Figure]) -> None:
    """A row of headline figures of one height. Wraps on a narrow screen."""
    with st.container(horizontal=True, gap="small"):
        for one in values:
            with st.container(border=True, width="stretch", height="stretch", gap="xxsmall"):
                st.metric(one.label, one.value, help=one.about, width="stretch")
                if one.note:
                    st.caption(inert(one.note))
                main = [Link(one.to, one.link, one.params)] if one.link else []
                for way in (*main, *([one.also] if one.also is not None else [])):
                    st.page_link(way.page, label=way.label, icon=way.icon, query_params=dict(way.params))
                if one.choose is not None:
                    st.button(
                        one.to, key=f"choose-{one.label}", type="tertiary", icon=":material/filter_alt:",
                        on_click=_choose, args=(dict(one.choose),),
                    )  # fmt: skip


def _choose(values: dict[str, str | list[str]]) -> None:
    st.session_state.update(values)  # bound to the URL: it follows


def sure(estimate: Estimate) -> str:
    """How sure a figure is, in a few words."""
    if estimate.basis == "exact":
        return "exact"
    how = "95 % interval of a sample" if estimate.basis == "sample" else "whatever the unknown holds"
    return f"{estimate.span}, {how}" if estimate.span else "exact" if estimate.basis == "bounds" else "a sample"


def aged(note: str, built_at: datetime | None) -> str:
    """A figure's note, with the age of the view that it rests on where that is older than the page."""
    return note if built_at is None else f"{note}; view as of {moment(built_at)}"


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
    name: str = "",
) -> None:
    """A table with plain column names; says "n of m" where not all rows are shown. Text in it is never markup.

    With a `name`, the rows can be had as a file.
    """
    st.dataframe(
        rows[list(columns)],
        placeholder="–",
        column_config=config_of(rows, columns, formats),
        hide_index=True,
        height=height or min(630, 38 + 35 * max(1, len(rows))),
    )
    under(rows[list(columns)].rename(columns=dict(columns)), len(rows), matching, name)


def config_of(rows: pd.DataFrame, columns: Mapping[str, str], formats: Mapping[str, str] | None = None) -> Any:
    """Configuration of a table's columns: figures right-aligned and with separators."""
    return {
        column: st.column_config.NumberColumn(label, format=(formats or {}).get(column, "localized"))
        if pd.api.types.is_numeric_dtype(rows[column]) and not pd.api.types.is_bool_dtype(rows[column])
        else st.column_config.Column(label)
        for column, label in columns.items()
    }


def under(rows: pd.DataFrame, shown: int, matching: int | None, name: str) -> None:
    """The line under a table: how much of it is shown, and its rows as a file."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if matching is not None and matching > shown:
            st.caption(f"Showing {shown:,} of {matching:,}. Narrow the filters to see the others.")
        if name:
            with st.popover("Download", icon=":material/download:", type="tertiary"):
                for form in export.FORMS:
                    st.download_button(
                        form.title, partial(form.write, rows), f"{name}.{form.ending}", form.mime,
                        key=f"download-{name}-{form.ending}", on_click="ignore",
                    )  # fmt: skip


def each(rows: pd.DataFrame) -> Iterable[Any]:
    """The rows as named tuples."""
    return rows.itertuples(index=False)
