"""`facings demo --live --stack`: everything comes up, photos arrive in master and in view, and all of it ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from demo.broker import free_port
from lake import Lake
from tests.kafka.brokers import eventually


def test_live_from_device_to_dashboard_and_out_again(tmp_path: Path) -> None:
    lake, port = tmp_path / "lake", free_port()
    command = [sys.executable, "-m", "facings", "demo", "--live", "--stack", "--lake", str(lake), "--rate", "5"]
    running = subprocess.Popen([*command, "--port", str(port)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        eventually(lambda: running.poll() is None and _count(lake, "master/captures") > 20, "captures", deadline_s=200)
        eventually(lambda: _count(lake, "realtime/throughput") > 0, "events are counted", deadline_s=300)
        eventually(lambda: _answers(port), "the dashboard answers", deadline_s=180)
        running.send_signal(signal.SIGTERM)
        out, _ = running.communicate(timeout=100)
        assert running.returncode == 0, out.decode()
    finally:
        running.kill()
        running.wait()
    assert not _still_named(str(lake)), "no process of the stack is left"


def _count(lake: Path, table: str) -> int:
    return Lake.open(str(lake)).count(table) if (lake / table).exists() else 0


def _answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
            return bool(answer.status == 200)
    except URLError:
        return False


def _still_named(text: str) -> list[str]:
    """Command lines of running processes that name `text`."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if text in line:
            found.append(line)
    return found
