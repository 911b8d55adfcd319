"""Which column of a review file is what, and what its values mean: from columns as found to `READ_SCHEMA`.

Names are compared without regard to case, surrounding spaces and a byte order mark. Of several names for one
thing the first in `COLUMN_NAMES` counts, the others are further columns. Further columns are kept as JSON,
nulls and empty texts left out, and so is, under our own name for it, a date, label or rating that is not
understood.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.limits import HIGHEST_STARS, LOWEST_STARS, UNREADABLE_COLUMNS
from data_contracts.review_files import READ_SCHEMA
from tasks.review_files.encodings import describe_invalid
from tasks.support.refusals import refusal
from tasks.support.wording import drop_nan

COLUMN_NAMES = {
    "text": ("text", "review", "content", "body", "comment"),
    "review_id": ("review_id", "id"),
    "movie_id": ("movie_id", "title_id", "movie", "tconst"),
    "reviewed_at": ("reviewed_at", "date", "created_at", "timestamp"),
    "given_label": ("given_label", "label", "sentiment"),
    "given_rating": ("given_rating", "rating", "stars"),
}
"""Our column -> the names it has in review files. `score` is not a rating: it may be a model's own."""

LABELS = {
    "pos": "positive",
    "positive": "positive",
    "1": "positive",
    "neg": "negative",
    "negative": "negative",
    "0": "negative",
    "-1": None,
    "unsup": None,
}
"""What a label means; -1 and unsup say that there is none."""

_RATING = re.compile(r"\s*(\d{1,3}(?:\.\d*)?)\s*(?:/\s*(5|10))?\s*", re.ASCII)
# Fewer digits are a date such as 20240131, or nothing; epochs of 9 digits begin in 1973.
_EPOCH = re.compile(r"\s*(\d{9,14})(\.\d*)?\s*", re.ASCII)
_EPOCH_IN_MILLISECONDS_FROM = 10**11
_EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)
_NAMES_SHOWN = 12
_UNREADABLE = (ArithmeticError, LookupError, ValueError, pa.ArrowException)


@dataclass(frozen=True)
class Columns:
    """Where the columns of a file are: positions from 0."""

    known: Mapping[str, int]
    """Our column -> position; 'text' is not there where there is none."""
    further: Mapping[str, int]
    """Any other column: its name, made unique, -> position."""
    doubled: bool
    """Whether several columns have the name of the text column."""


@dataclass(frozen=True)
class Defect:
    """What a reader knows to be broken in one row: a row rule, words, and the bytes as found."""

    rule: str
    detail: str
    raw: bytes | None


@dataclass(frozen=True)
class FoundRows:
    """n rows as found, their values not understood yet; one row per source row."""

    row_numbers: pa.Array
    """[n] int64."""
    known: Mapping[str, pa.Array]
    """Our column -> [n] strings; columns that the file does not have are left out."""
    further: Sequence[dict[str, Any]] | None = None
    """[n] objects of the other columns, or None where there are none."""
    defects: Mapping[int, Defect] = field(default_factory=dict)
    """Position, 0 to n - 1 -> what is broken there; such a row has no text."""


def select_columns(names: Sequence[str], text_column: str | None = None) -> Columns:
    """Tell what each column is by its name; `text_column` overrules the names for the text."""
    plain = [_simplify(name) for name in names]
    text, doubled = _find_text(names, plain, text_column)
    known = {} if text is None else {"text": text}
    for ours, candidates in COLUMN_NAMES.items():
        if ours != "text":
            found = (plain.index(name) for name in candidates if name in plain)
            position = next((each for each in found if each != text), None)
            known |= {} if position is None else {ours: position}
    return Columns(known, _name_further(names, set(known.values())), doubled)


def require_text(columns: Columns, names: Sequence[str], text_column: str | None = None) -> None:
    """Refuse a file that has no text column (text_column_missing), or two (text_column_doubled)."""
    if "text" not in columns.known:
        shown = ", ".join(f"'{name[:40]}'" for name in names[:_NAMES_SHOWN])
        more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
        wanted = "is the text" if text_column is None else f"is called '{text_column}'"
        raise refusal("text_column_missing", f"none of the columns {shown}{more} {wanted}")
    if columns.doubled:
        name = names[columns.known["text"]][:40]
        raise refusal("text_column_doubled", f"several columns are called '{name}'")


def find_rows(
    names: Sequence[str],
    columns: Columns,
    found: Sequence[tuple[pa.Array, Mapping[int, bytes]]],
    row_numbers: pa.Array,
    defects: Mapping[int, Defect],
) -> FoundRows:
    """Sort n rows of columns as found by what they are.

    `found` has each column's [n] values, null where they are not text, and those bytes by position. A row
    with such bytes is set aside whole (text_encoding), with the bytes of its text as found.
    """
    arrays = [array for array, _ in found]
    all_defects = dict(defects)
    text = columns.known["text"]
    for position, (_, invalid) in enumerate(found):
        for row, data in invalid.items():
            raw = found[text][1].get(row) or (arrays[text][row].as_py() or "").encode()
            words = f"column '{names[position]}': {describe_invalid(data)}"
            all_defects.setdefault(row, Defect("text_encoding", words, raw))
    known = {ours: arrays[position] for ours, position in columns.known.items()}
    if all_defects:
        usable = np.ones(len(row_numbers), dtype=bool)
        usable[list(all_defects)] = False
        known["text"] = pc.if_else(pa.array(usable), known["text"], None)
    further = {name: arrays[position] for name, position in columns.further.items()}
    return FoundRows(row_numbers, known, _list_further(further), all_defects)


def lay_out_rows(found: FoundRows, members: pa.Array) -> pa.RecordBatch:
    """Understand the values of n rows as found, from [n] members: [n] of `READ_SCHEMA`.

    Blank ids are null. A row without text and without another defect breaks text_missing.
    """
    size = len(found.row_numbers)
    columns = {
        "row_number": found.row_numbers,
        "member": members,
        "text": found.known.get("text", pa.nulls(size, pa.string())),
    }
    for name in ("review_id", "movie_id"):
        if name in found.known:
            columns[name] = _drop_blank(found.known[name])
    further = found.further
    for name, (understand, kind) in _UNDERSTOOD.items():
        if name in found.known:
            columns[name], unclear = _understand(found.known[name], understand, kind)
            further = _keep(further, name, found.known[name], unclear)
    columns["extra"] = _write_json(further, size)
    columns |= _tell_defects(found.defects, columns["text"])
    absent = {name: pa.nulls(size, READ_SCHEMA.field(name).type) for name in READ_SCHEMA.names}
    return pa.RecordBatch.from_arrays(
        [columns.get(name, absent[name]) for name in READ_SCHEMA.names], schema=READ_SCHEMA
    )


def parse_label(text: str) -> str | None:
    """Read a label: 'positive', 'negative', or None where it says that there is none; else `ValueError`."""
    label = text.strip().lower()
    if label and label not in LABELS:
        raise ValueError("not a label")
    return LABELS.get(label)


def parse_rating(text: str) -> float | None:
    """Read a rating from 1 to 10 stars, as found ('8', '7.5', '8/10'); None if blank; else `ValueError`.

    Stars out of five count twice: '4/5' is 8.
    """
    match = _RATING.fullmatch(text)
    if match is None and not text.strip():
        return None
    stars = float(match[1]) * (2 if match[2] == "5" else 1) if match else math.nan
    if not LOWEST_STARS <= stars <= HIGHEST_STARS:
        raise ValueError("not a rating")
    return stars


def parse_moment(text: str) -> datetime | None:
    """Read an ISO 8601 date or time, or an epoch in seconds or milliseconds; None if blank.

    Without a zone it is UTC; a date is its first moment. Raises `ValueError` on anything else.
    """
    if not text.strip():
        return None
    epoch = _EPOCH.fullmatch(text)
    if epoch is None:
        moment = datetime.fromisoformat(text.strip())
    elif int(epoch[1]) < _EPOCH_IN_MILLISECONDS_FROM:
        moment = _EPOCH_START + timedelta(seconds=float(text))
    else:
        moment = _EPOCH_START + timedelta(milliseconds=float(text))
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("not in the years 1 to 9999") from error


_UNDERSTOOD: Mapping[str, tuple[Callable[[str], Any], pa.DataType]] = {
    "reviewed_at": (parse_moment, READ_SCHEMA.field("reviewed_at").type),
    "given_label": (parse_label, READ_SCHEMA.field("given_label").type),
    "given_rating": (parse_rating, READ_SCHEMA.field("given_rating").type),
}


def _find_text(
    names: Sequence[str], plain: Sequence[str], text_column: str | None
) -> tuple[int | None, bool]:
    """Find the text's position, and whether other columns have the same name."""
    if text_column is not None and list(names).count(text_column) == 1:
        # Named letter by letter: a column that differs in case only is another one.
        return list(names).index(text_column), False
    wanted = COLUMN_NAMES["text"] if text_column is None else (_simplify(text_column),)
    name = next((name for name in wanted if name in plain), None)
    return (None, False) if name is None else (plain.index(name), plain.count(name) > 1)


def _simplify(name: str) -> str:
    return name.strip().lstrip("\ufeff").strip().casefold()


def _name_further(names: Sequence[str], taken: set[int]) -> dict[str, int]:
    """Give each further column its own name: 'column_3' for a blank one, 'tag_2' for the second 'tag'."""
    further: dict[str, int] = {}
    seen: Counter[str] = Counter()
    for position, name in enumerate(names):
        if position not in taken:
            plain = unique = name.strip().lstrip("\ufeff").strip() or f"column_{position + 1}"
            while unique in further:
                seen[plain] += 1
                unique = f"{plain}_{seen[plain] + 1}"
            further[unique] = position
    return further


def _list_further(further: Mapping[str, pa.Array]) -> list[dict[str, Any]] | None:
    """Turn columns of n values into n objects; a value that can't be read is left out, and its column named there."""
    if not further:
        return None
    columns = {name: _read_values(array) for name, array in further.items()}
    values = [found for found, _ in columns.values()]
    rows = [dict(zip(further, row, strict=True)) for row in zip(*values, strict=True)]
    for name, (_, unreadable) in columns.items():
        for position in unreadable:
            rows[position].setdefault(UNREADABLE_COLUMNS, []).append(name)
    return rows


def _read_values(array: pa.Array) -> tuple[list[Any], list[int]]:
    """Give [n] values as Python's, and the positions of those that Python can't hold, as a date in the year 20000."""
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


def _drop_blank(ids: pa.Array) -> pa.Array:
    trimmed = pc.utf8_trim_whitespace(ids)
    return pc.if_else(pc.equal(trimmed, ""), None, trimmed)


def _understand(
    column: pa.Array, understand: Callable[[str], Any], kind: pa.DataType
) -> tuple[pa.Array, list[int]]:
    """Read [n] strings, each distinct value once; also gives the positions of those not understood."""
    encoded = column.dictionary_encode()
    values: list[Any] = []
    unclear: list[bool] = []
    for text in encoded.dictionary.to_pylist():
        try:
            value, is_unclear = understand(text), False
        except ValueError:
            value, is_unclear = None, True
        values.append(value)
        unclear.append(is_unclear)
    positions: list[int] = []
    if any(unclear):
        mask = pc.fill_null(pa.array(unclear, pa.bool_()).take(encoded.indices), False)
        positions = pc.indices_nonzero(mask).to_pylist()
    return pa.array(values, kind).take(encoded.indices), positions


def _keep(
    further: Sequence[dict[str, Any]] | None, name: str, column: pa.Array, positions: Sequence[int]
) -> Sequence[dict[str, Any]] | None:
    """Add to the further columns the values that were not understood, under our name for them."""
    if not positions:
        return further
    kept = [dict(row) for row in further] if further is not None else [{} for _ in range(len(column))]
    for position in positions:
        kept[position][name] = column[position].as_py()
    return kept


def _write_json(rows: Sequence[dict[str, Any]] | None, size: int) -> pa.Array:
    if rows is None:
        return pa.nulls(size, pa.string())
    return pa.array([_dump(row) for row in rows], pa.string())


def _dump(row: dict[str, Any]) -> str | None:
    row = {name: value for name, value in row.items() if value is not None and value != ""}
    if not row:
        return None
    try:
        return json.dumps(row, ensure_ascii=False, allow_nan=False, default=str)
    except ValueError:
        return json.dumps(drop_nan(row), ensure_ascii=False, default=str)


def _tell_defects(defects: Mapping[int, Defect], texts: pa.Array) -> dict[str, pa.Array]:
    missing = pc.if_else(pc.is_null(texts), "text_missing", pa.scalar(None, pa.string()))
    if not defects:
        return {"rule": missing}
    rules, size = missing.to_pylist(), len(texts)
    details: list[str | None] = [None] * size
    raws: list[bytes | None] = [None] * size
    for position, defect in defects.items():
        rules[position], details[position], raws[position] = defect.rule, defect.detail, defect.raw
    return {
        "rule": pa.array(rules, pa.string()),
        "detail": pa.array(details, pa.string()),
        "raw": pa.array(raws, pa.binary()),
    }
