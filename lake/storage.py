"""Where a lake lives: addresses, file systems, locks and durability of one root folder or bucket prefix."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pyarrow import fs as pafs

from lake.errors import LakeError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Storage:
    """One root. `local` is its folder, or None on an object store, where conditional puts take the place of locks."""

    root: str
    files: pafs.FileSystem
    prefix: str
    options: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def at(cls, uri: str | os.PathLike[str], options: Mapping[str, str] | None = None) -> Storage:
        """Storage of a path, a file:// URI or an s3:// URI. `options` are delta-rs storage options (AWS_…)."""
        text = os.fspath(uri)
        parts = urlsplit(text)
        if parts.scheme in {"", "file"} or len(parts.scheme) == 1:
            path = Path(unquote(parts.path) if parts.scheme == "file" else text).expanduser().resolve()
            return cls(str(path), pafs.LocalFileSystem(), path.as_posix())
        if parts.scheme in {"s3", "s3a"}:
            given = {"aws_conditional_put": "etag", **(options or {})}
            return cls(f"s3://{parts.netloc}{parts.path.rstrip('/')}", _s3(given), f"{parts.netloc}{parts.path}", given)
        raise LakeError(f"lake {text!r}: scheme {parts.scheme!r} is not supported; use a path, file:// or s3://")

    @property
    def local(self) -> Path | None:
        """The root folder on this machine, or None on an object store."""
        return None if self.root.startswith("s3://") else Path(self.root)

    def table_uri(self, name: str) -> str:
        """Address of a table, as delta-rs wants it."""
        return f"{self.root}/{name}"

    def table_files(self, name: str) -> pafs.FileSystem:
        """File system rooted at a table's folder."""
        return pafs.SubTreeFileSystem(f"{self.prefix.rstrip('/')}/{name}", self.files)

    def sync(self, name: str, paths: Iterable[str]) -> None:
        """Makes a table's files durable: their content, then their folders. A no-op on an object store."""
        if self.local is None:
            return
        folders = set()
        for path in paths:
            full = self.local / name / unquote(path)
            _fsync(full)
            folders |= {full.parent, full.parent.parent}
        for folder in folders:
            _fsync(folder)

    @contextlib.contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Holds a table for one writer on this machine; ends with the process, however it ends.

        Without it two writers would still not both commit (the transaction decides); they would only waste work.
        """
        if self.local is None:
            yield
            return
        path = self.local / ".locks" / f"{name.replace('/', '.')}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                log.info("waiting for another writer of %s", name)
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _s3(options: Mapping[str, str]) -> pafs.FileSystem:
    lower = {key.lower(): value for key, value in options.items()}
    endpoint = lower.get("aws_endpoint_url") or lower.get("aws_endpoint")
    return pafs.S3FileSystem(
        access_key=lower.get("aws_access_key_id"),
        secret_key=lower.get("aws_secret_access_key"),
        session_token=lower.get("aws_session_token"),
        region=lower.get("aws_region"),
        endpoint_override=endpoint,
    )
