"""Files that a version names, and whether they are there."""

from __future__ import annotations

from urllib.parse import unquote

from pyarrow import fs as pafs

from lake.lake import Lake

_AT_ONCE = 1000


def missing_files(lake: Lake, name: str, version: int | None = None) -> list[str]:
    """Data files of a version that are not there. Raises LakeError where the version itself is gone."""
    files = lake.storage.table_files(name)
    paths = [unquote(path) for path in lake.paths(name, version)]
    gone: list[str] = []
    for start in range(0, len(paths), _AT_ONCE):
        part = paths[start : start + _AT_ONCE]
        infos = files.get_file_info(part)
        gone += [p for p, info in zip(part, infos, strict=True) if info.type == pafs.FileType.NotFound]
    return gone
