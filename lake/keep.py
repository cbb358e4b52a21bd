"""Versions that something still stands on: what a vacuum leaves and a copy takes along."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from lake.errors import LakeError, TableCorrupt
from lake.lake import Lake
from schemas.tables import TABLES


def pinned_versions(
    lake: Lake, since: datetime | None = None, versions: Mapping[str, int] | None = None
) -> dict[str, list[int]]:
    """Versions of each table that lineage pins: of the rebuild in force, and of every one after `since`.

    `versions` are the tables' newest that count; later commits are left out. Versions that the log no longer reaches
    are left out as well.
    """
    pinned: dict[str, set[int]] = {name: set() for name in TABLES}
    for name in TABLES:
        if versions is not None and name not in versions:
            continue
        for commit in lake.history(name):
            if commit.lineage is None or (versions is not None and commit.version > versions[name]):
                continue
            for source, version in commit.lineage.sources.items():
                if source in pinned:
                    pinned[source].add(version)
            if since is None or commit.at < since:
                break
    return {name: [v for v in sorted(found) if _is_there(lake, name, v)] for name, found in pinned.items()}


def _is_there(lake: Lake, name: str, version: int) -> bool:
    try:
        lake.handle(name, version)
    except TableCorrupt:
        raise
    except LakeError:
        return False
    return True
