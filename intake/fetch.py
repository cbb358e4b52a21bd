"""Photos from http(s) URLs: guarded on every hop, bounded in bytes and time, retried where the failure may pass."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from email.utils import parsedate_to_datetime
from typing import IO, cast

import httpcore
import httpx
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from intake.guard import FetchRefused, Guard, GuardedBackend, Resolver, resolve
from intake.settings import IngestSettings
from intake.transport import GuardedTransport
from schemas.reasons import Reason

MAX_REDIRECTS = 5
MAX_WAIT_S = 20.0
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
_NOT_MODIFIED, _OK = 304, 200
_AGENT = "facings-ingest"


class FetchError(Exception):
    """A photo that can't be had: its reason and what was found."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail


class _Transient(FetchError):
    """May pass: worth another attempt, after `wait_s` at the earliest."""

    def __init__(self, reason: Reason, detail: str, wait_s: float = 0.0) -> None:
        super().__init__(reason, detail)
        self.wait_s = wait_s


Fetched = tuple[IO[bytes] | None, str | None]
_SPOOL_BYTES = 1 << 20  # of a photo that waits for its turn; what is beyond waits on disk


class Fetcher:
    """Fetches photos in one background event loop, at most `concurrency` at a time.

    Each has `total_timeout_s` from look-up to last byte, retries and waits included. `close` ends it.
    """

    def __init__(self, settings: IngestSettings, resolver: Resolver = resolve) -> None:
        self._settings = settings
        self._backend = GuardedBackend(Guard(settings.allow_hosts), resolver)
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._client: httpx.AsyncClient | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="facings-fetch", daemon=True)
        self._thread.start()

    def start(self, url: str, known: Sequence[str] = ()) -> Future[Fetched]:
        """The photo to come: its bytes in a file, and the ETag or Last-Modified given. Fails with FetchError.

        `known` are versions that master holds; where the server says that one of them is current, the bytes are None.
        """
        return asyncio.run_coroutine_threadsafe(self._fetch(url, tuple(known)), self._loop)

    def close(self) -> None:
        """Drops what is under way and ends the thread."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()

    async def _fetch(self, url: str, known: tuple[str, ...]) -> Fetched:
        async with self._slots:
            deadline = self._loop.time() + self._settings.total_timeout_s
            try:
                async with asyncio.timeout_at(deadline):
                    return await self._retry(url, known, deadline)
            except TimeoutError as error:
                detail = f"{url}: not there after {self._settings.total_timeout_s:g} s"
                raise FetchError(Reason.FETCH_TIMEOUT, detail) from error

    async def _retry(self, url: str, known: tuple[str, ...], deadline: float) -> Fetched:
        backoff = wait_random_exponential(self._settings.backoff_s, MAX_WAIT_S)

        def wait(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome is not None else None
            return max(backoff(state), error.wait_s if isinstance(error, _Transient) else 0.0)

        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(_Transient),
            stop=stop_after_attempt(self._settings.retries + 1),
            wait=wait,
            reraise=True,
        ):
            with attempt:
                try:
                    return await self._follow(url, known)
                except _Transient as error:
                    if self._loop.time() + error.wait_s >= deadline:
                        raise FetchError(error.reason, f"{error.detail}; it asks to wait {error.wait_s:g} s") from error
                    raise
        raise AssertionError("tenacity returns or raises")

    async def _follow(self, url: str, known: tuple[str, ...]) -> Fetched:
        here = _parse(url)
        for _ in range(MAX_REDIRECTS + 1):
            try:
                found = await self._get(here, known)
            except FetchRefused as error:
                raise FetchError(Reason.FETCH_REFUSED, f"{url}: {error}; allow the host if it is yours") from error
            except httpcore.ConnectTimeout as error:
                detail = f"{url}: no connection in {self._settings.connect_timeout_s:g} s"
                raise _Transient(Reason.FETCH_TIMEOUT, detail) from error
            except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as error:
                raise _Transient(Reason.FETCH_FAILED, f"{url}: {type(error).__name__}: {str(error)[:200]}") from error
            except (httpx.InvalidURL, httpcore.UnsupportedProtocol, UnicodeError, ValueError) as error:
                raise FetchError(Reason.FETCH_FAILED, f"{url}: {type(error).__name__}: {str(error)[:200]}") from error
            if isinstance(found, tuple):
                return found
            here = found
        raise FetchError(Reason.FETCH_FAILED, f"{url}: more than {MAX_REDIRECTS} redirects")

    async def _get(self, url: httpx.URL, known: tuple[str, ...]) -> Fetched | httpx.URL:
        """The photo, or where the server sends us."""
        if self._client is None:
            transport = GuardedTransport(self._backend, self._settings.concurrency)
            timeout = httpx.Timeout(None, connect=self._settings.connect_timeout_s)
            self._client = httpx.AsyncClient(transport=transport, timeout=timeout, trust_env=False)
        headers = {"accept-encoding": "identity", "accept": "image/*,*/*;q=0.5", "user-agent": _AGENT}
        tags = [version for version in known if version.startswith(('"', "W/"))]
        if tags:
            headers["if-none-match"] = ", ".join(tags)
        elif known:
            headers["if-modified-since"] = known[-1]
        self._client.cookies.clear()
        async with self._client.stream("GET", url, headers=headers) as answer:
            status = answer.status_code
            if status in _REDIRECTS and "location" in answer.headers:
                return _parse(str(url.join(answer.headers["location"])))
            if status == _NOT_MODIFIED and known:
                return None, _current(answer, tags, known)
            if status in _TRANSIENT:
                raise _Transient(Reason.FETCH_STATUS, f"{url}: status {status}", _retry_after(answer))
            if status != _OK:
                raise FetchError(Reason.FETCH_STATUS, f"{url}: status {status}")
            return await self._body(url, answer), _version(answer)

    async def _body(self, url: httpx.URL, answer: httpx.Response) -> IO[bytes]:
        encoding = answer.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("", "identity"):
            detail = f"{url}: content-encoding {encoding[:40]!r}, which was not asked for"
            raise FetchError(Reason.FETCH_FAILED, detail)
        limit = self._settings.limits.max_bytes
        told = answer.headers.get("content-length", "")
        if told.isdigit() and int(told[:20]) > limit:
            raise FetchError(Reason.TOO_MANY_BYTES, f"{url}: {told[:20]} bytes announced, limit {limit}")
        data = tempfile.SpooledTemporaryFile(_SPOOL_BYTES)  # noqa: SIM115  # the receiver closes it
        size = 0
        try:
            async for part in answer.aiter_raw():
                size += len(part)
                if size > limit:
                    raise FetchError(Reason.TOO_MANY_BYTES, f"{url}: more than {limit} bytes")
                data.write(part)
        except BaseException:
            data.close()
            raise
        data.seek(0)
        return cast("IO[bytes]", data)


def _retry_after(answer: httpx.Response) -> float:
    """Seconds that the server asks to wait, as a number, or as a date counted from its own clock; else 0."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        wait = parsedate_to_datetime(text) - parsedate_to_datetime(answer.headers.get("date", ""))
    except (ValueError, TypeError):
        return 0.0
    return max(0.0, wait.total_seconds())


def _current(answer: httpx.Response, tags: Sequence[str], known: Sequence[str]) -> str:
    """Which of the known versions a 304 means."""
    if not tags:
        return known[-1]
    named = answer.headers.get("etag", "").removeprefix("W/")
    return next((tag for tag in tags if tag.removeprefix("W/") == named), tags[-1])


def _parse(url: str) -> httpx.URL:
    try:
        found = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise FetchError(Reason.FETCH_FAILED, f"{url[:200]}: {error}") from error
    if found.scheme not in ("http", "https") or not found.host:
        raise FetchError(Reason.FETCH_REFUSED, f"{url[:200]}: only http and https addresses are fetched")
    return found


def _version(answer: httpx.Response) -> str | None:
    found = answer.headers.get("etag") or answer.headers.get("last-modified")
    return found if found is not None and len(found) <= 200 and found.isprintable() else None
