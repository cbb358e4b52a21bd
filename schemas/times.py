"""RFC 3339 times to UTC and back."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:)(\d\d)(?:\.(\d{1,20}))?([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII
)
_LEAP_SECOND = "60"
_FIRST_YEAR, _LAST_YEAR = 1970, 2199  # what every tool behind can hold, and no camera is wrongly sure of


def parse_time(text: str) -> datetime:
    """The moment in UTC, to the microsecond (further digits are cut). Raises ValueError where it is not RFC 3339.

    A leap second counts as the second after it. Source: RFC 3339, section 5.6.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError("not RFC 3339, such as 2026-03-01T12:00:00Z")
    day, minute, second, fraction, zone = match.groups()
    leap = second == _LEAP_SECOND
    value = datetime.fromisoformat(f"{day}T{minute}{'59' if leap else second}{'+00:00' if zone in 'Zz' else zone}")
    try:
        moment = value.astimezone(UTC) + timedelta(
            seconds=int(leap), microseconds=int((fraction or "0").ljust(6, "0")[:6])
        )
    except OverflowError as error:
        raise ValueError("outside 1970 to 2199") from error
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise ValueError("outside 1970 to 2199; set the sender's clock")
    return moment


def from_epoch_ms(milliseconds: float) -> datetime:
    """The moment in UTC of milliseconds since 1970. Raises ValueError outside the years 1 to 9999."""
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    except (OverflowError, ValueError) as error:
        raise ValueError("outside the years 1 to 9999") from error
