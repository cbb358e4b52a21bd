"""What each operation asks of an object store, from a real server's access log: `python -m bench.requests`.

Needs the server of tests/install_s3_server.sh. Lists and writes are what stores charge most for.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from batch.status import read_status
from bench.captures import append_captures, run_rebuild, small_photos
from bench.timing import print_table
from lake import Lake
from tests.storage.server import Server, binary, running

APPENDS = 30


def main() -> int:
    """Counts and prints; 1 where there is no server."""
    program = binary()
    if program is None:
        print("no S3 server: run tests/install_s3_server.sh", file=sys.stderr)
        return 1
    with (
        tempfile.TemporaryDirectory(prefix="facings-bench-") as folder,
        running(program, Path(folder) / "s3") as server,
    ):
        uri = f"{server.bucket('bench')}/lake"
        rows: list[list[object]] = []

        def count(name: str, work: Callable[[], object]) -> None:
            rows.append([name, *_counted(server, work)])

        count("make a lake", lambda: Lake.open(uri, create=True, options=server.options))
        count("open it", lambda: Lake.open(uri, options=server.options))
        lake = Lake.open(uri, options=server.options)
        for number in range(APPENDS + 1):
            if number in (0, APPENDS // 3, APPENDS):
                count(f"append photo, boxes and capture after {number} others", partial(_append, lake, number))
            else:
                _append(lake, number)
        count("first rebuild of every view", lambda: run_rebuild(lake, "first", threads=2))
        count("a rebuild that finds all current", lambda: run_rebuild(lake, "second", threads=2))
        _append(lake, APPENDS + 1)
        count("a rebuild after one more capture", lambda: run_rebuild(lake, "third", threads=2))
        count("`facings status`", lambda: read_status(lake))
    print_table(["operation", "requests", "of them writes", "lists"], rows)
    return 0


def _append(lake: Lake, number: int) -> None:
    append_captures(lake, small_photos(number, 1), number)


def _counted(server: Server, work: Callable[[], object]) -> tuple[int, int, int]:
    before = len(server.requests())
    work()
    found = server.counted(before)
    writes = sum(n for name, n in found.items() if "Put" in name or "Post" in name or "Upload" in name)
    return sum(found.values()), writes, sum(n for name, n in found.items() if "List" in name)


if __name__ == "__main__":
    sys.exit(main())
