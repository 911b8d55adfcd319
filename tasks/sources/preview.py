"""Reads a file by a profile, and says how its rows would be stored, and what of them can't be read."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

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
from data_contracts.sources.profile import Profile
from models.tokenizer import mark_texts_with_words
from tasks.reading.reader import read_review_file
from tasks.reading.rows import ReadOptions
from tasks.sources.profile_options import list_quarantining
from tasks.support.refusals import describe_bad_rows
from tasks.support.wording import count, escape_controls

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
        if values := preview.unread[name]:
            judged = getattr(profile.severity, _SEVERITY_KEYS[name]) if name in _SEVERITY_KEYS else "warn"
            examples = ", ".join(map(escape_controls, preview.examples[name]))
            unread = f", {values:,} can't be read{_DONE_WITH_UNREAD[judged][values > 1]}: {examples}"
        yield f"{name:<14} in {preview.filled[name]:,} of {count(preview.rows, 'row')}{unread}"
    if preview.not_english:
        are = "is" if preview.not_english == 1 else "are"
        yield f"{count(preview.not_english, 'row')} {are} not in English: to count, it takes {COUNT_THEM}"
    if rows := preview.unread[ROUNDED_IDS]:
        yield f"{count(rows, FIELD_WORDS['ids_exact'][0])} {FIELD_WORDS['ids_exact'][1]}"
    for rule, rows in preview.bad_rows.most_common():
        yield f"{count(rows, 'row')} would be quarantined: {rule}"
    problem = describe_bad_rows(preview.rows, preview.bad_rows, limits)
    if problem is not None:
        yield f"A run would refuse the file: {problem}. Next: {FILE_RULES['too_many_bad_rows']}"


def _format_cell(value: object) -> str:
    """Return a value as a preview shows it."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}".removesuffix(" 00:00")
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else escape_controls(str(value))


def preview_file(path: Path, profile: Profile, options: ReadOptions, limits: RowLimits) -> Preview:
    """Read a whole file by a profile; raise `FileRefusedError` where reading refuses it, whatever its rows are."""
    rows = not_english = 0
    bad, filled, unread = Counter[str](), Counter[str](), Counter[str]()
    examples: dict[str, list[str]] = {}
    first: list[dict[str, Any]] = []
    for batch in read_review_file(path, replace(options, profile=profile)):
        rows += batch.num_rows
        for row in batch.slice(0, ROWS_SHOWN - len(first)).select(SHOWN).to_pylist():
            first.append({name: _cut(each) if isinstance(each, str) else each for name, each in row.items()})
        others = np.zeros(batch.num_rows, dtype=bool)
        texts = batch["text"]
        others[pc.indices_nonzero(texts.is_valid()).to_numpy()] = ~mark_english(texts.drop_null())
        not_english += int(others.sum())
        measures = measure_rows(batch, mark_texts_with_words(texts))
        found = _find_unwanted(batch, others, list_quarantining(profile))
        found |= {place: rule for place, (rule, _) in find_bad_rows(measures, limits).items()}
        bad.update(found.values())
        filled.update({name: batch.num_rows - batch[name].null_count for name in SHOWN})
        filled["text"] -= int(pc.sum(pc.invert(measures["text_visible"])).as_py() or 0)
        for name in FIELD_RULES.values():
            kept = batch["extra"].filter(pc.match_substring(batch["extra"], f'"{name}": '))
            unread[name] += len(kept)
            examples[name] = _list_values(kept, name, examples.get(name, []))
    return Preview(rows, bad, filled, not_english, +unread, examples, first)


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


def _cut(value: str) -> str:
    """Return the beginning of a long value."""
    return value if len(value) <= CHARACTERS_SHOWN else f"{value[:CHARACTERS_SHOWN]}…"


def _list_values(kept: pa.Array, name: str, found: Sequence[str]) -> list[str]:
    """Return a few of the values of one of our columns that could not be read, which `extra` has under our name."""
    values = dict.fromkeys(found)
    for extra in kept.slice(0, 0 if len(values) >= EXAMPLES_SHOWN else _ROWS_LOOKED_AT).to_pylist():
        values[_cut(str(json.loads(extra).get(name, "")))] = None
    return list(values)[:EXAMPLES_SHOWN]
