"""Maps the columns of a table to ours by a profile, and writes the values of all others as one JSON object per row.

The profile is that of the source, a known platform's, or that of our own names. Names are compared exactly, then
without case, spaces, `_`, `-`, dots and a byte order mark: `reviewText`, `Review Text` and `review_text` are one name.
All unmatched columns are further columns. Their nulls and empty texts are left out; a value that Python can't represent
is null, and the key `UNREADABLE_COLUMNS` of its object lists such columns, and those for which a row has no room.
"""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from json.encoder import encode_basestring
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.errors import FileRefusedError
from data_contracts.rules_and_limits import UNREADABLE_COLUMNS
from data_contracts.sources.known_profiles import (
    DEFAULT,
    KnownProfile,
    find_known,
    find_stated_scale,
    normalize_name,
    resolve_default,
    resolve_known,
)
from data_contracts.sources.profile import Labels, Profile
from tasks.support.refusals import refusal
from tasks.support.wording import drop_nan

PART, STATE = "text_part_", "state_"
"""Begin our names of a column whose text comes before that of `text`, and of one that says if a row is a review."""
MAX_COLUMNS, MAX_DEPTH = 10_000, 64
"""Most columns of a file, or keys of an object, and most levels of nested objects and lists."""
MOST_NAMES = 1 << 20
"""Most characters of the names of all values of a row."""
MOST_KEPT, MOST_SHOWN = 1 << 16, 1000
"""Most characters of a row's further columns together, and of a value of ours that can't be read, that are kept."""
_OWN = "own"
"""The name of the profile of a source."""
_AUTHOR = "author"
"""The key in `extra` of the column that a profile names as the author."""
_NAMES_SHOWN, _SHOWN = 12, 80
_BINARY = {"0", "1"}
_UNREADABLE = (ArithmeticError, LookupError, ValueError, pa.ArrowException)
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=str)
_LENIENT = json.JSONEncoder(ensure_ascii=False, default=str)


@dataclass(frozen=True)
class Reading:
    """How one table is read."""

    name: str
    """The name of the profile: `_OWN`, `DEFAULT` or that of a known platform."""
    profile: Profile
    """Its columns have the names that the table has."""

    def dump(self) -> str:
        """Return this as JSON; `load_reading` reverts it."""
        return json.dumps([self.name, self.profile.model_dump(mode="json", exclude_defaults=True)])


def load_reading(dumped: str) -> Reading:
    """Return what `Reading.dump` returned."""
    name, profile = json.loads(dumped)
    return Reading(name, (KnownProfile if "origin" in profile else Profile).model_validate(profile))


@dataclass(frozen=True)
class Columns:
    """The positions, from 0, of the columns of a table."""

    known: Mapping[str, int]
    """Our column, a part of the text, or what says if a row is a review -> position; no 'text' if there is none."""
    further: Mapping[str, int]
    """Name of any other column, made unique -> position. What says if a row is a review is one too."""

    def list_text(self) -> list[int]:
        """Return the positions of the text's columns, in the order in which they are joined."""
        parts = [place for name, place in self.known.items() if name.startswith(PART)]
        return [*parts, self.known["text"]] if "text" in self.known else parts


def choose_reading(names: Sequence[str], profile: Profile | None, *, may_lack: bool = False) -> Reading:
    """Return how a table with these columns is read; refuse it if it has no text, or lacks a column of its profile.

    `may_lack`: later rows may have further columns, so only a text is needed here. Raises `FileRefusedError`:
    text_column_missing, text_column_doubled, profile_column_missing, label_sheet.
    """
    if not names:
        raise refusal("text_column_missing", "its rows have no columns")
    if isinstance(profile, KnownProfile):
        return Reading(profile.name, _require_text(resolve_known(profile, names), names))
    lower = {*map(str.lower, names)}
    if "label_of" in lower and len(lower & {"label", "stars", "drawn"}) > 1:
        raise refusal("label_sheet", "its column 'label_of' is that of a sheet of labels")
    if profile is not None:
        return Reading(_OWN, _require_columns(names, profile, may_lack))
    if (known := find_known(names)) and (found := resolve_known(known, names)).columns.text:
        return Reading(known.name, found)
    found, rivals = resolve_default(names)
    _require_text(found, names)
    if rivals:
        both = quote_names([*found.columns.text, *rivals])
        raise refusal("text_column_doubled", f"several columns may be the text: {both}")
    return Reading(DEFAULT, found)


def _require_text(profile: Profile, names: Sequence[str]) -> Profile:
    """Return a profile as it fits a table; refuse (text_column_missing) a table without its text."""
    if not profile.columns.text:
        raise refusal(
            "text_column_missing", f"none of the columns {quote_names(names)} has a known name of a text"
        )
    return profile


def _require_columns(names: Sequence[str], profile: Profile, may_lack: bool) -> Profile:
    """Return the profile of a source with the names that its columns have in a table; refuse one that lacks some."""
    missing = list_missing(names, profile)
    if missing and (not may_lack or {*profile.columns.text} <= {*missing}):
        raise refuse_missing(names, missing[0])
    find = _index(names)

    def rename(name: str) -> str:
        place = find(name)
        return name if place is None else names[place]

    renamed = {field: rename(name) for field, name in profile.columns.list_fields().items()}
    texts = tuple(map(rename, profile.columns.text))
    columns = profile.columns.model_copy(update={"text": texts, **renamed})
    scale = profile.rating or (columns.given_rating and find_stated_scale(columns.given_rating))
    return profile.model_copy(update={"columns": columns, "rating": scale})


def list_missing(names: Sequence[str], profile: Profile | None, *, may_lack: bool = False) -> list[str]:
    """Return the columns that the profile of a source names and a table lacks.

    `may_lack`: a row may lack any, so those are left out that only rows that are no reviews have.
    """
    if profile is None or isinstance(profile, KnownProfile):
        return []
    find, marks = _index(names), () if may_lack else profile.rows.never
    wanted = [*profile.columns.text, *profile.columns.list_fields().values(), *profile.rows.only, *marks]
    return [name for name in wanted if find(name) is None]


def refuse_missing(names: Sequence[str], missing: str) -> FileRefusedError:
    """Return the refusal of a table that lacks a column of the profile of its source."""
    problem = f"none of the columns {quote_names(names)} is called {quote_name(missing)}"
    return refusal("profile_column_missing", problem)


def settle_labels(reading: Reading, labels: pa.Array | None) -> Reading:
    """Return a reading in which 0 is negative and 1 positive, if the first labels of a table are these alone, and both.

    A profile that says what labels mean, or leaves them out, is kept.
    """
    if reading.name != DEFAULT or labels is None or reading.profile.labels is not None:
        return reading
    found = pc.unique(labels.drop_null()).to_pylist()
    if {each.strip() for each in found if each.strip()} != _BINARY:
        return reading
    binary = Labels(positive=("1",), negative=("0",))
    return replace(reading, profile=reading.profile.model_copy(update={"labels": binary}))


def select_columns(names: Sequence[str], profile: Profile) -> Columns:
    """Map columns to ours by a profile; what it names and the table lacks is left out."""
    find, fields = _index(names), profile.columns.list_fields()
    text = [place for name in profile.columns.text if (place := find(name)) is not None]
    known: dict[str, int] = {}
    if text:
        known = {"text": text[-1], **{f"{PART}{number}": place for number, place in enumerate(text[:-1], 1)}}
    author = find(fields.pop(_AUTHOR)) if _AUTHOR in fields else None
    if not profile.ids_hold_across_files:
        fields.pop("review_id", None)
    for field, name in fields.items():
        if (place := find(name)) is not None and place not in text:
            known[field] = place
    further = _name_further(names, set(known.values()), author, known.keys() - {"text"})
    for name in (*profile.rows.only, *profile.rows.never):
        if (place := find(name)) is not None:
            known[f"{STATE}{name}"] = place
    return Columns(known, further)


def _index(names: Sequence[str]) -> Callable[[str], int | None]:
    """Return a function that finds a column's position by its name: exactly, else without case, spaces and signs."""
    places = range(len(names) - 1, -1, -1)  # of equal names, the first one is found
    exact = {names[place]: place for place in places}
    normalized = {normalize_name(names[place]): place for place in places}
    return lambda name: exact.get(name, normalized.get(normalize_name(name)))


def _name_further(
    names: Sequence[str], taken: set[int], author: int | None, ours: Collection[str]
) -> dict[str, int]:
    """Return a unique name for each further column, the author first: 'tag_2' for a second 'tag'.

    Under the names of `ours` that the table has, further columns have the values that can't be read.
    """
    further: dict[str, int] = {}
    seen: Counter[str] = Counter()
    if author is not None and author not in taken:
        further[_AUTHOR] = author
    for position, name in enumerate(names):
        if position not in taken and position != further.get(_AUTHOR):
            plain = unique = name.strip().lstrip("\ufeff").strip() or f"column_{position + 1}"
            while unique in further or unique in ours:
                seen[plain] += 1
                unique = f"{plain}_{seen[plain] + 1}"
            further[unique] = position
    return further


def name_columns(count: int) -> list[str]:
    """Return the names of columns without any: column_1, column_2, …"""
    return [f"column_{number}" for number in range(1, count + 1)]


def quote_name(name: str) -> str:
    """Return a name in quotes for a message; a long one is cut, with a mark at its end."""
    return f"'{name if len(name) <= _SHOWN else name[:_SHOWN] + '…'}'"


def quote_names(names: Sequence[str]) -> str:
    """List the names of columns for a message."""
    shown = ", ".join(map(quote_name, names[:_NAMES_SHOWN]))
    return f"{shown} and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else shown


def _list_shown(names: Sequence[str]) -> list[str]:
    """Return the names of the first columns, long ones cut, and how many more there are."""
    more = [f"and {len(names) - _NAMES_SHOWN:,} more"] if len(names) > _NAMES_SHOWN else []
    return [*(name if len(name) <= _SHOWN else f"{name[:_SHOWN]}…" for name in names[:_NAMES_SHOWN]), *more]


# Values


def to_texts(array: pa.Array) -> pa.Array:
    """Return n values as texts; those that Arrow can't write, such as lists, as JSON."""
    try:
        return array.cast(pa.string())
    except pa.ArrowNotImplementedError:
        values, _ = _read_values(array)
        return pa.array([None if value is None else _encode(value) for value in values], pa.string())


def format_columns(columns: Mapping[str, pa.Array]) -> pa.Array | None:
    """Return further columns of n values, by their names, as JSON objects, [n]; null for a row without any."""
    if not columns:
        return None
    keys = [f"{encode_basestring(name)}: " for name in columns]
    values: list[list[Any]] = []
    unreadable: dict[int, list[str]] = {}
    for name, array in columns.items():
        found, places = _read_values(array)
        values.append(found)
        for place in places:
            unreadable.setdefault(place, []).append(name)
    rows = zip(*values, strict=True)
    return pa.array(
        [
            _join_members(zip(columns, keys, row, strict=True), unreadable.get(place, ()))
            for place, row in enumerate(rows)
        ],
        pa.string(),
    )


def format_object(values: Iterable[tuple[str, Any]]) -> str | None:
    """Return names and values that are not parsed any further as a JSON object; None if all are empty."""
    return _join_members(((name, f"{encode_basestring(name)}: ", value) for name, value in values), ())


def _join_members(members: Iterable[tuple[str, str, Any]], left_out: Sequence[str]) -> str | None:
    """Return names, each also as JSON, and values as an object of `MOST_KEPT` characters; None if all are empty.

    What does not fit is left out, and listed with the names of the columns that are left out already.
    """
    kept, names, room = list[str](), list(left_out), MOST_KEPT
    for name, key, value in members:
        if value is None or value == "":
            continue
        # What can't fit is not written first: names may be far longer than values, and repeated in each row.
        if type(value) is str:
            member = key + encode_basestring(value) if len(value) < room > len(key) else None
        else:
            member = key + _encode(value) if len(key) < room else None
        if member is None or len(member) > room:
            names.append(name)
        else:
            kept.append(member)
            room -= len(member)
    if names:
        kept.append(_format_member(UNREADABLE_COLUMNS, _list_shown(names)))
    return f"{{{', '.join(kept)}}}" if kept else None


def add_values(
    objects: pa.Array | None, name: str, column: pa.Array, positions: Sequence[int]
) -> pa.Array | None:
    """Return the n JSON objects with the values of `column` [n] at `positions` added, under `name`."""
    if not positions:
        return objects
    rows = [None] * len(column) if objects is None else objects.to_pylist()
    values = column.take(pa.array(positions)).to_pylist()
    for position, found in zip(positions, values, strict=True):
        value = found if found is None or len(found) <= MOST_SHOWN else f"{found[:MOST_SHOWN]}…"
        if (row := rows[position]) is None:
            rows[position] = format_object([(name, value)])
        elif f"{encode_basestring(name)}: " in row:  # it takes the place of one of the same name
            rows[position] = format_object({**json.loads(row), name: value}.items())
        elif value:
            rows[position] = f"{row[:-1]}, {_format_member(name, value)}}}"
    return pa.array(rows, pa.string())


def _format_member(name: str, value: Any) -> str:
    """Return a name and its value as a member of a JSON object."""
    return f"{encode_basestring(name)}: {encode_basestring(value) if type(value) is str else _encode(value)}"


def _encode(value: Any) -> str:
    """Return a value as JSON, NaN as null."""
    try:
        return _ENCODER.encode(value)
    except ValueError:
        return _LENIENT.encode(drop_nan(value))


def _read_values(array: pa.Array) -> tuple[list[Any], list[int]]:
    """Return [n] Python values, and the positions of those that Python can't represent, such as a date in 20000."""
    try:
        return array.to_pylist(), []
    except _UNREADABLE:
        values: list[Any] = []
        unreadable: list[int] = []
    for position, value in enumerate(array):
        try:
            values.append(value.as_py())
        except _UNREADABLE:
            values.append(None)
            unreadable.append(position)
    return values, unreadable
