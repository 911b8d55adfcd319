"""Tests of the view `shadow_comparison`: agreement, accuracy on given labels, and what is chance."""

import math
from collections.abc import Iterator
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.warehouse.latest_scores import rebuild_reviews
from tasks.warehouse.shadow.sums import rebuild_shadow_sums
from tests.support.databases import make_tables
from tests.support.warehouse_parts import NOON
from tests.unit.view_tables import add_file, add_model, add_rows, ask, make_score, promote

SHADOW, CHAMPION = "model-s", "model-a"


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with make_tables() as made:
        promote(made, CHAMPION, day=-30)
        yield made


def add_shadow(connection: duckdb.DuckDBPyConnection, name: str, scores: list[float]) -> None:
    """Add the scores of the shadow for the first rows of a file."""
    rows = [
        make_score(name, number, SHADOW, "run", score=score) for number, score in enumerate(scores, start=1)
    ]
    add_rows(connection, "shadow_scores", rows)


def compare(connection: duckdb.DuckDBPyConnection, columns: str, where: str = "source IS NULL") -> list[Any]:
    return ask(connection, f"SELECT {columns} FROM shadow_comparison WHERE {where} ORDER BY ALL")


@pytest.mark.parametrize("learner", [SHADOW, CHAMPION])
def test_labels_and_ratings_that_one_model_may_have_learnt_from_judge_neither(
    connection: duckdb.DuckDBPyConnection, learner: str
) -> None:
    for model_id in (SHADOW, CHAMPION):
        add_model(connection, model_id, own_labels_until=NOON if model_id == learner else None)
    for day, name in enumerate(["learnt", "later"]):
        add_file(connection, name, [{"score": 0.9, "given_rating": 9}], day, CHAMPION)
        add_shadow(connection, name, [0.8])
    assert compare(connection, "reviews, labelled_reviews, rated_reviews") == [(2, 1, 1)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("only_shadow", "only_champion"), [(0, 0), (0, 5), (3, 3), (7, 19), (40, 2), (150, 210)]
)
def test_mcnemars_p_is_that_of_the_exact_test(
    connection: duckdb.DuckDBPyConnection, only_shadow: int, only_champion: int
) -> None:
    rights = [(0.9, 0.1)] * only_shadow + [(0.1, 0.9)] * only_champion + [(0.9, 0.9)] * 3
    add_file(connection, "f", [{"score": other, "given_label": "positive"} for _, other in rights])
    add_shadow(connection, "f", [mine for mine, _ in rights])
    [(p,)] = compare(connection, "mcnemar_p")
    trials = only_shadow + only_champion
    extreme = sum(math.comb(trials, heads) for heads in range(min(only_shadow, only_champion) + 1))
    assert math.isclose(p, min(1, 2 * extreme / 2**trials), rel_tol=1e-9)


PAIRS = """
SELECT
    other.model_id AS compared_with, file_source AS source, coalesce(movie_id, source_sha256 || row_number) AS title,
    shadow.score AS score, other.score AS other_score, shadow.predicted_rating AS stars,
    other.predicted_rating AS other_stars, coalesce(
        given_label, CASE WHEN given_rating >= 7 THEN 'positive' WHEN given_rating <= 4 THEN 'negative' END
    ) AS label, given_rating AS given, file_seen_at > $learnt AS can_judge
FROM shadow_scores AS shadow JOIN scored_reviews AS other USING (source_sha256, row_number)
JOIN source_reviews USING (source_sha256, row_number) WHERE is_latest
"""
"""SQL: the newest row of each review with the scores of both models."""
FOUND = """
SELECT
    compared_with, source, reviews, flips, mean_score_difference, mean_rating_difference, correlation, labelled_reviews,
    only_shadow_right, only_champion_right, shadow_accuracy, champion_accuracy, accuracy_gain, gain_upper,
    rated_reviews, shadow_rating_mae, champion_rating_mae
FROM shadow_comparison ORDER BY compared_with, source NULLS FIRST
"""
REVIEWS = st.fixed_dictionaries(
    {
        "review_id": st.sampled_from([None, "r1", "r2"]),
        "movie_id": st.sampled_from([None, "tt1", "tt2"]),
        "given_label": st.sampled_from([None, None, "positive"]),
        "given_rating": st.sampled_from([None, 3.0, 5.0]),
        "score": st.sampled_from([0.1, 0.6, 0.9]),
    }
)
FILES = st.tuples(
    st.lists(REVIEWS, min_size=1, max_size=5), st.sampled_from(["a", "ab"]), st.sampled_from("xy")
)
"""The reviews of a file, the models that scored it beside the shadow, and its source."""


@pytest.mark.slow
def test_whatever_rows_there_are_the_comparison_is_that_of_each_newest_row(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    add_model(connection, SHADOW, own_labels_until=NOON)
    promote(connection, "model-b", day=-20)

    @settings(max_examples=30, deadline=None)
    @given(st.lists(FILES, min_size=1, max_size=4))
    def check(files: list[tuple[list[dict[str, Any]], str, str]]) -> None:
        for table in ("scored_files", "source_reviews", "scored_reviews", "shadow_scores"):
            connection.execute(f"DELETE FROM {table}")
        for day, (rows, models, source) in enumerate(files):
            for model in models:
                add_file(connection, f"file-{day}", rows, day, f"model-{model}")
            add_shadow(connection, f"file-{day}", [1 - row["score"] ** 2 for row in rows])
            connection.execute(
                "UPDATE scored_files SET source = ? WHERE source_sha256 = ?", [source, f"file-{day}"]
            )
        rebuild_reviews(connection)
        rebuild_shadow_sums(connection)
        found = connection.execute(FOUND).fetchall()
        pairs = connection.execute(PAIRS, {"learnt": NOON}).df()
        expected = [
            (compared_with, source, *describe(among))
            for compared_with, of_model in pairs.groupby("compared_with")
            for source, among in [(None, of_model), *of_model.groupby("source")]
        ]
        assert found == [pytest.approx(row, abs=1e-9) for row in expected]

    check()


def describe(pairs: pd.DataFrame) -> tuple[Any, ...]:
    """Return what `FOUND` should say of pairs of scores."""
    judged = pairs[pairs.can_judge]
    rated, labelled = judged[judged.given.notna()], judged[judged.label.notna()]
    right, other_right = (
        np.where(labelled[name] >= 0.5, "positive", "negative") == labelled.label
        for name in ("score", "other_score")
    )
    gained = right.astype(int) - other_right.astype(int)
    has_spread = pairs.score.nunique() > 1 and pairs.other_score.nunique() > 1
    return (
        len(pairs),
        int(((pairs.score >= 0.5) != (pairs.other_score >= 0.5)).sum()),
        (pairs.score - pairs.other_score).abs().mean(),
        (pairs.stars - pairs.other_stars).abs().mean(),
        np.corrcoef(pairs.score, pairs.other_score)[0, 1] if has_spread else None,
        len(labelled),
        int((gained > 0).sum()),
        int((gained < 0).sum()),
        *((right.mean(), other_right.mean(), gained.mean()) if len(labelled) else (None, None, None)),
        find_upper_end(gained, labelled.title),
        len(rated),
        *(
            (rated[name] - rated.given).abs().mean() if len(rated) else None
            for name in ("stars", "other_stars")
        ),
    )


def find_upper_end(gained: "pd.Series[int]", titles: "pd.Series[str]") -> float | None:
    """Return the upper end of the interval of the mean gain, with titles drawn at random; None for one title."""
    off = (gained - gained.mean()).groupby(titles).sum()
    if len(off) < 2:
        return None
    spread = math.sqrt((off**2).sum() * len(off) / (len(off) - 1))
    return float(gained.mean() + 1.96 * spread / len(gained))
