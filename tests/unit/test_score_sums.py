"""Tests that the views `live_accuracy` and `drift`, and the sums on which they rest, equal their plain definitions."""

import math
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.drift import ReferenceMeasure
from tasks.warehouse import latest_scores
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.latest_scores import rebuild
from tasks.warehouse.model_registry import record_reference
from tasks.warehouse.shadow.sums import FIND_WRONG_SHADOW_SUMS
from tasks.warehouse.tallies.score_sums import FIND_WRONG_SUMS, GIVEN_SENTIMENT
from tests.support.databases import make_tables
from tests.support.histories import History
from tests.support.warehouse_parts import NOON, hash_text
from tests.unit.view_tables import add_model, add_row, add_rows, make_score, make_source_row, promote

COPY_OF = "coalesce(coalesce(file_source, 'default') || ' ' || near_key, source_sha256 || ' ' || row_number)"
"""SQL: what all near-copies of a source are copies of, which count once."""
PLAIN = f"""
WITH rows AS (
    SELECT *, {GIVEN_SENTIMENT} AS label, given_label IS NULL AND given_rating IS NULL AS is_bare
    FROM source_reviews SEMI JOIN (FROM scored_files WHERE superseded_at IS NULL) AS counting USING (source_sha256)
),
given AS (
    SELECT
        {{'file': source_sha256, 'row': row_number}} AS lender, label, given_rating, file_seen_at AS seen_at,
        review_id, movie_id, text_sha256, false AS is_of_a_person, {COPY_OF} AS copy_of
    FROM rows WHERE NOT is_bare
    UNION ALL
    SELECT
        {{'file': text_sha256, 'row': 0}}, {GIVEN_SENTIMENT}, given_rating, labelled_at, NULL, NULL, text_sha256, true,
        text_sha256
    FROM review_labels WHERE is_random AND (given_label IS NOT NULL OR given_rating IS NOT NULL)
),
borrowed AS (
    SELECT source_sha256, row_number, unnest(arg_max(
        {{
            'copy_of': copy_of, 'label': given.label, 'given_rating': given.given_rating, 'seen_at': seen_at
        }},
        row(seen_at, lender)
    ))
    FROM rows JOIN given ON CASE
        WHEN is_of_a_person THEN rows.text_sha256 = given.text_sha256
        WHEN rows.review_id = given.review_id THEN rows.movie_id IS NOT DISTINCT FROM given.movie_id
        WHEN given.review_id IS NULL THEN rows.text_sha256 = given.text_sha256
        WHEN rows.review_id IS NULL
            THEN rows.text_sha256 = given.text_sha256 AND rows.movie_id IS NOT DISTINCT FROM given.movie_id
        ELSE false
    END
    WHERE is_bare GROUP BY source_sha256, row_number
),
judged AS (
    SELECT * FROM scored_reviews JOIN (
        FROM borrowed
        UNION ALL
        SELECT
            source_sha256, row_number, {COPY_OF}, label, given_rating, file_seen_at
        FROM rows WHERE NOT is_bare
    ) USING (source_sha256, row_number)
    LEFT JOIN models USING (model_id)
    WHERE coalesce(seen_at > own_labels_until, true)
    QUALIFY row_number() OVER (PARTITION BY model_id, copy_of ORDER BY scored_at, source_sha256, row_number) = 1
)
SELECT
    make_timestamp(epoch_us(scored_at))::DATE AS day, model_id, source, count(label), avg((sentiment = label)::INTEGER),
    count(given_rating), avg(abs(predicted_rating - given_rating)), avg(given_rating),
    avg(predicted_rating) FILTER (given_rating IS NOT NULL)
FROM judged GROUP BY ALL ORDER BY ALL
"""
"""SQL: what `live_accuracy` says, from all scores, with each row compared with all labels."""
PLAIN_DRIFT = """
WITH bins AS (
    SELECT *, lead(lower, 1, 'infinity') OVER (PARTITION BY model_id, measure ORDER BY bin) AS upper FROM reference_bins
),
measured AS (
    UNPIVOT (
        SELECT
            run_id, model_id, score::DOUBLE AS score, token_count::DOUBLE AS token_count, oov_rate::DOUBLE AS oov_rate,
            truncated::DOUBLE AS truncated
        FROM scored_reviews WHERE (coalesce(source, 'default'), run_id) IN (
            SELECT coalesce(source, 'default') AS name, arg_min(run_id, commit_number) FROM scored_files GROUP BY name
        )
    ) ON score, token_count, oov_rate, truncated INTO NAME measure VALUE value
)
SELECT
    run_id, model_id, measure, lower, count(*),
    sum(sum(value)) OVER (PARTITION BY run_id, model_id, measure)
    / sum(count(*)) OVER (PARTITION BY run_id, model_id, measure)
FROM measured JOIN bins USING (model_id, measure) WHERE value >= lower AND value < upper
GROUP BY run_id, model_id, measure, lower ORDER BY ALL
"""
"""SQL: of each run, model and measure the mean, and how many rows of new sources are in each bin of the reference."""
DRIFT = """
SELECT run_id, model_id, measure, lower, rows, mean FROM (
    SELECT *, unnest(bins_from) AS lower, unnest(shares) * reviews AS rows FROM drift WHERE source IS NULL
) WHERE rows > 0 ORDER BY ALL
"""
REFERENCE = {
    "score": (-math.inf, 0.1, 0.6),
    "token_count": (-math.inf, 4, 9, 10),
    "oov_rate": (-math.inf, 0.25),
    "truncated": (-math.inf, 1),
}
"""The lower ends of the bins of each measure; values lie on them."""
LABELLED = {"text": "good", "given_label": "negative", "given_rating": 3.0}

NEAR_KEYS = {"good": 1, "bad": 1, "fine": 2, "dull": None}
"""Texts, and the key that those have in common that are nearly the same."""
ROWS = st.fixed_dictionaries(
    {
        "review_id": st.sampled_from([None, "r1", "r2"]),
        "movie_id": st.sampled_from([None, "tt1"]),
        "text": st.sampled_from(sorted(NEAR_KEYS)),
        "given_label": st.sampled_from([None, None, "positive"]),
        "given_rating": st.sampled_from([None, None, 3.0, 5.0]),
        "score": st.sampled_from([0.1, 0.6]),
        "token_count": st.sampled_from([1, 4, 9]),
        "oov_rate": st.sampled_from([0.0, 0.25, 0.3]),
        "truncated": st.booleans(),
        "scored_at": st.integers(0, 3).map(lambda days: NOON + timedelta(days=days)),
    }
).map(lambda row: row | {"near_key": NEAR_KEYS[str(row["text"])]})
FILES = st.tuples(st.lists(ROWS, max_size=4), st.sampled_from(["", "a", "b", "ab"]), st.booleans())
"""The rows of a file, the models that scored it beside model-own, and whether another reading took its place."""
LABELS = st.dictionaries(st.sampled_from(["good", "bad"]), st.booleans(), max_size=2)
"""Labels that people gave to texts, each with whether the review was drawn at random."""


def add_reference(connection: duckdb.DuckDBPyConnection, model_id: str) -> None:
    """Record a reference of the model, of a hundred reviews in each bin."""
    reference = {
        measure: ReferenceMeasure(100 * len(lower), 0.5, 1.0, lower[1:], (100,) * len(lower))
        for measure, lower in REFERENCE.items()
    }
    record_reference(connection, model_id, {measure: vars(each) for measure, each in reference.items()})


def add_files(
    connection: duckdb.DuckDBPyConnection, files: list[tuple[list[dict[str, Any]], str, bool]]
) -> None:
    """Add files as `add_file` does, one a day, by one statement for each table."""
    ledger, texts, scores = list[dict[str, Any]](), list[dict[str, Any]](), list[dict[str, Any]]()
    for place, (rows, models, is_superseded) in enumerate(files):
        name, run_id = f"file-{place}", f"run-{place % 2}"
        texts += [make_source_row(name, number, **row) for number, row in enumerate(rows, start=1)]
        for model_id in (f"model-{model}" for model in ("own", *models)):
            key = {"source_sha256": name, "model_id": model_id, "uri": name, "status": "scored"}
            facts = {"rows_read": len(rows), "run_id": run_id, "commit_number": place}
            times = {"committed_at": NOON + timedelta(days=place)}
            ledger.append(key | facts | times | {"superseded_at": NOON if is_superseded else None})
            scores += [
                make_score(name, number, model_id, run_id, **row) for number, row in enumerate(rows, start=1)
            ]
    for table, found in (("scored_files", ledger), ("source_reviews", texts), ("scored_reviews", scores)):
        add_rows(connection, table, found)


@pytest.mark.slow
def test_whatever_rows_there_are_the_views_say_what_their_plain_definitions_do() -> None:
    with make_tables() as connection:
        for model_id in ("model-own", "model-a"):
            add_reference(connection, model_id)
        add_model(connection, "model-own", own_labels_until=NOON)
        promote(connection, "model-own")
        promote(connection, "model-a")

        @settings(max_examples=30, deadline=None)
        @given(st.lists(FILES, min_size=1, max_size=5), LABELS)
        def check(files: list[tuple[list[dict[str, Any]], str, bool]], labels: dict[str, bool]) -> None:
            for table in ("scored_files", "source_reviews", "scored_reviews", "review_labels"):
                connection.execute(f"DELETE FROM {table}")
            add_files(connection, files)
            given = {"given_rating": 9.0, "labelled_at": NOON, "uri": "labels/a.csv"}
            for text, is_random in labels.items():
                add_row(
                    connection, "review_labels", text_sha256=hash_text(text), is_random=is_random, **given
                )
            rebuild(connection)
            for view, plain in (("FROM live_accuracy ORDER BY ALL", PLAIN), (DRIFT, PLAIN_DRIFT)):
                found = connection.execute(view).fetchall()
                assert found == [pytest.approx(row) for row in connection.execute(plain).fetchall()]

        check()


@pytest.fixture(scope="module")
def made_history(tmp_path_factory: pytest.TempPathFactory) -> History:
    """A file of two labelled reviews, which two models scored, and one in quarantine."""
    made = History(tmp_path_factory.mktemp("history"))
    row = {"review_id": "r1", "movie_id": "tt1", "reviewed_at": None, "score": 0.9, **LABELLED}
    made.add([[row, {**row, "review_id": "r2", "score": 0.1}]])
    made.promote("model-b")
    made.rescore((0, "model-b"))
    return made


@pytest.fixture
def history(made_history: History, tmp_path: Path) -> History:
    """A copy of the history, whose database a test may change."""
    return made_history.copy(tmp_path)


def sum_up(history: History) -> list[tuple[Any, ...]]:
    """Return what the sums say of each model, once it is what they should."""
    sums = "sum(rows), sum(labelled), sum(right_ones), sum(rated)"
    query = f"SELECT model_id, {sums} FROM score_sums GROUP BY model_id ORDER BY model_id"
    with open_warehouse(history.warehouse, write=False) as connection:
        assert connection.execute(FIND_WRONG_SUMS).fetchall() == []
        return connection.execute(query).fetchall()


@pytest.mark.slow
def test_scores_of_another_model_add_their_own_sums(history: History) -> None:
    assert sum_up(history) == [("model-a", 2, 2, 1, 2), ("model-b", 2, 2, 1, 2)]


@pytest.mark.slow
def test_scores_of_another_model_count_once_where_all_rows_are_written_anew(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latest_scores, "ROWS_UPDATED", 0)
    history.rescore((0, "model-c"))
    assert sum_up(history)[2:] == [("model-c", 2, 2, 1, 2)]


@pytest.mark.slow
def test_a_released_row_adds_to_the_sums(history: History) -> None:
    history.release((0, {**LABELLED}))
    assert sum_up(history) == [("model-a", 3, 3, 2, 3), ("model-b", 3, 3, 1, 3)]


@pytest.mark.slow
def test_a_forgotten_row_leaves_the_sums(history: History) -> None:
    history.forget(0)
    assert sum_up(history) == [("model-a", 1, 1, 1, 1), ("model-b", 1, 1, 0, 1)]


@pytest.mark.slow
def test_scores_that_were_there_before_the_reference_of_their_model_lie_in_its_bins(history: History) -> None:
    with open_warehouse(history.warehouse, write=True) as connection:
        add_reference(connection, "model-b")
    sum_up(history)


def sum_up_shadow(history: History) -> list[tuple[Any, ...]]:
    """Return how many rows of each model are summed beside the shadow, once the sums are what they should be."""
    query = "SELECT compared_with, reviews FROM shadow_sums ORDER BY ALL"
    with open_warehouse(history.warehouse, write=False) as connection:
        assert connection.execute(FIND_WRONG_SHADOW_SUMS).fetchall() == []
        return connection.execute(query).fetchall()


@pytest.mark.slow
def test_the_scores_of_a_shadow_are_summed_beside_those_of_each_model_whichever_came_first(
    history: History,
) -> None:
    history.shadow(0)
    assert sum_up_shadow(history) == [("model-a", 2), ("model-b", 2)]
    history.rescore((0, "model-c"))
    assert sum_up_shadow(history) == [("model-a", 2), ("model-b", 2), ("model-c", 2)]


@pytest.mark.slow
def test_a_forgotten_row_leaves_the_sums_of_the_shadow(history: History) -> None:
    history.shadow(0)
    history.forget(0)
    assert sum_up_shadow(history) == [("model-a", 1), ("model-b", 1)]
