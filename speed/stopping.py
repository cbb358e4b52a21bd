"""How work under way is told to end."""

from __future__ import annotations


class Stopping(Exception):
    """The service is to end now: what is not committed stays for the next one. No error."""
