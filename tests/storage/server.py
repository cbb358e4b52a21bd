"""A real S3-compatible server on loopback: versitygw over a folder, one bucket a sub-folder, every request logged."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ACCESS_KEY, SECRET_KEY = "test", "testsecret"
_VERSION = "v1.8.0"
_STARTS_WITHIN_S = 30


@dataclass(frozen=True)
class Server:
    """A running server. `folder` holds the buckets; what it stores are plain files."""

    url: str
    folder: Path
    log: Path

    @property
    def options(self) -> dict[str, str]:
        """Storage options of one who may do everything; as variables they are what a user sets."""
        return {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ALLOW_HTTP": "true",
        }

    def bucket(self, name: str) -> str:
        """URI of a new, empty bucket."""
        (self.folder / name).mkdir()
        return f"s3://{name}"

    def requests(self) -> list[str]:
        """Operations so far, in order, as the server's access log names them: s3_PutObject and so on."""
        return [line.split()[7] for line in self.log.read_text().splitlines() if not line.startswith("log starts")]

    def counted(self, since: int) -> Counter[str]:
        """How often each operation came after the first `since`."""
        return Counter(self.requests()[since:])


def binary() -> Path | None:
    """The server that tests/install_s3_server.sh built, or None."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(os.environ.get("FACINGS_TEST_BIN") or home / "facings" / "bin")
    path = folder / f"versitygw-{_VERSION}"
    return path if path.exists() else None


@contextmanager
def running(program: Path, folder: Path) -> Iterator[Server]:
    """A server over `folder` for as long as the block runs. Raises RuntimeError where it does not start."""
    buckets, meta, log, out = (folder / name for name in ("buckets", "meta", "access.log", "server.log"))
    for path in (buckets, meta):
        path.mkdir(parents=True)
    port = free_port()
    with out.open("wb") as sink:
        command = [program, "--port", f"127.0.0.1:{port}", "--access-log", log, "--quiet"]
        keys = {"ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": SECRET_KEY}
        process = subprocess.Popen(
            [*map(str, command), "posix", "--sidecar", str(meta), str(buckets)],
            env={**os.environ, **keys},
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_for(port, process, out)
            yield Server(f"http://127.0.0.1:{port}", buckets, log)
        finally:
            process.terminate()
            process.wait(10)


def free_port() -> int:
    """A port of loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes], out: Path) -> None:
    deadline = time.monotonic() + _STARTS_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"the S3 server did not start: {out.read_text(errors='replace')[-500:]}")
