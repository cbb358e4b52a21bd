"""Data checks: each rule that comes with Facings in both directions, rules of one's own, and what is on record."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from typer.testing import CliRunner, Result

from batch.checks import Result as Found
from batch.checks import Rule, RuleError, check, check_and_record, read_rules
from facings.cli import app
from lake import Lake
from schemas.tables import TABLES
from tests.batch.build import at, lake_at, photo, put, put_capture, put_image

DAY_S = 24 * 3600.0
NOW = at(10 * DAY_S)
RULES = {rule.name: rule for rule in read_rules()}


def ago(hours: float) -> float:
    """Seconds of the tests' clock, so many hours before the check."""
    return 10 * DAY_S - hours * 3600


def captures(lake: Lake, count: int, hours: float, device: str = "d1", tag: str = "", **more: Any) -> None:
    facts = {"device_id": device, "store_id": f"store-of-{device}", **more}
    taken, received = at(ago(hours)), at(ago(hours) + 3)
    names = [f"{device}-{hours}-{tag}{number}" for number in range(count)]
    rows = [{"capture_id": name, "captured_at": taken, "received_at": received, **facts} for name in names]
    put(lake, "captures", *rows)


def refused(lake: Lake, count: int, hours: float = 1) -> None:
    rows = [{"reject_id": f"r{hours}-{number}", "rejected_at": at(ago(hours))} for number in range(count)]
    put(lake, "rejected", *[{**row, "reason": "truncated", "attempts": 1} for row in rows])


def inventory(lake: Lake, capture: str, sku: str = "cola", expected: int | None = 2, trusted: bool = True) -> None:
    row = {"store_id": "s", "device_id": "d1", "sku": sku, "captured_at": at(ago(1)), "facings": 1}
    row |= {"expected": expected, "trusted": trusted, "capture_id": capture}
    lake.append_new("views/inventory", pa.Table.from_pylist([row], TABLES["views/inventory"].schema))


def planned(lake: Lake) -> None:
    plan = {"planogram_id": "p1", "device_id": "d1", "shelf": 0, "sku": "cola", "facings": 2, "valid_from": at(0)}
    put(lake, "planograms", plan)


def rebuilt(lake: Lake, hours: float) -> None:
    row = {"run_id": "r1", "step": "inventory", "status": "ok", "pinned_at": at(ago(hours))}
    lake.append_new("runs", pa.Table.from_pylist([row], TABLES["runs"].schema))


Rows = list[Callable[[Lake], None]]
_WEEK = [30.0 + 24 * day for day in range(7)]

# Of each rule: what a lake holds that keeps it, what is then added that breaks it, the worst value and what it says.
CASES: dict[str, tuple[Rows, Rows, float, str]] = {
    "rejected-share": (
        [partial(captures, count=39, hours=1), partial(refused, count=1), partial(refused, count=60, hours=30)],
        [partial(refused, count=10, hours=2)],
        11 / 50,
        "0.22 (refused 11, taken 39)",
    ),
    "rejected-most": (
        [partial(captures, count=20, hours=1), partial(refused, count=20)],
        [partial(refused, count=20, hours=2)],
        2 / 3,
        "refused 40, taken 20",
    ),
    "device-silent": (
        [partial(captures, count=1, hours=hours, device=name) for name, hours in (("d1", 5), ("d2", 4), ("d2", 8))],
        [partial(captures, count=1, hours=7.5, device="d3")],
        7.5,
        "d3 7.5",
    ),
    "captures-drop": (
        [partial(captures, count=n, hours=h) for n, h in [(20, h) for h in _WEEK] + [(12, 5.0)]],
        [partial(captures, count=n, hours=h, device="d2") for n, h in [(30, h) for h in _WEEK] + [(6, 5.0)]],
        0.8,
        "store-of-d2 0.8 (last_day 6, usual_day 30.0)",
    ),
    "label-not-planned": (
        [planned, partial(inventory, capture="c1")],
        [partial(inventory, capture=name, sku="juice", expected=None) for name in ("c1", "c2")],
        2.0,
        "d1: juice 2",
    ),
    "unusable-share": (
        [partial(inventory, capture=f"c{number}", trusted=number > 2) for number in range(6)],
        [partial(inventory, capture="c6", trusted=False)],
        4 / 7,
        "d1 0.571",
    ),
    "views-behind": (
        [partial(captures, count=3, hours=60), partial(rebuilt, hours=40), partial(captures, count=2, hours=20)],
        [partial(captures, count=1, hours=30)],
        30 - 3 / 3600,
        "30 (captures 3)",
    ),
    "clock-ahead": (
        [partial(captures, count=3, hours=2)],
        [partial(captures, count=2, hours=2, device="d2", captured_at=NOW + timedelta(hours=9))],
        2.0,
        "d2 2",
    ),
    "photo-missing": (
        [lambda lake: put_capture(lake, "c1", put_image(lake, photo(1)))],
        [lambda lake: put_capture(lake, "c2", "0" * 64)],
        1.0,
        "c2",
    ),
}


def one(lake: Lake, name: str) -> Found:
    (result,) = check(lake, [RULES[name]], NOW)
    return result


def test_every_rule_that_comes_with_facings_has_a_case() -> None:
    assert set(CASES) == set(RULES)


@pytest.mark.parametrize("name", CASES)
def test_a_rule_holds_until_it_is_broken(name: str, tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    keep, broke, value, detail = CASES[name]
    assert one(lake, name).status == "ok"  # of an empty lake nothing is known
    for add in keep:
        add(lake)
    kept = one(lake, name)
    assert (kept.status, kept.detail) == ("ok", "")
    for add in broke:
        add(lake)
    broken = one(lake, name)
    assert broken.status == "broken"
    assert broken.value == pytest.approx(value, rel=1e-3)
    assert detail in broken.detail


def test_a_device_that_is_gone_for_good_is_forgotten(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    captures(lake, 1, 9 * 24, "old")
    assert one(lake, "device-silent").status == "broken"
    (rule,) = [rule for rule in read_rules() if rule.name == "device-silent"]
    shorter = Rule(rule.name, "", rule.level, rule.sql, rule.limit, {"forget_after_days": 7})
    assert check(lake, [shorter], NOW)[0].status == "ok"


def test_a_file_changes_a_rule_switches_one_off_and_adds_one(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text(
        '[device-silent]\nlimit = 48\nlevel = "fail"\n[captures-drop]\nlevel = "off"\n'
        "[cola-counted]\nabout = 'Cola is counted'\nlevel = 'fail'\nat_least = 3\n"
        "sql = \"SELECT count(*) AS n FROM views_inventory WHERE sku = 'cola' HAVING count(*) < $at_least\"\n"
    )
    rules = {rule.name: rule for rule in read_rules(tmp_path / "rules.toml")}
    assert "captures-drop" not in rules
    assert (rules["device-silent"].limit, rules["device-silent"].level) == (48.0, "fail")
    assert rules["device-silent"].sql == RULES["device-silent"].sql
    lake = lake_at(tmp_path / "lake")
    (result,) = check(lake, [rules["cola-counted"]], NOW)
    assert (result.status, result.value, result.detail) == ("broken", 1.0, "(n 0)")


@pytest.mark.parametrize(
    "text, words",
    [
        ("[device-silnet]\nlimit = 3", "did you mean device-silent"),
        ("[device-silent]\nlevel = 'loud'", "must be 'warn', 'fail' or 'off'"),
        ("[device-silent]\nlimit = nan", "must be a number"),
        ("[mine]\nsql = ''", "sql must be one query"),
        ("[mine]\nsql = 'SELECT 1'\nnow = 3", "not .now"),
        ("limit = 3", "not a table"),
        ("[device", "rules.toml"),
    ],
)
def test_a_rule_that_can_not_be_used_is_named(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text(text)
    with pytest.raises(RuleError, match=words):
        read_rules(tmp_path / "rules.toml")


@pytest.mark.parametrize(
    "sql, words",
    [
        ("SELECT nothing FROM captures", "nothing"),
        ("SELECT * FROM nowhere", "nowhere"),
        ("SELECT $unset AS value", "give the rule a key unset"),
        ("SELECT 1 AS n", "a column named value"),
        ("SELECT 1 AS value; SELECT 2 AS value", "one SELECT"),
        ("DROP TABLE captures", "one SELECT"),
        ("SELECT 1 AS value FROM read_csv('/etc/passwd')", "disabled"),
        ("COPY (SELECT 1) TO '/tmp/x'", "one SELECT"),
        ("SELECT CAST('a' AS INT) AS value", "Could not convert"),
    ],
)
def test_a_query_that_can_not_be_run_is_an_error_and_the_others_are_still_checked(
    sql: str, words: str, empty: Lake
) -> None:
    broken, fine = check(empty, [Rule("mine", "", "warn", sql, 1.0), RULES["clock-ahead"]], NOW)
    assert (broken.status, fine.status) == ("error", "ok")
    assert words in broken.detail


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return lake_at(tmp_path_factory.mktemp("lake"))


def test_every_check_is_on_record_once(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    captures(lake, 1, 9)
    results = check_and_record(lake, read_rules(), lambda: NOW, "run-1/expect")
    check_and_record(lake, read_rules(), lambda: NOW, "run-1/expect")
    rows = {row["rule"]: row for row in lake.read("checks").to_pylist()}
    assert len(rows) == lake.count("checks") == len(RULES)
    silent = rows["device-silent"]
    assert (silent["checked_at"], silent["level"], silent["status"], silent["limit"]) == (NOW, "warn", "broken", 6.0)
    assert {row["rule"]: row["detail"] for row in rows.values()} == {r.rule: r.detail for r in results}


def test_the_command_fails_for_what_must_not_be_and_warns_of_the_rest(tmp_path: Path) -> None:
    lake = lake_at(tmp_path / "lake")
    captures(lake, 1, 9)

    def run(*more: str) -> Result:
        place = ["expect", "--lake", lake.storage.root, "--json"]
        return CliRunner().invoke(app, [*place, *more], env={"FACINGS_NOW": NOW.isoformat()})

    warned = run()
    told = json.loads(warned.stdout)
    assert (warned.exit_code, told["summary"]) == (
        0,
        f"{len(RULES) - 1} of {len(RULES)} rules hold; warn device-silent",
    )
    (tmp_path / "rules.toml").write_text('[device-silent]\nlevel = "fail"\n')
    assert run("--rules", str(tmp_path / "rules.toml")).exit_code == 1
    assert run("--rules", str(tmp_path / "rules.toml"), "--only", "clock-ahead").exit_code == 0
    wrong = run("--only", "nothing")
    assert (wrong.exit_code, "no rule 'nothing'" in wrong.stderr) == (2, True)
    assert lake.count("checks") == 2 * len(RULES) + 1


def test_many_findings_are_told_in_a_few(tmp_path: Path, empty: Lake) -> None:
    rule = Rule("many", "", "warn", "SELECT i AS subject, i AS value FROM range(1, 9) t(i)", 2.0)
    (result,) = check(empty, [rule], NOW)
    assert result.detail == "8 8; 7 7; 6 6; 5 5; 4 4; and 1 more"
