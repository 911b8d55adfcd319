"""What a scoring run costs as the history grows: the same new reviews, scored into databases of several sizes.

    python -m benchmarks.growth [--rows 0 1000000 3000000 10000000] [--reviews 10 100000] [--runs 3] [--homes FOLDER]
        [--document]

Needs no archive: makes a home for each number of scored rows (`benchmarks/history.py`; some minutes and 500 bytes of
disk a row), then runs `reviews score` with the default model on all of them in turns, each time with a new file. Ten
reviews are what a schedule often finds. Two runs of each size before are not timed. At the end the queries of every
view are timed on each published copy. Prints Markdown tables; with --document also writes them and a plot into docs.
With --homes the homes are kept in a folder, and those that it has already are used.
"""

import argparse
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from time import perf_counter, sleep

import duckdb

from benchmarks.all import describe_machine, write_down
from benchmarks.answers import MOVIES, PLAIN, ask, list_asked
from benchmarks.growth_plot import draw
from benchmarks.history import add_history, make_demo_home
from benchmarks.idle_run import serve_benchmark
from data_contracts.storage.home import Home

PLACE = "growth"
STAGES = {
    "find-new-files": "find files",
    "score-files": "score",
    "commit-part": "commit",
    "check-scored": "checks",
    "publish": "publish",
    "write-report": "report",
}
"""The stages of a run by their names in Prefect or in its log, with their column in the table; what is left is its
start and end."""
COLUMNS = (*dict.fromkeys(STAGES.values()), "start and end")
_FIND_STAGES = """
WITH last AS (SELECT id FROM flow_run ORDER BY start_time DESC LIMIT 1)
SELECT name, (julianday(end_time) - julianday(start_time)) * 86400 FROM task_run
WHERE flow_run_id = (SELECT id FROM last) AND end_time IS NOT NULL
UNION ALL
SELECT 'find-new-files-', CAST(substr(message, instr(message, 'seconds=') + 8) AS REAL) FROM log
WHERE flow_run_id = (SELECT id FROM last) AND message LIKE 'find-new-files: %'
"""
VIEW_RUNS = 3
SETTLED_SECONDS = 3.0
"""How long after a run the server knows the end of all its tasks."""
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
    stages: Mapping[str, float]
    """Seconds of each of `COLUMNS`."""


Side = tuple[int, int]
"""Scored rows in the database before the run, and new reviews."""


def main() -> None:
    """Make the homes, time the runs in turns and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[0, 1_000_000, 3_000_000, 10_000_000])
    parser.add_argument("--reviews", type=int, nargs="+", default=[10, 100_000])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--homes", type=Path, help="a folder in which the homes are kept")
    parser.add_argument("--document", action="store_true", help="write tables and plot into docs")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="growth-") as folder:
        homes = make_homes((arguments.homes or Path(folder)).absolute(), arguments.rows)
        costs = time_all(homes, arguments.reviews, arguments.runs, Path(folder, "prefect"))
        views = {rows: time_views(home) for rows, home in homes.items()}
    tables = f"{make_table(costs)}\n\n{make_stages_table(costs)}"
    print(tables)
    if arguments.document:
        write_down(PLACE, f"{describe_machine()}\n\n{tables}")
        seconds = {side: statistics.median(cost.seconds for cost in taken) for side, taken in costs.items()}
        draw(seconds, views)


def make_homes(folder: Path, sizes: Sequence[int]) -> dict[int, Home]:
    """Return a home for each number of scored rows, all with the same champion; make those that are missing."""
    demo = Home(folder / "demo")
    if not demo.published.exists():
        make_demo_home(demo)
    homes = {rows: Home(folder / str(rows)) for rows in sizes}
    for rows, home in homes.items():
        if not home.folder.exists():
            shutil.copytree(demo.folder, home.folder)
            add_history(home, rows)
        print(f"{rows:,} rows: {home.warehouse.stat().st_size / 1e6:,.0f} MB", file=sys.stderr, flush=True)
    return homes


def time_all(
    homes: Mapping[int, Home], reviews: Sequence[int], runs: int, prefect_home: Path
) -> dict[Side, list[Cost]]:
    """Run each side `runs` times, those with as many new reviews in turns; return what they took."""
    costs: dict[Side, list[Cost]] = {side: [] for side in product(homes, reviews)}
    with serve_benchmark(prefect_home) as server:
        for new in reviews:
            # The second publishing is the first one that finds a standby. A standby also lacks what the run before
            # wrote, so that must have been as many reviews.
            for rows, run in product(homes, range(2)):
                time_run(homes[rows], new, f"{rows}-{new}-first-{run}-{os.getpid()}", server)
            for run, rows in product(range(runs), homes):
                cost = time_run(homes[rows], new, f"{rows}-{new}-{run}-{os.getpid()}", server)
                print(f"run {run}, {rows:,} rows, {new:,} new reviews: {cost}", file=sys.stderr, flush=True)
                costs[rows, new].append(cost)
    return costs


def time_run(home: Home, reviews: int, name: str, server: Mapping[str, str]) -> Cost:
    """Score a new file of so many reviews; `name` makes its texts unlike those of every other run."""
    csv = home.folder.parent / f"{name}.csv"
    write_csv(home, csv, reviews, name)
    environment = {**os.environ, **server, "REVIEWS_HOME": str(home.folder)}
    started = perf_counter()
    process = subprocess.Popen([REVIEWS, "score", csv], env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = perf_counter() - started
    if status:
        raise RuntimeError(f"the run {name} failed with status {status}")
    csv.unlink()
    return Cost(
        seconds=seconds,
        processor=usage.ru_utime + usage.ru_stime,
        written=usage.ru_oublock * BLOCK / 1e6,
        peak=usage.ru_maxrss / 2**20,
        stages=read_stages(Path(server["PREFECT_HOME"]), seconds),
    )


def read_stages(prefect_home: Path, seconds: float) -> dict[str, float]:
    """Return the seconds of each stage of the last run of a server, and of its start and end; it took `seconds`."""
    sleep(SETTLED_SECONDS)
    with closing(sqlite3.connect(prefect_home / "prefect.db")) as connection:
        found = connection.execute(_FIND_STAGES).fetchall()
    stages = dict.fromkeys(COLUMNS, 0.0)
    for name, taken in found:
        stage = STAGES.get(name.rpartition("-")[0])
        if stage:
            stages[stage] += taken
    return {**stages, COLUMNS[-1]: seconds - sum(stages.values())}


def time_views(home: Home) -> dict[str, float]:
    """Return the median seconds of the queries of every view on the published copy."""
    queries = list_asked(home.published)
    turns = [
        {sql: ask(home.published, *query).seconds for sql, query in queries.items()} for _ in range(VIEW_RUNS)
    ]
    return {sql: statistics.median(turn[sql] for turn in turns) for sql in queries if sql != PLAIN}


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


def make_stages_table(costs: Mapping[Side, Sequence[Cost]]) -> str:
    """Return the Markdown table of the share of each stage."""
    lines = [
        f"| new reviews | scored rows before | {' | '.join(COLUMNS)} |",
        f"| ---: | ---: |{' ---: |' * len(COLUMNS)}",
    ]
    for rows, new in sorted(costs, key=lambda side: (side[1], side[0])):
        taken = costs[rows, new]
        shares = [statistics.median(cost.stages[stage] / cost.seconds for cost in taken) for stage in COLUMNS]
        lines.append(f"| {new:,} | {rows:,} | {' | '.join(f'{share:.0%}' for share in shares)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
