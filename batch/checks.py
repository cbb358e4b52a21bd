"""Data checks: expectations on the tables, each one query that must give no rows, or no value above a limit."""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from lake import FacingsError, Lake, QueryError
from lake.sql import query
from schemas.tables import CHECKS, TABLES

WARN, FAIL, OFF = "warn", "fail", "off"
OK, BROKEN, ERROR = "ok", "broken", "error"
_OWN = ("about", "level", "limit", "sql")
_SHOWN = 5


class RuleError(FacingsError):
    """A rule can't be used as it is written: correct it in its file."""


@dataclass(frozen=True)
class Rule:
    """One expectation. `limit` is what `value` may reach at most; None where the query must give no rows."""

    name: str
    about: str
    level: str
    sql: str
    limit: float | None = None
    parameters: Mapping[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """What a rule found: "ok", "broken" or "error"; `value` is the worst, `detail` says where."""

    rule: str
    about: str
    level: str
    status: str
    value: float | None
    limit: float | None
    detail: str


def read_rules(path: Path | None = None) -> tuple[Rule, ...]:
    """The rules that come with Facings, changed and added to by the file at `path`. Raises RuleError."""
    shipped = tomllib.loads((Path(__file__).parent / "rules.toml").read_text("utf-8"))
    own: dict[str, Any] = {}
    if path is not None:
        try:
            own = tomllib.loads(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise RuleError(f"rules {path}: {error}") from error
    for name, keys in own.items():
        if not isinstance(keys, dict):
            raise RuleError(f"rules {path}: {name} is not a table: write [{name}] and its keys below")
        if name not in shipped and "sql" not in keys:
            near = difflib.get_close_matches(name, shipped, n=1)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise RuleError(f"rules {path}: {name} is no rule that comes with Facings, and has no sql{meant}")
    merged = {name: {**shipped.get(name, {}), **own.get(name, {})} for name in {**shipped, **own}}
    rules = (_rule(name, keys) for name, keys in merged.items())
    return tuple(rule for rule in rules if rule.level != OFF)


def _rule(name: str, keys: Mapping[str, Any]) -> Rule:
    level, limit, sql = keys.get("level", WARN), keys.get("limit"), keys.get("sql")
    if level not in (WARN, FAIL, OFF):
        raise RuleError(f"rule {name}: level = {level!r} must be {WARN!r}, {FAIL!r} or {OFF!r}")
    if limit is not None and (
        isinstance(limit, bool) or not isinstance(limit, int | float) or not math.isfinite(limit)
    ):
        raise RuleError(f"rule {name}: limit = {limit!r} must be a number")
    if not isinstance(sql, str) or not sql.strip():
        raise RuleError(f"rule {name}: sql must be one query")
    parameters = {key: value for key, value in keys.items() if key not in _OWN}
    for key, value in parameters.items():
        if key == "now" or isinstance(value, dict | list):
            raise RuleError(f"rule {name}: {key} = {value!r} can't be a parameter: give a number or a text, not $now")
    limit = None if limit is None else float(limit)
    return Rule(name, str(keys.get("about", name)), level, sql, limit, {**parameters})


def check(lake: Lake, rules: Sequence[Rule], now: datetime) -> tuple[Result, ...]:
    """What each rule finds at one state of the tables. A query that can't be run is a result with status "error"."""
    connection = lake.connect(lake.versions(TABLES))
    try:
        return tuple(_check(connection, rule, now) for rule in rules)
    finally:
        connection.close()


def check_and_record(
    lake: Lake,
    rules: Sequence[Rule],
    clock: Callable[[], datetime],
    run_id: str,
) -> tuple[Result, ...]:
    """The same, with one row a rule appended to the table `checks`."""
    now = clock()
    results = check(lake, rules, now)
    kept = ("rule", "level", "status", "value", "limit", "detail")
    rows = [
        {"run_id": run_id, "checked_at": now, **{name: getattr(result, name) for name in kept}} for result in results
    ]
    lake.append_new("checks", pa.Table.from_pylist(rows, CHECKS.schema))
    return results


def _check(connection: duckdb.DuckDBPyConnection, rule: Rule, now: datetime) -> Result:
    def result(status: str, value: float | None, detail: str) -> Result:
        return Result(rule.name, rule.about, rule.level, status, value, rule.limit, detail)

    try:
        rows = _rows(connection, rule, now)
    except (QueryError, duckdb.Error) as error:
        return result(ERROR, None, str(error).splitlines()[0])
    if rule.limit is None:
        return result(BROKEN if rows else OK, float(len(rows)), _detail(rows))
    if rows and "value" not in rows[0]:
        return result(ERROR, None, "the rule has a limit, so its query must give a column named value")
    judged = [row for row in rows if row["value"] is not None]
    judged.sort(key=lambda row: -float(row["value"]))
    broken = [row for row in judged if float(row["value"]) > rule.limit]
    worst = float(judged[0]["value"]) if judged else None
    return result(BROKEN if broken else OK, worst, _detail(broken))


def _rows(connection: duckdb.DuckDBPyConnection, rule: Rule, now: datetime) -> list[dict[str, Any]]:
    statements = connection.extract_statements(rule.sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise QueryError("a rule is one SELECT")
    given: dict[str, Any] = {**rule.parameters, "now": now, "limit": rule.limit}
    missing = sorted(statements[0].named_parameters - set(given))
    if missing:
        raise QueryError(f"${missing[0]} has no value: give the rule a key {missing[0]} = …")
    named = {name: given[name] for name in statements[0].named_parameters}
    found: list[dict[str, Any]] = query(connection, rule.sql, named or None).to_pylist()
    return found


def _detail(rows: Sequence[Mapping[str, Any]]) -> str:
    """The first rows in words, and how many more there are."""
    told = [_told(row) for row in rows[:_SHOWN]]
    more = f"; and {len(rows) - _SHOWN:,} more" if len(rows) > _SHOWN else ""
    return "; ".join(told) + more


def _told(row: Mapping[str, Any]) -> str:
    subject = [str(row["subject"])] if row.get("subject") is not None else []
    value = [f"{float(row['value']):,.3g}"] if "value" in row else []
    others = [f"{name} {value}" for name, value in row.items() if name not in ("subject", "value")]
    return " ".join([*subject, *value, *([f"({', '.join(others)})"] if others else [])])
