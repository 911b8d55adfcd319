"""The rows of a review file before their dates, labels and ratings are parsed.

All unmatched columns are further columns: their values are kept, except those that Python can't represent.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.review_files.column_mapping import Columns
from tasks.review_files.encodings import describe_invalid
from tasks.review_files.further_columns import format_columns
from tasks.review_files.plans.normalized_names import normalize_name
from tasks.review_files.plans.reading_plan import Doubt
from tasks.support.refusals import refusal

_FEWEST_TYPES = 2
_FEWEST_REORDERED = 3
"""Names from which on a row that has them in another order can only be a header."""
_IS_SUMS = "it is a line of sums below the table"
TYPES = "it has the types of the columns"
"""The detail of such a row below the header."""
_LONGEST_FOOTER = 200
"""Characters of a footer, or a line of sums, at most."""
MOST_FOOTERS = 3
"""Rows at the end of a table that may be none of it."""
_TYPE = re.compile(
    r"(?:(?:nullable|lowcardinality|array)\()*"
    r"(?:u?int(?:eger)?\d{0,3}|(?:big|small|tiny|medium)int|(?:tiny |medium |long )?text|(?:tiny|medium|long)text|str"
    r"|(?:fixed)?string|object|n?(?:var)?char2?|character varying|uuid|bool(?:ean)?|bit|time|date(?:time)?\d{0,2}"
    r"|timestamp(?:tz)?|enum\d{0,2}|float\d{0,2}|double(?: precision)?|decimal|numeric|number|real"
    r"|(?:y{2,4}|m{1,2}|d{1,2})(?:[-./ ](?:y{2,4}|m{1,2}|d{1,2})){2}|\d{1,2} ?(?:-|to) ?\d{1,3}"
    r"|(?:free |plain )text)"
    r"(?:\([\w ,'=/+-]{1,80}\))?\)*(?: not null)?",
    re.IGNORECASE,
)
"""The type of a column in a database or a program."""
_NUMBER = re.compile(r"[+-]?\d[\d.,]*\s*(?:%|/\s*\d+)?")
_COUNTED = r" (?:(?:number )?of )?(?:reviews?|ratings?|scores?|stars?|rows|records|responses|comments)"
_ROWS = r"(?:reviews?|ratings?|rows|records|responses|comments?|entries)"
_SUM = re.compile(
    r"(?:(?:grand |sub-?)?totals?|sum|average|avg|mean|median|count)"
    rf"(?:{_COUNTED}\s*:?|(?:{_COUNTED})?\s*:?\s*[+-]?\d[\d.,]*)"
    r"|(?:grand |sub-?)?totals?\s*:?"
    rf"|(?:total )?(?:number|no\.|#) of {_ROWS}\s*[:=]?\s*\d[\d.,]*|n\s*=\s*\d[\d.,]*"
    r"|(?:gesamt(?:zahl)?|summe|anzahl|durchschnitt|mittelwert|totale|moyenne|promedio)\s*:\s*\d[\d.,]*",
    re.IGNORECASE,
)
"""What stands in a line of sums below a table. `Average` beside a number may be a review."""
_MEAN = re.compile(r"mean|average|avg\.?|median|ø", re.IGNORECASE)
_FEWEST_BLANK = 2
"""Blank cells from which on one of these words, as the only filled cell of its row, is no review."""
_ROWS_COUNTED = re.compile(rf"\d[\d.,]* {_ROWS}(?: in total)?", re.IGNORECASE)
_SUMMED = re.compile(
    r"(?:[^!?]{1,60} )?(?:sub-?)?totals?|sum|average|avg\.?|mean|median|count|gesamt|summe", re.IGNORECASE
)
"""What stands before a number of reviews in the column of the text, such as `Heat Total`."""
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?"
_DIGITS = r"\d{4}-\d\d-\d\d|\d{1,2}[./]\d{1,2}[./]\d{2,4}"
_DATE = rf"(?:{_DIGITS}|\d{{1,2}}[. ]{{1,2}}{_MONTH} \d{{4}}|{_MONTH} \d{{1,2}},? \d{{4}})"
_END = r"[T\d:., ]*(?:UTC|Z|[ap]m)?(?:, \d+ \w+)?\W*"
"""What may follow the date of an export."""
_FILTER = (
    r"(?:(?:last|past) \d{1,3} (?:days|weeks|months|years)"
    r"|all (?:films|movies|products|items|titles|reviews|ratings|stars|dates|countries|languages|sources|stores))"
)
"""One condition of those by which a program chose the rows."""
_FOOTER = re.compile(
    rf"\W*(?:(?:exported|generated|created|printed|downloaded) (?:on|at|by|from|with)\b[^!?]{{0,60}}(?:{_DIGITS}){_END}"
    # With a month by its name, a sentence of a review may look like it.
    rf"|(?:exported|generated|downloaded) (?:(?:from|by|with) \w{{1,30}} )?(?:on|at) {_DATE}{_END}"
    rf"|source: [^!?]{{0,40}}\b(?:export|report|download|database)\b[^!?]{{0,40}}{_DATE}\W*"
    rf"|filters?: {_FILTER}(?:[,;] {_FILTER}){{0,5}}\W*"
    rf"|(?:showing )?{_ROWS} \d+ ?(?:-|–|to) ?\d+ of \d+\W*|showing \d+ ?(?:-|–|to) ?\d+ of \d+ {_ROWS}\W*"
    r"|end of (?:the )?(?:report|file|export|data|list)"
    r"(?:\W+\d+ (?:rows|records|reviews|responses|entries|lines)\b[^!?]{0,60})?\W*"
    r"|confidential(?: information| data)?\W+"
    r"(?:internal use only|do not (?:share|distribute|copy|disclose|forward)|not for distribution)\W*"
    r"|\(\d+ rows?(?: affected)?\)|completion time: \S+|page \d+ (?:of|/) \d+\W*)",
    re.IGNORECASE,
)
"""What a program writes below a table, in a line of its own."""

_IS_BLANK = np.isin(np.arange(256), list(b" \t\n\v\f\r"))
"""[256], for each byte."""


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
    further: pa.Array | None = None
    """[n] JSON objects with the values of the further columns, null where all are empty; None if there are none."""
    defects: Mapping[int, Defect] = field(default_factory=dict)
    """Position, 0 to n - 1 -> defect; a row with a defect has no text."""
    names: tuple[str, ...] = ()
    """The names of all columns that the rows have."""
    origins: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Our column -> the names of the columns that its values come from; several if rows differ in their columns."""
    doubts: tuple[Doubt, ...] = ()
    """What the reader of the format leaves open."""


def make_raw_rows(
    names: Sequence[str],
    columns: Columns,
    decoded: Sequence[tuple[pa.Array, Mapping[int, bytes]]],
    row_numbers: pa.Array,
    defects: Mapping[int, Defect],
) -> RawRows:
    """Build n raw rows from the columns of a file; add a defect to each row with bytes that are not UTF-8.

    `decoded` has, for each column, [n] values, null if they are not UTF-8, and the bytes of those by position. The
    defect (text_encoding) keeps the original bytes of the row's text, joined if it is of several columns. `defects` are
    those already known.
    """
    arrays = [array for array, _ in decoded]
    all_defects = dict(defects)
    places = columns.list_text()
    for position, (_, invalid) in enumerate(decoded):
        for row, data in invalid.items():
            raw = join_bytes([_find_bytes(decoded[place], row) for place in places])
            detail = f"column '{names[position]}': {describe_invalid(data)}"
            all_defects.setdefault(row, Defect("text_encoding", detail, raw))
    # What says how values are meant is a further column too, and these keep their types.
    known = {ours: arrays[position].cast(pa.string()) for ours, position in columns.known.items()}
    if all_defects:
        usable = np.ones(len(row_numbers), dtype=bool)
        usable[list(all_defects)] = False
        known["text"] = pc.if_else(pa.array(usable), known["text"], None)
    further = {name: arrays[position] for name, position in columns.further.items()}
    origins = {ours: frozenset([names[place]]) for ours, place in columns.known.items()}
    return RawRows(row_numbers, known, format_columns(further), all_defects, tuple(names), origins)


def join_bytes(parts: Sequence[bytes]) -> bytes:
    """Return the bytes of a text of several columns as valid texts are joined: by a blank line, without blank ones."""
    return b"\n\n".join(part for part in parts if part.strip()) or parts[-1]


def _find_bytes(decoded: tuple[pa.Array, Mapping[int, bytes]], row: int) -> bytes:
    """Return the original bytes of a row's value."""
    values, invalid = decoded
    return invalid.get(row) or (values[row].as_py() or "").encode()


def measure_texts(texts: pa.Array) -> NDArray[np.int32]:
    """Return the bytes of n texts, anything for null; Arrow's own function takes longer for a few texts."""
    if not len(texts):
        return np.zeros(0, np.int32)
    _, offsets, _ = texts.buffers()
    places = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return places[1:] - places[:-1]


def mark_blank_starts(texts: pa.Array) -> NDArray[np.bool_]:
    """Return which of n texts begin with white space, anything for an empty one and null."""
    _, offsets, data = texts.buffers()
    if not len(texts) or data is None or not data.size:
        return np.zeros(len(texts), bool)
    places = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts)]
    first = np.frombuffer(data, np.uint8)[np.minimum(places, data.size - 1)]
    blank: NDArray[np.bool_] = _IS_BLANK[first]
    return blank


def find_headers(arrays: Sequence[pa.Array], names: Sequence[str]) -> list[int]:
    """Return the positions of the rows in which the value of every column is its name."""
    if not (measure_texts(arrays[0]) == len(names[0].encode())).any():
        return []  # most batches end here: Arrow's functions would take three percent of the time of reading
    rows = pc.indices_nonzero(pc.fill_null(pc.equal(arrays[0], names[0]), False)).to_pylist()
    return [row for row in rows if [array[row].as_py() for array in arrays] == list(names)]


def require_order(arrays: Sequence[pa.Array], names: Sequence[str], text: int, numbers: pa.Array) -> None:
    """Refuse (header_changed) rows of which one has the names of the columns in another order.

    `text` is the place of the text's column, and `numbers` has the numbers of the rows.
    """
    rows = _find_names([arrays[text], *arrays], names)
    own = list(map(normalize_name, names)) if rows else []
    if len(set(filter(None, own))) < _FEWEST_REORDERED:
        return
    for row in rows:
        found = [normalize_name(array[row].as_py() or "") for array in arrays]
        if found != own and sorted(found) == sorted(own):
            problem = f"row {numbers[row].as_py():,} has the names of the columns in another order"
            raise refusal("header_changed", problem)


def _find_names(arrays: Sequence[pa.Array], names: Sequence[str]) -> list[int]:
    """Return the positions of the rows whose first value is the name of a column, and whose others may be names."""
    lengths = [len(name.encode()) for name in names]
    may_be = np.zeros(max(lengths) + 2, dtype=bool)
    may_be[lengths] = True
    # Few values are as long as a name: Arrow's functions would take three percent of the time of reading all.
    places = np.flatnonzero(may_be[np.minimum(measure_texts(arrays[0]), len(may_be) - 1)])
    for array in arrays[1:]:
        if not len(places):
            return []
        places = places[may_be[np.minimum(measure_texts(array)[places], len(may_be) - 1)]]
    lowered = pc.utf8_lower(arrays[0].take(pa.array(places)))
    is_name = pc.is_in(lowered, pa.array([name.lower() for name in names], pa.string()))
    found: list[int] = places[np.asarray(is_name)].tolist()
    return found


def are_types(cells: Sequence[str]) -> bool:
    """Return whether all filled cells of a row are the types of columns, and several are filled."""
    filled = list(filter(None, map(str.strip, cells)))
    return len(filled) >= _FEWEST_TYPES and all(map(_TYPE.fullmatch, filled))


def find_outer_rows(
    rows: Sequence[Sequence[str]], text: int, is_first: bool, is_last: bool
) -> dict[int, str]:
    """Return which of n rows above and below the reviews of a table are none, and why, by position.

    These are the types of the columns in the first one, if the rows are its first ones, and its last sums and footers.
    """
    found = {0: TYPES} if is_first and are_types(rows[0]) else {}
    for place in range(len(rows) - 1, max(len(rows) - 1 - MOST_FOOTERS, -1), -1) if is_last else ():
        if (detail := describe_last(rows[place], text, rows[place - 1] if place else ())) is None:
            break
        found[place] = detail
    return found


def describe_last(cells: Sequence[str], text: int, above: Sequence[str] = ()) -> str | None:
    """Return why a last row, which has a text, is none of the table: its sums, or a footer; None if it may be a review.

    The text is the first filled cell of such a row; the others have numbers, or nothing. Before a number of reviews
    there may be a cell such as `Total`. `Mean` alone is a sum if the row `above` has a number.
    """
    before, (first, *others) = [*map(str.strip, cells[:text])], map(str.strip, cells[text:])
    # The patterns take quadratic time for texts that are nearly a footer.
    if len(first) > _LONGEST_FOOTER:
        return None
    if _counts_rows(first, [*before, *others]):
        return _IS_SUMS
    if any(before):
        return None
    numbers = list(filter(None, others))
    is_alone = not numbers and len(cells) > _FEWEST_BLANK and _MEAN.fullmatch(first)
    if (is_alone and any(map(_NUMBER.fullmatch, map(str.strip, above)))) or _is_sum(first, numbers):
        return _IS_SUMS
    return "it is a footer below the table" if _FOOTER.fullmatch(first) and not any(others) else None


def _counts_rows(text: str, others: Sequence[str]) -> bool:
    """Return whether a text is a number of reviews beside one cell such as `Total`, and no others but numbers."""
    if not _ROWS_COUNTED.fullmatch(text):
        return False
    words = [cell for cell in others if cell and not _NUMBER.fullmatch(cell)]
    return len(words) == 1 and len(words[0]) <= _LONGEST_FOOTER and bool(_SUMMED.fullmatch(words[0]))


def _is_sum(text: str, others: Sequence[str]) -> bool:
    """Return whether a text stands in a line of sums, whose other filled cells are numbers."""
    if not all(map(_NUMBER.fullmatch, others)):
        return False
    is_mean = bool(others) and text.rstrip(": ").casefold() == "ø"
    return is_mean or _SUM.fullmatch(text) is not None
