"""Tells people that runs began to fail, still fail, or work again: a webhook in Slack's form, an e-mail, a command.

Slack's form: a POST of {"text": …} with &, < and > escaped. Source: docs.slack.dev, "Sending messages using incoming
webhooks".
"""

from __future__ import annotations

import ipaddress
import json
import shlex
import smtplib
import socket
import ssl
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import tenacity

from batch.pipeline.declare import PipelineError

FAILED, RECOVERED = "failed", "recovered"
REPEAT = timedelta(hours=1)
_TIMEOUT_S = 10.0
Target = str | tuple[str, ...]


@dataclass(frozen=True)
class Message:
    """What is told: "failed" or "recovered", a line, and the rest."""

    status: str
    title: str
    text: str
    lake: str
    run_id: str


def is_due(ends: Sequence[datetime], now: datetime) -> bool:
    """Is a failure at `now` to be told, after failed runs that ended at `ends`: the first, then one an hour at most."""
    if not ends:
        return True
    began = ends[0]
    return (now - began) // REPEAT > (ends[-1] - began) // REPEAT


def check_targets(targets: Sequence[Target], smtp: str | None) -> None:
    """Raises PipelineError for a target that could never be told, before anything runs."""
    for target in targets:
        if _is_mail(target):
            if "@" not in target:
                raise PipelineError(f"notify {target}: no e-mail address; write mailto:ops@example.com")
            if smtp is None:
                raise PipelineError(f"notify {target}: set FACINGS_SMTP, like smtp://mail.example.com:25")
            _server(smtp)
        elif not _is_web(target) and not _argv(target):
            raise PipelineError("notify: an empty target; give https://…, mailto:… or a command")


def tell(targets: Sequence[Target], message: Message, *, smtp: str | None, env: Mapping[str, str]) -> list[str]:
    """Tells every target; what went wrong, a line each. Never raises for a target: no run fails by its messenger."""
    problems = []
    for target in targets:
        try:
            if _is_web(target):
                _post(str(target), message)
            elif _is_mail(target):
                _mail(str(target).removeprefix("mailto:"), message, smtp or "")
            else:
                _call(_argv(target), message, env)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, smtplib.SMTPException, subprocess.SubprocessError) as error:
            problems.append(f"could not notify {shown(target)}: {type(error).__name__}: {_without(error, target)}")
    return problems


def shown(target: Target) -> str:
    """A target without its secrets: of a webhook only the server, of a command only its name."""
    if _is_web(target):
        parts = urlsplit(str(target))
        return f"{parts.scheme}://{parts.hostname}/…"
    return str(target) if _is_mail(target) else _argv(target)[0]


def _without(error: Exception, target: Target) -> str:
    return (str(error).splitlines() or [""])[0].replace(str(target), shown(target))


@tenacity.retry(
    retry=tenacity.retry_if_exception_type(httpx.HTTPError),
    stop=tenacity.stop_after_attempt(3),
    wait=tenacity.wait_exponential(multiplier=0.5, max=5),
    reraise=True,
)
def _post(url: str, message: Message) -> None:
    text = f"*{message.title}*\n{message.text}"
    for char, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(char, escaped)
    answer = httpx.post(url, json={"text": text}, timeout=_TIMEOUT_S)
    if answer.is_error or answer.is_redirect:
        raise httpx.HTTPError(f"the server answered {answer.status_code}")


def _mail(to: str, message: Message, smtp: str) -> None:
    kind, host, port, user, password, sender = _server(smtp)
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = message.title, sender, to
    mail.set_content(message.text)
    context = ssl.create_default_context()
    if kind == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=_TIMEOUT_S, context=context)
    else:
        server = smtplib.SMTP(host, port, timeout=_TIMEOUT_S)
    with server:
        if user is not None:
            server.ehlo()
            if server.has_extn("starttls"):
                server.starttls(context=context)
            elif kind == "smtp" and not _is_loopback(host):
                raise smtplib.SMTPNotSupportedError("the server has no TLS, and a password does not go in the open")
            server.login(user, password or "")
        server.send_message(mail)


def _server(smtp: str) -> tuple[str, str, int, str | None, str | None, str]:
    parts = urlsplit(smtp)
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        raise PipelineError("FACINGS_SMTP: write smtp://HOST:PORT or smtps://USER:PASSWORD@HOST:PORT")
    sender = parse_qs(parts.query).get("from", [f"facings@{socket.getfqdn()}"])[0]
    user, password = (unquote(part) if part else None for part in (parts.username, parts.password))
    return parts.scheme, parts.hostname, parts.port or (465 if parts.scheme == "smtps" else 25), user, password, sender


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _call(argv: Sequence[str], message: Message, env: Mapping[str, str]) -> None:
    text = json.dumps(asdict(message), sort_keys=True)
    subprocess.run(argv, input=text.encode(), env=dict(env), timeout=60, check=True, capture_output=True)


def _argv(target: Target) -> list[str]:
    return shlex.split(target) if isinstance(target, str) else list(target)


def _is_web(target: Target) -> bool:
    return isinstance(target, str) and target.startswith(("https://", "http://"))


def _is_mail(target: Target) -> bool:
    return isinstance(target, str) and target.startswith("mailto:")
