"""Reads a file by a profile to show how its rows would be stored, and what of them can't be read."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.review_files import find_bad_rows, measure_rows
from data_contracts.rules_and_limits import FIELD_RULES, RowLimits
from data_contracts.sources.language import mark_english
from models.tokenizer import mark_texts_with_words
from tasks.review_files.options import ReadOptions
from tasks.review_files.plans.reading_plan import DateFormat
from tasks.review_files.reader import read_review_file
from tasks.warehouse.tallies.score_sums import RATED_LABEL

ROWS_SHOWN = 10
CHARACTERS_SHOWN = 60
"""Characters of a text, or an id, that a preview shows."""
SHOWN = ("row_number", "review_id", "movie_id", "reviewed_at", "given_label", "given_rating", "text")
"""The columns of a preview. All others are in `extra`."""
_COMPARED = ["review_id", "movie_id", "text", "given_label", "given_rating"]
_MAKE_ROWS = "CREATE TABLE rows (id UBIGINT, text UBIGINT, is_turned BOOLEAN)"
"""SQL: hashes alone, since a file may have millions of rows."""
_STORE_ROWS = f"""
INSERT INTO rows
SELECT CASE WHEN review_id IS NOT NULL THEN hash(review_id, movie_id) END, hash(text), given_label <> {RATED_LABEL}
FROM good
"""  # noqa: S608 (our own names)
_COUNT_ROWS = """
SELECT
    (SELECT count(*) FROM (FROM rows SELECT 1 WHERE id IS NOT NULL GROUP BY id HAVING min(text) <> max(text))),
    count(*) FILTER (is_turned),
    count(is_turned)
FROM rows
"""
"""SQL: counts what the rows show together, as `suspicious_rows` does for the rows of a run."""
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
    repeated: int
    """Review ids with several texts on the same movie."""
    turned: int
    """Of the `judged` rows, which have a label and a clear rating, those whose label is the opposite."""
    judged: int
    first: list[dict[str, Any]]
    """The first `ROWS_SHOWN` rows."""


def preview_file(path: Path, options: ReadOptions, limits: RowLimits) -> Preview:
    """Read a whole file; raise `FileRefusedError` where reading refuses it, whatever its rows are."""
    with duckdb.connect() as good_rows:
        return _preview_file(path, options, limits, good_rows.execute(_MAKE_ROWS))


def _preview_file(
    path: Path, options: ReadOptions, limits: RowLimits, good_rows: duckdb.DuckDBPyConnection
) -> Preview:
    """Read a whole file, and store its good rows, of which is counted what they show together."""
    rows, not_english, has_open_dates = 0, 0, False
    is_order_open = options.plan is not None and options.plan.dates == DateFormat()
    bad, filled, unread = Counter[str](), Counter[str](), Counter[str]()
    first: list[dict[str, Any]] = []
    for batch in read_review_file(path, options):
        rows += batch.num_rows
        first.extend(_show_rows(batch, ROWS_SHOWN - len(first)))
        not_english += int((~mark_english(batch["text"].drop_null())).sum())
        measures = measure_rows(batch, mark_texts_with_words(batch["text"]))
        found = find_bad_rows(measures, limits)
        bad.update(rule for rule, _ in found.values())
        _store_good(good_rows, batch, found.keys())
        filled.update({name: batch.num_rows - batch[name].null_count for name in SHOWN})
        filled["text"] -= int(pc.sum(pc.invert(measures["text_visible"])).as_py() or 0)
        unread.update({name: _count_unread(batch["extra"], name) for name in FIELD_RULES.values()})
        has_open_dates |= is_order_open and bool(
            pc.any(pc.match_substring_regex(batch["extra"], _OPEN)).as_py()
        )
    repeated, turned, judged = good_rows.execute(_COUNT_ROWS).fetchall()[0]
    return Preview(rows, bad, filled, not_english, +unread, has_open_dates, repeated, turned, judged, first)


def _store_good(connection: duckdb.DuckDBPyConnection, batch: pa.RecordBatch, bad: Collection[int]) -> None:
    """Store the rows of a batch that are not bad."""
    is_good = np.ones(batch.num_rows, dtype=bool)
    is_good[list(bad)] = False
    good = pa.Table.from_batches([batch.select(_COMPARED)]).filter(pa.array(is_good))
    connection.register("good", good).execute(_STORE_ROWS)


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
