"""How much longer a run takes whose new files lie in an S3 store than one whose files lie in the home's inbox.

    python -m benchmarks.stored_inbox HOME [--rows 30000] [--files 10] [--runs 7]

HOME has the archive's Parquet (`reviews ingest`) and a promoted model. Both score the same files in turns, each the
first in every second turn, in a new copy of the home, without workers. The store shares the processor with the run.
Prints a Markdown table of ratios: the seconds that the run took, and the CPU seconds of the run, and with the store's.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import psutil

from benchmarks.ratios import spread
from benchmarks.whole_flow import REVIEWS, copy_home, run_command
from benchmarks.workers import STORE, fill_store, name_settings, read_cpu
from tests.support.once import FOLDER
from tests.support.stores import S3Server, run_s3_server

PLACES = ("files", "objects")


@dataclass(frozen=True)
class Taken:
    """What one run took, in seconds: of the clock, of a processor, and of a processor with the store's."""

    clock: float
    run: float
    with_store: float


def main() -> None:
    """Write the files and fill the store, score from both in turns, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("home", type=Path)
    parser.add_argument("--rows", type=int, default=30_000)
    parser.add_argument("--files", type=int, default=10)
    parser.add_argument("--runs", type=int, default=7)
    arguments = parser.parse_args()
    pairs: list[Mapping[str, Taken]] = []
    with tempfile.TemporaryDirectory() as name, run_s3_server() as server:
        os.environ.update({**server.environment, FOLDER: name})
        fill_store(arguments.home, Path(name), arguments.rows, arguments.files)
        for run in range(arguments.runs):
            order = PLACES if run % 2 else PLACES[::-1]
            pairs.append({place: measure(arguments.home, Path(name), server, place) for place in order})
            print(f"run {run + 1}: {pairs[-1]}", file=sys.stderr, flush=True)
    print_table(pairs)


def measure(home: Path, folder: Path, server: S3Server, place: str) -> Taken:
    """Return what it takes to score the files from one place, in a copy of a home."""
    with copy_home(home) as own:
        files = sorted(map(str, folder.glob("main-*.csv")))
        what = files if place == "files" else [f"{STORE}/inbox/main"]
        store = psutil.Process(server.process.pid if server.process else None)
        before = read_cpu(store)
        usage = run_command([str(REVIEWS), "score", *what], {**os.environ, **name_settings(own)})
        run, stored = usage.ru_utime + usage.ru_stime, read_cpu(store) - before
        return Taken(read_clock(own), run, run + stored)


def read_clock(home: Path) -> float:
    """Return the seconds that the last run of a home took."""
    with duckdb.connect(str(home / "reviews.duckdb"), read_only=True) as connection:
        query = "SELECT epoch(ended_at - started_at) FROM runs ORDER BY started_at DESC LIMIT 1"
        [(seconds,)] = connection.sql(query).fetchall()
    return float(seconds)


def print_table(pairs: list[Mapping[str, Taken]]) -> None:
    """Print the ratios of the runs from the store to those from files."""
    print("| from a store, to files | median | from | to |\n| --- | ---: | ---: | ---: |")
    for name in ("clock", "run", "with_store"):
        ratios = [getattr(pair["objects"], name) / getattr(pair["files"], name) for pair in pairs]
        print(f"| {name} | {spread(ratios, 2)} |")


if __name__ == "__main__":
    main()
