"""Who may see what: sign-in by OpenID Connect where it is configured, and stores by a claim of the token.

The configuration is one TOML file: Streamlit's own `[auth]` section and, beside it, `[access]`:

    [access]
    claim = "roles"                   # the claim that names a viewer's roles, one or a list
    [access.roles]
    manager = ["*"]                   # every store
    north = ["north-gate", "elm-park"]

Without a file there is no sign-in, and whoever reaches the server sees all: that is why it binds loopback by default.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lake import FacingsError
from serving.reader import Stores

EVERY = "*"


class AccessError(FacingsError):
    """The file that configures sign-in can't be used: correct it."""


@dataclass(frozen=True)
class Policy:
    """Which stores each role may see. A role that is not named here sees nothing."""

    claim: str = "roles"
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def stores(self, claims: Mapping[str, Any]) -> Stores:
        """Stores of a viewer with these claims: None for all, empty for none. An odd claim gives none."""
        told = claims.get(self.claim)
        names = [told] if isinstance(told, str) else told if isinstance(told, list | tuple) else []
        found = {store for name in names if isinstance(name, str) for store in self.roles.get(name, ())}
        return None if EVERY in found else tuple(sorted(found))


def load_policy(path: Path) -> Policy:
    """The policy in a file. Raises AccessError where `[auth]` or `[access]` is missing or of another form."""
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise AccessError(f"{path} can't be read: {error}") from error
    access = values.get("access")
    if not isinstance(values.get("auth"), dict) or not isinstance(access, dict):
        raise AccessError(f"{path}: needs the sections [auth] (Streamlit's sign-in) and [access] (roles and stores)")
    roles = access.get("roles", {})
    good = isinstance(roles, dict) and all(
        isinstance(stores, list) and all(isinstance(store, str) for store in stores) for stores in roles.values()
    )
    if not good:
        raise AccessError(f'{path}: access.roles must be lists of stores by role, e.g. manager = ["*"]')
    return Policy(str(access.get("claim", "roles")), {name: tuple(stores) for name, stores in roles.items()})
