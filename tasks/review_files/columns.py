"""Maps the columns of a review file to those of `READ_SCHEMA`: by the plan of the file, and by known names.

Names are compared without case, spaces, `_`, `-`, dots and a byte order mark: `reviewText`, `Review Text` and
`review_text` are one name. If several columns match one of ours, the name that comes first in `COLUMN_NAMES` wins. All
unmatched columns are further columns.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tasks.review_files.plans.names import clean_name, normalize_name
from tasks.review_files.plans.reading_plan import ReadingPlan
from tasks.support.refusals import refusal

COLUMN_NAMES = {
    "text": ("text", "review", "content", "body", "comment"),
    "review_id": ("review_id", "id"),
    "movie_id": ("movie_id", "title_id", "movie", "tconst"),
    "reviewed_at": ("reviewed_at", "date", "created_at", "timestamp"),
    "given_label": ("given_label", "label", "sentiment"),
    "given_rating": ("given_rating", "rating", "stars"),
}
"""Our column -> its names in review files. `score` is not a name of a rating: it may be the score of a model."""
PART = "text_part_"
"""With a number from 1: the columns whose text comes before that of the column `text`."""
AUTHOR = "author"
"""The key in `extra` of the column that a plan names as the author."""
_NO_PLAN = ReadingPlan()
_NAMES_SHOWN = 12


@dataclass(frozen=True)
class Columns:
    """The positions, from 0, of the columns of a file."""

    known: Mapping[str, int]
    """Our column, or a part of the text -> position; without 'text' if the file has no text column."""
    further: Mapping[str, int]
    """Name of any other column, made unique -> position."""
    doubled: bool
    """True if several columns have the name of the text column."""


def select_columns(names: Sequence[str], plan: ReadingPlan = _NO_PLAN) -> Columns:
    """Map columns to ours: those that the plan names, and others by their known names if the plan allows it."""
    normalized = [normalize_name(name) for name in names]
    text, doubled = _find_text(names, normalized, plan)
    known = dict(text)
    for ours in COLUMN_NAMES:
        if ours != "text" and (ours != "review_id" or plan.ids_hold):
            position = _find_position(ours, names, normalized, plan, set(text.values()))
            known |= {} if position is None else {ours: position}
    taken = set(known.values())
    author = find_column(names, normalized, plan.author) if plan.author else None
    further = _name_further(names, taken | ({author} if author is not None else set()))
    if author is not None and author not in taken:
        further = {AUTHOR: author, **{name: place for name, place in further.items() if name != AUTHOR}}
    return Columns(known, further, doubled)


def require_text(columns: Columns, names: Sequence[str], plan: ReadingPlan = _NO_PLAN) -> None:
    """Refuse a file without a text column (text_column_missing) or with several (text_column_doubled)."""
    if "text" not in columns.known:
        shown = ", ".join(f"'{name[:40]}'" for name in names[:_NAMES_SHOWN])
        more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
        expected = f"is called '{plan.text[-1]}'" if plan.text else "is the text"
        raise refusal("text_column_missing", f"none of the columns {shown}{more} {expected}")
    if columns.doubled:
        name = names[columns.known["text"]][:40]
        raise refusal("text_column_doubled", f"several columns are called '{name}'")


def find_column(names: Sequence[str], normalized: Sequence[str], wanted: str) -> int | None:
    """Return the position of the column called `wanted`: exactly, else without case, spaces and signs; None if none."""
    if wanted in names:
        return names.index(wanted)
    name = normalize_name(wanted)
    return normalized.index(name) if name in normalized else None


def _find_text(
    names: Sequence[str], normalized: Sequence[str], plan: ReadingPlan
) -> tuple[dict[str, int], bool]:
    """Return the positions of the text's columns, and whether other columns have the name of the last one."""
    if not plan.text:
        known = (normalize_name(name) for name in COLUMN_NAMES["text"]) if plan.known_names else ()
        name = next((name for name in known if name in normalized), None)
        return ({}, False) if name is None else ({"text": normalized.index(name)}, normalized.count(name) > 1)
    places = [find_column(names, normalized, name) for name in plan.text]
    found = list(dict.fromkeys(place for place in places if place is not None))
    if not found:
        return {}, False
    body = names[found[-1]]
    # An exact match wins over columns that differ only in case.
    is_exact = body in plan.text and list(names).count(body) == 1
    doubled = not is_exact and normalized.count(normalized[found[-1]]) > 1
    return {
        "text": found[-1],
        **{f"{PART}{number}": place for number, place in enumerate(found[:-1], 1)},
    }, doubled


def _find_position(
    ours: str, names: Sequence[str], normalized: Sequence[str], plan: ReadingPlan, taken: set[int]
) -> int | None:
    """Return the position of one of our columns other than the text, not among those `taken`; None if there is none."""
    wanted = plan.name_column(ours)
    if wanted is not None:
        return find_column(names, normalized, wanted)
    if not plan.known_names:
        return None
    known = [normalize_name(name) for name in COLUMN_NAMES[ours]]
    positions = (normalized.index(name) for name in known if name in normalized)
    return next((each for each in positions if each not in taken), None)


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
