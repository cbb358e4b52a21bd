"""Cached access to the lake: what a page asks is read once for each set of the versions of the tables it names.

A page asks `ask(queries.something, …)`. Each query's rows are kept with the versions of the tables that its text names,
so a commit to one table makes only the questions to that table be asked again. Answers of both layers together are in
`serving.layers`, photos and other content in `serving.blobs`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import pandas as pd
import streamlit as st

from lake import Lake, LakeError
from lake.lineage import Lineage
from lake.sql import Frugal
from schemas.tables import TABLES
from serving import storage
from serving.access import Policy, load_policy
from serving.answers import Answers, Question
from serving.queries import Reader
from serving.reader import Given, PinnedReader, Stores, Versions, named_in

P = ParamSpec("P")
T = TypeVar("T")
_VERSIONS_TTL_S = 2
_CODED = {"views/inventory": ("capture_id", "store_id", "device_id", "sku")}  # a capture has a row for each SKU
_AT_VERSION = re.compile(r"([a-z]+(?:/[a-z_]+)?)@(\d+)")


@st.cache_resource(show_spinner=False, max_entries=4)
def policy(path: Path) -> Policy:
    """Who may see which stores, as the access file says. Raises AccessError."""
    return load_policy(path)


@st.cache_resource(show_spinner=False, max_entries=4)
def open_lake(uri: str) -> Lake:
    """The lake at `uri`. Raises LakeNotFound and other LakeErrors, which are not cached."""
    return Lake.open(uri, options=storage.options())


@st.cache_data(show_spinner=False, ttl=_VERSIONS_TTL_S, max_entries=4)
def _newest(uri: str) -> Versions:
    return tuple(open_lake(uri).versions(TABLES).items())  # in this order: a reader pins realtime tables first


@st.cache_data(show_spinner=False, max_entries=64)
def _as_of(uri: str, at: str) -> Versions:
    lake = open_lake(uri)
    moment = moment_of(lake, at)

    def version(name: str) -> int:
        try:
            return lake.version_at(name, moment)
        except LakeError:
            return 0  # younger than that moment: as it was made, empty

    return tuple((name, version(name)) for name in TABLES)


def moment_of(lake: Lake, at: str) -> datetime:
    """The moment that `at` names: a time, in UTC where it does not say, or TABLE@VERSION. Raises LakeError."""
    if match := _AT_VERSION.fullmatch(at):
        name, version = match[1], int(match[2])
        for commit in lake.history(name):
            if commit.version == version:
                return commit.at
        raise LakeError(f"{name} has no version {version}: see Time travel for those there are")
    try:
        found = datetime.fromisoformat(at)
    except ValueError as error:
        raise LakeError(f"{at!r} is no moment: write 2026-03-01 12:00, or TABLE@VERSION") from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


@st.cache_resource(show_spinner=False, max_entries=96)
def files_of(uri: str, name: str) -> dict[str, Any]:
    """A table's files by their path, kept from version to version."""
    return {}


@st.cache_resource(show_spinner=False, max_entries=64)
def dataset(uri: str, name: str, version: int) -> Frugal:
    """The rows of a table at a version."""
    return Frugal.of(open_lake(uri).dataset(name, version), files_of(uri, name), _CODED.get(name, ()))


@st.cache_resource(show_spinner=False, max_entries=4)
def pinned_reader(uri: str, versions: Versions, stores: Stores) -> PinnedReader:
    """A reader whose answers are not kept."""
    return PinnedReader(versions, lambda name, version: dataset(uri, name, version), stores)


@st.cache_resource(show_spinner=False)
def answers() -> Answers:
    """The cache of answers, one for the server."""
    return Answers()


@dataclass(frozen=True)
class CachedReader:
    """A reader whose answers are kept while the tables that a question names have no new version."""

    uri: str
    versions: Versions
    stores: Stores

    def frame(self, text: str, params: dict[str, object] | None = None, given: Given | None = None) -> pd.DataFrame:
        """Rows of a query."""
        tables = dict(self.versions)
        names = named_in(text if given is None else f"{text} {given.text}", tuple(tables))
        if self.stores is not None:
            names = (*names, "master/captures")
        named = tuple((name, tables[name]) for name in names)
        what = (self.stores, text, repr(params), repr(given))
        return answers().get(Question(self.uri, named, what), lambda: self._pinned().frame(text, params, given))

    def columns(self, name: str) -> frozenset[str]:
        """Names of a table's columns; empty where this lake has no such table."""
        return self._pinned().columns(name)

    def _pinned(self) -> PinnedReader:
        return pinned_reader(self.uri, self.versions, self.stores)


def current_versions() -> Versions:
    """Version of each table that this page shows: taken once a run of the page, so that its figures agree."""
    found: Versions = st.session_state["versions"]
    return found


def lake_uri() -> str:
    """The lake that this page shows."""
    return str(st.session_state["lake_uri"])


def pin(uri: str, at: str = "", stores: Stores = None) -> None:
    """Fixes the lake, the versions and the stores that this run of the page reads. Raises LakeError."""
    st.session_state["lake_uri"] = uri
    st.session_state["versions"] = _as_of(uri, at) if at else _newest(uri)
    st.session_state["stores"] = stores


def reader_at(at: str) -> Reader:
    """A reader of another state of the lake, for the same viewer. Raises LakeError."""
    return CachedReader(lake_uri(), _as_of(lake_uri(), at), st.session_state.get("stores"))


@st.cache_data(show_spinner=False, max_entries=32)
def _commits(uri: str, name: str, version: int, limit: int) -> pd.DataFrame:
    found = [
        {"version": commit.version, "at": commit.at, "operation": commit.operation}
        | ({} if commit.lineage is None else _told(commit.lineage))
        for commit in open_lake(uri).history(name, limit)
        if commit.version <= version
    ]
    return pd.DataFrame(found, columns=["version", "at", "operation", "view", "mode", "run_id", "sources", "code"])


def _told(lineage: Lineage) -> dict[str, object]:
    sources = ", ".join(f"{name} {version}" for name, version in lineage.sources.items())
    return {
        "view": lineage.view,
        "mode": lineage.mode,
        "run_id": lineage.run_id,
        "sources": sources,
        "code": lineage.code,
    }


def commits(name: str, limit: int) -> pd.DataFrame:
    """Commits of a table up to the version shown, newest first: version, at, operation, and what lineage tells."""
    return _commits(lake_uri(), name, dict(current_versions())[name], limit)


def moved(uri: str) -> bool:
    """Has any table a newer version than this page shows?"""
    return _newest(uri) != current_versions()


def reader() -> Reader:
    """The reader of this run of the page."""
    return CachedReader(lake_uri(), current_versions(), st.session_state.get("stores"))


def ask(question: Callable[Concatenate[Reader, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The answer of a function that takes a reader first, such as those of `serving.queries`."""
    return question(reader(), *args, **kwargs)
