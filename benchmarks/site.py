"""How long the pages for people take: all of them, after new rows, and where nothing changed.

    python -m benchmarks.site [--rows 1000000] [--movies 20000] [--new 1000] [--runs 5] [--home FOLDER] [--document]

Needs no archive: generates a database with that many reviews (`benchmarks/answers.py`; half of them scored by two
models, 200 runs, some 700 bytes of disk a row) in a temporary folder, or uses what a former call left in FOLDER. Then
`reviews site` runs in a process of its own, start-up included: once for all pages, then in turns after new rows were
committed and published, and again. Prints a Markdown table; with --document also writes it into docs/performance.md.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.all import describe_machine, write_down
from benchmarks.answers import WORDS, fill
from data_contracts.part_schemas import PART_SCHEMAS
from data_contracts.storage.home import Home
from tasks.warehouse.commit import commit_parts
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.publishing import publish

PLACE = "site"
REVIEWS = Path(sys.executable).with_name("reviews")
RUNS = 200
_ADD_RUNS = f"""
INSERT INTO runs
SELECT 'more-' || run, 'score-reviews', NULL, 'abcdef0', TIMESTAMPTZ '2026-01-01' + to_hours(run::INTEGER),
    TIMESTAMPTZ '2026-01-01' + to_hours(run::INTEGER) + INTERVAL 1 MINUTE, 'completed', '{{"files_scored": 10}}'
FROM range({RUNS}) AS numbers (run)
"""
_NEW = {
    "source_reviews": """
        SELECT sha256($file) AS source_sha256, number AS row_number, $file || '-' || number AS review_id,
            'tt' || ($movies * (hash(number, $file) % 1000000 / 1e6) ** 2)::INTEGER AS movie_id, text,
            sha256(text) AS text_sha256, now() AS reviewed_at
        FROM (SELECT number, array_to_string(
            [$words[1 + (hash(number, word, $file) % len($words))::INTEGER] for word in range(40)], ' ') AS text
            FROM range(1, $new + 1) AS numbers (number))""",
    "scored_reviews": """
        SELECT sha256($file) AS source_sha256, number AS row_number, 'model-b' AS model_id, score,
            if(score >= 0.5, 'positive', 'negative') AS sentiment, 1 + 9 * score AS predicted_rating, 40 AS token_count,
            0.05 AS oov_rate, false AS truncated, $file AS run_id, now() AS scored_at
        FROM (SELECT number, hash(number, $file) % 1000000 / 1e6 AS score
            FROM range(1, $new + 1) AS numbers (number))""",
    "quarantined_rows": "SELECT NULL AS source_sha256 WHERE false",
    "scored_files": """
        SELECT sha256($file) AS source_sha256, 'model-b' AS model_id, 'scored' AS status, $file AS uri, 'csv' AS format,
            1000 AS bytes, $new AS rows_read, $file AS run_id""",
}
"""The tables of a part with new reviews of movies that have many."""


@dataclass(frozen=True)
class Cost:
    """What one run of the command took, and what it said."""

    seconds: float
    processor: float
    """CPU seconds."""
    said: str


def main() -> None:
    """Make the home, time the command and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="reviews that the database has")
    parser.add_argument("--movies", type=int, default=20_000)
    parser.add_argument("--new", type=int, default=1000, help="new reviews before each run")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--home", type=Path, help="a folder in which the home is kept")
    parser.add_argument("--document", action="store_true", help="write the table into docs/performance.md")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="site-") as folder:
        home = make_home(
            Home((arguments.home or Path(folder, "home")).absolute()), arguments.rows, arguments.movies
        )
        table = make_table(home, arguments.movies, arguments.new, arguments.runs)
    print(table)
    if arguments.document:
        write_down(PLACE, f"{describe_machine()}\n\n{table}")


def make_home(home: Home, rows: int, movies: int) -> Home:
    """Return a home with so many reviews, made if it is not there; its pages are removed."""
    if not home.published.exists():
        home.make()
        fill(home.warehouse, rows * 3 // 2, movies)
        with open_warehouse(home.warehouse, write=True) as connection:
            connection.execute(_ADD_RUNS)
        publish(home)
        publish(home)  # the second one leaves a standby
    shutil.rmtree(home.site, ignore_errors=True)
    return home


def make_table(home: Home, movies: int, new: int, runs: int) -> str:
    """Time the command in each case, and return a Markdown table."""
    costs: dict[str, list[Cost]] = {"all pages": [run_site(home)]}
    for run in range(runs):
        add_reviews(home, f"new-{run}-{os.getpid()}", movies, new)
        costs.setdefault(f"after {new:,} new reviews", []).append(run_site(home))
        costs.setdefault("again, nothing new", []).append(run_site(home))
    lines = [
        f"{describe_site(home)}; medians of {runs} runs, of one for all pages\n",
        "| `reviews site` | s | from | to | CPU s |",
        "| --- | ---: | ---: | ---: | ---: |",
        *(describe_costs(name, taken) for name, taken in costs.items()),
    ]
    return "\n".join(lines)


def add_reviews(home: Home, file: str, movies: int, new: int) -> None:
    """Commit and publish a file of so many new, scored reviews."""
    part = home.parts / file
    part.mkdir(parents=True)
    values = {"file": file, "movies": movies, "new": new, "words": WORDS.split()}
    for table, query in _NEW.items():
        used = {name: value for name, value in values.items() if f"${name}" in query}
        with duckdb.connect() as connection:
            found = connection.sql(query, params=used).to_arrow_table()
        columns = [_complete(found, field) for field in PART_SCHEMAS[table]]
        pq.write_table(pa.table(columns, schema=PART_SCHEMAS[table]), part / f"{table}.parquet")
    commit_parts(home.warehouse, part)
    shutil.rmtree(part)
    publish(home)


def _complete(found: pa.Table, field: pa.Field) -> pa.ChunkedArray | pa.Array:
    """Return a column of a part's table; nulls where the query has none."""
    is_there = field.name in found.schema.names
    return found[field.name].cast(field.type) if is_there else pa.nulls(len(found), field.type)


def run_site(home: Home) -> Cost:
    """Run `reviews site` in a process of its own."""
    os.sync()
    environment = {**os.environ, "REVIEWS_HOME": str(home.folder)}
    started = perf_counter()
    process = subprocess.Popen([REVIEWS, "site"], env=environment, stdout=subprocess.PIPE, text=True)
    said = process.stdout.read() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    seconds = perf_counter() - started
    if status:
        raise RuntimeError(f"`reviews site` failed with status {status}")
    cost = Cost(seconds, usage.ru_utime + usage.ru_stime, said.splitlines()[0])
    print(cost, file=sys.stderr, flush=True)
    return cost


def describe_site(home: Home) -> str:
    """Describe the size of the site."""
    pages = list(home.site.rglob("*.html"))
    size = sum(path.stat().st_size for path in home.site.rglob("*") if path.is_file())
    first, data = ((home.site / name).stat().st_size / 1e3 for name in ("index.html", "movies.js"))
    return f"{len(pages):,} pages, {size / 1e6:,.0f} MB; the first {first:,.0f} kB, the list of movies {data:,.0f} kB"


def describe_costs(name: str, taken: Sequence[Cost]) -> str:
    """Return a row of the table."""
    seconds = [cost.seconds for cost in taken]
    cells = (
        statistics.median(seconds),
        min(seconds),
        max(seconds),
        statistics.median(cost.processor for cost in taken),
    )
    return f"| {name} | {' | '.join(f'{cell:.1f}' for cell in cells)} |"


if __name__ == "__main__":
    main()
