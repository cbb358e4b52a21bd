"""No address inside a private network is connected to, however it is written or resolved."""

from __future__ import annotations

import socket

import pytest

from intake.fetch import Fetcher, FetchError
from intake.guard import Guard
from intake.settings import IngestSettings
from schemas.reasons import Reason

REFUSED = (
    "127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.7", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "100.100.100.200", "168.63.129.16", "192.0.0.10", "192.88.99.1", "198.18.0.1", "203.0.113.1", "224.0.0.1",
    "240.0.0.1", "255.255.255.255", "::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:10.0.0.1", "::ffff:127.0.0.1",
    "::ffff:0:127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "2002:7f00:1::", "2002:0a00:0001::1",
    "2001:0:7f00:1::1", "2001:0:4136:e378:8000:63bf:f5ff:fffe",
    "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1",
    "2001:db8::1", "100::1", "not an address",
)  # fmt: skip
PUBLIC = ("8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:0808:0808::1")
URLS = (
    "http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://[::ffff:127.0.0.1]:{port}/", "http://2130706433:{port}/",
    "http://0x7f000001:{port}/", "http://127.1:{port}/", "http://0.0.0.0:{port}/", "http://[::]:{port}/", "http://[::1]:{port}/",
)  # fmt: skip
QUICK = IngestSettings(retries=0, total_timeout_s=5)


@pytest.mark.parametrize("address", REFUSED)
def test_special_addresses_are_refused(address):
    assert Guard().refusal(address) is not None


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_pass(address):
    assert Guard().refusal(address) is None


def test_the_operator_allows_by_host_port_or_network():
    guard = Guard(("Photos.Internal", "cam:8080", "10.1.0.0/16", "192.168.0.5"))
    assert guard.allows_host("photos.internal.", 443)
    assert guard.allows_host("cam", 8080)
    assert not guard.allows_host("cam", 80)
    assert not guard.allows_host("photos.internal.example.com", 443)
    assert guard.refusal("10.1.2.3") is None
    assert guard.refusal("192.168.0.5") is None
    assert guard.refusal("10.2.0.1") is not None


@pytest.fixture
def listener():
    """A socket on loopback to which nothing may connect."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server
        with pytest.raises(BlockingIOError):
            server.accept()


def refusal(url: str, fetcher: Fetcher) -> Reason:
    with pytest.raises(FetchError) as caught:
        fetcher.start(url).result(timeout=10)
    return caught.value.reason


def test_no_connection_is_made_to_a_refused_address(listener):
    fetcher = Fetcher(QUICK)
    try:
        for url in URLS:
            found = refusal(url.format(port=listener.getsockname()[1]), fetcher)
            assert found in (Reason.FETCH_REFUSED, Reason.FETCH_FAILED), url
        assert refusal("ftp://example.com/a.jpg", fetcher) is Reason.FETCH_REFUSED
        assert refusal("http://169.254.169.254/latest/meta-data", fetcher) is Reason.FETCH_REFUSED
    finally:
        fetcher.close()


def test_a_name_is_looked_up_once_and_each_of_its_addresses_is_checked(listener):
    looked_up: list[str] = []

    async def rebinding(host: str, port: int) -> list[str]:
        looked_up.append(host)  # public on the first look-up, loopback on the next
        return ["127.0.0.1"] if len(looked_up) > 1 else ["192.0.2.1", "8.8.8.8"]

    fetcher = Fetcher(QUICK, rebinding)
    try:
        port = listener.getsockname()[1]
        assert refusal(f"http://rebind.example:{port}/", fetcher) is Reason.FETCH_REFUSED
        assert looked_up == ["rebind.example"]
        assert refusal(f"http://rebind.example:{port}/", fetcher) is Reason.FETCH_REFUSED
    finally:
        fetcher.close()
