"""The contract of the reviews Parquet files: their schema, their provenance and the rules of their rows.

Grain: one row per review, keyed by (split, label, review_number). Arrow computes all measures over the rows;
Great Expectations checks one row of counts per folder.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.archive import (
    EXPECTED_REVIEWS,
    FOLDERS,
    RATINGS_BY_LABEL,
    TITLE_ID,
    Folder,
    expect_archive_counts,
)
from data_contracts.expectations import SAMPLES_SHOWN, CheckResult, import_expectations, run_checks

if TYPE_CHECKING:
    import pandas as pd

BOUNDARY = "reviews"
SPLITS = ("train", "test", "unsup")
FORMAT_VERSION = 1
"""Increase it whenever the same archive would yield other rows; older files are then written again."""

MAX_REVIEW_CHARACTERS = 100_000
"""The longest review of the Stanford data set has 14,282 characters."""
POSITIVE_SHARE = (0.45, 0.55)
"""The lowest and the highest share of positive reviews in a labelled split."""

REVIEWS_SCHEMA = pa.schema(
    [
        ("split", pa.string()),
        ("label", pa.string()),
        ("rating", pa.int8()),
        ("review_number", pa.int32()),
        ("movie_id", pa.string()),
        ("text", pa.string()),
        ("text_sha256", pa.string()),
    ]
)
PROVENANCE_KEY = b"reviews"
"""The key of the Parquet schema's metadata that holds the `Provenance` as JSON."""

BROKEN_ROWS: Mapping[str, str] = {
    "split_as_filed": "every row's split is that of its file",
    "label_fits_split": "label 'neg' or 'pos' in train and test, none in unsup",
    "rating_fits_label": "rating {} to {} where neg, {} to {} where pos, none in unsup".format(
        *RATINGS_BY_LABEL["neg"], *RATINGS_BY_LABEL["pos"]
    ),
    "review_number_valid": "a review number of 0 or more in every row",
    "key_unique": "one row for each split, label and review number",
    "rows_in_order": "rows sorted by label, then by review number",
    "movie_id_valid": "a title id such as tt0000001 in every row",
    "text_not_blank": "no text of white space alone",
    "text_without_nul": "no text with a NUL character",
    "text_sha256_valid": "64 lower-case hexadecimal digits in every row",
}
"""The row rules, which are checked by their number of broken rows, and what each requires."""


@dataclass(frozen=True)
class Provenance:
    """The origin of the reviews Parquet files, the same in all three."""

    dataset: str
    """'stanford', 'sample' or 'other'."""
    verification: str
    """'published' (the archive's bytes), 'content' (a pinned digest) or 'accepted_unverified'."""
    source_sha256: str
    """The SHA-256 of the archive's bytes, in hex."""
    content_digest: str
    """The digest of the reviews and URL lists in the archive, in hex."""
    data_fingerprint: str
    """The id, in hex, by which models and runs name their data. Covers content, verification and format version."""
    format_version: int


def name_split(folder: Folder) -> str:
    """Return the split of a folder's reviews: 'unsup' for unlabelled reviews, else the folder's own."""
    split, label = folder
    return label if label == "unsup" else split


def check_reviews(tables: Mapping[str, pa.Table], dataset: str) -> list[CheckResult]:
    """Check the three tables, keyed by split; `dataset` decides how many rows to expect.

    Errors name the first broken rows as (split, label, review_number). Warnings report the number of exact
    duplicates, by text_sha256: within a split the rows beyond the first of each text (rows less distinct
    texts), across two splits the distinct texts that are in both. The Stanford data set has 96 in train,
    199 in test, 493 in unsup, 123 in train and test, 354 in train and unsup, 266 in test and unsup.
    """
    import pandas as pd

    gx = import_expectations()
    differences = [_describe_schema(tables[split].schema if split in tables else None) for split in SPLITS]
    declared = ", ".join(f"{field.name} {field.type}" for field in REVIEWS_SCHEMA)
    meta = {"rule": "schema_as_declared", "expected": declared}
    as_declared = gx.ExpectColumnValuesToBeInSet(column="difference", value_set=[""], meta=meta)
    frame = pd.DataFrame({"split": SPLITS, "difference": differences})
    schemas = run_checks(BOUNDARY, frame, [as_declared], ("split",))
    if not all(result.success for result in schemas):
        return schemas
    rows = pa.concat_tables([_measure_split(tables[split], split) for split in SPLITS])
    folders = run_checks(
        BOUNDARY, _frame_review_folders(rows, dataset), _expect_review_folders(), ("split", "label")
    )
    balanced = gx.ExpectColumnValuesToBeBetween(
        column="positive_share",
        min_value=POSITIVE_SHARE[0],
        max_value=POSITIVE_SHARE[1],
        severity="critical" if dataset in EXPECTED_REVIEWS else "warning",
        meta={"rule": "labels_balanced"},
    )
    shares = run_checks(BOUNDARY, _frame_shares(rows), [balanced], ("split",))
    duplicates = _count_duplicates(tables)
    none_repeated = [
        gx.ExpectColumnMaxToBeBetween(
            column=rule, min_value=0, max_value=0, severity="warning", meta={"rule": rule}
        )
        for rule in duplicates
    ]
    repeated = run_checks(BOUNDARY, pd.DataFrame([duplicates]), none_repeated)
    return [
        *schemas,
        *(_name_broken_rows(result, rows) for result in folders),
        *shares,
        *(replace(result, unexpected_count=duplicates[result.rule]) for result in repeated),
    ]


def _describe_schema(schema: pa.Schema | None) -> str:
    """Describe how the schema of a reviews Parquet file differs from the declared one, '' where it does not."""
    if schema is None:
        return "there is no table"
    found = [f"{field.name} {field.type}" for field in schema]
    declared = [f"{field.name} {field.type}" for field in REVIEWS_SCHEMA]
    lacking = [f"lacks {column}" for column in declared if column not in found]
    foreign = [f"has {column}" for column in found if column not in declared]
    out_of_order = [] if lacking or foreign or found == declared else ["has its columns in another order"]
    return ", ".join([*lacking, *foreign, *out_of_order])


def _measure_split(table: pa.Table, split: str) -> pa.Table:
    """Return the key and text length of each row of a split, and per rule whether the row breaks it, never null."""
    columns = {name: table[name].combine_chunks() for name in table.column_names}
    label, text = pc.fill_null(columns["label"], "unsup"), columns["text"]
    characters = pc.fill_null(pc.utf8_length(text), 0)
    labels = [folder[1] for folder in FOLDERS if name_split(folder) == split]
    key = _key_rows(label, columns["review_number"])
    broken = {
        "split_as_filed": pc.fill_null(pc.not_equal(columns["split"], split), True),
        "label_fits_split": pc.invert(pc.is_in(label, pa.array(labels))),
        "rating_fits_label": _mark_misfitting_ratings(label, columns["rating"]),
        "review_number_valid": pc.fill_null(pc.less(columns["review_number"], 0), True),
        "key_unique": _mark_repeated_keys(key),
        "rows_in_order": _mark_falling_keys(key),
        "movie_id_valid": _mark_mismatching(columns["movie_id"], TITLE_ID),
        "text_not_empty": pc.less(characters, 1),
        "text_not_too_long": pc.greater(characters, MAX_REVIEW_CHARACTERS),
        "text_not_blank": pc.fill_null(pc.utf8_is_space(text), False),
        "text_without_nul": pc.fill_null(pc.match_substring(text, "\0"), False),
        "text_sha256_valid": _mark_mismatching(columns["text_sha256"], "[0-9a-f]{64}"),
    }
    keys = {"split": pa.repeat(pa.scalar(split), len(table)), "label": label}
    numbers = {"review_number": columns["review_number"], "characters": characters}
    return pa.table({**keys, **numbers, **broken})


def _mark_mismatching(values: pa.Array, pattern: str) -> pa.Array:
    """Mark reviews whose column does not match a pattern."""
    return pc.invert(pc.fill_null(pc.match_substring_regex(values, f"^(?:{pattern})$"), False))


def _mark_misfitting_ratings(label: pa.Array, rating: pa.Array) -> pa.Array:
    """Mark rows whose rating does not fit: null or out of range if labelled, or any rating if unlabelled."""
    fits = pc.and_(pc.equal(label, "unsup"), pc.is_null(rating))
    for name, (lowest, highest) in RATINGS_BY_LABEL.items():
        if name != "unsup":
            in_range = pc.and_(pc.greater_equal(rating, lowest), pc.less_equal(rating, highest))
            fits = pc.or_(fits, pc.and_(pc.equal(label, name), pc.fill_null(in_range, False)))
    return pc.invert(fits)


def _key_rows(label: pa.Array, review_number: pa.Array) -> pa.Array:
    """Return one integer per row that sorts a split by label, then by review number."""
    label_rank = pc.fill_null(pc.index_in(label, pa.array(sorted(RATINGS_BY_LABEL))), len(RATINGS_BY_LABEL))
    number = pc.fill_null(review_number, -1).cast(pa.int64())
    return pc.add(pc.multiply(label_rank.cast(pa.int64()), 1 << 32), number)


def _mark_repeated_keys(keys: pa.Array) -> pa.Array:
    """Mark every row whose key also occurs in another row."""
    counts = pc.value_counts(keys)
    doubled = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    return pc.is_in(keys, doubled)


def _mark_falling_keys(keys: pa.Array) -> pa.Array:
    """Mark every row whose key is below that of the row before it."""
    return pa.concat_arrays([pa.array([False]), pc.less(keys[1:], keys[:-1])]).slice(0, len(keys))


def _frame_review_folders(rows: pa.Table, dataset: str) -> "pd.DataFrame":
    """Return one row per folder: reviews, expected reviews, shortest and longest text, broken rows of each rule."""
    measures = {
        "reviews": ("characters", "count"),
        "shortest": ("characters", "min"),
        "longest": ("characters", "max"),
        **{rule: (rule, "sum") for rule in BROKEN_ROWS},
    }
    counted = rows.group_by(["split", "label"]).aggregate(list(measures.values()))
    named = counted.rename_columns(["split", "label", *measures])
    expected = EXPECTED_REVIEWS.get(dataset, {})
    folders = pa.table(
        {
            "split": [name_split(folder) for folder in FOLDERS],
            "label": [label for _, label in FOLDERS],
            "expected_reviews": pa.array([expected.get(folder) for folder in FOLDERS], pa.float64()),
        }
    )
    frame: pd.DataFrame = folders.join(named, ["split", "label"], join_type="full outer").to_pandas()
    return frame.fillna(dict.fromkeys(["reviews", *BROKEN_ROWS], 0))


def _expect_review_folders() -> list[Any]:
    gx = import_expectations()
    counted = expect_archive_counts()
    lengths = [
        gx.ExpectColumnMinToBeBetween(
            column="shortest",
            min_value=1,
            meta={"rule": "text_not_empty", "expected": "at least 1 character in the shortest text"},
        ),
        gx.ExpectColumnMaxToBeBetween(
            column="longest",
            max_value=MAX_REVIEW_CHARACTERS,
            meta={
                "rule": "text_not_too_long",
                "expected": f"at most {MAX_REVIEW_CHARACTERS} characters in the longest text",
            },
        ),
    ]
    unbroken = [
        gx.ExpectColumnSumToBeBetween(
            column=rule, min_value=0, max_value=0, meta={"rule": rule, "expected": words}
        )
        for rule, words in BROKEN_ROWS.items()
    ]
    return [*counted, *lengths, *unbroken]


def _name_broken_rows(result: CheckResult, rows: pa.Table) -> CheckResult:
    """Replace the folders that a failed check named by the keys of the first broken reviews."""
    if result.success or result.rule not in rows.column_names:
        return result
    broken = rows.filter(rows[result.rule])
    named = broken.select(["split", "label", "review_number"]).slice(0, SAMPLES_SHOWN).to_pylist()
    keys = tuple(tuple(row.values()) for row in named)
    return replace(result, unexpected_count=len(broken), unexpected_rows=keys)


def _frame_shares(rows: pa.Table) -> "pd.DataFrame":
    """Return one row per labelled split: its share of positive reviews, null where it has no reviews."""
    import pandas as pd

    splits = [split for split in SPLITS if split != "unsup"]
    labels = [rows.filter(pc.equal(rows["split"], split))["label"] for split in splits]
    shares = [pc.mean(pc.equal(label, "pos").cast(pa.int8())).as_py() for label in labels]
    return pd.DataFrame({"split": splits, "positive_share": shares}).astype({"positive_share": "float64"})


def _count_duplicates(tables: Mapping[str, pa.Table]) -> dict[str, int]:
    """Count exact duplicates by rule: repeated rows within each split, shared texts of each pair of splits."""
    distinct = {split: pc.unique(tables[split]["text_sha256"]) for split in SPLITS}
    within = {
        f"duplicates_within_{split}": len(tables[split]) - len(texts) for split, texts in distinct.items()
    }
    across = {
        f"texts_in_{one}_and_{other}": pc.sum(pc.is_in(distinct[one], distinct[other])).as_py() or 0
        for one, other in itertools.combinations(SPLITS, 2)
    }
    return {**within, **across}
