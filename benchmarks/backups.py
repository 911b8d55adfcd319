"""How long an incremental backup takes, beside copying as many bytes, and a full backup beside copying the database.

    python -m benchmarks.backups [--rows 2000000] [--reviews 100000] [--runs 5] [--database FILE] [--document]

Needs no archive: generates a database with that many scored rows (`benchmarks/answers.py`; some 150 bytes of disk a
row, three times) and backs it up. Then, in turns: new scored reviews are committed and backed up, and what that backup
wrote of the database is copied and synced as a plain file, from the system's cache. What a backup compares is in that
cache too, as after a publishing. All within one process: start-up is not measured. With --database a copy of a file
that is there is backed up, such as the database of a home of `benchmarks/history.py`. Prints a Markdown table; with
--document also writes it into docs/performance.md.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from time import perf_counter

from benchmarks.all import describe_machine, write_down
from benchmarks.answers import fill
from benchmarks.ratios import spread
from data_contracts.storage.durable import make_durable
from data_contracts.storage.home import Home
from tasks.backups.making import back_up
from tasks.warehouse.database.block_copy import COMPARED_BYTES, read_shape
from tasks.warehouse.database.duckdb_engine import begin_transaction
from tasks.warehouse.database.warehouse_connection import open_warehouse

PLACE = "backups"
BLOCK = 512
"""Bytes of a block in the figures of a process (`getrusage`)."""
CHUNK_BYTES = 2**20
FULL_RUNS = 3
"""Full backups, at most, since each writes the whole database twice."""
_ADD_SOURCES = """
INSERT INTO source_reviews BY NAME
SELECT sha256($file) AS source_sha256, number AS row_number, $file || '-' || number AS review_id,
    'tt' || hash(number, $file) % 5000 AS movie_id, text, sha256(text) AS text_sha256
FROM (
    SELECT number, array_to_string(
        ['w' || (sqrt(hash(number, word, $file) % 100000000))::INTEGER for word in range(180)], ' ') AS text
    FROM range(1, $reviews + 1) AS numbers (number)
)
"""
_ADD_SCORES = """
INSERT INTO scored_reviews BY NAME
SELECT source_sha256, row_number, 'model-b' AS model_id, score, if(score >= 0.5, 'positive', 'negative') AS sentiment,
    1 + 9 * score AS predicted_rating, 80 AS token_count, row_number % 100 / 1000 AS oov_rate, false AS truncated,
    $file AS run_id, now() AS scored_at
FROM (
    SELECT source_sha256, row_number, hash(row_number, $file) % 1000000 / 1e6 AS score FROM source_reviews
    WHERE source_sha256 = sha256($file)
)
"""


@dataclass(frozen=True)
class Cost:
    """What a backup or a copy took."""

    seconds: float
    processor: float
    """CPU seconds."""
    written: float
    """MB written."""


Turn = tuple[Cost, Cost]
"""A backup, and a plain copy of the bytes that it wrote."""


def main() -> None:
    """Generate the database, time the backups in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2_000_000, help="scored rows that the database has")
    parser.add_argument("--reviews", type=int, default=100_000, help="new reviews before each backup")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--database", type=Path, help="back up a copy of this file, and generate none")
    parser.add_argument("--document", action="store_true", help="write the table into docs/performance.md")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="backups-") as folder:
        home = Home(Path(folder, "home"))
        if arguments.database:
            home.folder.mkdir()
            shutil.copyfile(arguments.database, home.warehouse)
        else:
            fill(home.warehouse, arguments.rows)
        table = make_table(home, arguments.reviews, arguments.runs)
    print(table)
    if arguments.document:
        write_down(PLACE, f"{describe_machine()}\n\n{table}")


def make_table(home: Home, reviews: int, runs: int) -> str:
    """Time both kinds of backups, each in turns with a copy, and return a Markdown table."""
    full = [time_turn(home, full=True) for _ in range(min(runs, FULL_RUNS))]
    incremental = []
    for run in range(runs):
        add_reviews(home, f"new-{run}", reviews)
        incremental.append(time_turn(home, full=False))
    lines = [
        f"A database of {home.warehouse.stat().st_size / 1e6:,.0f} MB, {reviews:,} new reviews before each incremental "
        f"backup; {runs} runs\n",
        "| backup | written, MB | time, ratio to a copy of what it wrote | from | to | CPU time, ratio |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        *(describe_turns(name, turns) for name, turns in (("incremental", incremental), ("full", full))),
    ]
    return "\n".join(lines)


def add_reviews(home: Home, file: str, reviews: int) -> None:
    """Commit a file of so many new, scored reviews."""
    with open_warehouse(home.warehouse, write=True) as connection, begin_transaction(connection):
        connection.execute(_ADD_SOURCES, {"file": file, "reviews": reviews}).fetchall()
        connection.execute(_ADD_SCORES, {"file": file}).fetchall()


def time_turn(home: Home, full: bool) -> Turn:
    """Back up the home, and copy what that wrote of the database."""
    read_beginnings(home.warehouse)
    last = max((int(path.name) for path in home.backups.glob("*")), default=0)
    folder = home.backups / f"{last + 1:06}"
    backup = measure(lambda: back_up(home, folder, full))
    pack = max((folder / "packs").iterdir())
    # A new file, as those of a backup are: the system has to find memory for each.
    copied = home.folder / f"copy-{last}"
    turn = (backup, measure(lambda: copy(pack, copied)))
    print(f"full {full}: {turn}", file=sys.stderr, flush=True)
    if full:
        copied.unlink()
    if full and last:
        shutil.rmtree(home.backups / f"{last:06}")
    return turn


def read_beginnings(database: Path) -> None:
    """Read the first page of each block, as the publishing after a commit does: other work may have taken the cache."""
    with database.open("rb") as file:
        for start in range(0, database.stat().st_size, read_shape(file).block_bytes):
            os.pread(file.fileno(), COMPARED_BYTES, start)


def copy(source: Path, target: Path) -> None:
    """Copy a file, and sync it."""
    with source.open("rb") as read, target.open("wb") as written:
        while chunk := read.read(CHUNK_BYTES):
            written.write(chunk)
    make_durable(target)


def measure(work: Callable[[], object]) -> Cost:
    """Return what a piece of work takes, once nothing of what was written before waits for the disk."""
    os.sync()
    before, started = getrusage(RUSAGE_SELF), perf_counter()
    work()
    seconds, after = perf_counter() - started, getrusage(RUSAGE_SELF)
    return Cost(
        seconds,
        after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        (after.ru_oublock - before.ru_oublock) * BLOCK / 1e6,
    )


def describe_turns(name: str, turns: Sequence[Turn]) -> str:
    """Return a row of the table."""
    seconds, processor = (
        [getattr(backup, of) / getattr(copied, of) for backup, copied in turns]
        for of in ("seconds", "processor")
    )
    written = statistics.median(backup.written for backup, _ in turns)
    return f"| {name} | {written:,.0f} | {spread(seconds, 2)} | {statistics.median(processor):.2f} |"


if __name__ == "__main__":
    main()
