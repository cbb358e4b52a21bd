"""Notifications, received by real servers and a real command."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from batch.pipeline import PipelineError
from batch.pipeline.notify import Message, check_targets, is_due, shown, tell
from tests.run.post import mailbox, webhook

MESSAGE = Message("failed", "facings run failed at crops: /shop", "crops: failed, a <b> & c", "/shop", "run-1")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_webhook_gets_slacks_form_with_its_signs_escaped() -> None:
    with webhook() as (url, bodies):
        assert tell([url], MESSAGE, smtp=None, env={}) == []
    assert bodies == [{"text": "*facings run failed at crops: /shop*\ncrops: failed, a &lt;b&gt; &amp; c"}]


def test_a_webhook_that_stumbles_is_asked_again() -> None:
    with webhook(503) as (url, bodies):
        assert tell([url], MESSAGE, smtp=None, env={}) == []
    assert len(bodies) == 2


def test_a_webhook_that_refuses_is_a_line_without_its_secret() -> None:
    with webhook(404, 404, 404) as (url, _):
        (problem,) = tell([url], MESSAGE, smtp=None, env={})
    assert "404" in problem
    assert "secret" not in problem
    (problem,) = tell([url], MESSAGE, smtp=None, env={})  # nobody listens there any more
    assert "secret" not in problem


def test_an_e_mail_arrives() -> None:
    with mailbox() as (smtp, mails):
        assert tell(["mailto:ops@example.com"], MESSAGE, smtp=smtp, env={}) == []
    (mail,) = mails
    assert (mail["To"], mail["From"], mail["Subject"]) == ("ops@example.com", "facings@example.com", MESSAGE.title)
    assert mail.get_content().strip() == MESSAGE.text


def test_a_command_gets_the_message_as_json(tmp_path: Path) -> None:
    target = ("sh", "-c", f"cat > {tmp_path}/told")
    assert tell([target], MESSAGE, smtp=None, env=dict(os.environ)) == []
    assert json.loads((tmp_path / "told").read_text())["title"] == MESSAGE.title
    assert "exit status 3" in tell([("sh", "-c", "exit 3")], MESSAGE, smtp=None, env=dict(os.environ))[0]


@pytest.mark.parametrize(
    "target, smtp, words",
    [("mailto:ops@example.com", None, "FACINGS_SMTP"), ("mailto:ops", "smtp://h", "no e-mail"), ("", None, "empty")],
)
def test_what_could_never_be_told_is_found_before(target: str, smtp: str | None, words: str) -> None:
    with pytest.raises(PipelineError, match=words):
        check_targets([target], smtp)


def test_a_bad_mail_server_is_named_without_its_password() -> None:
    with pytest.raises(PipelineError, match="write smtp://HOST") as caught:
        check_targets(["mailto:ops@example.com"], "http://u:secret@h")
    assert "secret" not in str(caught.value)


def test_targets_are_shown_without_secrets() -> None:
    targets = ("https://hooks.example.com/T0/secret", "mailto:a@b", "/bin/page --key secret", ("page", "secret"))
    assert [shown(target) for target in targets] == ["https://hooks.example.com/…", "mailto:a@b", "/bin/page", "page"]


def test_a_failure_is_told_at_once_and_then_at_most_once_an_hour() -> None:
    def after(minutes: int) -> datetime:
        return NOON + timedelta(minutes=minutes)

    ends: list[datetime] = []
    told = []
    for minute in range(0, 200, 5):
        if is_due(ends, after(minute)):
            told.append(minute)
        ends.append(after(minute))
    assert told == [0, 60, 120, 180]
    assert is_due([NOON], NOON + timedelta(days=1))
