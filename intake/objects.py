"""Photos in buckets that the operator named: read with the limits of files, by addresses that stay inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

import pyarrow.fs as pafs

from lake.storage import Storage

SCHEMES = ("s3", "s3a", "gs", "az", "abfs", "abfss")


def is_object(name: str) -> bool:
    """Is it the address of an object in a bucket?"""
    return name.partition("://")[0].lower() in SCHEMES and "://" in name


def is_within(address: str, prefixes: Sequence[str]) -> bool:
    """Does the address lie below one of the prefixes (`s3://BUCKET/PATH`), with no step upwards?"""
    if any(part in ("", ".", "..") for part in urlsplit(address).path.removeprefix("/").split("/")):
        return False
    return any(address.startswith(f"{prefix.rstrip('/')}/") for prefix in prefixes)


class Objects:
    """Reads objects below prefixes. `options` are those of lake.stores."""

    def __init__(self, prefixes: Sequence[str], options: Mapping[str, str]):
        self._stores = {prefix.rstrip("/"): Storage.at(prefix, options) for prefix in prefixes}

    def read(self, address: str, limit: int) -> tuple[bytes | None, str, int]:
        """Bytes, version ("SIZE-MTIME_NS") and size of an object; the bytes are None where they exceed `limit`.

        Raises FileNotFoundError, and OSError where the store refuses.
        """
        prefix = next(one for one in self._stores if address.startswith(f"{one}/"))
        store = self._stores[prefix]
        path = f"{store.prefix.rstrip('/')}{address[len(prefix) :]}"
        info = store.files.get_file_info(path)
        if info.type != pafs.FileType.File:
            raise FileNotFoundError(address)
        version = f"{info.size}-{info.mtime_ns}"
        if info.size > limit:
            return None, version, info.size
        with store.files.open_input_stream(path) as source:
            data = source.read(limit + 1)
        return (data if len(data) <= limit else None), version, len(data)
