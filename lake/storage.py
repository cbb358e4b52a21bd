"""Where a lake lives: addresses, file systems, locks and durability of one root folder or bucket prefix."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from pyarrow import fs as pafs

from lake import stores
from lake.errors import StoreRefused

log = logging.getLogger(__name__)
_LOCK_POLL_S = 0.005


@dataclass(frozen=True)
class Storage:
    """One root. `local` is its folder, or None on an object store, where conditional puts take the place of locks.

    `Storage.at(storage.root, storage.options)` makes an equal one in another process; it can be pickled, too.
    """

    root: str
    files: pafs.FileSystem
    prefix: str
    options: Mapping[str, str] = field(default_factory=dict, repr=False)  # they hold secrets

    @classmethod
    def at(cls, uri: str | os.PathLike[str], options: Mapping[str, str] | None = None) -> Storage:
        """Storage of a path, a file:// URI or an object store's URI; for `options` see lake.stores."""
        text = os.fspath(uri)
        parts = urlsplit(text)
        if parts.scheme in {"", "file"} or len(parts.scheme) == 1:
            path = Path(unquote(parts.path) if parts.scheme == "file" else text).expanduser().resolve()
            return cls(str(path), pafs.LocalFileSystem(), path.as_posix())
        return cls(*stores.open_store(parts, options or {}))

    @property
    def local(self) -> Path | None:
        """The root folder on this machine, or None on an object store."""
        return None if "://" in self.root else Path(self.root)

    def has_table(self, name: str) -> bool:
        """Is there a table? Answers or fails within seconds. Raises StoreRefused, which says what to set right."""
        options = {**stores.PROBE, **self.options} if self.local is None else None
        try:
            return bool(DeltaTable.is_deltatable(self.table_uri(name), options))
        except (DeltaError, OSError) as error:
            refusal = self.refused(error)
            if refusal is None:
                raise
            raise refusal from error

    def refused(self, error: Exception) -> StoreRefused | None:
        """What an error of the object store means; None where it is not the store's."""
        return None if self.local is not None else stores.refusal(error, self.root, self.options)

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
    def lock(self, name: str, *, patience_s: float | None = None) -> Iterator[None]:
        """Holds a table for one writer on this machine; ends with the process, however it ends.

        Without it two writers would still not both commit (the transaction decides); they would only waste work. So
        one that waits no longer than `patience_s` goes on without: a stopped process may hold a lock for ever.
        """
        if self.local is None:
            yield
            return
        path = self.local / ".locks" / f"{name.replace('/', '.')}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as handle:
            _flock(handle.fileno(), name, patience_s)
            yield


def _flock(handle: int, name: str, patience_s: float | None) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    except BlockingIOError:
        log.info("waiting for another writer of %s", name)
    if patience_s is None:
        fcntl.flock(handle, fcntl.LOCK_EX)
        return
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        time.sleep(_LOCK_POLL_S)
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
    log.warning("another writer has held %s for %g s; going on without its lock", name, patience_s)


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
