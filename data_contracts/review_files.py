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
from data_contracts.limits import FIELD_RULES, RowLimits

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

ROW_RULES = {
    "row_shape": "The row does not have the shape of its file; mend the line and resubmit the file.",
    "text_missing": "The row has no text; fill in the text column.",
    "text_not_given": "The row has a rating or label without a text, or a word such as nan for it: nothing to score.",
    "text_blank": "The text is only spaces, line breaks or invisible characters; fill it in.",
    "text_encoding": "The text's bytes are not valid in the file's encoding; save the file as UTF-8.",
    "text_type": "The text is a number, a list or another value that is not a string; put it in quotes.",
    "text_too_long": "The text is longer than a review may be; check for a missing quote, or shorten it.",
    "text_nul": "The text contains NUL characters, so it is probably binary or UTF-16; save the file as UTF-8.",
    "text_no_words": "The text is only punctuation or HTML line breaks, so there is nothing to score.",
}
"""Each row rule with its problem and next step. A row that breaks several rules counts for the first in this order."""

TEXT_NOT_GIVEN = "text_not_given"
SCORER_FAILED = "scorer_failed"
NO_KNOWN_WORD = "text_no_known_word"
NOT_ENGLISH = "not_english"
SCORING_RULES = {
    "date_not_read": "The date can't be read, and the profile of its source quarantines such rows.",
    "label_not_read": "The label can't be read, and the profile of its source quarantines such rows.",
    "rating_not_read": "The rating can't be read, and the profile of its source quarantines such rows.",
    NOT_ENGLISH: "The text seems not to be in English, and the profile of its source quarantines such rows.",
    NO_KNOWN_WORD: "The model knows none of the text's words, so a score would mean nothing; is the text in English?",
    SCORER_FAILED: "The model failed on this text alone; release the row when the model or this program is fixed.",
}
"""Rules that depend on the model or on what the source wants: a row can break them only after it has passed all others.
A release does not check them again, except for `NO_KNOWN_WORD`."""

UNCOUNTED_RULES = frozenset({NOT_ENGLISH, NO_KNOWN_WORD, TEXT_NOT_GIVEN})
"""Rules of rows that say nothing against their file: another language, or customers who wrote no text."""

FILE_RULES = {
    "file_empty": "The file is empty; export it again.",
    "file_unreadable": "The file can't be opened or read; check its permissions and the disk.",
    "profile_wrong": "The profile of the file's source is wrong; correct it (`reviews sources check` shows rows).",
    "profile_column_missing": "The profile of the file's source names that column; correct the profile or the file.",
    "format_unknown": "The format is not supported; use csv, xlsx, jsonl, parquet, txt, a zip or a tar of such files.",
    "format_mismatch": "The content is not of the format that the name's ending states; correct the ending.",
    "compression_broken": "The compressed data is truncated or damaged; copy the file again.",
    "archive_broken": "The zip or tar is truncated or damaged; pack it again.",
    "archive_empty": "The archive contains no review file; pack at least one into it.",
    "archive_encrypted": "The zip or workbook is protected by a password; pack or save it without one.",
    "member_name_unsafe": "A member's path leads out of the archive; pack it with plain relative paths.",
    "member_not_a_file": "The archive contains a link, a device or another special member; pack only regular files.",
    "member_nested_archive": "The archive contains another archive; unpack the inner one first.",
    "bomb_suspected": "The file unpacks to far more than its size allows; split it if it really is that large.",
    "csv_broken": "From some byte on, the CSV can't be split into rows; check its quotes and separators.",
    "json_broken": "The JSON can't be read as rows; write it as JSON lines: jq -c '.[]' file.json > file.jsonl.",
    "parquet_broken": "The Parquet file is truncated or damaged; write it again.",
    "orc_broken": "The ORC file is truncated or damaged; write it again.",
    "arrow_broken": "The Arrow or Feather file is truncated or damaged; write it again, or as Parquet.",
    "avro_broken": "The Avro file is truncated or damaged; write it again.",
    "workbook_broken": "The workbook is damaged, or has cells far apart; save it again, as xlsx or as CSV UTF-8.",
    "workbook_too_large": "A workbook is held whole, and this one is too large; save its sheet as CSV UTF-8.",
    "sheet_missing": "It is not clear which sheet has the reviews; save that sheet alone, or as CSV UTF-8.",
    "header_broken": "The first line is not a usable header; give each column a name of its own.",
    "text_column_missing": "No column is recognized as the text; name it `text` or `review`, or give --text-column.",
    "text_column_doubled": "Several columns could be the text; name the right one with --text-column.",
    "text_column_type": "The values of the text column are not strings; name the right column with --text-column.",
    "encoding_broken": "The text is truncated or invalid in the file's encoding; save the file again, as UTF-8.",
    "encoding_unknown": "The file's encoding is not supported; save the file as UTF-8.",
    "too_many_bad_rows": "Too large a share of the rows is bad; look at their rules, then correct the file.",
    "too_few_rows": "The profile of the file's source wants more rows; export it again, or lower fewest_rows.",
    "export_too_small": "If that is right, lower smallest_share_of_last in the profile, then score the file by name.",
    "rows_renumbered": "Rows of it were forgotten, and this profile numbers its rows otherwise; it keeps its reading.",
    "values_not_read": "By [severity] the profile of its source refuses such files; correct the file or the profile.",
    "workers_killed": "Look at the workers' logs; score it without REVIEWS_DASK, or name it to try it again.",
    "link_refused": "The file is a link, and links are not followed; replace it by the file itself.",
}
"""Each rule by which a whole file is refused, with its problem and next step."""

_FACTS = {
    "row_shape": "well_shaped",
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

_FIELDS_EXPECTED = {"further_columns_readable": "further columns with values that can be read"}
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
    found = run_checks(BOUNDARY, frame, [*_expect_row_rules(limits), *_expect_field_rules()])
    results, fields = found[: len(_FACTS)], found[len(_FACTS) :]
    # All expectations are warnings, so only a check that raised an exception is an error here.
    require_success(found, "report this as a fault of the row contract; no row was checked.")
    first = {position: result.rule for result in reversed(results) for position in result.unexpected_rows}
    bad = {position: first[position] for position in sorted(first)}
    sources = measures["source_sha256"] if "source_sha256" in measures.column_names else pa.nulls(len(frame))
    once = [count_rows(result, _pick_rows(bad, result.rule)) for result in results]
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


def _pick_rows(bad: Mapping[int, str], rule: str) -> tuple[int, ...]:
    """Return the positions of the rows that break a rule of the contract."""
    return tuple(position for position, first in bad.items() if first == rule)


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
            meta = {"rule": rule, "expected": f"{fact} is true"}
            arguments = {"column": fact, "value_set": [True], "meta": meta}
            expectations.append(expect.ExpectColumnValuesToBeInSet(**arguments, severity="warning"))
    return expectations


def _expect_field_rules() -> list[Any]:
    """Return the expectations that the values of the optional fields of rows are valid; a failure is a warning."""
    expect = import_expectations()
    return [
        expect.ExpectColumnValuesToBeInSet(
            column=rule,
            value_set=[True],
            severity="warning",
            meta={
                "rule": rule,
                "expected": _FIELDS_EXPECTED.get(rule, f"a {column} as docs/scoring.md lists them, or none"),
            },
        )
        for rule, column in FIELD_RULES.items()
    ]


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
