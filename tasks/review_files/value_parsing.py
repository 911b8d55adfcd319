"""Parses the values of raw rows by the plan of their file: dates, labels and ratings; returns rows of `READ_SCHEMA`.

A date, label or rating that can't be parsed is kept with the further columns, under our name of its column.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial, reduce
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_contracts.review_files import READ_SCHEMA
from data_contracts.rules_and_limits import NO_REVIEW, ROUNDED_IDS, TEXT_NOT_GIVEN
from tasks.review_files.further_columns import add_values
from tasks.review_files.inference.known_column_names import (
    AUTHOR_TYPES,
    COMMENT_TYPE,
    OWNER_FLAGS,
    PARENT,
    ROW_TYPES,
    STATE_COLUMNS,
    STATES,
    name_state,
)
from tasks.review_files.inference.name_doubts import RIVALS
from tasks.review_files.plans.dates import make_date_parser
from tasks.review_files.plans.labels import make_label_parser
from tasks.review_files.plans.missing_words import LONGEST_NO_TEXT, NO_ID_WORDS, stands_for_no_text
from tasks.review_files.plans.normalized_names import PART
from tasks.review_files.plans.ratings import make_rating_parser
from tasks.review_files.plans.reading_plan import ReadingPlan
from tasks.review_files.raw_rows import Defect, RawRows, measure_texts
from tasks.support.refusals import refusal

_NO_IDS = pa.array(sorted(NO_ID_WORDS), pa.string())
_AUTHORS = frozenset(map(name_state, (*AUTHOR_TYPES, *ROW_TYPES, *OWNER_FLAGS)))
_PARENT, _COMMENT_TYPE = name_state(PARENT), name_state(COMMENT_TYPE)
_NUMBER_OF_PARENT = r"^0*[1-9]\d*(?:\.0+)?$"
"""The number of a comment that is answered; what else stands in its place means that there is none."""
_STATES = {state: pa.array(STATES[name], pa.string()) for state, [name] in STATE_COLUMNS.items()}
"""What says that a row is no review, by the key of its column."""
_NAME_OF_RATING = r'(?i)"[^"]*(?:score|rating|\brate|stars|\bnps\b|satisf|recommend|\blikely|grade)[^"]*": '
"""A key of `extra` that may be a rating, or an answer that is one."""
_LABEL_OF, _LOOKED_AT_FIRST = re.compile(r'"label_of": "[0-9a-f]{64}"', re.IGNORECASE), 16
"""What names the text in a row of a sheet of labels; rows of a batch in which it is looked for."""
_ROUNDED_ID = r"^\d(?:[.,]\d+)?[eE]\+\d{2,3}$"


def parse_rows(raw: RawRows, members: pa.Array, plan: ReadingPlan) -> pa.RecordBatch:
    """Parse the values of n raw rows by a plan; return them as [n] rows of `READ_SCHEMA`.

    `members` [n] are the names of their members, null for a file that is no archive. Blank ids become null. A row
    without text and without a defect breaks the rule text_missing.
    """
    _require_no_sheet(raw)
    raw, size = _name_ratings(raw, plan), len(raw.row_numbers)
    columns = {"row_number": raw.row_numbers, "member": members, "text": _join_text(raw)}
    ids = {name: _drop_blank(raw.known[name]) for name in ("review_id", "movie_id") if name in raw.known}
    exact, further = _drop_rounded(ids, raw.further)
    columns |= exact
    if plan.constant_movie_id is not None:
        columns["movie_id"] = pc.fill_null(
            columns.get("movie_id", pa.nulls(size, pa.string())), plan.constant_movie_id
        )
    for name, parse in _make_parsers(plan).items():
        if name in raw.known:
            columns[name], unparsed = _parse_column(raw.known[name], parse, READ_SCHEMA.field(name).type)
            further = add_values(further, name, raw.known[name], unparsed)
    columns["extra"] = pa.nulls(size, pa.string()) if further is None else further
    columns["text"], not_given = _drop_missing_texts(raw, columns["text"])
    columns["text"], others = _drop_no_reviews(raw, columns["text"], plan.has_ratings)
    columns |= _make_defect_columns({**not_given, **others, **raw.defects}, columns["text"])
    for field in READ_SCHEMA:
        if field.name not in columns:
            columns[field.name] = pa.nulls(size, field.type)
    return pa.RecordBatch.from_arrays([columns[name] for name in READ_SCHEMA.names], schema=READ_SCHEMA)


def _require_no_sheet(raw: RawRows) -> None:
    """Refuse (label_sheet) a sheet of `reviews label`, whose texts were scored before."""
    if raw.further is None or "label_of" not in map(str.lower, raw.names):
        return
    if any(map(_LABEL_OF.search, raw.further.slice(0, _LOOKED_AT_FIRST).drop_null().to_pylist())):
        raise refusal("label_sheet", "its column 'label_of' has the digests of texts")


def _name_ratings(raw: RawRows, plan: ReadingPlan) -> RawRows:
    """Return raw rows in which a column that has the labels by its name has the ratings, if the plan says so.

    So has a second column of ratings beside an empty first one; it stays in `extra` too.
    """
    named, second = frozenset([plan.given_rating or ""]), RIVALS["given_rating"]
    if raw.origins.get(second) == named and raw.origins.get("given_rating") != named:
        return replace(raw, known={**raw.known, "given_rating": raw.known[second]})
    if raw.origins.get("given_label") != named:
        return raw
    known = {name: values for name, values in raw.known.items() if name != "given_label"}
    return replace(raw, known={**known, "given_rating": raw.known["given_label"]})


def _make_parsers(plan: ReadingPlan) -> dict[str, Callable[[str], Any]]:
    """Return the functions by which a plan parses the values of our columns."""
    return {
        "reviewed_at": make_date_parser(plan.dates),
        "given_label": make_label_parser(plan.labels),
        "given_rating": make_rating_parser(plan.ratings),
    }


def _join_text(raw: RawRows) -> pa.Array:
    """Return the texts, [n]: those of several columns, unless blank, joined by a blank line; null for a defect."""
    body = raw.known.get("text", pa.nulls(len(raw.row_numbers), pa.string()))
    parts = [array for name, array in raw.known.items() if name.startswith(PART)]
    if not parts:
        return body
    filled = [pc.if_else(pc.equal(pc.utf8_trim_whitespace(each), ""), None, each) for each in (*parts, body)]
    # A row of blanks only keeps its body, so that it is reported as it is.
    joined = pc.coalesce(reduce(_join_pair, filled), body)
    if not raw.defects:
        return joined
    usable = np.ones(len(body), dtype=bool)
    usable[list(raw.defects)] = False
    return pc.if_else(pa.array(usable), joined, None)


def _join_pair(before: pa.Array, after: pa.Array, between: str = "\n\n") -> pa.Array:
    """Join two columns of texts, by a blank line if nothing else is named; where one is null the other stays alone.

    Arrow's own way of skipping nulls drops the rows in which all are null.
    """
    return pc.coalesce(pc.binary_join_element_wise(before, after, between), before, after)


def _drop_missing_texts(raw: RawRows, texts: pa.Array) -> tuple[pa.Array, dict[int, Defect]]:
    """Return texts without words for nothing; and a defect for each of these, and for a rating or label without a text.

    In a file of ratings many customers write no text, and a spreadsheet writes empty rows below its table; that says
    nothing against the other rows.
    """
    if not len(texts):
        return texts, {}
    short = measure_texts(texts) <= LONGEST_NO_TEXT
    if texts.null_count:
        short |= texts.is_null().to_numpy(zero_copy_only=False)
    places = np.flatnonzero(short)
    if not len(places):
        return texts, {}
    words = [text or "" for text in texts.take(pa.array(places)).to_pylist()]
    judged = _mark_judged(raw, places)
    defects = {
        int(place): _describe_missing(word)
        for place, word in zip(places, words, strict=True)
        if stands_for_no_text(word) or (not word and judged[place])
    }
    blank = places[[not word for word in words]]
    defects |= dict.fromkeys(
        _find_empty(raw, blank).tolist(), Defect(TEXT_NOT_GIVEN, "the row is empty", None)
    )
    if not defects:
        return texts, {}
    given = np.ones(len(texts), dtype=bool)
    given[list(defects)] = False
    return pc.if_else(pa.array(given), texts, None), defects


def _drop_no_reviews(raw: RawRows, texts: pa.Array, has_ratings: bool) -> tuple[pa.Array, dict[int, Defect]]:
    """Return texts without those of rows of which another column says that they are no reviews, and their defects."""
    are_rated = has_ratings and "given_rating" in raw.known
    defects: dict[int, Defect] = {}
    for state in filter(raw.known.__contains__, _STATES):
        values = raw.known[state]
        for place in pc.indices_nonzero(_mark_others(raw, state, are_rated)).to_pylist():
            text = texts[place].as_py()
            raw_text = None if text is None else text.encode()
            defects[place] = Defect(NO_REVIEW, _describe_other(state, values[place].as_py()), raw_text)
    if not defects:
        return texts, {}
    given = np.ones(len(texts), dtype=bool)
    given[list(defects)] = False
    return pc.if_else(pa.array(given), texts, None), defects


def _mark_others(raw: RawRows, state: str, are_rated: bool) -> pa.Array:
    """Return which rows, [n], are no reviews by one of the columns that say so; `are_rated`: the file has ratings."""
    values = pc.fill_null(pc.utf8_lower(pc.utf8_trim_whitespace(raw.known[state])), "")
    if state == _PARENT:
        return _mark_replies(raw, values, are_rated)
    if state not in _AUTHORS:
        return pc.is_in(values, _STATES[state])
    # Without ratings nothing tells a shop's reply from a review by an owner, as of a car.
    if not are_rated:
        return pa.repeat(pa.scalar(False), len(values))
    unjudged = pc.and_(_mark_empty(raw, "given_rating"), _mark_empty(raw, "given_label"))
    return pc.and_(pc.is_in(values, _STATES[state]), unjudged)


def _mark_replies(raw: RawRows, parents: pa.Array, are_rated: bool) -> pa.Array:
    """Return which rows, [n], are replies to reviews, by the comments that they answer; a blog has no reviews."""
    is_reply = pc.match_substring_regex(parents, _NUMBER_OF_PARENT)
    if are_rated:
        return pc.and_(is_reply, _mark_empty(raw, "given_rating"))
    kinds = raw.known.get(_COMMENT_TYPE, pa.nulls(len(parents), pa.string()))
    return pc.and_(is_reply, pc.fill_null(pc.equal(kinds, "review"), False))


def _mark_empty(raw: RawRows, ours: str) -> pa.Array:
    """Return which rows, [n], have nothing in one of our columns."""
    values = raw.known.get(ours, pa.nulls(len(raw.row_numbers), pa.string()))
    return pc.equal(pc.fill_null(pc.ascii_trim_whitespace(values), ""), "")


def _describe_other(state: str, value: str) -> str:
    """Say by which value of a column a row is no review."""
    if state == _PARENT:
        return f"it is a reply to the comment '{value.strip()}'"
    return f"another column says that it is no review: '{value.strip()}'"


def _describe_missing(word: str) -> Defect:
    """Return the defect of a row without a text, or with a word for nothing."""
    if not word:
        return Defect(TEXT_NOT_GIVEN, "a rating or label without a text", None)
    return Defect(TEXT_NOT_GIVEN, f"the text is '{word.strip()}', which stands for none", word.encode())


def _mark_judged(raw: RawRows, places: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which rows, [n], have a rating or a label; of further columns only those of the rows at `places` count."""
    judged = np.zeros(len(raw.row_numbers), dtype=bool)
    if not raw.names:
        return judged  # a text file, whose name may give a rating
    for name in ("given_rating", "given_label"):
        if name in raw.known:
            length = pc.fill_null(pc.binary_length(raw.known[name]), 0)
            judged |= length.to_numpy(zero_copy_only=False) > 0
    if raw.further is not None:
        further = raw.further.take(pa.array(places))
        named = pc.fill_null(pc.match_substring_regex(further, _NAME_OF_RATING), False)
        judged[places] |= named.to_numpy(zero_copy_only=False)
    return judged


def _find_empty(raw: RawRows, places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return those of some places at which all of several cells are empty; a null, as in an object, is no cell."""
    is_empty = np.full(len(places), len(raw.names) > 1)
    for column in raw.known.values():
        lengths = pc.fill_null(pc.binary_length(column.take(pa.array(places))), 1)
        is_empty &= lengths.to_numpy(zero_copy_only=False) == 0
    if raw.further is not None:
        is_empty &= raw.further.take(pa.array(places)).is_null().to_numpy(zero_copy_only=False)
    empty: NDArray[np.int64] = places[is_empty]
    return empty


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
