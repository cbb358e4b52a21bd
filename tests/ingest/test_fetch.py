"""Fetching: bounded in time and bytes, retried where it may help, and never twice for what is there."""

from __future__ import annotations

import gzip
import time

import pytest

from imaging.header import Limits
from intake.fetch import Fetcher, FetchError
from intake.settings import IngestSettings
from schemas.reasons import Reason
from tests.ingest.web import send, serving

PHOTO = b"\xff\xd8\xff" + bytes(5000)


@pytest.fixture
def web():
    with serving() as found:
        yield found


@pytest.fixture
def fetcher(web):
    made = Fetcher(
        IngestSettings(
            limits=Limits(max_bytes=100_000),
            allow_hosts=(f"127.0.0.1:{web.port}",),
            total_timeout_s=1.0,
            retries=2,
            backoff_s=0.01,
        )
    )
    yield made
    made.close()


def get(fetcher: Fetcher, url: str, *known: str):
    file, version = fetcher.start(url, known).result(timeout=10)
    if file is None:
        return None, version
    with file:
        return file.read(), version


def reason(fetcher: Fetcher, url: str) -> Reason:
    with pytest.raises(FetchError) as caught:
        get(fetcher, url)
    return caught.value.reason


def test_bytes_and_version(web, fetcher):
    web.answers["/a"] = send(PHOTO, etag='"v1"')
    assert get(fetcher, web.url("/a")) == (PHOTO, '"v1"')


def test_what_is_there_is_not_sent_again(web, fetcher):
    def answer(handler, count):
        tags = handler.headers.get("if-none-match", "")
        send(b"", 304, etag='"v2"')(handler, count) if '"v2"' in tags else send(PHOTO, etag='"v2"')(handler, count)

    web.answers["/a"] = answer
    assert get(fetcher, web.url("/a"), '"v1"', '"v2"') == (None, '"v2"')
    web.answers["/b"] = lambda handler, count: send(b"", 304 if handler.headers["if-modified-since"] else 500)(
        handler, count
    )
    assert get(fetcher, web.url("/b"), "Sun, 01 Mar 2026 12:00:00 GMT") == (None, "Sun, 01 Mar 2026 12:00:00 GMT")


def test_a_failure_that_passes_is_retried(web, fetcher):
    web.answers["/a"] = lambda handler, count: (
        send(b"", 500)(handler, count) if count < 3 else send(PHOTO)(handler, count)
    )
    assert get(fetcher, web.url("/a"))[0] == PHOTO
    assert web.hits == ["/a"] * 3


def test_a_failure_that_stays_is_named(web, fetcher):
    web.answers |= {"/404": send(b"", 404), "/503": send(b"", 503), "/204": send(b"", 204)}
    assert reason(fetcher, web.url("/404")) is Reason.FETCH_STATUS
    assert web.hits == ["/404"]
    assert reason(fetcher, web.url("/503")) is Reason.FETCH_STATUS
    assert len(web.hits) == 4
    assert reason(fetcher, web.url("/204")) is Reason.FETCH_STATUS


def test_a_wait_beyond_the_deadline_is_not_waited_for(web, fetcher):
    web.answers["/a"] = send(b"", 429, retry_after="3600")
    began = time.monotonic()
    assert reason(fetcher, web.url("/a")) is Reason.FETCH_STATUS
    assert time.monotonic() - began < 0.9
    assert web.hits == ["/a"]


def test_redirects_are_followed_five_times(web, fetcher):
    for hop in range(7):
        web.answers[f"/{hop}"] = send(b"", 302, location=f"/{hop + 1}")
    web.answers["/7"] = send(PHOTO)
    assert get(fetcher, web.url("/2"))[0] == PHOTO
    assert reason(fetcher, web.url("/1")) is Reason.FETCH_FAILED


@pytest.mark.parametrize(
    "target", ["http://127.0.0.2:1/", "http://[::ffff:169.254.169.254]/", "file:///etc/passwd", "//10.0.0.1/"]
)
def test_a_redirect_into_a_private_network_is_refused(web, fetcher, target):
    web.answers["/a"] = send(b"", 302, location=target)
    assert reason(fetcher, web.url("/a")) is Reason.FETCH_REFUSED


def test_a_drip_feed_ends_at_the_deadline(web, fetcher):
    def drip(handler, count):
        handler.send_response(200)
        handler.send_header("content-length", "100")
        handler.end_headers()
        while not web.stop.wait(0.1):
            handler.wfile.write(b"x")
            handler.wfile.flush()

    web.answers["/a"] = drip
    began = time.monotonic()
    assert reason(fetcher, web.url("/a")) is Reason.FETCH_TIMEOUT
    assert time.monotonic() - began < 3


def test_a_compressed_answer_is_refused_unopened(web, fetcher):
    web.answers["/a"] = send(gzip.compress(bytes(10_000_000)), content_encoding="gzip")
    assert reason(fetcher, web.url("/a")) is Reason.FETCH_FAILED


def test_endless_chunks_end_at_the_limit(web, fetcher):
    def endless(handler, count):
        handler.send_response(200)
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        while not web.stop.is_set():
            handler.wfile.write(b"1000\r\n" + bytes(0x1000) + b"\r\n")

    web.answers["/a"] = endless
    assert reason(fetcher, web.url("/a")) is Reason.TOO_MANY_BYTES
    web.answers["/b"] = send(bytes(100_001))
    assert reason(fetcher, web.url("/b")) is Reason.TOO_MANY_BYTES


def test_a_cut_off_answer_fails(web, fetcher):
    def cut(handler, count):
        handler.send_response(200)
        handler.send_header("content-length", "100")
        handler.end_headers()
        handler.wfile.write(b"half")
        handler.close_connection = True

    web.answers["/a"] = cut
    assert reason(fetcher, web.url("/a")) is Reason.FETCH_FAILED


def test_the_proxy_of_the_environment_is_not_used(web, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    made = Fetcher(IngestSettings(allow_hosts=("127.0.0.1",), retries=0))
    try:
        web.answers["/a"] = send(PHOTO)
        assert get(made, web.url("/a"))[0] == PHOTO
    finally:
        made.close()
