"""Reads a file by a profile, and says how its rows would be stored, and what of them can't be read."""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_contracts.review_files import find_bad_rows, find_unclear_field, measure_rows
from data_contracts.rules_and_limits import (
    COUNT_THEM,
    FIELD_RULES,
    FIELD_WORDS,
    FILE_RULES,
    NOT_ENGLISH,
    ROUNDED_IDS,
    VALUE_RULES,
    FileLimits,
    RowLimits,
)
from data_contracts.sources.language import mark_english
from data_contracts.sources.profile import Columns, Profile, Severity
from models.tokenizer import mark_texts_with_words
from tasks.reading.columns import quote_name
from tasks.reading.formats import WORKBOOKS, format_of
from tasks.reading.reader import read_review_file
from tasks.reading.rows import ReadOptions
from tasks.sources.profile_options import list_quarantining
from tasks.sources.suspicious_rows import are_turned, say_repeated, say_turned
from tasks.support.refusals import describe_bad_rows
from tasks.support.wording import count, escape_controls
from tasks.warehouse.tallies.score_sums import RATED_LABEL

ROWS_SHOWN, EXAMPLES_SHOWN = 10, 3
_ROWS_LOOKED_AT = 100
"""Rows of a batch with a value that can't be read, of which examples are taken."""
CHARACTERS_SHOWN = 60
"""Characters of a text, or an id, that a preview shows."""
SHOWN = ("row_number", "review_id", "movie_id", "reviewed_at", "given_label", "given_rating", "text")
"""The columns of a preview. All others are in `extra`."""
_SEVERITY_KEYS = {FIELD_RULES[field_rule]: key for key, (field_rule, _) in VALUE_RULES.items()}
"""The key of [severity] by the column whose values it judges."""
_DONE_WITH_UNREAD = {
    "warn": (" and is kept as found", " and are kept as found"),
    "accept": (" and is kept as found", " and are kept as found"),
    "quarantine": (": its row would be quarantined", ": their rows would be quarantined"),
    "refuse": (": the file would be refused",) * 2,
}
"""What is done with one value that can't be read, and with several."""
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


def describe_file(
    file: Path, profile: Profile, options: ReadOptions, limits: RowLimits | FileLimits
) -> Iterator[str]:
    """Yield lines on how a profile reads a file, and what would be lost; `limits` are those of the profile."""
    preview = preview_file(file, profile, options, limits)
    yield f"\n{file.name}: {count(preview.rows, 'row')}; the first {len(preview.first)} as they would be stored:\n"
    lines = [SHOWN, *([_format_cell(row[name]) for name in SHOWN] for row in preview.first)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(SHOWN))]
    for line in lines:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
    yield ""
    for name in SHOWN[1:]:
        unread = ""
        if preview.unread[name]:
            examples = ", ".join(map(escape_controls, preview.examples[name]))
            unread = f"{_describe_unread(preview.unread[name], name, profile.severity)}: {examples}"
        yield f"{name:<14} in {preview.filled[name]:,} of {count(preview.rows, 'row')}{unread}"
    yield from _describe_findings(preview, profile.severity)
    yield from _describe_empty(preview, profile.columns, file)
    problem = describe_bad_rows(preview.rows, preview.bad_rows, limits)
    if problem is not None:
        yield f"A run would refuse the file: {problem}. Next: {FILE_RULES['too_many_bad_rows']}"


def _describe_findings(preview: Preview, severity: Severity) -> Iterator[str]:
    """Yield lines on what is noticed of the rows together."""
    if preview.has_open_dates:
        yield 'Dates such as 27.03.2026 are read with format = "day-first", or "month-first", under [dates]'
    if preview.not_english:
        are = "is" if preview.not_english == 1 else "are"
        yield f"{count(preview.not_english, 'row')} {are} not in English: to count, it takes {COUNT_THEM}"
    if rows := preview.unread[ROUNDED_IDS]:
        yield f"{count(rows, FIELD_WORDS['ids_exact'][0])} {FIELD_WORDS['ids_exact'][1]}"
    if preview.repeated and severity.shared_ids != "accept":
        yield say_repeated(preview.repeated)
    if are_turned(preview.turned, preview.judged):
        yield say_turned(preview.turned, preview.judged)
    for rule, rows in preview.bad_rows.most_common():
        yield f"{count(rows, 'row')} would be quarantined: {rule}"


def _describe_empty(preview: Preview, columns: Columns, file: Path) -> Iterator[str]:
    """Yield which columns of a workbook have no value: formulas have none if the program that wrote them saved none."""
    empty = (ours for ours in SHOWN[1:-1] if not preview.filled[ours] and not preview.unread[ours])
    names = [name for name in (getattr(columns, each) for each in empty) if name is not None]
    names += [] if preview.filled["text"] else columns.text
    if names and preview.rows and format_of(file) in WORKBOOKS:
        yield (
            f"{', '.join(map(quote_name, names))}: no row has a value. If these are formulas, their values were not "
            "saved. Next: open the workbook in the spreadsheet program and save it again"
        )


def _describe_unread(values: int, column: str, severity: Severity) -> str:
    """Describe how many values of a column can't be read, and what the profile lets a run do with them."""
    judged = getattr(severity, _SEVERITY_KEYS[column]) if column in _SEVERITY_KEYS else "warn"
    return f", {values:,} can't be read{_DONE_WITH_UNREAD[judged][values > 1]}"


def _format_cell(value: object) -> str:
    """Return a value as a preview shows it."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}".removesuffix(" 00:00")
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else escape_controls(str(value))


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
