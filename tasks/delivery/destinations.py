"""The destinations of a home: a TOML file each, `destinations/NAME.toml`, which says where scores go and which ones.

A file holds no secret: the address of a PostgreSQL database comes from the environment, in the variable that
`tasks/delivery/addresses.py` names.
"""

import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from data_contracts.errors import UsageError
from data_contracts.storage.home import Home
from data_contracts.storage.listing import list_paths
from data_contracts.storage.store_uris import is_store_uri, parse_store_uri
from tasks.delivery.columns import Layout
from tasks.support.outside_targets import require_free_target

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?")
_TABLE = re.compile(r"[a-z_][a-z0-9_]{0,39}(\.[a-z_][a-z0-9_]{0,39})?")


class _Content(BaseModel):
    """The keys of a file; no others, and no value of another type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kind: Literal["postgres", "parquet", "csv"]
    rows: Literal["current", "all"] = "current"
    table: str | None = None
    folder: str | None = None
    texts: bool = False
    extra: bool = False

    @model_validator(mode="after")
    def _require_place(self) -> Self:
        wanted, other = ("table", "folder") if self.kind == "postgres" else ("folder", "table")
        if getattr(self, wanted) is None or getattr(self, other) is not None:
            raise ValueError(f'kind = "{self.kind}" needs the key {wanted}, and has no key {other}')
        if self.table is not None and not _TABLE.fullmatch(self.table):
            raise ValueError(
                "table must be small letters, digits and underscores, with or without a schema, such as reviews.scores"
            )
        if self.folder is not None:
            _require_place_of_files(self.folder)
        return self


@dataclass(frozen=True)
class Destination:
    """Where scores go, and which ones."""

    name: str
    kind: str
    """postgres, parquet or csv."""
    layout: Layout
    place: str
    """`schema.table`, the absolute path of a folder, or the URI of one in a store."""
    url: str | None = field(default=None, repr=False)
    """The address of the database; a secret that is never shown."""
    is_export: bool = False
    """Whether it is the folder of `reviews export`, which no file describes."""

    @property
    def repeating(self) -> str:
        """The command that delivers everything again."""
        return "reviews export" if self.is_export else f"reviews destinations deliver {self.name} --again"


@dataclass(frozen=True)
class Destinations:
    """The destinations of a home."""

    known: tuple[Destination, ...] = ()
    broken: Mapping[str, str] = field(default_factory=dict)
    """What is wrong with a file that can't be read, by the name of its destination."""

    def find(self, name: str) -> Destination:
        """Return the destination of this name; raise `UsageError` if there is none or its file is wrong."""
        if name in self.broken:
            raise UsageError(self.broken[name])
        for each in self.known:
            if each.name == name:
                return each
        names = ", ".join([*(each.name for each in self.known), *self.broken])
        others = f"; there are: {names}" if names else ""
        raise UsageError(
            f"{name!r}: there is no such destination{others}. Next: reviews destinations add NAME --table SCHEMA.TABLE"
        )


def load_destinations(home: Home, urls: Mapping[str, str]) -> Destinations:
    """Read all destinations of a home; `urls` are the addresses of databases, by the name of their destination.

    A wrong file stops only its own destination.
    """
    known: dict[tuple[str, str], Destination] = {}
    broken = {}
    for path in list_paths(home.destinations, "[!.]*.toml"):
        try:
            found = parse_destination(path, urls.get(path.stem))
            if found.kind != "postgres" and (folder := _find_folder(found.place)) is not None:
                require_free_target(home, folder, home.exports)
            other = known.setdefault((found.kind, _name_place(found)), found)
            if other is not found:
                raise UsageError(f"{path}: delivers to the place of {other.name}. Next: name another place.")
        except UsageError as error:
            broken[path.stem] = str(error)
    return Destinations(tuple(known.values()), broken)


def require_free_place(home: Home, place: str, own: Path, *, or_itself: bool = False) -> None:
    """Raise `UsageError` if a path or URI is in the home, but for `own`, or a destination delivers there."""
    if (folder := _find_folder(place)) is not None:
        require_free_target(home, folder, own, or_itself=or_itself)
    for each in load_destinations(home, {}).known:
        if each.kind != "postgres" and _name_folder(each.place) == _name_folder(place):
            raise UsageError(f"{place}: {each.name} delivers there already. Next: name another folder.")


def _name_place(destination: Destination) -> str:
    """Return the same text for two destinations that write the same files or table."""
    if destination.kind != "postgres":
        return _name_folder(destination.place)
    # without its address, which is reported elsewhere, a table is like no other
    return f"{destination.url or destination.name} {destination.place}"


def _name_folder(place: str) -> str:
    """Return the same text for two paths or URIs of one folder."""
    return place if (folder := _find_folder(place)) is None else os.path.realpath(folder)


def _find_folder(place: str) -> Path | None:
    """Return the folder on this machine that a path or the URI of a store names; None if it is elsewhere."""
    if not is_store_uri(place):
        return Path(place)
    parts = urlsplit(place)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def parse_destination(path: Path, url: str | None = None) -> Destination:
    """Read the file of a destination; raise `UsageError` with the key, the reason and the next step if it is wrong."""
    require_name(path.stem)
    try:
        content = _Content.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: can't be read ({error}). Next: correct the file.") from error
    except ValidationError as error:
        raise UsageError(
            f"{path}: {_describe(error.errors(include_url=False)[0])}. Next: correct it."
        ) from None
    layout = Layout(content.rows, content.texts, content.extra)
    if content.table is not None:
        place = content.table if "." in content.table else f"public.{content.table}"
    else:
        place = str(content.folder).rstrip("/") or "/"
        place = str(_find_folder(place) or place)
    return Destination(path.stem, content.kind, layout, place, url)


def format_destination(content: Mapping[str, Any]) -> str:
    """Return the text of a destination's file from its keys; raise `UsageError` if they are no valid one."""
    try:
        kept = _Content.model_validate(dict(content)).model_dump(exclude_none=True)
    except ValidationError as error:
        raise UsageError(
            f"{_describe(error.errors(include_url=False)[0])}. Next: correct the command."
        ) from None
    # A text or a truth value of JSON is one of TOML.
    return "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in kept.items())


def require_name(name: str) -> str:
    """Return the name of a destination; raise `UsageError` if it is none."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name of a destination. Next: use small letters, digits and hyphens, such as bi-team."
        )
    return name


def _require_place_of_files(folder: str) -> None:
    """Raise `ValueError` unless a text is the absolute path of a folder or the URI of one in a store."""
    if not folder.isprintable():
        raise ValueError("folder has a character that can't be shown")
    try:
        if is_store_uri(folder):
            parse_store_uri(folder)
            return
    except UsageError as error:
        raise ValueError(f"folder: {str(error).partition(' Next: ')[0].rstrip('.')}") from None
    if not Path(folder).is_absolute():
        raise ValueError("folder must be an absolute path, or a URI such as s3://bucket/scores")


def _describe(error: Mapping[str, Any]) -> str:
    """Describe an error of pydantic by the key and the reason."""
    key = ".".join(map(str, error["loc"]))
    reason = str(error["msg"]).removeprefix("Value error, ")
    return f"{key}: {reason}" if key else reason
