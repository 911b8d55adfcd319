"""Tests that each rule of the reviews contract passes for correct tables and fails for wrong ones."""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any

import pyarrow as pa
import pytest

from data_contracts.expectations import CheckResult, require_success
from data_contracts.reviews_parquet import (
    BROKEN_ROWS,
    MAX_REVIEW_CHARACTERS,
    REVIEWS_SCHEMA,
    SPLITS,
    check_reviews,
)

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
    assert {result.rule for result in results} >= {*BROKEN_ROWS, *BROKEN}
    assert failed(results) == {}


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


def test_a_label_of_another_split_fails() -> None:
    broken = failed(check_reviews(change("test", 1, label="unsup", rating=None), "other"))
    assert "label_fits_split" in broken
    assert broken["label_fits_split"].unexpected_rows == (("test", "unsup", 1),)


def test_an_empty_folder_fails() -> None:
    rows = make_rows()
    rows["unsup"] = []
    broken = failed(check_reviews(make_tables(rows), "other"))
    assert set(broken) == {"folder_not_empty"}
    assert broken["folder_not_empty"].unexpected_rows == (("unsup", "unsup"),)


def test_a_known_data_set_needs_all_its_rows() -> None:
    broken = failed(check_reviews(make_tables(), "stanford"))
    assert set(broken) == {"reviews_as_published"}
    assert ("train", "neg") in broken["reviews_as_published"].unexpected_rows


def test_an_unbalanced_split_fails_in_a_known_data_set_and_warns_in_another() -> None:
    tables = insert("train", 8, *(make_row("train", "pos", number) for number in range(4, 9)))
    assert failed(check_reviews(tables, "stanford"))["labels_balanced"].severity == "error"
    assert failed(check_reviews(tables, "other"))["labels_balanced"].severity == "warning"


def test_other_columns_fail_before_any_row_is_looked_at() -> None:
    tables = make_tables()
    results = check_reviews({**tables, "test": tables["test"].drop_columns(["text_sha256"])}, "other")
    assert [(result.rule, result.unexpected_rows) for result in results] == [
        ("schema_as_declared", ("test",))
    ]
    assert "lacks text_sha256 string" in results[0].observed


def test_duplicates_within_a_split_count_the_rows_beyond_the_first() -> None:
    text = make_row("train", "neg", 0)["text_sha256"]
    rows = make_rows()
    for number in (1, 2):
        rows["train"][number]["text_sha256"] = text
    broken = failed(check_reviews(make_tables(rows), "other"))
    assert set(broken) == {"duplicates_within_train"}
    assert broken["duplicates_within_train"].unexpected_count == 2


def test_duplicates_stop_nothing() -> None:
    rows = make_rows()
    rows["unsup"][1]["text_sha256"] = rows["test"][1]["text_sha256"]
    results = check_reviews(make_tables(rows), "other")
    assert "texts_in_test_and_unsup" in failed(results)
    require_success(results, "nothing to do")
