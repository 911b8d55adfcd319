"""Maps the columns of a review file to those of `READ_SCHEMA` by their names, and parses their values.

Names are compared without case, surrounding spaces and a byte order mark. If several columns match one of ours, the
name that comes first in `COLUMN_NAMES` wins. All unmatched columns are further columns: they are kept as JSON, without
nulls and empty texts. A date, label or rating that can't be parsed is kept there too, under our name of its column.
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
"""Our column -> its names in review files. `score` is not a name of a rating: it may be the score of a model."""

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
"""Label in a review file -> our label; None: the review has no label."""

_RATING = re.compile(r"\s*(\d{1,3}(?:\.\d*)?)\s*(?:/\s*(5|10))?\s*", re.ASCII)
# A number of up to 8 digits may be a date such as 20240131. Epoch seconds have 9 digits since 1973.
_EPOCH = re.compile(r"\s*(\d{9,14})(\.\d*)?\s*", re.ASCII)
_EPOCH_IN_MILLISECONDS_FROM = 10**11
_EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)
_NAMES_SHOWN = 12
_UNREADABLE = (ArithmeticError, LookupError, ValueError, pa.ArrowException)


@dataclass(frozen=True)
class Columns:
    """The positions, from 0, of the columns of a file."""

    known: Mapping[str, int]
    """Our column -> position; without 'text' if the file has no text column."""
    further: Mapping[str, int]
    """Name of any other column, made unique -> position."""
    doubled: bool
    """True if several columns have the name of the text column."""


@dataclass(frozen=True)
class Defect:
    """A row rule that a reader found broken in one row, with a detail and the row's original bytes."""

    rule: str
    detail: str
    raw: bytes | None


@dataclass(frozen=True)
class RawRows:
    """n rows of a file before their dates, labels and ratings are parsed; one per source row."""

    row_numbers: pa.Array
    """[n] int64."""
    known: Mapping[str, pa.Array]
    """Our column -> [n] strings; only for columns that the file has."""
    further: Sequence[dict[str, Any]] | None = None
    """[n] objects with the values of the further columns; None if there are none."""
    defects: Mapping[int, Defect] = field(default_factory=dict)
    """Position, 0 to n - 1 -> defect; a row with a defect has no text."""


def select_columns(names: Sequence[str], text_column: str | None = None) -> Columns:
    """Map columns to ours by their names; `text_column` replaces the known names of the text column."""
    normalized = [_normalize(name) for name in names]
    text, doubled = _find_text(names, normalized, text_column)
    known = {} if text is None else {"text": text}
    for ours, candidates in COLUMN_NAMES.items():
        if ours != "text":
            positions = (normalized.index(name) for name in candidates if name in normalized)
            position = next((each for each in positions if each != text), None)
            known |= {} if position is None else {ours: position}
    return Columns(known, _name_further(names, set(known.values())), doubled)


def require_text(columns: Columns, names: Sequence[str], text_column: str | None = None) -> None:
    """Refuse a file without a text column (text_column_missing) or with several (text_column_doubled)."""
    if "text" not in columns.known:
        shown = ", ".join(f"'{name[:40]}'" for name in names[:_NAMES_SHOWN])
        more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
        expected = "is the text" if text_column is None else f"is called '{text_column}'"
        raise refusal("text_column_missing", f"none of the columns {shown}{more} {expected}")
    if columns.doubled:
        name = names[columns.known["text"]][:40]
        raise refusal("text_column_doubled", f"several columns are called '{name}'")


def make_raw_rows(
    names: Sequence[str],
    columns: Columns,
    decoded: Sequence[tuple[pa.Array, Mapping[int, bytes]]],
    row_numbers: pa.Array,
    defects: Mapping[int, Defect],
) -> RawRows:
    """Build n raw rows from the columns of a file; add a defect to each row with bytes that are not UTF-8.

    `decoded` has, for each column, [n] values, null if they are not UTF-8, and the bytes of those by position. The
    defect (text_encoding) keeps the original bytes of the row's text. `defects` are those already known.
    """
    arrays = [array for array, _ in decoded]
    all_defects = dict(defects)
    text = columns.known["text"]
    for position, (_, invalid) in enumerate(decoded):
        for row, data in invalid.items():
            raw = decoded[text][1].get(row) or (arrays[text][row].as_py() or "").encode()
            detail = f"column '{names[position]}': {describe_invalid(data)}"
            all_defects.setdefault(row, Defect("text_encoding", detail, raw))
    known = {ours: arrays[position] for ours, position in columns.known.items()}
    if all_defects:
        usable = np.ones(len(row_numbers), dtype=bool)
        usable[list(all_defects)] = False
        known["text"] = pc.if_else(pa.array(usable), known["text"], None)
    further = {name: arrays[position] for name, position in columns.further.items()}
    return RawRows(row_numbers, known, _list_further(further), all_defects)


def parse_rows(raw: RawRows, members: pa.Array) -> pa.RecordBatch:
    """Parse the values of n raw rows; return them as [n] rows of `READ_SCHEMA`.

    `members` [n] are the names of their members, null for a file that is no archive. Blank ids become null. A row
    without text and without a defect breaks the rule text_missing.
    """
    size = len(raw.row_numbers)
    columns = {
        "row_number": raw.row_numbers,
        "member": members,
        "text": raw.known.get("text", pa.nulls(size, pa.string())),
    }
    for name in ("review_id", "movie_id"):
        if name in raw.known:
            columns[name] = _drop_blank(raw.known[name])
    further = raw.further
    for name, (parse, kind) in _PARSERS.items():
        if name in raw.known:
            columns[name], unparsed = _parse_column(raw.known[name], parse, kind)
            further = _add_unparsed(further, name, raw.known[name], unparsed)
    columns["extra"] = _format_json(further, size)
    columns |= _make_defect_columns(raw.defects, columns["text"])
    absent = {name: pa.nulls(size, READ_SCHEMA.field(name).type) for name in READ_SCHEMA.names}
    return pa.RecordBatch.from_arrays(
        [columns.get(name, absent[name]) for name in READ_SCHEMA.names], schema=READ_SCHEMA
    )


def parse_label(text: str) -> str | None:
    """Parse a label; return 'positive', 'negative', or None for no label. Raises `ValueError` for anything else."""
    label = text.strip().lower()
    if label and label not in LABELS:
        raise ValueError("not a label")
    return LABELS.get(label)


def parse_rating(text: str) -> float | None:
    """Parse a rating from 1 to 10 stars, such as '8', '7.5' or '8/10'; None if blank, else raise `ValueError`.

    Ratings out of five are doubled: '4/5' is 8.
    """
    match = _RATING.fullmatch(text)
    if match is None and not text.strip():
        return None
    stars = float(match[1]) * (2 if match[2] == "5" else 1) if match else math.nan
    if not LOWEST_STARS <= stars <= HIGHEST_STARS:
        raise ValueError("not a rating")
    return stars


def parse_moment(text: str) -> datetime | None:
    """Parse an ISO 8601 date or time, or an epoch in seconds or milliseconds; None if blank.

    A time without a time zone is in UTC; a date becomes the start of that day. Raises `ValueError` for anything else.
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


_PARSERS: Mapping[str, tuple[Callable[[str], Any], pa.DataType]] = {
    "reviewed_at": (parse_moment, READ_SCHEMA.field("reviewed_at").type),
    "given_label": (parse_label, READ_SCHEMA.field("given_label").type),
    "given_rating": (parse_rating, READ_SCHEMA.field("given_rating").type),
}


def _find_text(
    names: Sequence[str], normalized: Sequence[str], text_column: str | None
) -> tuple[int | None, bool]:
    """Return the position of the text column, None if there is none, and whether other columns have its name."""
    if text_column is not None and list(names).count(text_column) == 1:
        # An exact match wins over columns that differ only in case.
        return list(names).index(text_column), False
    candidates = COLUMN_NAMES["text"] if text_column is None else (_normalize(text_column),)
    name = next((name for name in candidates if name in normalized), None)
    return (None, False) if name is None else (normalized.index(name), normalized.count(name) > 1)


def _normalize(name: str) -> str:
    return name.strip().lstrip("\ufeff").strip().casefold()


def _name_further(names: Sequence[str], taken: set[int]) -> dict[str, int]:
    """Return a unique name for each further column: 'column_3' for a blank one, 'tag_2' for the second 'tag'."""
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
    """Return columns of n values as n objects.

    A value that Python can't represent is null; the key `UNREADABLE_COLUMNS` of its object lists such columns.
    """
    if not further:
        return None
    columns = {name: _read_values(array) for name, array in further.items()}
    values = [column for column, _ in columns.values()]
    rows = [dict(zip(further, row, strict=True)) for row in zip(*values, strict=True)]
    for name, (_, unreadable) in columns.items():
        for position in unreadable:
            rows[position].setdefault(UNREADABLE_COLUMNS, []).append(name)
    return rows


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


def _drop_blank(ids: pa.Array) -> pa.Array:
    trimmed = pc.utf8_trim_whitespace(ids)
    return pc.if_else(pc.equal(trimmed, ""), None, trimmed)


def _parse_column(
    column: pa.Array, parse: Callable[[str], Any], kind: pa.DataType
) -> tuple[pa.Array, list[int]]:
    """Parse [n] strings, each distinct value once; return [n] values and the positions that can't be parsed."""
    encoded = column.dictionary_encode()
    values: list[Any] = []
    failed: list[bool] = []
    for text in encoded.dictionary.to_pylist():
        try:
            value, has_failed = parse(text), False
        except ValueError:
            value, has_failed = None, True
        values.append(value)
        failed.append(has_failed)
    positions: list[int] = []
    if any(failed):
        mask = pc.fill_null(pa.array(failed, pa.bool_()).take(encoded.indices), False)
        positions = pc.indices_nonzero(mask).to_pylist()
    return pa.array(values, kind).take(encoded.indices), positions


def _add_unparsed(
    further: Sequence[dict[str, Any]] | None, name: str, column: pa.Array, positions: Sequence[int]
) -> Sequence[dict[str, Any]] | None:
    """Return the further columns with the values of `column` at `positions` added, under `name`."""
    if not positions:
        return further
    kept = [dict(row) for row in further] if further is not None else [{} for _ in range(len(column))]
    for position in positions:
        kept[position][name] = column[position].as_py()
    return kept


def _format_json(rows: Sequence[dict[str, Any]] | None, size: int) -> pa.Array:
    if rows is None:
        return pa.nulls(size, pa.string())
    return pa.array([_format_row(row) for row in rows], pa.string())


def _format_row(row: dict[str, Any]) -> str | None:
    row = {name: value for name, value in row.items() if value is not None and value != ""}
    if not row:
        return None
    try:
        return json.dumps(row, ensure_ascii=False, allow_nan=False, default=str)
    except ValueError:
        return json.dumps(drop_nan(row), ensure_ascii=False, default=str)


def _make_defect_columns(defects: Mapping[int, Defect], texts: pa.Array) -> dict[str, pa.Array]:
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
