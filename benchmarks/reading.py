"""How much CPU time reading review files takes, beside the reader of another commit.

    git worktree add --detach /tmp/before 19a09db
    python -m benchmarks.reading ARCHIVE /tmp/before [--megabytes 8] [--runs 31] [--only csv] [--layouts "id, text"]

ARCHIVE is the archive from Stanford; its reviews are written as CSV, JSON lines and Parquet, with two, two and eight
columns. Both readers read each file in turns, each the first in every second turn, as a run that scores reads it: some
rows wait. A process reads a file several times. The CPU time is that of all its threads and of the process that reads
tables. Prints a Markdown table; a ratio below 1 means that this commit takes less time than the other. What else the
machine does only adds to a time, by up to half of it, so the ratio of the fastest read of each says most where the
others are far apart. Linux only.
"""

import argparse
import csv
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.pairs import find_ratios, list_spread
from deployments.installation_paths import PROJECT_ROOT
from docs.markdown import format_table
from tasks.archive.reader import read_archive

LAYOUTS = {
    "text, label": ("text", "label"),
    "id, text": ("review_id", "text"),
    "eight columns": (
        *("review_id", "movie_id", "date", "rating", "label", "text"),
        *("country", "helpful"),
    ),
}
FORMATS = ("csv", "tsv", "jsonl", "parquet")
ROWS_A_GROUP = 50_000
_RUNS_A_PROCESS = 6
"""Reads of a process: how its memory lies, by chance, makes some percent."""
_READER = """
import sys
from pathlib import Path
from tasks.reading.reader import read_review_file
from tasks.scoring.chunks import CHUNK_ROWS

def measure():
    seconds = 0
    processes = [p for each in Path("/proc/self/task").iterdir() for p in (each / "children").read_text().split()]
    for process in ("self", *processes):
        for task in Path(f"/proc/{process}/task").iterdir():
            seconds += int((task / "schedstat").read_text().split()[0]) / 1e9
    return seconds

for line in sys.stdin:
    started = measure()
    rows, waiting = 0, []
    for batch in read_review_file(Path(line.rstrip("\\n"))):
        rows += batch.num_rows
        waiting.append(batch)
        if sum(each.num_rows for each in waiting) >= CHUNK_ROWS:
            waiting.clear()
    print(measure() - started, rows, flush=True)
"""


def main() -> None:
    """Write the files, read each in turns, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", type=Path)
    parser.add_argument("before", type=Path, help="a checkout of the other commit")
    parser.add_argument("--megabytes", type=float, default=8, help="the size of each file, roughly")
    parser.add_argument("--runs", type=int, default=31)
    parser.add_argument("--only", nargs="+", choices=FORMATS, default=FORMATS)
    parser.add_argument("--layouts", nargs="+", choices=LAYOUTS, default=tuple(LAYOUTS))
    arguments = parser.parse_args()
    texts = [text for folder in read_archive(arguments.archive).folders for text in folder.texts.to_pylist()]
    head = ["rows", "MB a CPU second", "CPU time, ratio", "from", "to", "of the fastest reads"]
    print(format_table([f"{arguments.megabytes:g} MB", *head], []), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        rows = list(make_rows(texts, arguments.megabytes * 1e6))
        for layout, columns in ((name, LAYOUTS[name]) for name in arguments.layouts):
            for format_name in arguments.only:
                path = Path(folder, f"reviews.{format_name}")
                write_rows(path, rows, columns)
                cells = compare(path, PROJECT_ROOT, arguments.before, arguments.runs)
                print(f"| {format_name}, {layout} | {cells} |", flush=True)


def make_rows(texts: Sequence[str], size: float) -> Iterator[dict[str, Any]]:
    """Yield rows with `size` characters of texts in all; texts are repeated with a number if more are needed."""
    done = 0
    for number in count():
        text = texts[number % len(texts)]
        text = text if number < len(texts) else f"{text} {number}"
        yield {
            "review_id": f"r{number}",
            "movie_id": f"tt{number % 5000:07}",
            "date": f"2026-{number % 12 + 1:02}-{number % 28 + 1:02}",
            "rating": str(number % 10 + 1),
            "label": ("pos", "neg")[number % 2],
            "text": text,
            "country": ("Norway", "Chad", "Peru")[number % 3],
            "helpful": str(number % 40),
        }
        done += len(text)
        if done >= size:
            return


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Write some columns of rows in the format of the file's name."""
    if path.suffix == ".parquet":
        table = pa.table({name: [row[name] for row in rows] for name in columns})
        pq.write_table(table, path, row_group_size=ROWS_A_GROUP)
        return
    with path.open("w", newline="", encoding="utf-8") as file:
        if path.suffix == ".jsonl":
            file.writelines(json.dumps({name: row[name] for name in columns}) + "\n" for row in rows)
            return
        writer = csv.DictWriter(
            file, columns, extrasaction="ignore", delimiter="\t" if path.suffix == ".tsv" else ","
        )
        writer.writeheader()
        writer.writerows(rows)


def compare(path: Path, ours: Path, other: Path, runs: int) -> str:
    """Read a file by the readers of both folders in turns; return the cells of a row of the table."""
    taken: dict[Path, list[float]] = {other: [], ours: []}
    rows = 0
    for start in range(0, runs, _RUNS_A_PROCESS):
        readers = {side: _start_reader(side) for side in taken}
        for reader in readers.values():
            _read(reader, path)  # the first time, much is loaded
        for run in range(start, min(start + _RUNS_A_PROCESS, runs)):
            for side in (other, ours) if run % 2 else (ours, other):
                seconds, rows = _read(readers[side], path)
                taken[side].append(seconds)
        for reader in readers.values():
            reader.communicate()
    speed = path.stat().st_size / 1e6 / statistics.median(taken[ours])
    ratios = list_spread(find_ratios(taken[ours], taken[other]), 3)
    fastest = min(taken[ours]) / min(taken[other])
    return " | ".join([f"{rows:,}", f"{speed:,.0f}", *ratios, f"{fastest:.3f}"])


def _start_reader(root: Path) -> "subprocess.Popen[str]":
    """Start the reader of a folder; it reads the files that are named on its standard input."""
    return subprocess.Popen(
        [sys.executable, "-c", _READER],
        cwd=root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _read(reader: "subprocess.Popen[str]", path: Path) -> tuple[float, int]:
    """Let a reader read a file; return its CPU seconds and the rows."""
    assert reader.stdin is not None
    assert reader.stdout is not None
    reader.stdin.write(f"{path}\n")
    reader.stdin.flush()
    seconds, rows = reader.stdout.readline().split()
    return float(seconds), int(rows)


if __name__ == "__main__":
    main()
