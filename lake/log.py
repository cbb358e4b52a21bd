"""A table's log as it lies on disk: commits by number, read without a Delta handle, so that damage can be told apart.

Source: Delta protocol, "Delta Log Entries".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from pyarrow import fs as pafs

from lake.errors import TableCorrupt
from lake.storage import Storage

LOG = "_delta_log"
_COMMIT = re.compile(r"(\d{20})\.json$")
Action = dict[str, Any]


def commit_path(version: int) -> str:
    """Path of a commit inside its table."""
    return f"{LOG}/{version:020d}.json"


def log_versions(storage: Storage, name: str) -> list[int]:
    """Versions whose commits are still in the log, ascending; empty where there is no table."""
    selector = pafs.FileSelector(LOG, allow_not_found=True)
    found = storage.table_files(name).get_file_info(selector)
    return sorted(int(match[1]) for info in found if (match := _COMMIT.search(info.path)))


def read_commit(storage: Storage, name: str, version: int) -> list[Action]:
    """Actions of one commit, in order. Raises FileNotFoundError, or TableCorrupt where it is empty or not JSON."""
    with storage.table_files(name).open_input_file(commit_path(version)) as source:
        data = source.readall()
    if not data.strip():
        raise TableCorrupt(
            f"{name}: commit {version} is empty (a crash before it reached the disk); it was never acknowledged: "
            f"delete {storage.table_uri(name)}/{commit_path(version)} and run again"
        )
    try:
        actions = [json.loads(line) for line in data.decode().splitlines() if line.strip()]
    except ValueError as error:
        raise TableCorrupt(f"{name}: commit {version} is not JSON: {error}; restore it from a copy") from error
    if not all(isinstance(action, dict) for action in actions):
        raise TableCorrupt(f"{name}: commit {version} holds something else than actions; restore it from a copy")
    return actions


def commits(storage: Storage, name: str, until: int | None = None) -> Iterator[tuple[int, list[Action]]]:
    """Yields (version, actions) from `until`, or the newest, back to the oldest that is still in the log."""
    for version in reversed(log_versions(storage, name)):
        if until is None or version <= until:
            yield version, read_commit(storage, name, version)


def rows_changed(storage: Storage, name: str, since: int, until: int) -> bool:
    """Did commits `since`+1 to `until` add or remove rows? Compaction does not; a commit that is gone may have."""
    for version in range(since + 1, until + 1):
        try:
            actions = read_commit(storage, name, version)
        except FileNotFoundError:
            return True
        for action in actions:
            file = action.get("add") or action.get("remove")
            if file is not None and file.get("dataChange", True):
                return True
    return False


def paths_of(actions: list[Action], kind: str) -> list[str]:
    """Paths of the files that a commit's actions add or remove (`kind`), as the log spells them."""
    return [str(action[kind]["path"]) for action in actions if kind in action]


def info_of(actions: list[Action]) -> Action:
    """The commit's own description: operation, time, custom metadata; empty where it has none."""
    return next((action["commitInfo"] for action in actions if "commitInfo" in action), {})
