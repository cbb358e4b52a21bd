"""Bytes of a record into a JSON object, without trusting them."""

from __future__ import annotations

import json
from typing import Any

from schemas.reasons import Reason

MAX_RECORD_BYTES = 8 << 20


class NotAnObject(ValueError):
    """The bytes are not one JSON object in UTF-8; the message says why, `reason` is the code of it."""

    def __init__(self, detail: str, reason: Reason = Reason.NOT_JSON) -> None:
        super().__init__(detail)
        self.reason = reason


class _DuplicateKey(ValueError):
    """A key that occurs twice in one object."""


def decode_object(record: bytes | str) -> dict[str, Any]:
    """The JSON object. NaN and Infinity are read as numbers, for the checks to refuse by name.

    Raises NotAnObject: not UTF-8, not JSON, nested too deeply, a key twice (parsers disagree on which one counts), or
    larger than MAX_RECORD_BYTES.
    """
    if len(record) > MAX_RECORD_BYTES:
        detail = f"record of {len(record)} bytes, limit {MAX_RECORD_BYTES}"
        raise NotAnObject(detail, Reason.TOO_MANY_BYTES)
    try:
        text = record.decode("utf-8-sig") if isinstance(record, bytes) else record
        found = json.loads(text, object_pairs_hook=_unique)
    except UnicodeDecodeError as error:
        raise NotAnObject(f"byte {error.start} is not UTF-8") from error
    except RecursionError as error:
        raise NotAnObject("nested too deeply") from error
    except _DuplicateKey as error:
        raise NotAnObject(str(error), Reason.INVALID_FIELD) from error
    except ValueError as error:
        raise NotAnObject(f"not JSON: {str(error)[:120]}") from error
    if not isinstance(found, dict):
        raise NotAnObject(f"is a JSON {type(found).__name__}, not an object")
    return found


def encode_record(record: object) -> bytes | None:
    """The record byte for byte where it came as bytes, else as JSON; None where it is too large or has no such form."""
    try:
        if isinstance(record, bytes):
            data = record
        elif isinstance(record, str):
            data = record.encode("utf-8", "surrogatepass")
        else:
            data = json.dumps(record, default=dict).encode()
    except (RecursionError, ValueError, TypeError):
        return None
    return data if len(data) <= MAX_RECORD_BYTES else None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _DuplicateKey(f"key {key[:80]!r} occurs twice")
            seen.add(key)
    return found
