"""Alerts: which findings are told to whom, once each. Pure: rules, findings and what was told before in, messages out.

A finding is told when it has lasted as long as its rule says, outside the rule's quiet time, and then not again while
it lasts; once it is over it is forgotten, so that it is told anew when it comes back.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from lake import FacingsError
from serving import attention
from serving.attention import Finding

_SPAN = re.compile(r"(\d+) ?(min|h|d)")
_UNITS = {"min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_QUIET = re.compile(r"(\d\d:\d\d)-(\d\d:\d\d)")
_FIELDS = {"name", "kind", "after", "stores", "quiet", "tell"}


class AlertError(FacingsError):
    """A rule of alerts can't be used: correct it."""


@dataclass(frozen=True)
class Rule:
    """Findings of a `kind` that last `after` are told; not between the two times of `quiet` (UTC). No stores: all."""

    name: str
    kind: str
    after: timedelta = timedelta(0)
    stores: tuple[str, ...] = ()
    quiet: tuple[time, time] | None = None
    tell: tuple[str, ...] = ()  # targets; empty: those of the settings

    def is_quiet(self, now: datetime) -> bool:
        """Is `now` (UTC) in the quiet time? Its end is not; it may span midnight."""
        if self.quiet is None:
            return False
        begin, end = self.quiet
        at = now.time()
        return begin <= at < end if begin <= end else at >= begin or at < end

    def concerns(self, finding: Finding, now: datetime) -> bool:
        """Does the finding fall under the rule, long enough?"""
        if finding.kind != self.kind or (self.stores and finding.store not in self.stores):
            return False
        if finding.since is None or pd.isna(finding.since):
            return True
        return bool(now - finding.since >= self.after)


@dataclass(frozen=True)
class Alert:
    """What one rule has to tell now: its findings, and the names by which they are remembered once they were told."""

    rule: Rule
    findings: tuple[Finding, ...]
    keys: tuple[str, ...]


def due(rules: Sequence[Rule], findings: Iterable[Finding], told: Collection[str], now: datetime) -> list[Alert]:
    """What is to be told now, one alert a rule that has anything new."""
    found, alerts = list(findings), []
    for rule in rules:
        fresh = [f for f in found if rule.concerns(f, now) and _key(rule, f) not in told]
        if fresh and not rule.is_quiet(now):
            alerts.append(Alert(rule, tuple(fresh), tuple(_key(rule, f) for f in fresh)))
    return alerts


def lasting(rules: Sequence[Rule], findings: Iterable[Finding], told: Collection[str]) -> set[str]:
    """Of what was told, what still lasts: the rest is over and forgotten."""
    return {_key(rule, finding) for finding in findings for rule in rules} & set(told)


def _key(rule: Rule, finding: Finding) -> str:
    return f"{rule.name}: {finding.key}"


def text(alert: Alert, now: datetime, limit: int = 20) -> str:
    """The findings as lines, worst first."""
    lines = [f"- {finding.what} {attention.since(finding, now)}".rstrip() for finding in alert.findings[:limit]]
    more = len(alert.findings) - limit
    return "\n".join([*lines, *([f"… and {more} more"] if more > 0 else [])])


def read_rules(path: Path) -> list[Rule]:
    """The rules in a TOML file of [[alert]] tables. Raises AlertError that names the rule and what is wrong with it."""
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise AlertError(f"{path} can't be read: {error}") from error
    tables = values.get("alert")
    if not isinstance(tables, list) or not tables:
        raise AlertError(f"{path} has no [[alert]]: write one with a name and a kind, such as {attention.KINDS[0]!r}")
    rules = [_rule(path, number, table) for number, table in enumerate(tables, 1)]
    names = [rule.name for rule in rules]
    if len(set(names)) < len(names):
        raise AlertError(f"{path}: two alerts have the same name; each is remembered by its own")
    return rules


def _rule(path: Path, number: int, table: dict[str, Any]) -> Rule:
    where = f"{path}: alert {number}"
    if unknown := set(table) - _FIELDS:
        raise AlertError(f"{where}: {', '.join(sorted(unknown))} is none of {', '.join(sorted(_FIELDS))}")
    name, kind = table.get("name"), table.get("kind")
    if not isinstance(name, str) or not name:
        raise AlertError(f"{where} needs a name")
    if kind not in attention.KINDS:
        raise AlertError(f"{where}: kind is {kind!r}; there are {', '.join(attention.KINDS)}")
    span = _SPAN.fullmatch(str(table.get("after", "0 min")))
    if span is None:
        raise AlertError(f"{where}: after is {table['after']!r}; write 30 min, 2 h or 1 d")
    quiet = _QUIET.fullmatch(str(table["quiet"])) if "quiet" in table else None
    try:
        times = (time.fromisoformat(quiet[1]), time.fromisoformat(quiet[2])) if quiet else None
    except ValueError:
        times = None
    if "quiet" in table and times is None:
        raise AlertError(f"{where}: quiet is {table['quiet']!r}; write 22:00-06:00, in UTC")
    return Rule(name, kind, int(span[1]) * _UNITS[span[2]], _texts(where, table, "stores"), times,
                _texts(where, table, "tell"))  # fmt: skip


def _texts(where: str, table: dict[str, Any], name: str) -> tuple[str, ...]:
    found = table.get(name, [])
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise AlertError(f"{where}: {name} must be a list of texts")
    return tuple(found)
