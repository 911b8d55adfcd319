"""Reads a file by a profile to show how its rows would be stored, and what of them can't be read."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.limits import FIELD_RULES, RowLimits
from data_contracts.review_files import find_bad_rows, measure_rows
from data_contracts.sources.language import mark_english
from models.tokenizer import mark_texts_with_words
from tasks.review_files.options import ReadOptions
from tasks.review_files.plans.reading_plan import DateFormat
from tasks.review_files.reader import read_review_file

ROWS_SHOWN = 10
CHARACTERS_SHOWN = 60
"""Characters of a text, or an id, that a preview shows."""
SHOWN = ("row_number", "review_id", "movie_id", "reviewed_at", "given_label", "given_rating", "text")
"""The columns of a preview. All others are in `extra`."""
_OPEN = r'"reviewed_at": "\d{1,2}[./]\d{1,2}[./]\d'
"""A date that was not read, whose day and month are numbers."""


@dataclass(frozen=True)
class Preview:
    """How a file is read."""

    rows: int
    bad_rows: Counter[str]
    """Rows that would be quarantined, by rule."""
    filled: Counter[str]
    """Rows with a value, by column; a blank text is none."""
    not_english: int
    """Rows that seem not to be in English."""
    unread: Counter[str]
    """Values that could not be read and are kept as found, by column."""
    has_open_dates: bool
    """Some dates were not read since the profile does not say whether the day or the month comes first."""
    first: list[dict[str, Any]]
    """The first `ROWS_SHOWN` rows."""


def preview_file(path: Path, options: ReadOptions, limits: RowLimits) -> Preview:
    """Read a whole file; raise `FileRefusedError` where reading refuses it, whatever its rows are."""
    rows, not_english, has_open_dates = 0, 0, False
    is_order_open = options.plan is not None and options.plan.dates == DateFormat()
    bad, filled, unread = Counter[str](), Counter[str](), Counter[str]()
    first: list[dict[str, Any]] = []
    for batch in read_review_file(path, options):
        rows += batch.num_rows
        first.extend(_show_rows(batch, ROWS_SHOWN - len(first)))
        not_english += int((~mark_english(batch["text"].drop_null())).sum())
        measures = measure_rows(batch, mark_texts_with_words(batch["text"]))
        bad.update(rule for rule, _ in find_bad_rows(measures, limits).values())
        filled.update({name: batch.num_rows - batch[name].null_count for name in SHOWN})
        filled["text"] -= int(pc.sum(pc.invert(measures["text_visible"])).as_py() or 0)
        unread.update({name: _count_unread(batch["extra"], name) for name in FIELD_RULES.values()})
        has_open_dates |= is_order_open and bool(
            pc.any(pc.match_substring_regex(batch["extra"], _OPEN)).as_py()
        )
    return Preview(rows, bad, filled, not_english, +unread, has_open_dates, first)


def _show_rows(batch: pa.RecordBatch, most: int) -> Iterator[dict[str, Any]]:
    """Yield the first rows of a batch, with the beginning of each text and of each long id."""
    for row in batch.slice(0, max(most, 0)).select(SHOWN).to_pylist():
        yield {name: _cut(value) if isinstance(value, str) else value for name, value in row.items()}


def _cut(value: str) -> str:
    """Return the beginning of a long value."""
    return value if len(value) <= CHARACTERS_SHOWN else f"{value[:CHARACTERS_SHOWN]}…"


def _count_unread(extra: pa.Array, name: str) -> int:
    """Count the rows whose value of one of our columns could not be read, so that `extra` has it under our name."""
    kept = pc.match_substring(extra, f'"{name}": ')
    return int(pc.sum(kept).as_py() or 0)
