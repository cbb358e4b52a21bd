"""Options of the lake's object store, in this server's memory: a command line or a URI is no place for keys."""

from __future__ import annotations

from collections.abc import Mapping

_options: dict[str, str] = {}


def use_options(options: Mapping[str, str]) -> None:
    """Sets the options that this server opens its lake with; see lake.stores."""
    _options.clear()
    _options.update(options)


def options() -> Mapping[str, str]:
    """The options set, or none: a page run by `streamlit run` alone leaves credentials to the libraries."""
    return _options
