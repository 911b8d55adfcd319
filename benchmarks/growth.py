"""What a scoring run costs as the history grows: the same new reviews, scored into databases of several sizes.

    python -m benchmarks.growth [--rows 100000 1000000 3000000] [--reviews 10 100000] [--runs 3] [--document]

Needs no archive: makes a home for each number of scored rows (`benchmarks/history.py`; some minutes and 150 bytes of
disk a row), then runs `reviews score` on all of them in turns, each time with a new file. Ten reviews are what a
schedule often finds. Prints a Markdown table; with --document also writes it into docs/performance.md.
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
from itertools import product
from pathlib import Path
from time import perf_counter

import duckdb

from benchmarks.all import describe_machine, write_down
from benchmarks.answers import MOVIES
from benchmarks.history import add_history, make_demo_home
from benchmarks.idle_run import serve_benchmark
from data_contracts.storage.home import Home

PLACE = "growth"
REVIEWS = Path(sys.executable).with_name("reviews")
BLOCK = 512
"""Bytes of a block in the figures of a process (`getrusage`)."""


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


Side = tuple[int, int]
"""Scored rows in the database before the run, and new reviews."""


def main() -> None:
    """Make the homes, time the runs in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000, 3_000_000])
    parser.add_argument("--reviews", type=int, nargs="+", default=[10, 100_000])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--document", action="store_true", help="write the table into docs/performance.md")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="growth-") as folder:
        homes = make_homes(Path(folder), arguments.rows)
        with serve_benchmark(Path(folder, "prefect")) as server:
            costs = time_all(homes, arguments.reviews, arguments.runs, server)
    table = make_table(costs)
    print(table)
    if arguments.document:
        write_down(PLACE, f"{describe_machine()}\n\n{table}")


def make_homes(folder: Path, sizes: Sequence[int]) -> dict[int, Home]:
    """Return a home for each number of scored rows, all with the same champion."""
    demo = Home(folder / "demo")
    make_demo_home(demo)
    homes = {rows: Home(folder / str(rows)) for rows in sizes}
    for rows, home in homes.items():
        shutil.copytree(demo.folder, home.folder)
        add_history(home, rows)
        print(f"{rows:,} rows: {home.warehouse.stat().st_size / 1e6:,.0f} MB", file=sys.stderr, flush=True)
    return homes


def time_all(
    homes: Mapping[int, Home], reviews: Sequence[int], runs: int, server: Mapping[str, str]
) -> dict[Side, list[Cost]]:
    """Run each side `runs` times, all in turns, after two untimed runs of each; return what they took."""
    costs: dict[Side, list[Cost]] = {side: [] for side in product(homes, reviews)}
    for run in range(-2, runs):
        for (rows, new), taken in costs.items():
            # The untimed runs are small: the second publishing is the first one that finds a standby.
            cost = time_run(homes[rows], new if run >= 0 else 10, f"{rows}-{new}-{run}", server)
            print(f"run {run}, {rows:,} rows, {new:,} new reviews: {cost}", file=sys.stderr, flush=True)
            if run >= 0:
                taken.append(cost)
    return costs


def time_run(home: Home, reviews: int, name: str, server: Mapping[str, str]) -> Cost:
    """Score a new file of so many reviews; `name` makes its texts unlike those of every other run."""
    csv = home.folder.parent / f"{name}.csv"
    write_csv(home, csv, reviews, name)
    environment = {**os.environ, **server, "REVIEWS_HOME": str(home.folder)}
    started = perf_counter()
    process = subprocess.Popen([REVIEWS, "score", csv], env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"the run {name} failed with status {status}")
    csv.unlink()
    return Cost(
        seconds=perf_counter() - started,
        processor=usage.ru_utime + usage.ru_stime,
        written=usage.ru_oublock * BLOCK / 1e6,
        peak=usage.ru_maxrss / 2**20,
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


def make_table(costs: Mapping[Side, Sequence[Cost]]) -> str:
    """Return the Markdown table; the ratios are to the run of as many reviews in the smallest database."""
    smallest = min(rows for rows, _ in costs)
    lines = [
        "| new reviews | scored rows before | time, ratio | from | to | CPU time, ratio | written, MB | memory, GiB |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for rows, new in sorted(costs, key=lambda side: (side[1], side[0])):
        taken, first = costs[rows, new], costs[smallest, new]
        ratios = [mine.seconds / other.seconds for mine, other in zip(taken, first, strict=True)]
        processor = [mine.processor / other.processor for mine, other in zip(taken, first, strict=True)]
        cells = [f"{new:,}", f"{rows:,}", *(f"{each(ratios):.2f}" for each in (statistics.median, min, max))]
        cells += [
            f"{statistics.median(processor):.2f}",
            f"{statistics.median(cost.written for cost in taken):,.0f}",
            f"{statistics.median(cost.peak for cost in taken):.2f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
