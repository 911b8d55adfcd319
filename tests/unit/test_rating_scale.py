from pathlib import Path

import pytest

from data_contracts.rating_scale import FEWEST_RATINGS
from tasks.scoring.rating_scale import judge_rating_scale
from tasks.warehouse.connection import open_warehouse
from tests.unit.view_tables import add_file


@pytest.mark.parametrize(
    ("ratings", "praise", "verdicts"),
    [
        ([1, 2, 3, 4, 5], 0.9, [("a.csv", False)]),
        ([1, 2, 3, 4, 5], 0.1, [("a.csv", True)]),
        ([1, 2, 4, 5, 6], 0.9, []),
        ([1, 2, 3, 3, 3], 0.9, []),
        ([1, 2, 4, 5, None], 0.9, []),
    ],
    ids=["of five", "all blame", "one above five", "none of praise", "too few"],
)
def test_ratings_are_taken_for_stars_out_of_five_where_four_stands_with_praise(
    tmp_path: Path, ratings: list[float | None], praise: float, verdicts: list[tuple[str, bool]]
) -> None:
    rows = [
        {"given_rating": rating, "score": praise if rating and rating >= 4 else 0.1}
        for rating in ratings * (FEWEST_RATINGS // len(ratings))
    ]
    warehouse = tmp_path / "reviews.duckdb"
    with open_warehouse(warehouse, write=True) as connection:
        add_file(connection, "a.csv", rows, run_id="run-1")
        add_file(connection, "b.csv", rows, run_id="run-0")
    found = judge_rating_scale(warehouse, ["run-1"])
    assert [(result.source_sha256, result.success) for _, result in found] == verdicts


def test_a_broken_scale_says_what_was_counted_and_is_a_warning(tmp_path: Path) -> None:
    rows = [{"given_rating": rating, "score": 0.9 if rating == 4 else 0.1} for rating in (4, 4, 5, 2) * 5]
    warehouse = tmp_path / "reviews.duckdb"
    with open_warehouse(warehouse, write=True) as connection:
        add_file(connection, "a.csv", rows, run_id="run-1")
    [(file, result)] = judge_rating_scale(warehouse, ["run-1"])
    assert (file.uri, result.severity, result.unexpected_count) == ("a.csv", "warning", 20)
    assert result.observed == "20 ratings, none above 5; 10 of 15 reviews rated 4 or more are scored positive"
