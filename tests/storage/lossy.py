"""A server before the server that loses answers: the request arrives and takes effect, the connection is cut.

A process of its own: delta-rs holds the interpreter while it asks. `python -m tests.storage.lossy URL`.
"""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

_OWN = ("content-length", "transfer-encoding", "connection")


@dataclass(frozen=True)
class Lossy:
    """The server at `url`."""

    url: str

    def lose(self, fragment: str) -> None:
        """Of the next PUT whose path has `fragment` the answer will be lost."""
        urlopen(f"{self.url}/lose{fragment}").close()

    def lost(self) -> int:
        """How many answers were lost."""
        with urlopen(f"{self.url}/lost") as answer:
            return int(answer.read())


@contextmanager
def before(url: str) -> Iterator[Lossy]:
    """Forwards all that comes to `url`, byte for byte, for as long as the block runs."""
    command = [sys.executable, "-m", "tests.storage.lossy", url]
    child = subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        yield Lossy(f"http://127.0.0.1:{child.stdout.readline().strip()}")
    finally:
        child.terminate()
        child.wait(10)
        child.stdout.close()


def main(url: str) -> None:
    """Serves until it is ended; prints its port."""
    target = urlsplit(url).netloc
    armed: list[str] = []
    lost: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # a client that asks to be told to go on is told

        def parse_request(self) -> bool:
            if super().parse_request():
                self.forward()
            self.close_connection = True
            return False  # answered already: no method of a verb is asked for

        def forward(self) -> None:
            if self.command == "GET" and self.path.startswith("/lose/"):
                armed.append(self.path.removeprefix("/lose"))
                return self.reply(200, [], b"")
            if self.path == "/lost":
                return self.reply(200, [], str(len(lost)).encode())
            body = self.body()
            onward = http.client.HTTPConnection(target, timeout=30)
            # The host is part of what is signed: it goes on as it came.
            onward.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                onward.putheader(name, value)
            onward.endheaders(body)
            answer = onward.getresponse()
            content = answer.read()
            if armed and self.command == "PUT" and armed[0] in self.path:
                lost.append(armed.pop())
                return self.connection.shutdown(socket.SHUT_RDWR)
            headers = [pair for pair in answer.getheaders() if pair[0].lower() not in _OWN]
            return self.reply(answer.status, headers, content, answer.headers.get("Content-Length"))

        def body(self) -> bytes:
            """The body as it came: with the framing of its chunks where it has any."""
            if "chunked" not in (self.headers.get("Transfer-Encoding") or ""):
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = []
            while True:
                parts.append(self.rfile.readline())
                size = int(parts[-1].split(b";")[0], 16)
                if not size:
                    while parts[-1] not in (b"\r\n", b""):
                        parts.append(self.rfile.readline())
                    return b"".join(parts)
                parts.append(self.rfile.read(size + 2))

        def reply(self, status: int, headers: list[tuple[str, str]], content: bytes, length: str | None = None) -> None:
            self.send_response_only(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Connection", "close")
            self.send_header("Content-Length", length if length and self.command == "HEAD" else str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(web.server_port, flush=True)
    web.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
