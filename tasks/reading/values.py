"""Parses the values of raw rows by their profile: dates, labels and ratings; returns rows of `READ_SCHEMA`.

A date, label or rating that can't be parsed is kept with the further columns, under our name of its column.
"""

from collections.abc import Callable, Mapping
from functools import partial, reduce
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_contracts.review_files import READ_SCHEMA
from data_contracts.rules_and_limits import NO_REVIEW, ROUNDED_IDS, TEXT_NOT_GIVEN
from data_contracts.sources.profile import Profile, Rows
from tasks.reading.columns import PART, STATE, Reading
from tasks.reading.dates import make_date_parser
from tasks.reading.further_columns import add_values
from tasks.reading.labels import make_label_parser
from tasks.reading.missing_words import LONGEST_NO_TEXT, NO_ID_WORDS, NO_TEXT_WORDS
from tasks.reading.ratings import make_rating_parser
from tasks.reading.raw_rows import Defect, RawRows, measure_texts

_NO_IDS = pa.array(sorted(NO_ID_WORDS), pa.string())
_ROUNDED_ID = r"^\d(?:[.,]\d+)?[eE]\+\d{2,3}$"


def parse_rows(raw: RawRows, members: pa.Array, reading: Reading | None = None) -> pa.RecordBatch:
    """Parse the values of n raw rows by their reading, or the given one; return them as [n] rows of `READ_SCHEMA`.

    `members` [n] are the names of their members, null for a file that is no archive. Blank ids become null. A row
    without text and without a defect breaks the rule text_missing.
    """
    profile, size = (reading or raw.reading).profile, len(raw.row_numbers)
    ids = {name: _drop_blank(raw.known[name]) for name in ("review_id", "movie_id") if name in raw.known}
    exact, further = _drop_rounded(ids, raw.further)
    columns = {"row_number": raw.row_numbers, "member": members, **exact}
    if profile.movie is not None:
        columns["movie_id"] = pc.fill_null(
            columns.get("movie_id", pa.nulls(size, pa.string())), profile.movie
        )
    for name, parse in _make_parsers(profile).items():
        if name in raw.known:
            columns[name], unparsed = _parse_column(raw.known[name], parse, READ_SCHEMA.field(name).type)
            further = add_values(further, name, raw.known[name], unparsed)
    columns["extra"] = pa.nulls(size, pa.string()) if further is None else further
    none = NO_TEXT_WORDS | {text.strip().casefold() for text in profile.rows.no_text}
    text, not_given = _drop_missing_texts(raw, none, columns["extra"])
    defects = {**not_given, **_find_no_reviews(raw, profile.rows, text), **raw.defects}
    columns["text"] = _drop_texts(text, defects)
    columns |= _make_defect_columns(defects, columns["text"])
    for field in READ_SCHEMA:
        if field.name not in columns:
            columns[field.name] = pa.nulls(size, field.type)
    return pa.RecordBatch.from_arrays([columns[name] for name in READ_SCHEMA.names], schema=READ_SCHEMA)


def _make_parsers(profile: Profile) -> dict[str, Callable[[str], Any]]:
    """Return the functions by which a profile parses the values of our columns."""
    return {
        "reviewed_at": make_date_parser(profile.dates.format, profile.dates.time_zone),
        "given_label": make_label_parser(profile.labels),
        "given_rating": make_rating_parser(profile.rating),
    }


def _drop_missing_texts(
    raw: RawRows, none: frozenset[str] | set[str], extra: pa.Array
) -> tuple[pa.Array, dict[int, Defect]]:
    """Return the texts, those of several columns joined, without parts that stand for none, and the defects of rows so.

    In a file of ratings many customers write no text, and a spreadsheet writes empty rows below its table; that says
    nothing against the other rows. `extra` [n] has the further columns.
    """
    parts = [raw.known[name] for name in raw.known if name.startswith(PART)]
    body = raw.known.get("text", pa.nulls(len(raw.row_numbers), pa.string()))
    marked = [_mark_none(part, none) for part in (*parts, body)]
    filled = [
        pc.if_else(pa.array(~marks), part, None) if marks.any() else part
        for part, marks in zip((*parts, body), marked, strict=True)
    ]
    texts = reduce(_join_pair, filled)
    places = np.flatnonzero(np.logical_and.reduce(marked))
    defects: dict[int, Defect] = {}
    if len(places):
        judged, words = _mark_judged(raw), body.take(pa.array(places)).to_pylist()
        is_empty = pc.is_null(extra).to_numpy(zero_copy_only=False)
        for place, word in zip(places.tolist(), words, strict=True):
            if word and word.strip():
                detail = f"the text is '{word.strip()}', which stands for none"
                defects[place] = Defect(TEXT_NOT_GIVEN, detail, word.encode())
            elif word:  # blanks are reported as they are
                continue
            elif judged[place]:
                defects[place] = Defect(TEXT_NOT_GIVEN, "a rating or label without a text", None)
            elif raw.is_table and is_empty[place] and _is_empty(raw, place):
                defects[place] = Defect(TEXT_NOT_GIVEN, "the row is empty", None)
        blank = [place for place in places.tolist() if place not in defects]
        if blank:
            is_blank = np.zeros(len(body), dtype=bool)
            is_blank[blank] = True
            texts = pc.if_else(pa.array(is_blank), body, texts)
    return texts, defects


def _mark_none(texts: pa.Array, none: frozenset[str] | set[str]) -> NDArray[np.bool_]:
    """Return which of n texts are missing, blank or a word for none."""
    marks: NDArray[np.bool_] = texts.is_null().to_numpy(zero_copy_only=False).copy()
    longest = max(LONGEST_NO_TEXT, *map(len, map(str.encode, none)))
    # Only short texts are looked at, since few are.
    places = np.flatnonzero(~marks & (measure_texts(texts) <= longest))
    if len(places):
        short = pc.utf8_lower(pc.utf8_trim_whitespace(texts.take(pa.array(places))))
        is_none = pc.or_(pc.is_in(short, pa.array(sorted(none), pa.string())), pc.equal(short, ""))
        marks[places] = np.asarray(is_none)
    return marks


def _join_pair(before: pa.Array, after: pa.Array, between: str = "\n\n") -> pa.Array:
    """Join two columns of texts, by a blank line if nothing else is named; where one is null the other stays alone.

    Arrow's own way of skipping nulls drops the rows in which all are null.
    """
    return pc.coalesce(pc.binary_join_element_wise(before, after, between), before, after)


def _drop_texts(texts: pa.Array, defects: Mapping[int, Defect]) -> pa.Array:
    """Return n texts with null for those of rows with a defect."""
    if not defects:
        return texts
    usable = np.ones(len(texts), dtype=bool)
    usable[list(defects)] = False
    return pc.if_else(pa.array(usable), texts, None)


def _find_no_reviews(raw: RawRows, rows: Rows, texts: pa.Array) -> dict[int, Defect]:
    """Return the defect of each row of which another column says, by the profile, that it is no review."""
    defects: dict[int, Defect] = {}
    for listed, wanted in ((rows.only, True), (rows.never, False)):
        for name, values in listed.items():
            if (column := raw.known.get(f"{STATE}{name}")) is None:
                continue
            found = pc.fill_null(pc.utf8_lower(pc.utf8_trim_whitespace(column)), "")
            marks = pc.is_in(found, pa.array([value.strip().lower() for value in values], pa.string()))
            for place in pc.indices_nonzero(pc.invert(marks) if wanted else marks).to_pylist():
                text = texts[place].as_py()
                detail = f"its column '{name}' says that it is no review: '{(column[place].as_py() or '').strip()}'"
                defects[place] = Defect(NO_REVIEW, detail, None if text is None else text.encode())
    return defects


def _mark_judged(raw: RawRows) -> NDArray[np.bool_]:
    """Return which rows, [n], have a rating or a label."""
    judged = np.zeros(len(raw.row_numbers), dtype=bool)
    for name in ("given_rating", "given_label") if raw.is_table else ():
        if name in raw.known:
            length = pc.fill_null(pc.binary_length(pc.utf8_trim_whitespace(raw.known[name])), 0)
            judged |= length.to_numpy(zero_copy_only=False) > 0
    return judged


def _is_empty(raw: RawRows, place: int) -> bool:
    """Return whether no cell of a row has anything; a null, as in an object, is no cell."""
    values = [column[place].as_py() for column in raw.known.values()]
    return any(value is not None for value in values) and not any(map(str.strip, filter(None, values)))


def _drop_blank(ids: pa.Array) -> pa.Array:
    """Return ids without white space around them, with null for blank ones and for what programs write for none."""
    trimmed = pc.utf8_trim_whitespace(ids)
    return pc.if_else(pc.is_in(trimmed, _NO_IDS), None, trimmed)


def _drop_rounded(
    ids: dict[str, pa.Array], further: pa.Array | None
) -> tuple[dict[str, pa.Array], pa.Array | None]:
    """Return ids, by our column, without those in scientific notation; and the further columns with these.

    A spreadsheet writes long numbers so, and rounds them: many reviews would have one id.
    """
    # Nearly no id has a plus sign, which is found far faster than the pattern.
    suspect = {
        name: column for name, column in ids.items() if pc.any(pc.match_substring(column, "+")).as_py()
    }
    rounded = {name: pc.match_substring_regex(column, _ROUNDED_ID) for name, column in suspect.items()}
    if not rounded:
        return ids, further
    exact = {name: pc.if_else(marks, None, ids[name]) for name, marks in rounded.items()}
    found = [pc.if_else(marks, ids[name], None) for name, marks in rounded.items()]
    joined = reduce(partial(_join_pair, between=", "), found)
    places = pc.indices_nonzero(pc.is_valid(joined)).to_pylist()
    return ids | exact, add_values(further, ROUNDED_IDS, joined, places)


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


def _make_defect_columns(defects: Mapping[int, Defect], texts: pa.Array) -> dict[str, pa.Array]:
    """Return the columns of `READ_SCHEMA` that say which values can't be parsed: rule, detail and raw bytes."""
    if not defects and not texts.null_count:
        return {}
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
