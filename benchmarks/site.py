"""How long the pages for people take, each made when it is asked for, and all of them in a folder.

    python -m benchmarks.site [--rows 1000000] [--movies 20000] [--runs 5] [--home FOLDER] [--document]

Needs no archive: generates a database with that many reviews (`benchmarks/answers.py`; half of them scored by two
models, 200 runs, some 700 bytes of disk a row) in a temporary folder, or uses what a former call left in FOLDER. Then
each page is made in this process, as the server makes it, and `reviews site FOLDER` runs in a process of its own.
Prints a Markdown table; with --document also writes it into docs/performance.md.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter

from benchmarks.all import describe_machine, write_down
from benchmarks.answers import fill
from data_contracts.storage.home import Home
from tasks.pages.page_names import INDEX, MODELS, MOVIES, link_served
from tasks.queries.run_query import ask_published
from tasks.site.pages import make_page
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.publishing import publish

PLACE = "site"
_PICK_MOVIES = """
SELECT unnest([arg_max(movie_id, reviews), arg_min(movie_id, abs(reviews - 50))]) AS movie_id FROM movie_ratings
"""
REVIEWS = Path(sys.executable).with_name("reviews")
RUNS = 200
_ADD_RUNS = f"""
INSERT INTO runs
SELECT 'more-' || run, 'score-reviews', NULL, 'abcdef0', TIMESTAMPTZ '2026-01-01' + to_hours(run::INTEGER),
    TIMESTAMPTZ '2026-01-01' + to_hours(run::INTEGER) + INTERVAL 1 MINUTE, 'completed', '{{"files_scored": 10}}'
FROM range({RUNS}) AS numbers (run)
"""


def main() -> None:
    """Make the home, time the command and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="reviews that the database has")
    parser.add_argument("--movies", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--home", type=Path, help="a folder in which the home is kept")
    parser.add_argument("--document", action="store_true", help="write the table into docs/performance.md")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="site-") as folder:
        home = make_home(
            Home((arguments.home or Path(folder, "home")).absolute()), arguments.rows, arguments.movies
        )
        table = make_table(home, Path(folder, "written"), arguments.runs)
    print(table)
    if arguments.document:
        write_down(PLACE, f"{describe_machine()}\n\n{table}")


def make_home(home: Home, rows: int, movies: int) -> Home:
    """Return a home with so many reviews, made if it is not there."""
    if not home.published.exists():
        home.make()
        fill(home.warehouse, rows * 3 // 2, movies)
        with open_warehouse(home.warehouse, write=True) as connection:
            connection.execute(_ADD_RUNS)
        publish(home)
        publish(home)  # the second one leaves a standby
    return home


def make_table(home: Home, folder: Path, runs: int) -> str:
    """Time each page, and all of them; return a Markdown table."""
    with ask_published(home.published) as ask:
        movies = [str(row["movie_id"]) for row in ask(_PICK_MOVIES)]
    pages: dict[str, tuple[str, dict[str, str]]] = {
        "the overview": (INDEX, {}),
        "the models": (MODELS, {}),
        "a search": (MOVIES, {"q": movies[1], "sort": "stars"}),
        "the movie with most reviews": (link_served(movies[0]), {}),
        "a movie with few": (link_served(movies[1]), {}),
    }
    make_page(home, INDEX, {})  # loads what all need
    lines = ["| page | s | from | to |", "| --- | ---: | ---: | ---: |"]
    for name, (address, query) in pages.items():
        seconds = [time_call(partial(make_page, home, address, query)) for _ in range(runs)]
        lines.append(
            f"| {name} | {statistics.median(seconds):.2f} | {min(seconds):.2f} | {max(seconds):.2f} |"
        )
    environment = {**os.environ, "REVIEWS_HOME": str(home.folder)}
    seconds = [time_call(partial(subprocess.run, [REVIEWS, "site", folder], env=environment, check=True))]
    lines.append(f"| all, in a folder | {seconds[0]:.1f} | | |")
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    written = f"{len(list(folder.rglob('*.html'))):,} pages, {size / 1e6:,.0f} MB"
    return "\n".join([f"{written}; medians of {runs} times, of one for the folder\n", *lines])


def time_call(call: Callable[[], object]) -> float:
    """Return how many seconds a call took."""
    started = perf_counter()
    call()
    return perf_counter() - started


if __name__ == "__main__":
    main()
