"""A server for the session, and for each test a bucket of its own."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator

import pytest

from lake import Lake
from tests.storage.server import Server, binary, running

_numbers = itertools.count()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    program = binary()
    if program is None:
        pytest.skip("no S3 server: tests/install_s3_server.sh builds one where Go is installed")
    with running(program, tmp_path_factory.mktemp("s3")) as found:
        yield found


@pytest.fixture
def uri(server: Server) -> str:
    """Where a new lake may be."""
    return f"{server.bucket(f'bucket-{next(_numbers)}')}/shops/north"


@pytest.fixture
def open_there(server: Server, uri: str) -> Callable[[], Lake]:
    """Opens the lake at `uri`, each time anew; makes it where there is none."""
    return lambda: Lake.open(uri, create=True, options=server.options)


@pytest.fixture
def user(server: Server) -> dict[str, str]:
    """Environment of a user's shell: credentials and endpoint as the clouds' tools know them, nothing else of AWS's."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "FACINGS_"))}
    return own | server.options
