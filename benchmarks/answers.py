"""How long queries of every view and all named queries take, beside a plain join of the two largest tables.

    python -m benchmarks.answers [--scores 1000000] [--runs 5] [--database FILE]

Needs no archive: a database with that many scored rows is generated in a temporary folder (a minute; 2,000 files,
5,000 movies, two models for half of the reviews, a label and a rating for a third). With --database the queries are
asked of a file that is there, such as the published copy of a home. All queries run in turns, each in a new connection
on two cores, like `reviews sql`; named queries run with their defaults. Prints a Markdown table of the medians, slowest
first.
"""

import argparse
import math
import statistics
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import duckdb

from benchmarks.pairs import find_ratios, take_turns
from data_contracts.queries import list_queries
from docs.markdown import format_table
from tasks.queries.named_queries import read_values
from tasks.warehouse.database.duckdb_engine import begin_transaction
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.latest_scores import rebuild

CORES = 2
SLOW = 0.5
"""The least share of the plain join's time that is shown."""
FILES, FILES_A_COMMIT, MOVIES = 2000, 100, 5000
PLAIN = (
    "SELECT count(*), avg(score) FROM scored_reviews JOIN source_reviews USING (source_sha256, row_number)"
)
"""The query with which all others are compared."""
ASKED = {
    "latest_scores": (
        "SELECT count(*), avg(score) FROM latest_scores",
        "FROM latest_scores ORDER BY scored_at DESC LIMIT 10",
        "FROM latest_scores WHERE review_id = 'r1001'",
    ),
    "movie_ratings": (
        "FROM movie_ratings",
        "FROM movie_ratings ORDER BY reviews DESC LIMIT 10",
    ),
    "lineage": (
        "SELECT count(*), avg(score) FROM lineage",
        "SELECT code_version, variant, count(*), sum(checks_failed) FROM lineage GROUP BY ALL",
        "FROM lineage ORDER BY scored_at DESC LIMIT 10",
        "FROM lineage WHERE review_id = 'r1001'",
    ),
}
"""The queries of a view; a view that is not listed is queried as a whole."""
GIVEN = {"movie": "tt2531", "review": "r1001", "words": "dull story really"}
"""Values of the parameters of named queries that have no default."""

Query = tuple[str, Mapping[str, Any]]
"""SQL, and the values of its parameters."""

WORDS = (
    "a the of and to it is in this that film movie was as with but on not for be have are you one all at by an who "
    "they from so like or just about out has if what some good very when more there would no even time which story "
    "really bad well see great much dull other first plot acting than way"
)
_LABELLED = "hash(id, 'label') % 3 = 0"
_FILL_FILES = """
CREATE TEMP TABLE files AS
SELECT
    number, sha256('file ' || number) AS source_sha256, 'export-' || number || '.csv.gz' AS uri,
    TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_hours(number::INTEGER) AS seen_at,
    'run-' || 1 + number * 2 // $files AS run_id, number % 2 = 0 AS is_rescored
FROM range($files) AS numbers (number);

CREATE TEMP TABLE scorings AS
SELECT *, 'model-a' AS model_id, 0.0 AS shift FROM files
UNION ALL
SELECT * REPLACE ('run-3' AS run_id, seen_at + INTERVAL 100 DAY AS seen_at), 'model-b', 0.1 FROM files
WHERE is_rescored
"""
_FILL_SOURCES = f"""
INSERT INTO source_reviews BY NAME
SELECT
    source_sha256, row_number, NULL AS member,
    CASE
        WHEN hash(id, 'named') % 10 = 0 THEN NULL
        WHEN hash(id, 'again') % 20 = 0 THEN 'r' || hash(id, 'which') % (id + 1)
        ELSE 'r' || id
    END AS review_id,
    CASE WHEN hash(id, 'of a movie') % 50 > 0
        THEN 'tt' || ($movies * (hash(id, 'movie') % 1000000 / 1e6) ** 2)::INTEGER END AS movie_id,
    CASE WHEN hash(id, 'dated') % 10 > 0
        THEN TIMESTAMPTZ '2015-01-01 00:00:00+00' + to_seconds((hash(id, 'date') % 340000000)::BIGINT)
    END AS reviewed_at,
    text, sha256(text) AS text_sha256, uri AS file_uri, 'default' AS file_source, seen_at AS file_seen_at,
    CASE WHEN {_LABELLED} THEN if(hash(id, 'good') % 2 = 0, 'positive', 'negative') END AS given_label,
    CASE WHEN {_LABELLED} THEN if(hash(id, 'good') % 2 = 0, 7, 1) + hash(id, 'stars') % 4 END AS given_rating,
    NULL AS extra,
    [{{
        'aspect': ['acting', 'story', 'script', 'pace', 'picture', 'music'][1 + (hash(id, 'what', place) % 6)::INTEGER],
        'polarity': ['positive', 'negative', 'neither'][1 + (hash(id, 'how', place) % 3)::INTEGER],
        'sureness': 0.75, 'start': place, 'stop': place + 40
    }} for place in range(0, 250, 50)] AS mentions
FROM (
    SELECT
        source_sha256, row_number, number * $rows + row_number AS id, uri, seen_at,
        array_to_string([$words[1 + (hash(id, word) % len($words))::INTEGER] for word in range(40)], ' ') AS text
    FROM files, range(1, $rows + 1) AS numbers (row_number)
    WHERE number BETWEEN $first AND $last
)
"""
# The last row of every fiftieth file was released from the quarantine.
_FILL_SCORES = """
INSERT INTO scored_reviews (
    source_sha256, row_number, model_id, score, sentiment, predicted_rating, token_count, oov_rate, truncated, run_id,
    scored_at
)
SELECT
    source_sha256, row_number, model_id, score, if(score >= 0.5, 'positive', 'negative'), 1 + 9 * score,
    20 + hash(id, 'words') % 400, (hash(id, 'unknown') % 100) / 1000, hash(id, 'long') % 30 = 0,
    if(number % 50 = 0 AND row_number = $rows, 'run-4', run_id), seen_at + to_milliseconds(row_number)
FROM (
    SELECT
        *, number * $rows + row_number AS id,
        hash(id, 'score') % 1000000 / 1e6 AS share,
        greatest(0, least(1, 0.5 - 0.5 * cos(pi() * share) + shift * (hash(id, 'noise') % 1000 / 1e3 - 0.5))) AS score
    FROM scorings, range(1, $rows + 1) AS numbers (row_number)
    WHERE number BETWEEN $first AND $last
)
"""
_FILL_REST = (
    """
    INSERT INTO scored_files BY NAME
    SELECT
        source_sha256, model_id, 'scored' AS status, uri, 'csv.gz' AS format, 200 * $rows AS bytes,
        $rows + 5 AS rows_read, run_id, seen_at AS committed_at
    FROM scorings
    """,
    """
    INSERT INTO quarantined_rows (
        source_sha256, row_number, uri, raw, rule, detail, run_id, quarantined_at, released_at, released_by
    )
    SELECT
        source_sha256, row_number, uri, encode(repeat('a long text ', 100)), 'text_too_long', '1,200 characters',
        run_id, seen_at, if(row_number = $rows, seen_at + INTERVAL 1 DAY, NULL), if(row_number = $rows, 'ann', NULL)
    FROM files, range($rows, $rows + 6) AS numbers (row_number) WHERE row_number > $rows OR number % 50 = 0
    """,
    """
    INSERT INTO contract_results
    SELECT
        run_id, if(rule < 8, 'review_files', 'scored_reviews'), source_sha256, 'rule_' || rule, 'expect_something',
        'score', if(rule = 3, 'warning', 'error'), rule <> 3 OR number % 7 > 0, '0 broken', 'none', 0, seen_at, NULL
    FROM scorings, range(17) AS numbers (rule)
    """,
    """
    INSERT INTO runs
    SELECT
        'run-' || run, if(run = 4, 'release-rows', 'score-reviews'), NULL, 'abcdef0', TIMESTAMPTZ '2026-01-01',
        TIMESTAMPTZ '2026-07-01', 'completed', NULL
    FROM range(1, 5) AS numbers (run)
    """,
    """
    INSERT INTO models (
        model_id, variant, seed, dataset, data_fingerprint, code_fingerprint, bundle_fingerprint, test_accuracy,
        rating_interval_title, rating_interval_review, trained_at
    )
    SELECT
        model_id, 'cnn_lstm', 0, 'other', 'data', 'code', 'bundle', 0.88, 0.9, 3.2, TIMESTAMPTZ '2025-12-01'
    FROM (VALUES ('model-a'), ('model-b'), ('model-c')) AS named (model_id)
    """,
    """
    INSERT INTO promotions VALUES
    (1, 'promote', 'model-a', 'the first', NULL, '2025-12-02 00:00:00+00', 'ann@host', 0),
    (2, 'promote', 'model-b', 'better', 'model-a', '2026-03-20 00:00:00+00', 'ann@host', 0)
    """,
    """
    INSERT INTO shadows VALUES
    (1, 'model-c', '2026-01-01 00:00:00+00', 'ann', '2026-01-01 00:00:00+00', NULL, NULL, NULL, NULL, NULL)
    """,
    """
    INSERT INTO shadow_scores
    SELECT * EXCLUDE (source) REPLACE (
        'model-c' AS model_id, least(1, score + 0.02) AS score,
        if(score >= 0.48, 'positive', 'negative') AS sentiment
    )
    FROM scored_reviews SEMI JOIN (FROM files WHERE number % 10 = 0) AS shadowed USING (source_sha256)
    WHERE model_id = 'model-a'
    """,
    """
    INSERT INTO shadow_files
    SELECT source_sha256, model_id, count(*), 'run-3', max(scored_at) FROM shadow_scores GROUP BY ALL
    """,
    """
    INSERT INTO review_labels
    SELECT
        text_sha256, if(hash(text_sha256, 'good') % 2 = 0, 'positive', 'negative'), NULL,
        hash(text_sha256, 'random') % 4 = 0, TIMESTAMPTZ '2026-07-01', 'labels/answers.csv'
    FROM source_reviews WHERE row_number = 1 GROUP BY text_sha256
    """,
    """
    INSERT INTO promises
    SELECT
        (SELECT max(number) FROM promotions), 'model-b', if(source > 0, 'source-' || source, NULL),
        '2026-03-20 00:00:00+00', 0.88, 'archive', 20000, 17500, 0.2, NULL, 0, 0, '2026-07-01 00:00:00+00'
    FROM range(21) AS numbers (source)
    """,
    """
    INSERT INTO findings BY NAME
    SELECT
        1 AS number, 'late_source' AS kind, 'source-1' AS subject, 'source-1' AS source, 'warning' AS level, '' AS what,
        '' AS next, 'open' AS state, now() AS first_seen, now() AS last_seen
    """,
    """
    INSERT INTO reference_measures
    SELECT model_id, measure, 2500, 0.5, 30
    FROM models, (VALUES ('score'), ('token_count'), ('oov_rate'), ('truncated')) AS named (measure)
    WHERE model_id IN ('model-a', 'model-b')
    """,
    """
    INSERT INTO reference_bins
    SELECT
        model_id, measure, row_number() OVER (PARTITION BY model_id, measure ORDER BY bin),
        if(bin = 1, '-infinity'::DOUBLE, (bin - 1) / 10 * if(measure = 'token_count', 500, 1)), 250
    FROM reference_measures, range(1, 11) AS numbers (bin)
    WHERE model_id IN ('model-a', 'model-b') AND (measure <> 'truncated' OR bin IN (1, 10))
    """,
)


@dataclass(frozen=True)
class Asked:
    """The rows and the times of one run of a query."""

    rows: int
    seconds: float
    processor: float
    """CPU seconds of both cores together; other work on the machine changes them less than `seconds`."""


def main() -> None:
    """Generate the database, time all queries and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scores", type=int, default=1_000_000, help="scored rows that the database has")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--database", type=Path, help="ask this file, and generate none")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="answers-") as folder:
        warehouse = arguments.database or Path(folder, "reviews.duckdb")
        if not arguments.database:
            fill(warehouse, arguments.scores)
        print(make_table(warehouse, arguments.runs))


def fill(warehouse: Path, scores: int) -> None:
    """Create a database with at least `scores` scored rows, in commits of several files like a real one."""
    # Every other file is scored by two models.
    size = {"rows": math.ceil(scores * 2 / (3 * FILES))}
    with open_warehouse(warehouse, write=True) as connection:
        for statement in _FILL_FILES.split(";"):
            connection.execute(statement, _pick(statement, {"files": FILES}))
        for first in range(0, FILES, FILES_A_COMMIT):
            values = {**size, "first": first, "last": first + FILES_A_COMMIT - 1}
            with begin_transaction(connection):
                for statement in (_FILL_SOURCES, _FILL_SCORES):
                    named = {**values, "movies": MOVIES, "words": WORDS.split()}
                    connection.execute(statement, _pick(statement, named))
        for statement in _FILL_REST:
            connection.execute(statement, _pick(statement, size))
        rebuild(connection)


def _pick(statement: str, values: Mapping[str, object]) -> dict[str, object]:
    """Return the values that a statement uses: DuckDB refuses others."""
    return {name: value for name, value in values.items() if f"${name}" in statement}


def make_table(warehouse: Path, runs: int) -> str:
    """Run each query `runs` times, all in turns; return the Markdown table of the medians, slowest first."""
    queries = {**list_asked(warehouse), **list_named()}
    asked = take_turns({name: partial(ask, warehouse, *query) for name, query in queries.items()}, runs)
    seconds = {name: [turn.seconds for turn in turns] for name, turns in asked.items()}
    ratios = {name: statistics.median(find_ratios(taken, seconds[PLAIN])) for name, taken in seconds.items()}
    slow = [name for name in sorted(ratios, key=lambda name: -ratios[name]) if ratios[name] >= SLOW]
    rows = [
        [
            f"`{name}`",
            f"{asked[name][0].rows:,}",
            f"{statistics.median(seconds[name]):.2f}",
            f"{statistics.median(turn.processor for turn in asked[name]):.2f}",
            f"{ratios[name]:.1f}",
        ]
        for name in slow
    ]
    head = f"{describe_database(warehouse)}; medians of {runs} runs, on {CORES} cores"
    table = format_table(["query", "rows", "s", "CPU s", "ratio to the plain join"], rows)
    rest = f"{len(ratios) - len(slow)} others take less than half of the plain join's time."
    return "\n\n".join([head, table, rest])


def list_asked(warehouse: Path) -> dict[str, Query]:
    """Return the plain join, then the queries of each view in the database, each by its own SQL."""
    find = "SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY view_name"
    with connect(warehouse) as connection:
        views = [view for (view,) in connection.execute(find).fetchall()]
    of_views = [query for view in views for query in ASKED.get(view, (f"FROM {view}",))]
    return {query: (query, {}) for query in (PLAIN, *of_views)}


def list_named() -> dict[str, Query]:
    """Return every named query by its name."""
    named: dict[str, Query] = {}
    for query in list_queries():
        needed = [each.name for each in query.parameters if each.default is None]
        named[query.name] = (query.sql, read_values(query, [f"{name}={GIVEN[name]}" for name in needed]))
    return named


def describe_database(warehouse: Path) -> str:
    """Describe the size of the database."""
    count = "SELECT (SELECT count(*) FROM scored_reviews), (SELECT count(*) FROM source_reviews)"
    with connect(warehouse) as connection:
        [(scores, reviews)] = connection.execute(count).fetchall()
    return f"{scores:,} scores of {reviews:,} rows in {FILES:,} files, {warehouse.stat().st_size / 2**20:,.0f} MiB"


def ask(warehouse: Path, query: str, values: Mapping[str, Any]) -> Asked:
    """Run a query once in a new connection; the times include opening the database."""
    started, processor = perf_counter(), process_time()
    with connect(warehouse) as connection:
        rows = len(connection.execute(query, dict(values)).fetchall())
    return Asked(rows, perf_counter() - started, process_time() - processor)


def connect(warehouse: Path) -> duckdb.DuckDBPyConnection:
    """Open the database read-only, with `CORES` threads."""
    return duckdb.connect(str(warehouse), read_only=True, config={"threads": CORES})


if __name__ == "__main__":
    main()
