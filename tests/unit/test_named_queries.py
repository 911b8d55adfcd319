"""Tests of named queries: known answers for known data, no rows from an empty database, and typed parameters."""

import shutil
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import duckdb
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result

from data_contracts.errors import UsageError
from data_contracts.queries import NamedQuery, list_names, list_queries
from data_contracts.storage.home import Home
from flows.command.cli import main
from tasks.queries.named_queries import find_query, read_values
from tasks.warehouse.commit import commit_parts
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.latest_scores import rebuild
from tasks.warehouse.published import open_published
from tasks.warehouse.publishing import publish
from tests.support.warehouse_parts import NOON, PartFile, hash_text, write_part

DAY = timedelta(days=1)
MONDAY, TUESDAY = hash_text("monday.csv"), hash_text("tuesday.csv")


def make_mention(aspect: str, polarity: str, start: int, stop: int) -> dict[str, Any]:
    return {"aspect": aspect, "polarity": polarity, "sureness": 0.75, "start": start, "stop": stop}


ROWS: list[dict[str, Any]] = [
    {
        "review_id": "r1",
        "movie_id": "tt1",
        "text": "A fine film",
        "given_rating": 9.0,
        "mentions": [make_mention("acting", "positive", 0, 11), make_mention("story", "neither", 2, 6)],
        "score": 0.9,
        "reviewed_at": NOON - 365 * DAY,
    },
    {
        "review_id": "r2",
        "movie_id": "tt1",
        "text": "A dull plot",
        "given_rating": 2.0,
        "mentions": [make_mention("story", "negative", 2, 11)],
        "score": 0.1,
        "reviewed_at": NOON,
    },
    {"review_id": "r3", "movie_id": "tt2", "text": "Half good", "given_label": "negative", "score": 0.6},
    {"review_id": "r4", "movie_id": "tt2", "text": "A dull plot", "given_rating": 8.0, "score": 0.2},
    {"text": "So so", "score": 0.5, "token_count": 250, "oov_rate": 0.75, "truncated": True},
]
LATER = {"review_id": "r5", "movie_id": "tt1", "text": "A good one", "score": 0.7, "scored_at": NOON + DAY}

R1 = ("r1", "tt1", 0.9, 9.1, 9.0, "A fine film")
R2 = ("r2", "tt1", 0.1, 1.9, 2.0, "A dull plot")
R3 = ("r3", "tt2", 0.6, 6.4, None, "Half good")
R4 = ("r4", "tt2", 0.2, 2.8, 8.0, "A dull plot")
SO_SO = (None, None, 0.5, 5.5, None, "So so")
R5 = ("r5", "tt1", 0.7, 7.3, None, "A good one")
WORST = [("tt1", 3, 6.1, 6.1, 0.667, 5.5), ("tt2", 2, 7.2, 4.6, 0.5, 8.0)]

BESIDE_A = (5, 0.8, 1, 0.14, 1.26, 0.374, 4, 0.25, 0.5, -0.74, 0.24, 1.0, 3.83, 1.8)
BESIDE_B = (5, 1.0, 0, 0.0, 0.0, 1.0, 4, 0.25, 0.25, 0.0, 0.0, 1.0, 3.83, 3.83)

ANSWERS: dict[str, list[tuple[Any, ...]]] = {
    "worst-movies at_least=2": WORST,
    "worst-movies at_least=1 since=2026-03-02": [("tt1", 1, 7.3, 7.3, 1.0, None)],
    "best-movies at_least=2 limit=1": [WORST[1]],
    "movies-misjudged at_least=1": [("tt2", 1, 8.0, 2.8, -5.2), ("tt1", 2, 5.5, 5.5, 0.0)],
    "reviews-of-movie movie=tt2": [
        ("r3", None, "positive", 0.6, 6.4, None, "Half good"),
        ("r4", None, "negative", 0.2, 2.8, 8.0, "A dull plot"),
    ],
    "movie-over-time movie=tt1": [
        ("tt1", "2025 Q1", 9.0, 9.0, 9.0, 1, 1.0, 9.0),
        ("tt1", "2026 Q1", 2.0, 2.0, 2.0, 1, 0.0, 2.0),
        ("tt1", None, 7.3, None, None, 1, 1.0, None),
    ],
    "movie-by-source movie=tt1": [("tt1", "default", 6.1, None, None, 3, 2 / 3, 5.5)],
    "movie-voices movie=tt1": [
        ("tt1", stand, row_name, row[2], sentiment, *row[3:5], row[0], uri, day, row[5], len(row[5]))
        for stand, row_name, row, sentiment, uri, day in (
            ("clearly against it", f"{MONDAY[:12]}:2", R2, "negative", "monday.csv", "2026-03-01"),
            ("clearly for it", f"{MONDAY[:12]}:1", R1, "positive", "monday.csv", "2025-03-01"),
            ("in doubt", f"{TUESDAY[:12]}:1", R5, "positive", "tuesday.csv", None),
        )
    ],
    "why movie=tt1": [
        ("tt1", side, aspect, 1, 1, 1.0, ANY, 1.0, quote, f"{MONDAY[:12]}:{row}", None, None)
        for side, aspect, quote, row in (
            ("praised", "acting", "A fine film", 1),
            ("criticised", "story", "dull plot", 2),
        )
    ],
    "to-answer": [
        ("2026-03-01", "default", "tt1", "r2", 1.9, 2.0, "story", "A dull plot", f"{MONDAY[:12]}:2")
    ],
    "aspect-trend": [
        ("acting", date(2025, 1, 1), 1, 1, 0, 1.0),
        ("story", date(2025, 1, 1), 1, 0, 0, None),
        ("story", date(2026, 1, 1), 1, 0, 1, 0.0),
    ],
    "aspects": [("story", 2, 1, 0, 1, 0.0), ("acting", 1, 1, 1, 0, 1.0)],
    "source-figures": [
        (None, 6, 0, 2 / 3, 5.5, 0.5, 4, 0, 1.8, None, False, None, False, NOON + DAY),
        ("default", 6, 0, 2 / 3, 5.5, 0.5, 4, 0, 1.8, None, False, ANY, False, NOON + DAY),
    ],
    "figures-over-time step=year": sorted(
        [
            (date(2026, 1, 1), "accuracy", "default", 3 / 8),
            (date.today().replace(month=1, day=1), "arrived", None, 7.0),
            (date(2026, 1, 1), "positive", "default", 6 / 11),
        ],
        key=lambda row: row[:2],
    ),
    "models-side-by-side": [
        (
            *("model-a", True, "champion", "cnn_lstm", 0, None, "sample", None, None, NOON, 0.9, 0.8),
            *(None,) * 6,
            *(6, 0.5, 4, 1.8, 3, None),
        )
    ],
    "least-certain limit=2": [SO_SO, R3],
    "most-positive limit=2": [R1, R5],
    "most-negative limit=2": [R2, R4],
    "disagreements": [
        ("r4", "tt2", "positive", 8.0, "negative", 0.2, "A dull plot"),
        ("r3", "tt2", "negative", None, "positive", 0.6, "Half good"),
    ],
    "daily-volume": [(date(2026, 3, 1), 1, 0, 5, 1), (date(2026, 3, 2), 1, 1, 1, 0)],
    "sources": [("default", 2, 1, 0, 7, NOON, NOON + DAY, None, 1.0, ANY, False, None)],
    "rejected-files": [
        ("refused.csv", "csv_broken", "line 3", 1000, NOON + DAY, None, "default", hash_text("refused.csv"))
    ],
    "quarantine-by-rule": [("text_encoding", 1, 1, f"{MONDAY[:12]}:6", NOON)],
    "model-flips": [("r1", "tt1", "model-a", "positive", 0.9, "model-b", 0.2, "A fine film")],
    "calibration": [("default", 4, 0.8, 0.5, 0.3, 0.398)],
    "live-accuracy": [("model-a", "default", 4, 0.5, 3, 1.8), ("model-b", "default", 4, 0.25, 3, 3.83)],
    "find-review words=DULL": [
        ("r2", "tt1", "negative", 0.1, "monday.csv", 2, "A dull plot"),
        ("r4", "tt2", "negative", 0.2, "monday.csv", 4, "A dull plot"),
    ],
    "duplicates": [(2, 1, 2, 2, hash_text("A dull plot"), "A dull plot")],
    "lengths": [(0, 5, 0.6, 5.5, 0.25, 0), (200, 1, 1.0, 5.5, 0.75, 1)],
    "unknown-words": [(None, None, 0.75, 250, 0.5, "So so")],
    "contract-failures": [
        (
            *(NOON, "files", "bad_share", "error", "default", "monday.csv"),
            *("text", "0.4", "at most 0.2", 2, "run-1"),
        )
    ],
    "run-history flow=score-reviews": [
        (NOON, "score-reviews", "completed", 90.0, '{"rows": 5}', "v1", "run-1")
    ],
    "champions": [
        (NOON + DAY, "promote", "model-a", "cnn_lstm", "sample", 0.9, 0.8, "model-b", "better", None),
        (NOON, "promote", "model-b", None, None, None, None, None, "first", None),
    ],
    "champion-promise": [
        (
            *("model-a", None, NOON + DAY, 0.9, "both", 0.8, 10, 1.2),
            *(date(2026, 3, 2), 0.5, NOON + DAY, "a; b"),
        ),
        ("model-a", "shop", NOON + DAY, 0.9, "archive", None, 0, 0.0, None, None, None, None),
    ],
    "gate-decisions": [
        (NOON + DAY, "model-a", "model-b", "auto", False, 2, 1, "accuracy: lower"),
        (NOON, "model-b", None, "auto", True, 1, 1, ""),
    ],
    "drift measure=truncated": [
        (NOON, "model-a", None, "truncated", 6, 0.167, 0.1, 0.094, 0.177, False, "run-1")
    ],
    "shadow-comparison": [
        ("model-s", other, source, *figures)
        for other, figures in (("model-a", BESIDE_A), ("model-b", BESIDE_B))
        for source in (None, "default")
    ],
    "lineage-of-review review=r5": [
        (
            *("r5", "tuesday.csv", None, f"{TUESDAY[:12]}:1", "model-a", 0.7, "positive", NOON + DAY),
            *("run-1", "score-reviews", "v1", "sample", "a fingerprin", None, None),
        )
    ],
}
"""A query with the values of its parameters, and its answer."""
REQUIRED = {"movie": "tt1", "words": "film", "review": "r1"}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("known")
    warehouse = folder / "reviews.duckdb"
    first = PartFile("monday.csv", ROWS, bad_rows=[6])
    refused = PartFile("refused.csv", status="refused")
    other = PartFile("monday.csv", [{**ROWS[0], "score": 0.2}, *ROWS[1:]], bad_rows=[6])
    parts = [
        write_part(folder / "first", [first]),
        write_part(folder / "second", [PartFile("tuesday.csv", [LATER]), refused]),
        write_part(folder / "other", [other], "model-b"),
    ]
    for part in parts:
        commit_parts(warehouse, part)
    with open_warehouse(warehouse, write=True) as connection:
        _add_facts(connection)
    publish(Home(warehouse.parent))
    return folder / "published" / "reviews.duckdb"


def _add_facts(connection: duckdb.DuckDBPyConnection) -> None:
    """Add rows of flows and trainings, with fixed times."""
    times = {"noon": NOON, "later": NOON + DAY, "end": NOON + timedelta(seconds=90)}
    for statement in (
        "UPDATE scored_files SET committed_at = CASE WHEN uri = 'monday.csv' THEN $noon ELSE $later END",
        "INSERT INTO promotions VALUES (1, 'promote', 'model-b', 'first', NULL, $noon, NULL, NULL), "
        "(2, 'promote', 'model-a', 'better', 'model-b', $later, NULL, NULL)",
        "INSERT INTO runs VALUES ('run-1', 'score-reviews', NULL, 'v1', $noon, $end, 'completed', '{\"rows\": 5}'), "
        "('run-0', 'train-model', NULL, 'v1', $noon - INTERVAL 1 DAY, NULL, 'running', NULL)",
        "INSERT INTO models (model_id, variant, seed, dataset, data_fingerprint, code_fingerprint, "
        "bundle_fingerprint, test_accuracy, baseline_test_accuracy, trained_at) "
        "VALUES ('model-a', 'cnn_lstm', 0, 'sample', 'd', 'c', 'a fingerprint', 0.9, 0.8, $noon)",
        f"INSERT INTO contract_results SELECT 'run-1', 'files', '{MONDAY}', 'bad_share', 'expect', 'text', 'error', "
        "success, '0.4', 'at most 0.2', 2, $noon, NULL FROM unnest([true, false]) AS checks(success)",
        "INSERT INTO gate_checks BY NAME SELECT * FROM (VALUES "
        "(1, 'first_model', 'model-b', NULL, true, true, 'it', $noon), "
        "(2, 'log_loss', 'model-a', 'model-b', false, true, 'lower', $later), "
        "(2, 'accuracy', 'model-a', 'model-b', false, false, 'lower', $later)) AS checks(decision, name, model_id, "
        "compared_with, promoted, passed, detail, \"at\"), (SELECT 'auto' AS mode)",
        "INSERT INTO promises VALUES "
        "(1, 'model-b', NULL, $noon, 0.9, 'archive', 10, 9, 0, NULL, 0, 0, $later), "
        "(2, 'model-a', 'shop', $later, 0.9, 'archive', 0, 0, 0, NULL, 0, 0, $later), "
        "(2, 'model-a', NULL, $later, 0.9, 'both', 10, 8, 1.2, '2026-03-02', 4, 2, $later)",
        "INSERT INTO findings BY NAME SELECT number, 'training_due' AS kind, subject, what, state, first_seen, "
        "'warning' AS level, '' AS next, first_seen AS last_seen FROM (VALUES "
        "(1, 'model-b (labels)', 'c', 'settled', $noon), (2, 'model-a (accuracy)', 'a', 'open', $later), "
        "(3, 'model-a (labels)', 'b', 'open', $later)) AS due(number, subject, what, state, first_seen)",
        "INSERT INTO shadow_scores SELECT * EXCLUDE (source) REPLACE ('model-s' AS model_id) FROM scored_reviews "
        "WHERE model_id = 'model-b'",
        "INSERT INTO reference_measures VALUES ('model-a', 'truncated', 100, 0.1, 1.0)",
        "INSERT INTO reference_bins VALUES ('model-a', 'truncated', 1, '-infinity', 90), "
        "('model-a', 'truncated', 2, 1, 10)",
    ):
        used = {name: value for name, value in times.items() if f"${name}" in statement}
        connection.execute(statement, used)
    rebuild(connection)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("empty")
    publish(Home(folder))
    return folder / "published" / "reviews.duckdb"


@pytest.fixture(scope="module")
def answering(
    published: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A twin of the published copy, open for all queries, since opening it takes longer than most of them."""
    twin = shutil.copy(published, tmp_path_factory.mktemp("twin"))
    with open_published(Path(twin)) as connection:
        yield connection


@pytest.fixture(scope="module")
def answering_nothing(empty: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The copy of an empty database, open for all queries."""
    with open_published(empty) as connection:
        yield connection


def ask(
    connection: duckdb.DuckDBPyConnection, query: NamedQuery, values: Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    return connection.execute(query.sql, dict(values)).fetchall()


def find(name: str) -> NamedQuery:
    query = find_query(name)
    assert query is not None
    return query


@pytest.mark.slow
def test_movies_that_moved_are_those_whose_trend_is_beyond_chance(tmp_path: Path) -> None:
    """tt3 gains about 2 stars a year; tt4 has only scatter."""
    scores = {"tt3": (0.1, 0.3, 0.5, 0.75), "tt4": (0.2, 0.9, 0.1, 0.8)}
    rows = [
        {
            "movie_id": movie,
            "review_id": f"{movie}-{year}",
            "score": score,
            "reviewed_at": NOON - 365 * (3 - year) * DAY,
        }
        for movie, of_movie in scores.items()
        for year, score in enumerate(of_movie)
    ]
    commit_parts(tmp_path / "reviews.duckdb", write_part(tmp_path / "part", [PartFile("dated.csv", rows)]))
    with open_warehouse(tmp_path / "reviews.duckdb", write=True) as connection:
        connection.execute(
            "INSERT INTO promotions VALUES (1, 'promote', 'model-a', '', NULL, now(), NULL, NULL)"
        )
        rebuild(connection)
    publish(Home(tmp_path))
    query = find("movies-that-moved")
    with open_published(Home(tmp_path).published) as connection:
        moved = ask(connection, query, read_values(query, ["at_least=4"]))
    assert [(row[0], row[1], row[2]) for row in moved] == [("tt3", 4, pytest.approx(1.94, abs=0.01))]


@pytest.mark.parametrize("asked", ANSWERS)
def test_a_query_gives_the_known_answer(answering: duckdb.DuckDBPyConnection, asked: str) -> None:
    name, *given = asked.split()
    query = find(name)
    assert ask(answering, query, read_values(query, given)) == [
        tuple(pytest.approx(cell) if isinstance(cell, float) else cell for cell in row)
        for row in ANSWERS[asked]
    ]


def test_every_query_has_a_known_answer() -> None:
    answered = {asked.partition(" ")[0] for asked, rows in ANSWERS.items() if rows}
    assert answered | {"movies-that-moved"} == set(list_names())


@pytest.mark.parametrize("query", list_queries(), ids=lambda query: query.name)
def test_a_query_gives_no_rows_on_an_empty_database(
    answering_nothing: duckdb.DuckDBPyConnection, query: NamedQuery
) -> None:
    given = [f"{each.name}={REQUIRED[each.name]}" for each in query.parameters if each.default is None]
    assert ask(answering_nothing, query, read_values(query, given)) == []


@pytest.mark.parametrize("query", list_queries(), ids=lambda query: query.name)
def test_a_query_is_one_statement_that_takes_what_its_head_says(query: NamedQuery) -> None:
    [statement] = duckdb.extract_statements(query.sql)
    assert statement.named_parameters == {parameter.name for parameter in query.parameters}
    assert query.answers.endswith("?")


@pytest.mark.parametrize("hostile", ["x' OR '1'='1", "tt1'; DROP TABLE models; --"])
def test_a_value_is_never_part_of_the_query(answering: duckdb.DuckDBPyConnection, hostile: str) -> None:
    query = find("reviews-of-movie")
    assert ask(answering, query, read_values(query, [f"movie={hostile}"])) == []


def test_values_have_their_types_and_defaults() -> None:
    values = read_values(find("worst-movies"), ["since=2026-11-01", "limit=3"])
    assert values == {"since": date(2026, 11, 1), "at_least": 5, "limit": 3}
    assert read_values(find("worst-movies"), [])["since"] is None


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("worst-movies", ["sinc=2026-11-01"], "has no parameter 'sinc'"),
        ("worst-movies", ["since=yesterday"], "since must be a day, such as 2026-11-01, not 'yesterday'"),
        ("worst-movies", ["limit=-1"], "limit must be a whole number from 0 up"),
        ("worst-movies", [f"limit={2**63}"], "limit must be a whole number from 0 up"),
        ("worst-movies", ["limit=1", "limit=2"], "limit was given twice"),
        ("reviews-of-movie", [], "needs --param movie=text"),
    ],
)
def test_wrong_values_are_named_with_the_parameters_that_there_are(
    name: str, given: list[str], message: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        read_values(find(name), given)
    assert all(f"  {each.name} ({each.kind}" in str(caught.value) for each in find(name).parameters)


def run(home: Path, *arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(main, ["sql", *arguments], env={"REVIEWS_HOME": str(home)}, input=answer)


@pytest.fixture(scope="module")
def home(published: Path) -> Path:
    return published.parent.parent


def test_the_command_runs_a_named_query(home: Path) -> None:
    done = run(home, "worst-movies", "--param", "at_least=2", "--param", "limit=1", "--format", "csv")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[1] == "tt1,3,6.1,6.1,0.667,5.5"


@pytest.mark.parametrize("arguments", [["wurst-movies"], [], ["--list", "select 1"], ["find-review"]])
def test_wrong_usage_ends_with_status_2(home: Path, arguments: list[str]) -> None:
    done = run(home, *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("reviews: ")


@pytest.mark.parametrize(
    ("words", "begun", "offered"),
    [
        (["sql"], "movies-", ["movies-misjudged", "movies-that-moved"]),
        (["sql", "reviews-of-movie", "--param"], "", ["movie=", "limit="]),
    ],
)
def test_the_shell_completes_names_and_parameters(words: list[str], begun: str, offered: list[str]) -> None:
    complete = ShellComplete(main, {}, "reviews", "_REVIEWS_COMPLETE")
    assert [each.value for each in complete.get_completions(words, begun)] == offered
