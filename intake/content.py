"""Photos' bytes, read or fetched once each, hashed, their header checked. Memory is bounded by bytes in flight."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from imaging.errors import ImageError
from imaging.header import Header, read_header
from intake.fetch import Fetched, Fetcher, FetchError
from intake.objects import Objects, is_object
from intake.places import is_url
from intake.settings import IngestSettings
from schemas.reasons import Reason

_IN_FLIGHT_BYTES = 32 << 20
_EXPECTED_URL_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Content:
    """What a location holds. `data` and `header` are None where the photo is known and was not read again.

    `version` is "SIZE-MTIME_NS" of a file, ETag or Last-Modified of a URL. `modified_at` is the file's own time.
    """

    sha256: str
    version: str | None
    data: bytes | None = None
    header: Header | None = None
    modified_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a location gave no photo; `data` is what it gave, where that is within the limit."""

    reason: Reason
    detail: str
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A location to read; `known` maps a version that master holds to its sha256."""

    location: str
    known: dict[str, str]


def file_version(path: str) -> str | Failure:
    """ "SIZE-MTIME_NS" of a regular file, or why there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116  # a path string as it is; called once a photo
    except (FileNotFoundError, NotADirectoryError):
        return Failure(Reason.MISSING_FILE, f"{path} is not there")
    except (OSError, ValueError) as error:
        return Failure(Reason.UNREADABLE_FILE, f"{path}: {_why(error)}")
    if not stat.S_ISREG(found.st_mode):
        return Failure(Reason.UNREADABLE_FILE, f"{path} is not a regular file")
    return f"{found.st_size}-{found.st_mtime_ns}"


class _Budget:
    """Bytes of fetched photos that are in memory and not yet handed on. One larger than the limit comes alone."""

    def __init__(self, limit: int):
        self._limit, self._used, self._changed = limit, 0, threading.Condition()

    def acquire(self, size: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._used == 0 or self._used + size <= self._limit)
            self._used += size

    def release(self, size: int) -> None:
        with self._changed:
            self._used -= size
            self._changed.notify_all()


class Loader:
    """Reads many locations at once. Use as a context manager."""

    def __init__(self, settings: IngestSettings, make_fetcher: Callable[[IngestSettings], Fetcher] = Fetcher):
        self._settings, self._make_fetcher = settings, make_fetcher
        self._pool = ThreadPoolExecutor(settings.threads, thread_name_prefix="facings-read")
        self._fetcher: Fetcher | None = None
        self._objects = Objects(settings.buckets, settings.store_options)
        self._budget = _Budget(_IN_FLIGHT_BYTES)

    def __enter__(self) -> Loader:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        if self._fetcher is not None:
            self._fetcher.close()

    def load(self, wanted: Iterable[Wanted]) -> Iterator[tuple[Wanted, Content | Failure]]:
        """Yields what each location holds, as they come in. 32 MiB of files and as much of fetched are in flight."""
        running: dict[Future[Content | Failure], tuple[Wanted, int]] = {}
        in_flight = 0
        for want in wanted:
            size = self._expected_bytes(want.location)
            while running and (in_flight + size > _IN_FLIGHT_BYTES or len(running) >= self._most(want.location)):
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    entry, reserved = running.pop(future)
                    in_flight -= reserved
                    yield entry, self._release(entry, future.result())
            running[self._submit(want)] = (want, size)
            in_flight += size
        while running:
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                entry, _ = running.pop(future)
                yield entry, self._release(entry, future.result())

    def _release(self, entry: Wanted, content: Content | Failure) -> Content | Failure:
        if is_url(entry.location) and content.data is not None:
            self._budget.release(len(content.data))
        return content

    def _most(self, location: str) -> int:
        return self._settings.concurrency * 2 if is_url(location) else self._settings.threads * 4

    def _expected_bytes(self, location: str) -> int:
        if is_url(location):
            return _EXPECTED_URL_BYTES
        if is_object(location):
            return _EXPECTED_URL_BYTES
        version = file_version(location)
        return (
            0 if isinstance(version, Failure) else min(int(version.partition("-")[0]), self._settings.limits.max_bytes)
        )

    def _submit(self, want: Wanted) -> Future[Content | Failure]:
        if is_url(want.location):
            if self._fetcher is None:
                self._fetcher = self._make_fetcher(self._settings)
            return self._pool.submit(self._fetch, want, self._fetcher.start(want.location, tuple(want.known)))
        read = self._read_object if is_object(want.location) else self._read
        return self._pool.submit(read, want.location)

    def _read(self, location: str) -> Content | Failure:
        version = file_version(location)
        if isinstance(version, Failure):
            return version
        limit = self._settings.limits.max_bytes
        size = int(version.partition("-")[0])
        if size > limit:
            return Failure(Reason.TOO_MANY_BYTES, f"{size} bytes, limit {limit}")
        try:
            with Path(location).open("rb") as file:
                data = file.read(limit + 1)
                modified = os.fstat(file.fileno()).st_mtime
        except OSError as error:
            return Failure(Reason.UNREADABLE_FILE, f"{location}: {_why(error)}")
        try:
            modified_at = datetime.fromtimestamp(modified, UTC)
        except (ValueError, OverflowError, OSError):
            modified_at = None
        return self.check(data, version, modified_at)

    def _read_object(self, location: str) -> Content | Failure:
        limit = self._settings.limits.max_bytes
        try:
            data, version, size = self._objects.read(location, limit)
        except FileNotFoundError:
            return Failure(Reason.MISSING_FILE, f"{location} is not there")
        except OSError as error:
            return Failure(Reason.FETCH_FAILED, f"{location}: {_why(error)[:300]}")
        if data is None:
            return Failure(Reason.TOO_MANY_BYTES, f"{size} bytes, limit {limit}")
        return self.check(data, version, None)

    def _fetch(self, want: Wanted, pending: Future[Fetched]) -> Content | Failure:
        try:
            file, version = pending.result()
        except FetchError as error:
            return Failure(error.reason, error.detail)
        if file is None:
            sent = version or ""
            return Content(want.known[sent], sent)
        with file:
            self._budget.acquire(file.seek(0, os.SEEK_END))
            file.seek(0)
            return self.check(file.read(), version, None)

    def check(self, data: bytes, version: str | None = None, modified_at: datetime | None = None) -> Content | Failure:
        """Bytes as a photo's content, its header checked, or why they are none."""
        limit = self._settings.limits.max_bytes
        if len(data) > limit:
            return Failure(Reason.TOO_MANY_BYTES, f"{len(data)} bytes, limit {limit}")
        try:
            header = read_header(data, self._settings.limits)
        except ImageError as error:
            return Failure(Reason(error.reason), error.detail, data)
        return Content(hashlib.sha256(data).hexdigest(), version, data, header, modified_at)


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
