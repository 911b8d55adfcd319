"""The contract of a new review file: the rules of its rows and of the whole file, and the check of the rows.

A bad row is quarantined with its rule and the rest of its file is scored; a bad file is refused whole. Readers check
what only they can see (broken lines, undecodable bytes) and name the rule. Arrow measures the rest here, and Great
Expectations checks it row by row; it sees booleans and lengths, never the texts.
Imports only Arrow; `check_rows` starts Great Expectations.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_contracts.expectations import (
    CheckResult,
    count_rows,
    import_expectations,
    require_success,
    run_checks,
    split_by_source,
)
from data_contracts.rules_and_limits import FIELD_RULES, ROW_RULES, RowLimits

BOUNDARY = "review_files"

READ_SCHEMA = pa.schema(
    [
        pa.field("row_number", pa.int64(), nullable=False),
        ("member", pa.string()),
        ("review_id", pa.string()),
        ("movie_id", pa.string()),
        ("reviewed_at", pa.timestamp("us", tz="UTC")),
        ("text", pa.string()),
        ("given_label", pa.string()),
        ("given_rating", pa.float64()),
        ("extra", pa.string()),
        ("raw", pa.binary()),
        ("rule", pa.string()),
        ("detail", pa.string()),
    ]
)
"""What a reader yields: one row per source row, good or bad.

`row_number` counts every data row of the source from 1. `text` is null where it is missing or unusable; `raw`
then holds the original bytes (the whole line where the row's shape is broken). `given_label` is 'positive',
'negative' or null, `given_rating` is in stars from 1 to 10, `extra` is a JSON object of the other columns.
`rule` is the row rule that the reader found broken, `detail` its explanation; both are null for other rows.
"""

_FACTS = {
    "row_shape": "well_shaped",
    "no_review": "is_review",
    "text_missing": "text_present",
    "text_not_given": "text_given",
    "text_blank": "text_visible",
    "text_encoding": "text_decoded",
    "text_type": "text_is_string",
    "text_too_long": "characters",
    "text_nul": "free_of_nul",
    "text_no_words": "has_word",
}
"""The measure that each row rule checks."""

_FIELDS_EXPECTED = {
    "ids_exact": "ids that are not in scientific notation",
    "further_columns_readable": "further columns with values that can be read",
}
"""The expectation in words of field rules that differ from the usual one."""

# Any character except Unicode's separators, control and format characters (also zero-width ones) and letters without
# a glyph. NUL counts as visible here because it has a rule of its own.
_VISIBLE = r"[^\p{Z}\p{Cc}\p{Cf}\x{115F}\x{1160}\x{2800}\x{3164}\x{FFA0}]|\x00"

# Replaces the length of a text that the reader stopped reading because it was too long.
_ENDLESS = 2**31 - 1


def measure_rows(batch: pa.RecordBatch | pa.Table, has_word: pa.Array | pa.ChunkedArray) -> pa.Table:
    """Measure n rows of `READ_SCHEMA` in Arrow; return a table of n rows. `has_word`, [n], marks texts with a word.

    The result has the row number, the reader's rule and detail, `source_sha256` if `batch` has it, and one measure
    per row rule and per field rule, never null. The reader's rule is final: such a row breaks that rule and no other.
    """
    text, rule = batch["text"], batch["rule"]
    measured = {
        "text_missing": pc.is_valid(text),
        "text_blank": pc.match_substring_regex(text, _VISIBLE),
        "text_nul": pc.invert(pc.match_substring_regex(text, r"\x00")),
        "text_no_words": has_word,
    }
    unmeasured = pa.repeat(pa.scalar(True), batch.num_rows)
    facts = {name: _judge_row_rule(rule, name, measured.get(name, unmeasured)) for name in ROW_RULES}
    facts["text_too_long"] = _judge_text_length(rule, pc.utf8_length(text))
    carried = [
        name for name in ("source_sha256", "row_number", "rule", "detail") if name in batch.schema.names
    ]
    columns = {name: batch[name] for name in carried}
    # Field rules are not checked for a row that its reader already marked as bad.
    extra = pc.if_else(pc.is_null(rule), batch["extra"], None)
    fields = {name: pa.array(~find_unclear_field(extra, column)) for name, column in FIELD_RULES.items()}
    return pa.table(columns | {_FACTS[name]: fact for name, fact in facts.items()} | fields)


def check_rows(measures: pa.Table, limits: RowLimits) -> tuple[list[CheckResult], dict[int, tuple[str, str]]]:
    """Check the rows that `measure_rows` measured, of one or several sources at once.

    Returns first the results: per source, one per row rule in the order of `ROW_RULES`, with the row numbers for
    which it is the first broken rule, then one per rule of `FIELD_RULES`. All are warnings, since neither a bad row
    nor a bad field stops the run. Returns second the bad rows: position in `measures`, from 0, to (rule, detail).
    A row with only a bad field is not a bad row. Raises `ContractError` if a check itself fails.
    """
    _require_known_rules(measures["rule"])
    frame = measures.select([*_FACTS.values(), *FIELD_RULES]).to_pandas()
    field_rules = [
        _expect_true(
            rule, rule, _FIELDS_EXPECTED.get(rule, f"a {column} as docs/feeding.md lists them, or none")
        )
        for rule, column in FIELD_RULES.items()
    ]
    found = run_checks(BOUNDARY, frame, [*_expect_row_rules(limits), *field_rules])
    results, fields = found[: len(_FACTS)], found[len(_FACTS) :]
    # All expectations are warnings, so only a check that raised an exception is an error here.
    require_success(found, "report this as a fault of the row contract; no row was checked.")
    first = {position: result.rule for result in reversed(results) for position in result.unexpected_rows}
    bad = {position: first[position] for position in sorted(first)}
    sources = measures["source_sha256"] if "source_sha256" in measures.column_names else pa.nulls(len(frame))
    positions = {rule: tuple(place for place, first in bad.items() if first == rule) for rule in _FACTS}
    once = [count_rows(result, positions[result.rule]) for result in results]
    once += [count_rows(result, result.unexpected_rows) for result in fields]
    split = split_by_source(once, sources.to_pylist(), measures["row_number"].to_pylist())
    return split, _detail_bad_rows(bad, measures, limits)


def find_bad_rows(measures: pa.Table, limits: RowLimits) -> dict[int, tuple[str, str]]:
    """Return the bad rows among those that `measure_rows` measured: position, from 0, to (rule, detail).

    They are those of `check_rows`, found by Arrow alone: for rows that somebody waits for, whose checks nobody keeps.
    """
    first: dict[int, str] = {}
    for rule, fact in reversed(_FACTS.items()):
        is_length = fact == "characters"
        broken = pc.greater(measures[fact], limits.max_text_chars) if is_length else pc.invert(measures[fact])
        first.update(dict.fromkeys(pc.indices_nonzero(broken).to_pylist(), rule))
    return _detail_bad_rows({position: first[position] for position in sorted(first)}, measures, limits)


def merge_results(results: Iterable[CheckResult]) -> list[CheckResult]:
    """Merge the results of several batches of review files into one per source and rule, in the order first seen."""
    merged: dict[tuple[str | None, str, str], CheckResult] = {}
    for result in results:
        key = (result.source_sha256, result.rule, result.expectation)
        before = merged[key].unexpected_rows if key in merged else ()
        merged[key] = count_rows(result, before + result.unexpected_rows)
    return list(merged.values())


def _detail_bad_rows(
    bad: Mapping[int, str], measures: pa.Table, limits: RowLimits
) -> dict[int, tuple[str, str]]:
    """Return the rule of the contract that each bad row breaks, with the reader's detail, else the rule's own text."""
    found = measures.select(["detail", "characters"]).take(pa.array(list(bad), pa.int64())).to_pylist()
    details = {}
    for (position, rule), row in zip(bad.items(), found, strict=True):
        own = ROW_RULES[rule]
        if limits.max_text_chars < row["characters"] < _ENDLESS:
            own = f"{row['characters']:,} characters; a text may have {limits.max_text_chars:,}."
        details[position] = (rule, row["detail"] or own)
    return details


def _expect_row_rules(limits: RowLimits) -> list[Any]:
    """Return the row contract: one expectation per row rule, in the order of `ROW_RULES`."""
    expect = import_expectations()
    expectations = []
    for rule, fact in _FACTS.items():
        if fact == "characters":
            meta = {"rule": rule, "expected": f"at most {limits.max_text_chars:,} characters"}
            arguments = {"column": fact, "max_value": limits.max_text_chars, "meta": meta}
            expectations.append(expect.ExpectColumnValuesToBeBetween(**arguments, severity="warning"))
        else:
            expectations.append(_expect_true(fact, rule, f"{fact} is true"))
    return expectations


def _expect_true(column: str, rule: str, words: str) -> Any:
    """Return the expectation that a column is true in all rows; a failure is a warning."""
    meta = {"rule": rule, "expected": words}
    return import_expectations().ExpectColumnValuesToBeInSet(
        column=column, value_set=[True], severity="warning", meta=meta
    )


def find_unclear_field(extra: pa.Array | pa.ChunkedArray, column: str) -> NDArray[np.bool_]:
    """Mark the rows, [n], with an invalid value of `column`: readers keep such a value in `extra` under that name."""
    unclear = np.zeros(len(extra), dtype=bool)
    for position in pc.indices_nonzero(pc.match_substring(extra, f'"{column}"')).to_pylist():
        unclear[position] = column in json.loads(extra[position].as_py())
    return unclear


def _require_known_rules(rules: pa.ChunkedArray) -> None:
    """Raise `ValueError` if a reader named a row rule that the contract does not have."""
    unknown = set(pc.unique(rules).to_pylist()) - {None, *ROW_RULES}
    if unknown:
        raise ValueError(
            f"A reader named row rules that ROW_RULES does not have: {', '.join(sorted(unknown))}."
        )


def _judge_row_rule(rule: pa.Array, name: str, measured: pa.Array) -> pa.Array:
    """Return whether each row keeps rule `name`: by the reader's rule if it named one, else as measured."""
    return pc.if_else(pc.is_null(rule), pc.fill_null(measured, True), pc.not_equal(rule, name))


def _judge_text_length(rule: pa.Array, characters: pa.Array) -> pa.Array:
    """Return each text's length in characters: 0 where the reader named another rule, `_ENDLESS` where it gave up."""
    given_up = pc.if_else(pc.equal(rule, "text_too_long"), _ENDLESS, 0)
    return pc.cast(pc.if_else(pc.is_null(rule), pc.fill_null(characters, 0), given_up), pa.int32())
