"""Maps the columns of a review file to those of `READ_SCHEMA`: by the plan of the file, and by known names.

Names are compared without case, spaces, `_`, `-`, dots and a byte order mark: `reviewText`, `Review Text` and
`review_text` are one name. All unmatched columns are further columns.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tasks.review_files.inference.column_recognition import Recognised, find_states, recognise_columns
from tasks.review_files.inference.known_column_names import COLUMN_NAMES
from tasks.review_files.inference.text_suggestions import find_parts, sort_likely
from tasks.review_files.plans.normalized_names import CUT, PART, clean_name, normalize_name, quote_name
from tasks.review_files.plans.reading_plan import ReadingPlan
from tasks.support.refusals import refusal
from tasks.support.wording import quote_word

AUTHOR = "author"
"""The key in `extra` of the column that a plan names as the author."""
_NO_PLAN = ReadingPlan()
_NAMES_SHOWN = 12
MAX_COLUMNS = 10_000
"""Most columns of a file."""
_NUMBER = re.compile(r"\s*[+-]?\d+(?:[.,]\d+)?\s*", re.ASCII)
_WORDS_OF_VALUE = 4
_SENTENCE = re.compile(r"[.!](?:\s|\Z)")
_LONGEST_NAME, _LONGEST_QUESTION = 60, 200
"""Characters that a name, and a question of a survey, hardly ever exceed."""
_FEWEST_NAMES = 2
_TYPES_OF_MONGO = re.compile(r"(?:\.\$(?:date|oid|number[A-Z][a-z]+))+\Z")
MOST_TITLES = 10
"""Most rows of titles above a header."""


@dataclass(frozen=True)
class Columns:
    """The positions, from 0, of the columns of a file."""

    known: Mapping[str, int]
    """Our column, a part of the text, or what says how ratings or labels are meant -> position.

    Without 'text' if the file has no text. What says how values are meant is a further column too.
    """
    further: Mapping[str, int]
    """Name of any other column, made unique -> position."""
    doubled: bool
    """True if several columns have the name of the text column."""

    def list_text(self) -> list[int]:
        """Return the positions of the text's columns, in the order in which they are joined."""
        parts = [place for name, place in self.known.items() if name.startswith(PART)]
        return [*parts, self.known["text"]] if "text" in self.known else parts


def select_columns(names: Sequence[str], plan: ReadingPlan = _NO_PLAN) -> Columns:
    """Map columns to ours: those that the plan names, and others by their known names if the plan allows it."""
    # A row that is spam is so under a profile too.
    recognised = recognise_columns(names) if plan.known_names else Recognised(beside=find_states(names))
    normalized = [normalize_name(name) for name in names] if plan.names_columns() else []
    text, doubled = _find_text(names, normalized, plan, recognised)
    known = dict(text)
    for ours in COLUMN_NAMES:
        if ours != "text" and (ours != "review_id" or plan.ids_hold):
            wanted = plan.name_column(ours)
            place = find_column(names, normalized, wanted) if wanted else recognised.known.get(ours)
            known |= {} if place is None or place in text.values() else {ours: place}
    beside = {what: place for what, place in recognised.beside.items() if place not in known.values()}
    if not plan.keep_further:
        return Columns({**known, **beside}, {}, doubled)
    author = find_column(names, normalized, plan.author) if plan.author else None
    further = _find_further(names, set(known.values()), author)
    return Columns({**known, **beside}, further, doubled)


def skip_titles(rows: Sequence[Sequence[str]], plan: ReadingPlan = _NO_PLAN) -> int:
    """Return how many of the first rows are titles above the header; 0 if no header with a text is below them.

    A title is a row with one filled field at most, or a comment: a row that begins with `#` and names no text. Names of
    groups of columns, each above the first one of its group, are titles too, and so are rows of two filled fields, such
    as `Period:` and a month, above a header with more.
    """
    filled = (place for place, row in enumerate(rows) if not _is_title(row, plan))
    place = _skip_pairs(rows, next(filled, 0), plan)
    place += place < len(rows) - 1 and _names_groups(rows[place], rows[place + 1], plan)
    is_header = place <= MOST_TITLES and "text" in select_columns(rows[place], plan).known
    return place if is_header else 0


def _is_title(row: Sequence[str], plan: ReadingPlan) -> bool:
    """Return whether a row is a title or a comment if a header is below it."""
    if _count_filled(row) < _FEWEST_NAMES:
        return True
    return row[0].lstrip().startswith("#") and "text" not in select_columns(row, plan).known


def _skip_pairs(rows: Sequence[Sequence[str]], start: int, plan: ReadingPlan) -> int:
    """Return the place of the header below rows of two filled fields that begin at `start`; `start` if it is none."""
    fuller = (place for place in range(start, len(rows)) if _count_filled(rows[place]) > _FEWEST_NAMES)
    place = next(fuller, start)
    above = rows[start:place]
    if any("text" in select_columns(row, plan).known for row in above):
        return start
    return place if above and _is_sure_header(rows[place], plan) else start


def _is_sure_header(row: Sequence[str], plan: ReadingPlan) -> bool:
    """Return whether a row below others is a header: it names a text, and another column unless a profile names it."""
    if max(map(len, row), default=0) > _LONGEST_QUESTION:
        return False
    known = select_columns(row, plan).known
    return "text" in known and (len(known) >= _FEWEST_NAMES or not plan.known_names)


def _count_filled(row: Sequence[str]) -> int:
    """Return how many fields of a row are filled."""
    return sum(map(bool, map(str.strip, row)))


def _names_groups(row: Sequence[str], below: Sequence[str], plan: ReadingPlan) -> bool:
    """Return whether a row names groups of columns: it has fewer names than the row below, which is a header."""
    is_fuller = _count_filled(row) < _count_filled(below) and len(row) == len(below)
    return is_fuller and not all(map(str.strip, row)) and _is_sure_header(below, plan)


def require_text(columns: Columns, names: Sequence[str], plan: ReadingPlan = _NO_PLAN) -> None:
    """Refuse a file without a text column (text_column_missing) or with several (text_column_doubled).

    A file that lacks a column which the profile of its source names is refused too (profile_column_missing), and one
    that lacks it or a text because it is a sheet of `reviews label` (label_sheet).
    """
    if not names:
        raise refusal("text_column_missing", "its rows have no columns")
    missing = [name for name in plan.list_names() if name not in names] if not plan.known_names else []
    normalized = [normalize_name(name) for name in names] if missing else []
    missing = [name for name in missing if find_column(names, normalized, name) is None]
    if missing or "text" not in columns.known:
        _require_no_sheet(names)
    if missing:
        raise refusal(
            "profile_column_missing",
            f"none of the columns {_quote_names(names)} is called {quote_name(missing[0])}",
        )
    if "text" not in columns.known:
        expected = f"is called '{plan.text[-1]}'" if plan.text else f"is the text{_propose_parts(names)}"
        raise refusal("text_column_missing", f"none of the columns {_quote_names(names)} {expected}")
    if columns.doubled:
        name = names[columns.known["text"]]
        step = (
            ", so no option can name one of them: rename or drop the others" if names.count(name) > 1 else ""
        )
        raise refusal("text_column_doubled", f"several columns are called {quote_name(name)}{step}")


def _require_no_sheet(names: Sequence[str]) -> None:
    """Refuse (label_sheet) columns that have the names of those of a sheet of `reviews label`; no value is read yet."""
    lower = {*map(str.lower, names)}
    if "label_of" in lower and len(lower & {"label", "stars", "drawn"}) > 1:
        raise refusal("label_sheet", "its column 'label_of' is that of a sheet of labels")


def require_names(names: Sequence[str], text: Sequence[str] = ()) -> None:
    """Refuse (header_broken) a first row that is one of values: a bare number beside several words in a row.

    If names were given for the `text`, one of them must be prose too, since a survey may number its columns. If a value
    were taken for a name, the first review would be lost.
    """
    has_number = any(map(_NUMBER.fullmatch, names))
    longest = _LONGEST_NAME if has_number else _LONGEST_QUESTION
    is_prose = any(len(name) > longest and _SENTENCE.search(name) for name in text)
    if is_prose or (has_number and not text and any(map(_is_phrase, names))):
        problem = f"there seems to be no header, since the first line has values: {_quote_names(names)}"
        raise refusal("header_broken", f"{problem}: put a line with the names of the columns above it")


def _is_phrase(name: str) -> bool:
    """Return whether a name has several words and does not end as a question does."""
    return len(name.split()) >= _WORDS_OF_VALUE and not name.rstrip().endswith(("?", ":", ")"))


def _quote_names(names: Sequence[str]) -> str:
    """List the names of columns for a message: of many, first those that look like names of texts."""
    if len(names) <= _NAMES_SHOWN:
        return ", ".join(map(quote_name, names))
    shown = ", ".join(map(quote_name, sort_likely(names)[:_NAMES_SHOWN]))
    return f"{shown} and {len(names) - _NAMES_SHOWN} more"


def _propose_parts(names: Sequence[str]) -> str:
    """Return how to join the two columns that together are the text; "" if none seem to be."""
    parts = find_parts(names)
    if parts is None:
        return ""
    options = " ".join(f"--text {quote_word(name)}" for name in parts)
    return f", but two seem to be its parts: reviews sources init NAME FILE {options}"


def find_column(names: Sequence[str], normalized: Sequence[str], wanted: str) -> int | None:
    """Return the position of the column called `wanted`: exactly, else without case, spaces and signs; None if none.

    A profile may have `date.$date`, as columns of MongoDB's arrays were called once, for the column `date`. A name that
    was cut, as a message shows long ones, is that of the only column that begins so.
    """
    if wanted in names:
        return names.index(wanted)
    name = normalize_name(_TYPES_OF_MONGO.sub("", wanted))
    if name in normalized:
        return normalized.index(name)
    start = name.removesuffix(CUT)
    if not start or start == name:
        return None
    found = [place for place, each in enumerate(normalized) if each.startswith(start)]
    return found[0] if len(found) == 1 else None


def _find_text(
    names: Sequence[str], normalized: Sequence[str], plan: ReadingPlan, recognised: Recognised
) -> tuple[dict[str, int], bool]:
    """Return the positions of the text's columns, and whether other columns have the name of the last one."""
    if not plan.text:
        return _number_parts(recognised.text), recognised.doubled
    places = [find_column(names, normalized, name) for name in plan.text]
    found = list(dict.fromkeys(place for place in places if place is not None))
    if not found:
        return {}, False
    body = names[found[-1]]
    # An exact match wins over columns that differ only in case.
    is_exact = body in plan.text and list(names).count(body) == 1
    return _number_parts(found), not is_exact and normalized.count(normalized[found[-1]]) > 1


def _number_parts(places: Sequence[int]) -> dict[str, int]:
    """Return the positions of the text's columns: the last one is `text`, those before it are parts."""
    if not places:
        return {}
    return {"text": places[-1], **{f"{PART}{number}": place for number, place in enumerate(places[:-1], 1)}}


def _find_further(names: Sequence[str], taken: set[int], author: int | None) -> dict[str, int]:
    """Return the further columns by their names, the author first."""
    if author is None or author in taken:
        return _name_further(names, taken)
    further = _name_further(names, {*taken, author})
    return {AUTHOR: author, **{name: place for name, place in further.items() if name != AUTHOR}}


def _name_further(names: Sequence[str], taken: set[int]) -> dict[str, int]:
    """Return a unique name for each further column: 'column_3' for a blank one, 'tag_2' for the second 'tag'."""
    further: dict[str, int] = {}
    seen: Counter[str] = Counter()
    for position, name in enumerate(names):
        if position not in taken:
            plain = unique = clean_name(name) or f"column_{position + 1}"
            while unique in further:
                seen[plain] += 1
                unique = f"{plain}_{seen[plain] + 1}"
            further[unique] = position
    return further
