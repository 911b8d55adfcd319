"""Tests that each rule of the reviews contract passes for correct tables and fails for wrong ones."""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.expectations import CheckResult
from data_contracts.reviews_parquet import (
    BROKEN_ROWS,
    MAX_REVIEW_CHARACTERS,
    REVIEWS_SCHEMA,
    SPLITS,
    check_reviews,
)

DUPLICATE_RULES = {
    "duplicates_within_train",
    "duplicates_within_test",
    "duplicates_within_unsup",
    "texts_in_train_and_test",
    "texts_in_train_and_unsup",
    "texts_in_test_and_unsup",
}
RULES = {
    "schema_as_declared",
    "folder_not_empty",
    "reviews_as_published",
    "text_not_empty",
    "text_not_too_long",
    "labels_balanced",
    *BROKEN_ROWS,
    *DUPLICATE_RULES,
}

Row = dict[str, Any]


def make_row(split: str, label: str | None, number: int, **changes: Any) -> Row:
    text = f"Text {number} of {split} {label}."
    rating = {"neg": 3, "pos": 8}.get(label or "")
    row: Row = {"split": split, "label": label, "rating": rating, "review_number": number}
    row |= {"movie_id": "tt0000001", "text": text, "text_sha256": sha256(text.encode()).hexdigest()}
    return row | changes


def make_rows() -> dict[str, list[Row]]:
    labelled = {
        split: [make_row(split, label, number) for label in ("neg", "pos") for number in range(4)]
        for split in ("train", "test")
    }
    return {**labelled, "unsup": [make_row("unsup", None, number) for number in range(4)]}


def make_tables(rows: Mapping[str, list[Row]] | None = None) -> dict[str, pa.Table]:
    chosen = make_rows() if rows is None else rows
    return {split: pa.Table.from_pylist(chosen[split], schema=REVIEWS_SCHEMA) for split in SPLITS}


def change(table: str, row: int, /, **changes: Any) -> dict[str, pa.Table]:
    rows = make_rows()
    rows[table][row] = rows[table][row] | changes
    return make_tables(rows)


def insert(split: str, place: int, *added: Row) -> dict[str, pa.Table]:
    rows = make_rows()
    rows[split][place:place] = added
    return make_tables(rows)


def failed(results: Sequence[CheckResult]) -> dict[str, CheckResult]:
    return {result.rule: result for result in results if not result.success}


def test_right_tables_pass_every_rule() -> None:
    results = check_reviews(make_tables(), "other")
    assert {result.rule for result in results} == RULES
    assert len(results) == len(RULES)
    assert failed(results) == {}


def test_duplicates_are_warnings_and_all_else_are_errors_for_a_known_data_set() -> None:
    severities = {result.rule: result.severity for result in check_reviews(make_tables(), "stanford")}
    assert {rule for rule, severity in severities.items() if severity == "warning"} == DUPLICATE_RULES


def _swap_rows() -> dict[str, pa.Table]:
    rows = make_rows()
    rows["train"][1:3] = [rows["train"][2], rows["train"][1]]
    return make_tables(rows)


BROKEN: dict[str, Callable[[], dict[str, pa.Table]]] = {
    "split_as_filed": lambda: change("train", 1, split="test"),
    "rating_fits_label": lambda: change("train", 1, rating=7),
    "key_unique": lambda: change("train", 2, review_number=1),
    "rows_in_order": _swap_rows,
    "movie_id_valid": lambda: change("test", 1, movie_id="nm0000001"),
    "text_not_blank": lambda: change("test", 1, text=" \u2003\n"),
    "text_without_nul": lambda: change("test", 1, text="a\0b"),
    "text_sha256_valid": lambda: change("test", 1, text_sha256="F" * 64),
    "text_not_empty": lambda: change("test", 1, text=""),
    "text_not_too_long": lambda: change("test", 1, text="x" * (MAX_REVIEW_CHARACTERS + 1)),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_a_broken_row_fails_its_own_rule_alone_and_is_named(rule: str) -> None:
    broken = failed(check_reviews(BROKEN[rule](), "other"))
    assert set(broken) == {rule}
    assert broken[rule].severity == "error"
    assert broken[rule].unexpected_count >= 1
    label, number = broken[rule].unexpected_rows[0][1:]
    assert (label, number) in {("neg", 1), ("neg", 2)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("split", "label", "rating"),
    [
        ("train", "neg", None),
        ("train", "neg", 0),
        ("train", "neg", 5),
        ("train", "pos", 6),
        ("train", "pos", 11),
        ("unsup", None, 0),
        ("unsup", None, 8),
    ],
)
def test_a_rating_outside_its_label_fails(split: str, label: str | None, rating: int | None) -> None:
    row = 5 if label == "pos" else 1
    assert set(failed(check_reviews(change(split, row, rating=rating), "other"))) == {"rating_fits_label"}


@pytest.mark.parametrize(
    ("column", "rule"),
    [
        ("split", "split_as_filed"),
        ("movie_id", "movie_id_valid"),
        ("text", "text_not_empty"),
        ("text_sha256", "text_sha256_valid"),
    ],
)
def test_a_missing_value_fails(column: str, rule: str) -> None:
    assert set(failed(check_reviews(change("train", 1, **{column: None}), "other"))) == {rule}


def test_a_known_data_set_needs_all_its_rows() -> None:
    broken = failed(check_reviews(make_tables(), "stanford"))
    assert set(broken) == {"reviews_as_published"}
    assert ("train", "neg") in broken["reviews_as_published"].unexpected_rows


def test_an_unbalanced_split_fails_in_a_known_data_set_and_warns_in_another() -> None:
    tables = insert("train", 8, *(make_row("train", "pos", number) for number in range(4, 9)))
    assert failed(check_reviews(tables, "stanford"))["labels_balanced"].severity == "error"
    assert failed(check_reviews(tables, "other"))["labels_balanced"].severity == "warning"


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (["split", "label", "rating", "review_number", "movie_id", "text"], "lacks text_sha256 string"),
        ([*reversed(REVIEWS_SCHEMA.names)], "has its columns in another order"),
    ],
)
def test_other_columns_fail_before_any_row_is_looked_at(columns: list[str], words: str) -> None:
    tables = make_tables()
    results = check_reviews({**tables, "test": tables["test"].select(columns)}, "other")
    assert [result.rule for result in results] == ["schema_as_declared"]
    assert words in results[0].observed
    assert results[0].unexpected_rows == ("test",)


def test_duplicates_within_a_split_count_the_rows_beyond_the_first() -> None:
    text = make_row("train", "neg", 0)["text_sha256"]
    rows = make_rows()
    for number in (1, 2):
        rows["train"][number]["text_sha256"] = text
    broken = failed(check_reviews(make_tables(rows), "other"))
    assert set(broken) == {"duplicates_within_train"}
    assert (
        broken["duplicates_within_train"].observed,
        broken["duplicates_within_train"].unexpected_count,
    ) == ("2", 2)


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=5), min_size=4, max_size=4))
def test_texts_pass_only_when_none_is_empty_blank_or_has_a_nul(texts: list[str]) -> None:
    rows = make_rows()
    for row, text in zip(rows["unsup"], texts, strict=True):
        row["text"] = text
    broken = set(failed(check_reviews(make_tables(rows), "other")))
    assert ("text_not_empty" in broken) == any(not text for text in texts)
    assert ("text_without_nul" in broken) == any("\0" in text for text in texts)
    assert "text_not_blank" in broken or not any(text and text.strip(" \t\n") == "" for text in texts)
