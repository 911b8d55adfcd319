"""Checks the rows of a chunk against their contract, and their language; bad rows are quarantined and counted."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.review_files import check_rows, find_unclear_field, measure_rows
from data_contracts.rules_and_limits import (
    FIELD_RULES,
    FIELD_WORDS,
    NOT_ENGLISH,
    SCORING_RULES,
    TEXT_NOT_GIVEN,
    UNCOUNTED_RULES,
    VALUE_RULES,
    RowLimits,
)
from data_contracts.sources.language import mark_english
from models.tokenizer import mark_texts_with_words
from tasks.scoring.bad_rows import make_quarantine_rows, measure_bad_rows
from tasks.scoring.file_outcomes import Tally
from tasks.scoring.part_folders import Write
from tasks.sources.catalogue import Catalogue
from tasks.support.refusals import refusal
from tasks.support.wording import escape_controls

ROWS_NOTED, LATER_ROWS_NOTED, BYTES_NOTED = 200, 8, 4096
"""Rows of a file whose further columns are noted, those of each later chunk, and the most bytes of one."""
VALUE_SHOWN = 40
"""Characters of a value that can't be read in the detail of its row."""


def check_chunk(chunk: pa.Table, limits: RowLimits, run_id: str, tally: Tally, write: Write) -> pa.Table:
    """Check one chunk, write its bad rows to the quarantine, and return the good ones."""
    chunk = chunk.combine_chunks()
    measures = measure_rows(chunk, mark_texts_with_words(chunk["text"]))
    checks, broken = check_rows(measures, limits)
    tally.checks.extend(checks)
    counted = pc.value_counts(chunk["source_sha256"]).to_pylist()
    tally.rows_read.update({each["values"]: each["counts"] for each in counted})
    return set_aside(chunk, broken, run_id, tally, write)


def check_language(good: pa.Table, catalogue: Catalogue, run_id: str, tally: Tally, write: Write) -> pa.Table:
    """Count the rows that are not in English; write those to the quarantine whose source wants that.

    Returns the other rows, with the columns `in_english` and `counts`: of the former, those that their source accepts.
    """
    english = mark_english(good["text"])
    accepting = [
        uri for uri in pc.unique(good["uri"]).to_pylist() if catalogue.find(uri).other_languages == "accept"
    ]
    is_accepted = pc.is_in(good["uri"].combine_chunks(), value_set=pa.array(accepting, pa.string()))
    good = good.append_column("in_english", pa.array(english))
    good = good.append_column("counts", pc.or_(pa.array(english), is_accepted))
    others = good.filter(pa.array(~english)).select(["source_sha256", "uri"]).to_pydict()
    tally.rows_not_english.update(others["source_sha256"])
    refusing = {uri for uri in set(others["uri"]) if catalogue.find(uri).other_languages == "quarantine"}
    positions = zip(np.flatnonzero(~english).tolist(), others["uri"], strict=True)
    aside = [position for position, uri in positions if uri in refusing]
    reason = (NOT_ENGLISH, SCORING_RULES[NOT_ENGLISH])
    return set_aside(good, dict.fromkeys(aside, reason), run_id, tally, write)


def note_first_rows(chunk: pa.Table, tally: Tally) -> None:
    """Note the further columns of the first rows of each file, and of some later ones, so that they can be named.

    Objects of JSON may have a column from some row on.
    """
    files = chunk["source_sha256"].combine_chunks().dictionary_encode()
    codes, names = files.indices.to_numpy(), files.dictionary.to_pylist()
    for code, name in enumerate(names):
        noted = max(ROWS_NOTED - len(tally.first_extras[name]), LATER_ROWS_NOTED)
        extras = chunk["extra"].take(pa.array(np.flatnonzero(codes == code)[:noted]))
        is_long = pc.greater(pc.binary_length(extras), BYTES_NOTED)
        tally.first_extras[name].extend(pc.if_else(is_long, None, extras).to_pylist())


def check_values(good: pa.Table, catalogue: Catalogue, run_id: str, tally: Tally, write: Write) -> pa.Table:
    """Set aside the rows with values that can't be read, or refuse their files, where their source wants that.

    Returns the other rows.
    """
    broken: dict[int, tuple[str, str]] = {}
    for check, (field_rule, rule) in VALUE_RULES.items():
        wanted = {uri: catalogue.find(uri).judge(check) for uri in pc.unique(good["uri"]).to_pylist()}
        if set(wanted.values()) <= {"warn", "accept"}:
            continue
        unread = np.flatnonzero(find_unclear_field(good["extra"], FIELD_RULES[field_rule])).tolist()
        rows = good.take(pa.array(unread, pa.int64())).select(["source_sha256", "uri", "row_number", "extra"])
        for place, row in zip(unread, rows.to_pylist(), strict=True):
            value = _show_value(row["extra"], FIELD_RULES[field_rule])
            if wanted[row["uri"]] == "refuse":
                problem = f"row {row['row_number']:,} has a {FIELD_WORDS[field_rule][0]} that can't be read, {value}"
                tally.refused.setdefault(row["source_sha256"], refusal("values_not_read", problem))
            elif wanted[row["uri"]] == "quarantine":
                broken.setdefault(place, (rule, f"{value}: {SCORING_RULES[rule]}"))
    return set_aside(good, broken, run_id, tally, write)


def _show_value(extra: str, column: str) -> str:
    """Return a value that can't be read, which `extra` has under our name of its column, in quotes and not too long."""
    value = str(json.loads(extra)[column])
    cut = "…" if len(value) > VALUE_SHOWN else ""
    return f"'{escape_controls(value[:VALUE_SHOWN])}{cut}'"


def set_aside(
    rows: pa.Table, broken: Mapping[int, tuple[str, str]], run_id: str, tally: Tally, write: Write
) -> pa.Table:
    """Write the bad rows to the quarantine and count them; return the others.

    `broken` maps positions to rule and detail.
    """
    if not broken:
        return rows
    quarantined = make_quarantine_rows(rows, broken, run_id, datetime.now(UTC))
    write("quarantined_rows", quarantined)
    tally.bytes_kept.update(measure_bad_rows(quarantined))
    sources, numbers = rows["source_sha256"], rows["row_number"]
    for position, (rule, detail) in broken.items():
        source = sources[position].as_py()
        tally.rows_quarantined[source] += 1
        if rule == TEXT_NOT_GIVEN:
            tally.rows_not_given[source] += 1
        if rule in UNCOUNTED_RULES:
            continue
        tally.rows_broken[source][rule] += 1
        tally.first_bad.setdefault(source, f"row {numbers[position].as_py()} ({rule}): {detail}")
    kept = np.ones(len(rows), dtype=bool)
    kept[list(broken)] = False
    return rows.filter(pa.array(kept))
