"""Where a name in a source leads: an absolute path, a URL, or a refusal."""

from __future__ import annotations

import os.path
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from intake.objects import is_object, is_within
from schemas.boxes import shown
from schemas.reasons import Reason

URL_SCHEMES = ("http", "https")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A name that leads nowhere that may be read."""

    reason: Reason
    detail: str


@dataclass(frozen=True)
class Places:
    """Folders of this ingest: `folders` are the source folders, which device-given names may also lead into.

    `buckets` are prefixes such as s3://BUCKET/PATH that they may lead into as well.
    """

    folders: tuple[Path, ...] = ()
    buckets: tuple[str, ...] = ()

    def given_by_operator(self, name: str, base: Path) -> str | Refusal:
        """Location of a name in a table: any path, relative to the table, else found in a source folder."""
        if is_url(name):
            return name
        path = _path_of(name)
        if isinstance(path, Refusal):
            return path
        if path.is_absolute():
            return str(path)
        for folder in (base, *self.folders):
            if (folder / path).exists():
                return str(_normal(folder / path))
        for folder in self.folders:
            found = next((f for f in sorted(folder.rglob(path.name)) if f.is_file()), None) if path.name else None
            if found is not None:
                return str(_normal(found))
        return str(_normal(base / path))

    def given_by_device(self, uri: str, base: Path | None = None) -> str | Refusal:
        """Location of an event's image_uri: a URL, or a path inside the events file's folder or a source folder."""
        if is_url(uri):
            return uri
        if is_object(uri):
            if is_within(uri, self.buckets):
                return uri
            return Refusal(Reason.FETCH_REFUSED, f"{shown(uri)} lies in no bucket that photos are read from")
        path = _path_of(uri)
        if isinstance(path, Refusal):
            return path
        folders = self.folders if base is None else (base, *self.folders)
        allowed = [folder.resolve() for folder in folders]
        candidates = [path] if path.is_absolute() else [folder / path for folder in folders]
        inside = []
        for candidate in candidates:
            try:
                real = candidate.resolve()
            except (OSError, RuntimeError) as error:
                return Refusal(Reason.FETCH_REFUSED, f"{shown(uri)} can't be followed: {error}")
            if any(real.is_relative_to(folder) for folder in allowed):
                inside.append(candidate)
        if not inside:
            return Refusal(
                Reason.FETCH_REFUSED,
                f"{shown(uri)} leads outside the folders that photos are read from; send a path inside one, or a URL",
            )
        return str(_normal(next((candidate for candidate in inside if candidate.exists()), inside[0])))


def is_url(name: str) -> bool:
    """Is it an http(s) address?"""
    return name[:8].lower().startswith(("http://", "https://"))


def as_text(location: str) -> str:
    """The location as tables hold it: a file name that is not UTF-8 has its odd bytes escaped."""
    return location.encode("utf-8", "backslashreplace").decode()


def folder_name(location: str) -> str | None:
    """Name of the folder that a photo lies in, or of its host; None where it has none."""
    if is_url(location):
        try:
            parts = urlsplit(location)
            folder = Path(unquote(parts.path)).parent.name
            return folder or parts.hostname
        except ValueError:
            return None
    return Path(location).parent.name or None


def _path_of(name: str) -> Path | Refusal:
    if "\0" in name:
        return Refusal(Reason.INVALID_FIELD, f"{shown(name)} is not a path")
    scheme, colon, rest = name.partition("://")
    if not colon:
        return Path(name)
    if scheme.lower() == "file":
        host, slash, path = rest.partition("/")
        if host not in ("", "localhost"):
            return Refusal(Reason.FETCH_REFUSED, f"{shown(name)} names another machine; use a local path or http(s)")
        decoded = unquote(slash + path)
        return Path(decoded) if "\0" not in decoded else Refusal(Reason.INVALID_FIELD, f"{shown(name)} is not a path")
    return Refusal(Reason.FETCH_REFUSED, f"{shown(name)}: scheme {shown(scheme)} is not read; use a path or http(s)")


def _normal(path: Path) -> Path:
    # Absolute without "..", but symbolic links keep their names: they are how the operator calls the photo.
    return Path(os.path.abspath(path))  # noqa: PTH100  # pathlib has no lexical normalisation
