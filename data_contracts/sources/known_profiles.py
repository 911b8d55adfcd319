"""Loads the profiles of known platforms, and that of our own names; finds the one that reads a table by its columns.

A profile in `known/` is that of a user, plus `origin`, which says whose exports it reads, and `recognised_by`, the
columns that only these have together. A name there, or of a column, may list several, separated by `|`: the first that
a table has is taken. Columns that a table lacks are left out, with what is said of their values.
"""

import re
import tomllib
import unicodedata
from collections.abc import Collection, Sequence
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from pydantic import Field

from data_contracts.sources.profile import FIELDS, MEANINGS, OWN_SCALES, Columns, Names, Profile, Rating

_NAMES_KEPT, _LONGEST_KEPT = 4096, 200
"""Names of columns that are kept in their normal form, and the most characters of one."""
_LONGEST_COMPOSED = 1000
"""Characters of a name up to which accents are joined with their letters: the time for it is quadratic."""
DEFAULT = "default"
"""The name of the profile that has our own names of columns."""
_SIGNS = re.compile(r"[\s_\-.]+")
_SCALE = re.compile(r"\s*[(\[]\s*(\d{1,3})\s*(?:-|–|to)\s*(\d{1,3})\s*(?:stars)?\s*[)\]]\s*$")
_SCALE_CHARACTERS, _PERCENT = 40, 100
_OUT_OF = re.compile(r"[\s_]*[(\[]?\s*(?:out[\s_]of|/)[\s_]*(\d{1,3})\s*[)\]]?\s*$", re.IGNORECASE)


class KnownProfile(Profile):
    """The profile of a platform's exports."""

    name: str = Field(default="", description="The name of the file.")
    origin: str = Field(description="Whose exports these are, with an article.")
    recognised_by: Names | tuple[()] = Field(
        default=(), description="Columns that only such an export has together."
    )


def normalize_name(name: str) -> str:
    """Return a column's name without case, white space, `_`, `-`, dots and byte order mark."""
    return (_normalize if len(name) <= _LONGEST_KEPT else _normalize.__wrapped__)(name)


@lru_cache(_NAMES_KEPT)
def _normalize(name: str) -> str:
    """Return the normal form of a name; it is asked for with each batch of a file."""
    # Some systems write an accent as a character of its own.
    is_plain = name.isascii() or len(name) > _LONGEST_COMPOSED
    whole = name if is_plain else unicodedata.normalize("NFC", name)
    return _SIGNS.sub("", whole.strip().lstrip("\ufeff").strip()).casefold()


@cache
def load_known() -> tuple[KnownProfile, ...]:
    """Return the profiles of known platforms: those that more columns recognise first, then by name."""
    folder = files("data_contracts.sources") / "known"
    found = [_load(each.name.removesuffix(".toml"), each.read_text("utf-8")) for each in folder.iterdir()]
    return tuple(sorted(found, key=lambda known: (-len(known.recognised_by), known.name)))


@cache
def load_default() -> KnownProfile:
    """Return the profile with our own names, by which a table is read that no other one recognises."""
    return _load(DEFAULT, (files("data_contracts.sources") / "default.toml").read_text("utf-8"))


def _load(name: str, content: str) -> KnownProfile:
    return KnownProfile.model_validate({**tomllib.loads(content), "name": name})


def find_known(names: Collection[str]) -> KnownProfile | None:
    """Return the profile of the platform whose export has columns with these names; None if none is recognised."""
    found = {normalize_name(name) for name in names}
    for known in load_known():
        if all(found.intersection(_list_alternatives(mark)) for mark in known.recognised_by):
            return known
    return None


@cache
def _list_alternatives(names: str) -> tuple[str, ...]:
    """Return the normalised names of a list separated by `|`."""
    return tuple(map(normalize_name, names.split("|")))


def resolve_known(known: KnownProfile, names: Sequence[str]) -> Profile:
    """Return a known profile with the columns that a table has, by their names there; without a text if it has none."""
    columns: dict[str, Any] = {
        "text": tuple(filter(None, (_pick(each, names) for each in known.columns.text)))
    }
    for field in FIELDS:
        listed = getattr(known.columns, field)
        left = [name for name in names if name not in (*columns["text"], *columns.values())]
        columns[field] = listed and _pick(listed, left)
    return _restrict(known, columns)


def resolve_default(names: Sequence[str]) -> tuple[Profile, tuple[str, ...]]:
    """Return the profile of our own names with the columns that a table has, and the columns that rival for the text.

    Where several columns have names of one field, none of them is taken. A name such as `rating (1-10)` states its
    scale.
    """
    own = load_default().columns
    texts = _match(own.text[0], [(name, name) for name in names])
    columns: dict[str, Any] = {"text": tuple(texts[:1])}
    scale = None
    for field in FIELDS:
        stated = {name: _split_scale(name) for name in names} if field == "given_rating" else {}
        listed = getattr(own, field)
        named = [(name, stated[name][0] if stated else name) for name in names]
        matched = _match(listed, named) if listed else []
        columns[field] = matched[0] if len(matched) == 1 else None
        if field == "given_rating" and columns[field]:
            scale = find_stated_scale(columns[field])
    profile = _restrict(load_default(), columns)
    if scale is not None:
        profile = profile.model_copy(update={"rating": scale})
    return profile, tuple(texts[1:])


def _match(listed: str, named: Sequence[tuple[str, str]]) -> list[str]:
    """Return the names of a table that are among those listed; one exactly as listed hides others in another spelling.

    `named` has each name, and what is compared of it.
    """
    wanted, exact = _list_alternatives(listed), listed.split("|")
    matched = [(name, each, normalize_name(each)) for name, each in named]
    matched = [found for found in matched if found[2] in wanted]
    hiding = {normalized for _, each, normalized in matched if each in exact}
    return [name for name, each, normalized in matched if each in exact or normalized not in hiding]


def _pick(listed: str, names: Sequence[str]) -> str | None:
    """Return the name of a table that comes first in a list separated by `|`; None if it has none of them."""
    by_name = {normalize_name(name): name for name in reversed(names)}
    return next((by_name[each] for each in _list_alternatives(listed) if each in by_name), None)


def _restrict(known: KnownProfile, columns: dict[str, Any]) -> Profile:
    """Return a known profile with these columns, and what it says of their values alone."""
    without = {table: None for table, field in MEANINGS.items() if columns[field] is None}
    kept = {name: getattr(known, name) for name in Profile.model_fields} | without
    return Profile.model_construct(**{**kept, "columns": Columns.model_construct(**columns)})


def find_stated_scale(name: str) -> Rating | None:
    """Return the scale that the name of a column of ratings states, such as `rating (1-10)`; `given_rating` is ours."""
    return OWN_SCALES[10] if normalize_name(name) == normalize_name("given_rating") else _split_scale(name)[1]


def _split_scale(name: str) -> tuple[str, Rating | None]:
    """Return the name of a rating without the scale that it states, and that scale.

    One of 100 is none: spreadsheets store 20 % as 0.2. Of a long name only the end is looked at, since a search in many
    spaces takes the square of their number.
    """
    start = max(len(name) - _SCALE_CHARACTERS, 0)
    scale: Rating | None = None
    if (match := _SCALE.search(name, start)) and float(match[1]) < float(match[2]):
        scale = Rating(lowest=float(match[1]), highest=float(match[2]))
    elif match := _OUT_OF.search(name, start):
        scale = OWN_SCALES.get(int(match[1]))
    if match is None or scale is None:
        return name, None
    return name[: match.start()], scale if scale.highest < _PERCENT else None
