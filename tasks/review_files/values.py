"""Parses the values of raw rows: dates, labels and ratings; returns them as rows of `READ_SCHEMA`.

Further columns are kept as JSON, without nulls and empty texts. A date, label or rating that can't be parsed is kept
there too, under our name of its column.
"""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.limits import HIGHEST_STARS, LOWEST_STARS
from data_contracts.review_files import READ_SCHEMA
from tasks.review_files.raw_rows import Defect, RawRows
from tasks.support.wording import drop_nan

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


def _drop_blank(ids: pa.Array) -> pa.Array:
    """Return ids without white space around them, with null for blank ones."""
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
    """Return the further values of rows as JSON texts, [n]."""
    if rows is None:
        return pa.nulls(size, pa.string())
    return pa.array([_format_row(row) for row in rows], pa.string())


def _format_row(row: dict[str, Any]) -> str | None:
    """Return values that are not parsed any further, by name, as one JSON text; None if all are empty."""
    row = {name: value for name, value in row.items() if value is not None and value != ""}
    if not row:
        return None
    try:
        return json.dumps(row, ensure_ascii=False, allow_nan=False, default=str)
    except ValueError:
        return json.dumps(drop_nan(row), ensure_ascii=False, default=str)


def _make_defect_columns(defects: Mapping[int, Defect], texts: pa.Array) -> dict[str, pa.Array]:
    """Return the columns of `READ_SCHEMA` that say which values can't be parsed: rule, detail and raw bytes."""
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
