"""What queries and runs take while a reader holds an old published copy open, and right after each commit.

    python -m benchmarks.held_copy HOME [--minutes 10] [--every 1] [--reviews 10] [--document]

HOME is a home with a long history (`benchmarks/history.py`). A process opens its published copy and keeps it.
Meanwhile `reviews score` commits a few reviews again and again, and publishes them; right after that every named query
is asked of the new copy, in a new connection, as `reviews sql` does, and the reader asks one of the copy that it holds.
Prints a Markdown table; with --document also writes it into docs/performance.md.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep

from benchmarks.all import describe_machine, write_down
from benchmarks.answers import PLAIN, Asked, ask, describe_database, list_named
from benchmarks.growth import Cost, time_run
from benchmarks.idle_run import serve_benchmark
from data_contracts.storage.home import Home

PLACE = "held-copy"
SHOWN = 5
"""Queries in the table, the slowest first."""
READER = """
import sys, time
import duckdb
with duckdb.connect(sys.argv[1], read_only=True, config={"threads": 2}) as connection:
    for _ in sys.stdin:
        started = time.perf_counter()
        rows = connection.execute("SELECT count(*) FROM latest_scores").fetchall()
        print(rows[0][0], time.perf_counter() - started, flush=True)
"""


@dataclass(frozen=True)
class Turn:
    """A run, and what was asked right after it."""

    run: Cost
    answers: Mapping[str, Asked]
    """By query; the plain join first."""
    held_rows: int
    """Reviews in the copy that the reader holds."""
    held_seconds: float


def main() -> None:
    """Hold a copy open, commit and ask again and again, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("home", type=Path)
    parser.add_argument("--minutes", type=int, default=10, help="how long the reader holds its copy")
    parser.add_argument("--every", type=int, default=1, help="minutes from one run to the next")
    parser.add_argument("--reviews", type=int, default=10, help="new reviews in each run")
    parser.add_argument("--document", action="store_true", help="write the table into docs/performance.md")
    arguments = parser.parse_args()
    home = Home(arguments.home.absolute())
    with tempfile.TemporaryDirectory(prefix="held-copy-") as folder, serve_benchmark(Path(folder)) as server:
        # The third publishing is the first one that surely finds a standby.
        run, *_ = [
            time_run(home, arguments.reviews, f"first-{each}-{os.getpid()}", server) for each in range(3)
        ][::-1]
        print(f"without a reader: {run}", file=sys.stderr, flush=True)
        minutes = range(0, arguments.minutes + 1, arguments.every)
        turns = hold(home, minutes, arguments.reviews, server)
    table = make_table(home, run, turns, minutes)
    print(table)
    if arguments.document:
        write_down(PLACE, f"{describe_machine()}\n\n{table}")


def hold(home: Home, minutes: Iterable[int], reviews: int, server: Mapping[str, str]) -> list[Turn]:
    """Return what a run and the queries took at each of `minutes` while a process holds the first copy open."""
    command = [sys.executable, "-c", READER, str(home.published)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        ask_reader(reader)
        turns, started = [], perf_counter()
        for minute in minutes:
            sleep(max(0.0, started + 60 * minute - perf_counter()))
            run = time_run(home, reviews, f"held-{minute}-{os.getpid()}", server)
            queries = {PLAIN: (PLAIN, {}), **list_named()}
            answers = {name: ask(home.published, *query) for name, query in queries.items()}
            turns.append(Turn(run, answers, *ask_reader(reader)))
            print(turns[-1].run, turns[-1].held_rows, file=sys.stderr, flush=True)
        reader.communicate()
    return turns


def ask_reader(reader: subprocess.Popen[str]) -> tuple[int, float]:
    """Have the reader ask its copy; return the number of reviews in it, and the seconds."""
    assert reader.stdin is not None
    assert reader.stdout is not None
    reader.stdin.write("\n")
    reader.stdin.flush()
    rows, seconds = reader.stdout.readline().split()
    return int(rows), float(seconds)


def make_table(home: Home, alone: Cost, turns: Sequence[Turn], minutes: Sequence[int]) -> str:
    """Return the Markdown table: the runs, then the slowest queries right after them."""
    held = {turn.held_rows for turn in turns}
    ratios = [turn.run.processor / alone.processor for turn in turns]
    written = ", ".join(f"{turn.run.written:,.0f}" for turn in turns)
    lines = [
        f"{describe_database(home.published)}; {len(turns)} runs within {minutes[-1]} minutes\n",
        f"CPU time of a run beside one before the reader: {statistics.median(ratios):.2f}, {min(ratios):.2f} to "
        f"{max(ratios):.2f}; written: {written} MB, before {alone.written:,.0f}. Reviews in the copy that is held: "
        f"{', '.join(f'{rows:,}' for rows in sorted(held))}; counted in "
        f"{max(turn.held_seconds for turn in turns):.2f} s at most.\n",
        "| right after a run | s | most | CPU s | ratio to the plain join |\n| --- | ---: | ---: | ---: | ---: |",
    ]
    names = [name for name in turns[0].answers if name != PLAIN]
    slowest = sorted(
        names, key=lambda name: -statistics.median(turn.answers[name].processor for turn in turns)
    )
    lines += [describe_query(name, turns) for name in (PLAIN, *slowest[:SHOWN])]
    return "\n".join(lines)


def describe_query(name: str, turns: Sequence[Turn]) -> str:
    """Return a row of the table."""
    asked = [turn.answers[name] for turn in turns]
    ratio = statistics.median(
        each.seconds / turn.answers[PLAIN].seconds for each, turn in zip(asked, turns, strict=True)
    )
    seconds, processor = (
        statistics.median(getattr(each, of) for each in asked) for of in ("seconds", "processor")
    )
    return f"| `{name}` | {seconds:.2f} | {max(each.seconds for each in asked):.2f} | {processor:.2f} | {ratio:.1f} |"


if __name__ == "__main__":
    main()
