"""Alerts: told once, after their time, not in the quiet hours, anew after a relapse; and through a real webhook."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lake import Lake
from serving.alerts import AlertError, Rule, due, lasting, read_rules, text
from serving.attention import Finding

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
EMPTY = Finding("bad", "out of stock", "cola is out", NOW - timedelta(hours=2), 1.0, "screens/inventory.py",
                {"device": ["cooler-1"], "sku": "cola"}, store="north")  # fmt: skip
RULE = Rule("empty", "out of stock", timedelta(hours=2))


def test_a_finding_is_told_once_while_it_lasts_and_anew_when_it_comes_back():
    (first,) = due([RULE], [EMPTY], set(), NOW)
    assert first.findings == (EMPTY,)
    told = lasting([RULE], [EMPTY], set()) | set(first.keys)
    assert due([RULE], [EMPTY], told, NOW) == []
    assert lasting([RULE], [EMPTY], told) == told
    over = lasting([RULE], [], told)
    assert over == set()
    assert len(due([RULE], [EMPTY], over, NOW)) == 1


def test_what_is_too_young_or_of_another_kind_or_store_is_not_told():
    assert due([RULE], [EMPTY], set(), NOW - timedelta(seconds=1)) == []
    assert due([Rule("r", "camera")], [EMPTY], set(), NOW) == []
    assert due([Rule("r", "out of stock", stores=("south",))], [EMPTY], set(), NOW) == []
    assert len(due([Rule("r", "out of stock", stores=("north",))], [EMPTY], set(), NOW)) == 1


@pytest.mark.parametrize(
    "quiet,at,silent",
    [
        ((time(22), time(6)), 23, True),
        ((time(22), time(6)), 5, True),
        ((time(22), time(6)), 6, False),
        ((time(22), time(6)), 12, False),
        ((time(11), time(13)), 12, True),
        ((time(11), time(12)), 12, False),
    ],
)
def test_quiet_time_may_span_midnight_and_ends_before_its_end(quiet, at, silent):
    rule = Rule("r", "out of stock", quiet=quiet)
    assert rule.is_quiet(NOW.replace(hour=at)) is silent
    assert bool(due([rule], [EMPTY], set(), NOW.replace(hour=at))) is not (silent or at < 10)


def test_the_text_says_since_when():
    (alert,) = due([RULE], [EMPTY] * 1, set(), NOW)
    assert text(alert, NOW) == "- cola is out since 02 Mar 10:00 (2 h)"


@pytest.mark.parametrize(
    "body,about",
    [
        ("", "no \\[\\[alert\\]\\]"),
        ("[[alert]]\nkind = 'camera'", "needs a name"),
        ("[[alert]]\nname = 'a'\nkind = 'fire'", "kind is 'fire'"),
        ("[[alert]]\nname = 'a'\nkind = 'camera'\nafter = 'soon'", "after is 'soon'"),
        ("[[alert]]\nname = 'a'\nkind = 'camera'\nquiet = '25:00-26:00'", "quiet is"),
        ("[[alert]]\nname = 'a'\nkind = 'camera'\nstore = ['x']", "store is none of"),
        ("[[alert]]\nname = 'a'\nkind = 'camera'\n[[alert]]\nname = 'a'\nkind = 'late'", "the same name"),
    ],
)
def test_a_rule_that_can_not_be_used_is_named(tmp_path: Path, body: str, about: str):
    (tmp_path / "alerts.toml").write_text(body)
    with pytest.raises(AlertError, match=about):
        read_rules(tmp_path / "alerts.toml")


@pytest.fixture
def hook() -> Iterator[tuple[str, list[str], list[int]]]:
    """A webhook on loopback: its URL, what it was told, and the statuses it is to answer with before 200."""
    got: list[str] = []
    answers: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status = answers.pop(0) if answers else 200
            if status == 200:
                got.append(body["text"])
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """No log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook", got, answers
    server.shutdown()
    server.server_close()


def test_the_command_tells_a_webhook_once_and_tries_again_what_failed(lake: Lake, tmp_path: Path, hook):
    from facings.commands.alerts import app

    url, got, answers = hook
    rules, state = tmp_path / "alerts.toml", tmp_path / "told.json"
    rules.write_text(f'[[alert]]\nname = "Empty"\nkind = "out of stock"\nafter = "2 h"\ntell = ["{url}"]\n')
    arguments = ["--rules", str(rules), "--lake", lake.storage.root, "--state", str(state), "--json"]
    assert CliRunner().invoke(app, [*arguments, "--dry-run"]).exit_code == 0
    assert not got
    answers += [500] * 3
    failed = CliRunner().invoke(app, arguments)
    assert failed.exit_code == 1
    assert not got
    assert CliRunner().invoke(app, arguments).exit_code == 0
    (told,) = got
    assert "cola is out at cooler-1: 0 of 3 facings" in told
    again = CliRunner().invoke(app, arguments)
    assert again.exit_code == 0
    assert len(got) == 1
