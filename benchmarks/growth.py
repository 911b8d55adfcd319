"""What a scoring run costs as the history grows: the same new reviews, scored into databases of several sizes.

    python -m benchmarks.growth [--rows 100000 10000000] [--reviews 10 100000] [--runs 3] [--homes FOLDER]

Needs no archive: makes a home for each number of scored rows (some minutes and 500 bytes of disk a row), then runs
`reviews score` with the demo's model on all of them in turns, each time with a new file. Ten reviews are what a
schedule often finds. Two runs of each size before are not timed. Prints a Markdown table; with --homes the homes are
kept in a folder, and those that it has already are used.

The rows of a home are generated (`benchmarks/answers.py`), none of them is scored. Models that were promoted before
have copies of the champion's bundle, so that `reviews verify` holds.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from time import perf_counter

import duckdb

from benchmarks.answers import MOVIES, fill
from benchmarks.commands import REVIEWS, run_command, serve_benchmark
from benchmarks.pairs import find_ratios, list_spread, take_turns
from data_contracts.storage.home import Home
from docs.markdown import format_table
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.publishing import publish

OLDER_MODELS = 2
"""Models of the generated history, which were promoted before the champion."""
BLOCK = 512
"""Bytes of a block in the figures of a process (`getrusage`)."""
_FIND_CHAMPION = """
SELECT model_id, bundle_fingerprint FROM models JOIN promotions USING (model_id) ORDER BY number DESC LIMIT 1
"""
_LEND_FINGERPRINT = """
UPDATE models SET bundle_fingerprint = ?
WHERE bundle_fingerprint = 'bundle' AND model_id IN (SELECT model_id FROM promotions)
RETURNING model_id
"""


@dataclass(frozen=True)
class Cost:
    """What one run took; of its child processes too."""

    seconds: float
    processor: float
    """CPU seconds."""
    written: float
    """MB written to files."""
    peak: float
    """GiB of memory of its largest process."""


def main() -> None:
    """Make the homes, time the runs in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 10_000_000])
    parser.add_argument("--reviews", type=int, nargs="+", default=[10, 100_000])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--homes", type=Path, help="a folder in which the homes are kept")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="growth-") as folder:
        homes = make_homes((arguments.homes or Path(folder)).absolute(), sorted(arguments.rows))
        table = []
        with serve_benchmark(Path(folder, "prefect")) as server:
            for new in arguments.reviews:
                table += list_rows(new, time_sides(homes, new, server, arguments.runs))
    columns = ["new reviews", "scored rows before", "time, ratio", "from", "to", "CPU time, ratio"]
    print(format_table([*columns, "written, MB", "memory, GiB"], table, words=0))


def make_homes(folder: Path, sizes: Sequence[int]) -> dict[int, Home]:
    """Return a home for each number of scored rows, all with the same champion; make those that are missing."""
    demo = Home(folder / "demo")
    if not demo.published.exists():
        subprocess.run([REVIEWS, "--home", demo.folder, "demo"], check=True, stdout=subprocess.DEVNULL)
    homes = {rows: Home(folder / str(rows)) for rows in sizes}
    for rows, home in homes.items():
        if not home.folder.exists():
            shutil.copytree(demo.folder, home.folder)
            add_history(home, rows)
        print(f"{rows:,} rows: {home.warehouse.stat().st_size / 1e6:,.0f} MB", file=sys.stderr, flush=True)
    return homes


def add_history(home: Home, rows: int) -> None:
    """Generate scored rows of older models into the database of the home, and publish it."""
    with open_warehouse(home.warehouse, write=True) as connection:
        connection.execute("UPDATE promotions SET number = number + ?", [OLDER_MODELS])
    fill(home.warehouse, rows)
    with open_warehouse(home.warehouse, write=True) as connection:
        [(champion, fingerprint)] = connection.execute(_FIND_CHAMPION).fetchall()
        lent = connection.execute(_LEND_FINGERPRINT, [fingerprint]).fetchall()
    for (model_id,) in lent:
        shutil.copytree(home.bundles / champion, home.bundles / model_id)
    publish(home)


def time_sides(
    homes: Mapping[int, Home], new: int, server: Mapping[str, str], runs: int
) -> dict[str, list[Cost]]:
    """Score new files into each home in turns; return what the runs took, by the number of rows before."""
    numbers = count()

    def run(home: Home) -> Cost:
        return time_run(home, new, f"{os.getpid()}-{next(numbers)}", server)

    sides = {f"{rows:,}": partial(run, home) for rows, home in homes.items()}
    # The second publishing is the first one that finds a standby. A standby also lacks what the run before wrote, so
    # that must have been as many reviews.
    take_turns(sides, 2)
    return take_turns(sides, runs)


def time_run(home: Home, reviews: int, name: str, server: Mapping[str, str]) -> Cost:
    """Score a new file of so many reviews; `name` makes its texts unlike those of every other run."""
    csv = home.folder.parent / f"{name}.csv"
    write_csv(home, csv, reviews, name)
    environment = {**os.environ, **server, "REVIEWS_HOME": str(home.folder)}
    started = perf_counter()
    usage = run_command([str(REVIEWS), "score", str(csv)], environment)
    seconds = perf_counter() - started
    csv.unlink()
    return Cost(
        seconds, usage.ru_utime + usage.ru_stime, usage.ru_oublock * BLOCK / 1e6, usage.ru_maxrss / 2**20
    )


def write_csv(home: Home, path: Path, reviews: int, name: str) -> None:
    """Write reviews of the demo's archive, repeated as often as needed, each with the name of the run and a number.

    They are of movies with many reviews in the history (`benchmarks/answers.py`).
    """
    movie = f"'tt' || ({MOVIES} * (hash(number, '{name}') % 1000000 / 1e6) ** 2)::INTEGER"
    query = (
        f"COPY (SELECT '{name}-' || number AS review_id, {movie} AS movie_id, text || ' {name} ' || number AS review "
        f"FROM (SELECT text, row_number() OVER () AS place FROM read_parquet('{home.reviews}/*.parquet')) "
        f"JOIN range({reviews}) AS numbers (number) "
        f"ON place - 1 = number % (SELECT count(*) FROM read_parquet('{home.reviews}/*.parquet'))) "
        f"TO '{path}' (HEADER)"
    )
    duckdb.sql(query)


def list_rows(new: int, costs: Mapping[str, Sequence[Cost]]) -> list[list[str]]:
    """Return the rows of the table; the ratios are to the run of as many reviews in the smallest database."""
    first = next(iter(costs.values()))
    rows = []
    for before, taken in costs.items():
        seconds = find_ratios([cost.seconds for cost in taken], [cost.seconds for cost in first])
        processor = find_ratios([cost.processor for cost in taken], [cost.processor for cost in first])
        written = statistics.median(cost.written for cost in taken)
        peak = statistics.median(cost.peak for cost in taken)
        cells = [
            *list_spread(seconds, 2),
            f"{statistics.median(processor):.2f}",
            f"{written:,.0f}",
            f"{peak:.2f}",
        ]
        rows.append([f"{new:,}", before, *cells])
    return rows


if __name__ == "__main__":
    main()
