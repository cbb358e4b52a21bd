"""What can't work says so in one line, with the remedy, in seconds: wrong keys, bucket, endpoint, region, silence."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping

import pytest

from lake import Lake, LakeError, StoreRefused
from lake.storage import Storage
from tests.storage.server import Server

SECONDS = 20


@pytest.mark.parametrize(
    "changes,words",
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "wrong keys .SignatureDoesNotMatch.: check AWS_ACCESS_KEY_ID"),
        ({"AWS_ACCESS_KEY_ID": "nobody"}, "wrong keys .*: check AWS_ACCESS_KEY_ID"),
        ({"AWS_SESSION_TOKEN": "stale"}, "session token is not accepted"),
        ({"AWS_REGION": "eu-north-1"}, "the region is wrong .*: set AWS_REGION"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "can't be reached .*http://127.0.0.1:1"),
        ({"AWS_ENDPOINT_URL": "http://nowhere.invalid"}, "can't be reached .*http://nowhere.invalid"),
    ],
)
def test_a_refusal_is_one_line_with_its_remedy(
    server: Server, uri: str, changes: Mapping[str, str], words: str
) -> None:
    began = time.monotonic()
    with pytest.raises(StoreRefused, match=words) as refused:
        Lake.open(uri, create=True, options={**server.options, **changes})
    assert time.monotonic() - began < SECONDS
    assert "\n" not in str(refused.value)
    assert uri in str(refused.value)
    assert server.options["AWS_SECRET_ACCESS_KEY"] not in str(refused.value)


def test_a_bucket_that_is_not_there_is_named(server: Server) -> None:
    with pytest.raises(StoreRefused, match=r"no such bucket .*: create it, or correct the address"):
        Lake.open("s3://not-there/lake", create=True, options=server.options)


def test_a_server_that_never_answers_is_given_up(server: Server, uri: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(StoreRefused, match=f"can't be reached .*{endpoint}"):
            Lake.open(uri, options={**server.options, "AWS_ENDPOINT_URL": endpoint})
        assert time.monotonic() - began < SECONDS


@pytest.mark.parametrize(
    "uri,options,words",
    [
        ("s3://shop/lake", {"AWS_ENDPOINT_URL": "http://10.0.0.1:9000"}, "not encrypted; set AWS_ALLOW_HTTP=true"),
        ("s3://shop/lake", {"AWS_ACCESS_KEY_ID": "key"}, "go together; only one is set"),
        ("s3:///lake", {}, "names no bucket"),
        ("az://shop/lake", {}, "names no storage account: set AZURE_STORAGE_ACCOUNT_NAME"),
    ],
)
def test_options_that_cannot_work_are_refused_before_any_request(
    uri: str, options: Mapping[str, str], words: str
) -> None:
    with pytest.raises(LakeError, match=words):
        Storage.at(uri, options)


def test_names_of_options_may_be_written_small() -> None:
    options = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "aws_region": "eu-west-1"}
    assert Storage.at("s3://shop/lake", options).files.region == "eu-west-1"


@pytest.mark.parametrize(
    "uri,root,prefix",
    [
        ("gs://shop/lake/", "gs://shop/lake", "shop/lake/"),
        ("az://shop/lake", "az://shop/lake", "shop/lake"),
        ("abfss://shop@acme.dfs.core.windows.net/lake", "az://shop/lake", "shop/lake"),
    ],
)
def test_the_other_clouds_addresses(uri: str, root: str, prefix: str) -> None:
    storage = Storage.at(uri, {"AZURE_STORAGE_ACCOUNT_NAME": "acme", "AZURE_STORAGE_ACCOUNT_KEY": "a2V5"})
    assert (storage.root, storage.prefix, storage.local) == (root, prefix, None)
