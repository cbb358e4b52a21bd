"""The one error of `imaging`: a photo that cannot be taken, with the short code that the lake stores."""

from __future__ import annotations

EMPTY_FILE = "empty-file"
TOO_MANY_BYTES = "too-many-bytes"
TOO_MANY_PIXELS = "too-many-pixels"
UNSUPPORTED_FORMAT = "unsupported-format"
TRUNCATED = "truncated"
UNDECODABLE = "undecodable"
REASONS = (EMPTY_FILE, TOO_MANY_BYTES, TOO_MANY_PIXELS, UNSUPPORTED_FORMAT, TRUNCATED, UNDECODABLE)


class ImageError(Exception):
    """A photo that was refused. `reason` is one of `REASONS`; `detail` says what was found, for a person."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"
