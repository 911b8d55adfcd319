"""Tests that columns that may mean something else are in doubt, and sound ones are not."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tasks.review_files.plans.reading_plan import ReadingPlan
from tasks.review_files.reader import ReadOptions, read_review_file
from tests.support.review_file_builders import encode_csv


def read(folder: Path, columns: Mapping[str, Sequence[str]]) -> tuple[list[dict[str, Any]], ReadingPlan]:
    """Return the rows of a file with these columns, each with a text, and its plan."""
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    path = folder / "a.csv"
    path.write_bytes(
        encode_csv([{"text": f"Film {place} was good.", **row} for place, row in enumerate(rows)])
    )
    plans: list[ReadingPlan] = []
    batches = read_review_file(path, ReadOptions(report_plan=plans.append))
    return [row for batch in batches for row in batch.to_pylist()], plans[0]


def list_doubts(plan: ReadingPlan) -> list[str]:
    return [doubt.field for doubt in plan.doubts]


# Ratings


@pytest.mark.parametrize("beside", ["hotel", "Nights", "roomType", "price_eur"])
def test_a_rate_that_may_be_a_price_is_no_rating_out_of_a_hundred(tmp_path: Path, beside: str) -> None:
    rows, plan = read(tmp_path, {beside: ["a", "b", "c"], "rate": ["45", "89", "72"]})
    assert list_doubts(plan) == ["given_rating"]
    assert [row["given_rating"] for row in rows] == [None] * 3


@pytest.mark.parametrize(
    ("name", "values", "stars"),
    [("rate", ["4", "9"], [4, 9]), ("rate", ["4/5", "5/5"], [8, 10]), ("rating", ["10", "90"], [1.9, 9.1])],
)
def test_a_rate_of_ten_or_with_its_scale_is_a_rating_and_so_is_a_rating_of_a_hundred(
    tmp_path: Path, name: str, values: list[str], stars: list[float]
) -> None:
    rows, _ = read(tmp_path, {"hotel": ["a", "b"], name: values})
    assert [row["given_rating"] for row in rows] == pytest.approx(stars)


def test_a_rate_beside_no_sign_of_prices_is_a_rating_of_a_hundred(tmp_path: Path) -> None:
    rows, _ = read(tmp_path, {"classroom": ["a", "b"], "rate": ["10", "90"]})
    assert [row["given_rating"] for row in rows] == pytest.approx([1.9, 9.1])


def test_shares_of_one_as_of_cells_with_percent_are_asked_for_as_such(tmp_path: Path) -> None:
    _, plan = read(tmp_path, {"rating": ["0.2", "0.85", "1"]})
    [doubt] = plan.doubts
    assert (doubt.field, doubt.values) == ("given_rating", ("0", "1"))


@pytest.mark.parametrize("values", [["0", "1"], ["0.5", "1"], ["0.2", "1.2"]])
def test_stars_and_halves_and_what_is_above_one_are_no_shares(tmp_path: Path, values: list[str]) -> None:
    _, plan = read(tmp_path, {"rating": values})
    assert [(doubt.field, doubt.values) for doubt in plan.doubts] == [("given_rating", ())]


def test_numbers_that_are_no_labels_of_a_help_desk_may_be_ratings(tmp_path: Path) -> None:
    rows, plan = read_tickets(tmp_path, ["1", "3", "5"])
    assert [(doubt.field, doubt.column) for doubt in plan.doubts] == [("given_rating", "score")]
    assert (plan.given_rating, plan.given_label) == ("score", None)
    kept = [
        {name: value for name, value in json.loads(row["extra"]).items() if "given" in name} for row in rows
    ]
    assert kept == [{"given_rating": score} for score in ("1", "3", "5")]


@pytest.mark.parametrize(
    "scores",
    [["good", "bad", "offered"], ["good", "1", "2"], ["1", "2", "2"], ["0", "1", "2"], ["1", "2", "6"]],
)
def test_other_scores_of_a_help_desk_stay_labels(tmp_path: Path, scores: list[str]) -> None:
    _, plan = read_tickets(tmp_path, scores)
    assert (plan.given_rating, plan.given_label) == (None, "score")


def read_tickets(folder: Path, scores: list[str]) -> tuple[list[dict[str, Any]], ReadingPlan]:
    """Read comments on tickets, with these scores."""
    path = folder / "a.csv"
    rows = [{"ticket_id": place, "score": score, "comment": "Good."} for place, score in enumerate(scores)]
    path.write_bytes(encode_csv(rows))
    plans: list[ReadingPlan] = []
    batches = read_review_file(path, ReadOptions(report_plan=plans.append))
    return [row for batch in batches for row in batch.to_pylist()], plans[0]


@pytest.mark.parametrize("ratings", ["1 2 3 4 5 9 9 9", "1 3 5 9"])
def test_a_nine_alone_above_five_may_be_no_answer(tmp_path: Path, ratings: str) -> None:
    rows, plan = read(tmp_path, {"rating": ratings.split()})
    [doubt] = plan.doubts
    assert (doubt.field, doubt.values) == ("given_rating", ("1", "5"))
    assert "9 may mean that there is none" in doubt.reason
    assert {row["given_rating"] for row in rows} == {None}


@pytest.mark.parametrize(
    ("ratings", "highest"), [("8 9 10 99 99 99", "10"), ("8 9 10 88 98 99", "10"), ("1 3 4 99", "5")]
)
def test_ninety_nine_alone_above_ten_may_be_no_answer(tmp_path: Path, ratings: str, highest: str) -> None:
    _, plan = read(tmp_path, {"rating": ratings.split()})
    [doubt] = plan.doubts
    assert (doubt.field, doubt.values) == ("given_rating", ("1", highest))
    assert "99 may mean that there is none" in doubt.reason


@pytest.mark.parametrize("ratings", ["4 9", "1 2 3 8 9", "1 2 3 10", "3 10 80 99 99"])
def test_nine_and_ninety_nine_among_others_are_ratings(tmp_path: Path, ratings: str) -> None:
    rows, plan = read(tmp_path, {"rating": ratings.split()})
    assert list_doubts(plan) == []
    assert None not in {row["given_rating"] for row in rows}
