"""Maps the columns of a review file to those of `READ_SCHEMA` by their names.

Names are compared without case, surrounding spaces and a byte order mark. If several columns match one of ours, the
name that comes first in `COLUMN_NAMES` wins. All unmatched columns are further columns.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
_NAMES_SHOWN = 12


@dataclass(frozen=True)
class Columns:
    """The positions, from 0, of the columns of a file."""

    known: Mapping[str, int]
    """Our column -> position; without 'text' if the file has no text column."""
    further: Mapping[str, int]
    """Name of any other column, made unique -> position."""
    doubled: bool
    """True if several columns have the name of the text column."""


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
    """Return a column's name without case, white space around it, and byte order mark."""
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
