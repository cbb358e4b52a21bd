"""Receivers of notifications: a web server and a mail server on loopback."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller


@contextlib.contextmanager
def webhook(*statuses: int) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yields the address of a webhook and the JSON bodies posted to it; it answers `statuses` in turn, then 200."""
    bodies: list[dict[str, Any]] = []
    answers = list(statuses)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(answers.pop(0) if answers else 200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/services/T0/secret", bodies
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def mailbox() -> Iterator[tuple[str, list[EmailMessage]]]:
    """Yields the address of a mail server, as FACINGS_SMTP takes it, and the mails that it received."""
    mails: list[EmailMessage] = []

    class Keeper:
        async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802  # its name
            mail = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(mail, EmailMessage)
            mails.append(mail)
            return "250 OK"

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(Keeper(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield f"smtp://127.0.0.1:{port}?from=facings@example.com", mails
    finally:
        controller.stop()
