"""Photos that events name in a bucket: read where the operator allowed it, with the limits of files."""

from __future__ import annotations

from pathlib import Path

import pytest

from imaging.header import Limits
from intake.content import Content, Failure, Loader, Wanted
from intake.places import Places, Refusal
from intake.settings import IngestSettings
from lake.storage import Storage
from tests.batch.build import photo, sha
from tests.storage.server import Server


@pytest.fixture
def bucket(server: Server, uri: str) -> str:
    """A prefix with one photo and one file that is too large."""
    store = Storage.at(uri, server.options)
    for name, data in (("one.jpg", photo(1)), ("large.jpg", bytes(30_000))):
        with store.files.open_output_stream(f"{store.prefix}/{name}") as file:
            file.write(data)
    return uri


def _load(server: Server, bucket: str, name: str) -> Content | Failure:
    limits = Limits(max_bytes=20_000)
    settings = IngestSettings(limits=limits, buckets=(bucket,), store_options=server.options)
    with Loader(settings) as loader:
        ((_, found),) = loader.load([Wanted(f"{bucket}/{name}", {})])
    return found


def test_an_object_is_read_and_checked(server: Server, bucket: str) -> None:
    found = _load(server, bucket, "one.jpg")
    assert isinstance(found, Content)
    assert (found.sha256, found.data) == (sha(photo(1)), photo(1))
    assert found.version is not None
    assert found.version.startswith(f"{len(photo(1))}-")


@pytest.mark.parametrize("name,reason", [("nowhere.jpg", "missing-file"), ("large.jpg", "too-many-bytes")])
def test_what_can_not_be_taken_has_its_reason(server: Server, bucket: str, name: str, reason: str) -> None:
    found = _load(server, bucket, name)
    assert isinstance(found, Failure)
    assert found.reason.value == reason


@pytest.mark.parametrize(
    "uri",
    [
        "s3://elsewhere/photos/one.jpg",
        "s3://shop/photos-of-others/one.jpg",
        "s3://shop/photos/../secret/one.jpg",
        "s3://shop/photos//one.jpg",
        "s3://shop/photos/",
        "gs://shop/photos/one.jpg",
    ],
)
def test_an_address_outside_the_prefix_is_refused(uri: str, tmp_path: Path) -> None:
    assert isinstance(Places((tmp_path,), ("s3://shop/photos",)).given_by_device(uri), Refusal)


def test_an_address_inside_leads_where_it_says() -> None:
    places = Places((), ("s3://shop/photos/",))
    assert places.given_by_device("s3://shop/photos/d1/one.jpg") == "s3://shop/photos/d1/one.jpg"
