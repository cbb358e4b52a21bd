"""Reason codes: why a row or a photo was refused. One short, stable code a case, in every table and log."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why something was refused. The value is stored; `explain` says it in a sentence with its remedy."""

    NOT_JSON = "not-json"
    UNKNOWN_SCHEMA = "unknown-schema"
    MISSING_FIELD = "missing-field"
    INVALID_FIELD = "invalid-field"
    BOX_NOT_FINITE = "box-not-finite"
    BOX_OUT_OF_RANGE = "box-out-of-range"
    BOX_INVERTED = "box-inverted"
    TOO_MANY_BOXES = "too-many-boxes"
    MISSING_FILE = "missing-file"
    UNREADABLE_FILE = "unreadable-file"
    EMPTY_FILE = "empty-file"
    TOO_MANY_BYTES = "too-many-bytes"
    TOO_MANY_PIXELS = "too-many-pixels"
    UNSUPPORTED_FORMAT = "unsupported-format"
    TRUNCATED = "truncated"
    UNDECODABLE = "undecodable"
    HASH_MISMATCH = "hash-mismatch"
    FETCH_REFUSED = "fetch-refused"
    FETCH_TIMEOUT = "fetch-timeout"
    FETCH_STATUS = "fetch-status"
    FETCH_FAILED = "fetch-failed"

    @property
    def explain(self) -> str:
        """What happened and what to do about it, in one sentence."""
        return _EXPLAIN[self]


_EXPLAIN: dict[Reason, str] = {
    Reason.NOT_JSON: "The record is not a JSON object; fix the sender.",
    Reason.UNKNOWN_SCHEMA: "The record names a contract or version that is not known here; upgrade, or fix the sender.",
    Reason.MISSING_FIELD: "A required field or column is missing; fix the sender.",
    Reason.INVALID_FIELD: "A field has the wrong type, form or range; fix the sender.",
    Reason.BOX_NOT_FINITE: "A box has a coordinate that is empty, NaN or infinite; annotate the photo again.",
    Reason.BOX_OUT_OF_RANGE: "A box lies outside 0 to 1; coordinates are fractions of the upright photo.",
    Reason.BOX_INVERTED: "A box has its maximum at or below its minimum; annotate the photo again.",
    Reason.TOO_MANY_BOXES: "A photo has more boxes than the limit; raise the limit if they are real.",
    Reason.MISSING_FILE: "The photo is not where the record says; copy it there and ingest again.",
    Reason.UNREADABLE_FILE: "The operating system refused to read the file; check its permissions.",
    Reason.EMPTY_FILE: "The file has no bytes; the upload was cut off. Send it again.",
    Reason.TOO_MANY_BYTES: "The file is larger than the limit; raise the limit if it is real.",
    Reason.TOO_MANY_PIXELS: "The header announces more pixels than the limit; raise the limit if it is real.",
    Reason.UNSUPPORTED_FORMAT: "The content is not a photo in an accepted format, whatever its name says.",
    Reason.TRUNCATED: "The photo ends before its last row; the upload was cut off. Send it again.",
    Reason.UNDECODABLE: "The photo's content is damaged and does not decode. Send it again.",
    Reason.HASH_MISMATCH: "The content differs from the hash that the record promised. Send it again.",
    Reason.FETCH_REFUSED: "The address is in a private network or not http(s); allow the host if it is yours.",
    Reason.FETCH_TIMEOUT: "The server did not deliver the photo before the deadline; ingest again later.",
    Reason.FETCH_STATUS: "The server answered with an error status; check the address.",
    Reason.FETCH_FAILED: "The connection failed or the answer was malformed; ingest again later.",
}
