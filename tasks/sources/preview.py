"""Reads a file by a profile to show how its rows would be stored, and what of them can't be read."""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_contracts.review_files import find_bad_rows, find_unclear_field, measure_rows
from data_contracts.rules_and_limits import FIELD_RULES, NOT_ENGLISH, VALUE_RULES, RowLimits
from data_contracts.sources.language import mark_english
from data_contracts.sources.profile import Profile
from models.tokenizer import mark_texts_with_words
from tasks.reading.reader import read_review_file
from tasks.reading.rows import ReadOptions
from tasks.sources.profile_options import list_quarantining
from tasks.warehouse.tallies.score_sums import RATED_LABEL

ROWS_SHOWN, EXAMPLES_SHOWN = 10, 3
_ROWS_LOOKED_AT = 100
"""Rows of a batch with a value that can't be read, of which examples are taken."""
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
    examples: dict[str, list[str]]
    """Some of these values."""
    has_open_dates: bool
    """Some dates were not read since the profile does not say whether the day or the month comes first."""
    repeated: int
    """Review ids with several texts on the same movie."""
    turned: int
    """Of the `judged` rows, which have a label and a clear rating, those whose label is the opposite."""
    judged: int
    first: list[dict[str, Any]]
    """The first `ROWS_SHOWN` rows."""


def preview_file(path: Path, profile: Profile, options: ReadOptions, limits: RowLimits) -> Preview:
    """Read a whole file by a profile; raise `FileRefusedError` where reading refuses it, whatever its rows are."""
    rows, not_english, has_open_dates = 0, 0, False
    bad, filled, unread = Counter[str](), Counter[str](), Counter[str]()
    examples: dict[str, list[str]] = {}
    first: list[dict[str, Any]] = []
    good_rows = duckdb.connect().execute(_MAKE_ROWS)
    for batch in read_review_file(path, replace(options, profile=profile)):
        rows += batch.num_rows
        first.extend(_show_rows(batch, ROWS_SHOWN - len(first)))
        others = _mark_others(batch["text"])
        not_english += int(others.sum())
        measures = measure_rows(batch, mark_texts_with_words(batch["text"]))
        found = _find_unwanted(batch, others, list_quarantining(profile))
        found |= {place: rule for place, (rule, _) in find_bad_rows(measures, limits).items()}
        bad.update(found.values())
        _store_good(good_rows, batch, found.keys())
        filled.update({name: batch.num_rows - batch[name].null_count for name in SHOWN})
        filled["text"] -= int(pc.sum(pc.invert(measures["text_visible"])).as_py() or 0)
        for name in FIELD_RULES.values():
            kept = batch["extra"].filter(pc.match_substring(batch["extra"], f'"{name}": '))
            unread[name] += len(kept)
            examples[name] = _list_values(kept, name, examples.get(name, []))
        has_open_dates |= profile.dates.format == "clear" and bool(
            pc.any(pc.match_substring_regex(batch["extra"], _OPEN)).as_py()
        )
    repeated, turned, judged = good_rows.execute(_COUNT_ROWS).fetchall()[0]
    return Preview(
        rows, bad, filled, not_english, +unread, examples, has_open_dates, repeated, turned, judged, first
    )


def _mark_others(texts: pa.Array) -> NDArray[np.bool_]:
    """Mark the texts, [n], that seem not to be in English; a missing one does not."""
    others = np.zeros(len(texts), dtype=bool)
    others[pc.indices_nonzero(texts.is_valid()).to_numpy()] = ~mark_english(texts.drop_null())
    return others


def _find_unwanted(
    batch: pa.RecordBatch, others: NDArray[np.bool_], quarantining: Sequence[str]
) -> dict[int, str]:
    """Return the rows that break one of the rules `quarantining`: their positions, each with the first such rule."""
    columns = {rule: FIELD_RULES[field_rule] for field_rule, rule in VALUE_RULES.values()}
    found: dict[int, str] = {}
    for rule in reversed(quarantining):
        broken = others if rule == NOT_ENGLISH else find_unclear_field(batch["extra"], columns[rule])
        found.update(dict.fromkeys(np.flatnonzero(broken).tolist(), rule))
    return found


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


def _list_values(kept: pa.Array, name: str, found: Sequence[str]) -> list[str]:
    """Return a few of the values of one of our columns that could not be read, which `extra` has under our name."""
    values = dict.fromkeys(found)
    for extra in kept.slice(0, 0 if len(values) >= EXAMPLES_SHOWN else _ROWS_LOOKED_AT).to_pylist():
        values[_cut(str(json.loads(extra).get(name, "")))] = None
    return list(values)[:EXAMPLES_SHOWN]
