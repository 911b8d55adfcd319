"""Sends an hour's worth of files through a deployed server and worker within minutes, and checks that none is lost.

    python -m benchmarks.soak [--files 3000] [--minutes 12] [--document]

Creates a home with a model of the sample, starts `reviews up --watch-inbox` on a free port, and puts files of every
format into the inbox, one in fifty of them bad. Meanwhile it measures memory, open files and both databases. At the end
every file must be in the ledger, each row once, and `reviews verify` must pass. Prints a Markdown table; with
--document also writes it into docs/reliability.md, with a chart. The exit status is 1 if rows were lost or doubled, or
memory grew.
"""

import argparse
import gzip
import io
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import psutil
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from deployments.installation_paths import PROJECT_ROOT
from docs.pages import DOCS, Part, write_part
from tasks.archive.sample import write_sample_archive

REVIEWS = Path(sys.executable).with_name("reviews")
PART = Part(DOCS / "reliability.md", "python -m benchmarks.soak", "soak")
CHART = PROJECT_ROOT / "docs" / "images" / "soak.svg"
LOOK_SECONDS = 2.0
DRAIN_SECONDS = 600.0
MOST_GROWTH = 0.10
"""The share by which the memory of the last quarter may differ from that of the second quarter."""
LINE = (
    "take {number}: a good film with a plot that nobody would call bad, and {number} reasons to see it again"
)

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Sample:
    """Measurements at one moment; memory and open files are those of the server, the worker and `reviews up`."""

    seconds: float
    memory_mib: float
    run_mib: float
    """The memory of the active scoring run, 0 if there is none."""
    open_files: int
    warehouse_mib: float
    server_mib: float
    dropped: int
    scored: int


@dataclass(frozen=True)
class Dropped:
    """A file that was put into the inbox, with the status and rows that the ledger must have for it."""

    name: str
    status: str
    rows: int


def main() -> int:
    """Run the soak test and print the table; return 1 if a check failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=3000)
    parser.add_argument("--minutes", type=float, default=12)
    parser.add_argument("--document", action="store_true", help="write table and chart into docs/")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        home = Path(name) / "home"
        prepare(home, Path(name) / "sample_reviews.tar.gz")
        with serving(home) as process:
            dropped, samples = soak(home, process, arguments.files, arguments.minutes * 60)
        trouble = judge(home, dropped, samples)
    table = describe(dropped, samples, trouble)
    print(table)
    if arguments.document:
        write_part(PART, table)
        draw(samples)
    return 1 if trouble else 0


def prepare(home: Path, archive: Path) -> None:
    """Create a home with a champion that is trained on the sample archive."""
    write_sample_archive(archive)
    for command in (("ingest", "--archive", str(archive)), ("train", "--epochs", "1")):
        subprocess.run([REVIEWS, "--home", home, *command], check=True, stdout=subprocess.DEVNULL)


@contextmanager
def serving(home: Path) -> Iterator[psutil.Process]:
    """Keep `reviews up --watch-inbox` running for the home while the block runs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "REVIEWS_POLL_SECONDS": "1"}
    environment.pop("PREFECT_API_URL", None)
    command = [str(REVIEWS), "--home", str(home), "up", "--port", str(port), "--watch-inbox"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("Up: "):
                break
        drain = subprocess.Popen(["cat"], stdin=process.stdout, stdout=subprocess.DEVNULL)
        try:
            yield psutil.Process(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(120)
            drain.wait(10)


def soak(
    home: Path, process: psutil.Process, files: int, seconds: float
) -> tuple[list[Dropped], list[Sample]]:
    """Put the files into the inbox evenly over `seconds`, and take samples until all are in the ledger."""
    dropped: list[Dropped] = []
    samples: list[Sample] = []
    started = time.monotonic()
    ends = started + seconds + DRAIN_SECONDS
    while time.monotonic() < ends:
        now = time.monotonic() - started
        while len(dropped) < min(files, int(files * now / seconds) + 1):
            dropped.append(drop(home / "inbox", len(dropped)))
        samples.append(look(home, process, now, len(dropped)))
        if len(dropped) == files and samples[-1].scored >= files and now > seconds:
            break
        time.sleep(LOOK_SECONDS)
    return dropped, samples


def drop(inbox: Path, number: int) -> Dropped:
    """Put one complete file into the inbox, of the next format; every fiftieth file is bad."""
    chance = random.Random(number)
    rows = [
        {
            "review_id": f"{number}-{row}",
            "movie_id": f"tt{chance.randrange(200):07}",
            "text": LINE.format(number=f"{number}.{row}"),
        }
        for row in range(chance.randrange(1, 40))
    ]
    bad = number % 50 == 49
    suffix, write = list(FORMATS.items())[number % len(FORMATS)]
    content = write(rows)
    status, count = "scored", 1 if suffix == ".txt" else len(rows)
    if bad:
        suffix, content, status = ".jsonl.gz", gzip.compress(b'{"text": "cut off"}\n' * 500)[:-9], "refused"
    name = f"{number:05}{suffix}"
    inbox.mkdir(parents=True, exist_ok=True)
    building = inbox / f".{name}"
    building.write_bytes(content)
    building.rename(inbox / name)
    return Dropped(name, status, 0 if bad else count)


def _lines(rows: Rows) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def _csv(rows: Rows, separator: str = ",") -> bytes:
    sink = io.BytesIO()
    pc.write_csv(pa.Table.from_pylist(list(rows)), sink, pc.WriteOptions(delimiter=separator))
    return sink.getvalue()


def _parquet(rows: Rows) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows)), sink)
    return sink.getvalue()


def _zip(rows: Rows) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("reviews.csv", _csv(rows))
    return sink.getvalue()


def _tar(rows: Rows) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w:gz") as archive:
        for row in rows:
            member = tarfile.TarInfo(f"{row['review_id']}.txt")
            member.size = len(row["text"].encode())
            archive.addfile(member, io.BytesIO(row["text"].encode()))
    return sink.getvalue()


FORMATS: dict[str, Callable[[Rows], bytes]] = {
    ".csv": _csv,
    ".tsv": lambda rows: _csv(rows, "\t"),
    ".jsonl": _lines,
    ".jsonl.gz": lambda rows: gzip.compress(_lines(rows)),
    ".csv.zst": lambda rows: pa.compress(_csv(rows), codec="zstd", asbytes=True),
    ".parquet": _parquet,
    ".txt": lambda rows: rows[0]["text"].encode(),
    ".zip": _zip,
    ".tar.gz": _tar,
}


def look(home: Path, up: psutil.Process, seconds: float, dropped: int) -> Sample:
    """Measure the processes and the databases once."""
    staying, passing, files = 0.0, 0.0, 0
    for process in [up, *up.children(recursive=True)]:
        with suppress(psutil.Error):
            memory = process.memory_info().rss / 2**20
            if "flows.deployed_run" in process.cmdline() or "flow-run" in process.cmdline():
                passing += memory
            else:
                staying += memory
                files += process.num_fds()
    return Sample(
        seconds,
        staying,
        passing,
        files,
        measure(home / "reviews.duckdb"),
        sum(measure(path) for path in (home / "prefect").glob("prefect.db*")),
        dropped,
        count_done(home),
    )


def measure(path: Path) -> float:
    """Return a file's size in MiB, 0 if it does not exist."""
    return path.stat().st_size / 2**20 if path.exists() else 0.0


def count_done(home: Path) -> int:
    """Return the number of files in the ledger of the published copy, 0 if it can't be read."""
    with (
        suppress(duckdb.Error),
        duckdb.connect(str(home / "published" / "reviews.duckdb"), read_only=True) as database,
    ):
        return int(database.sql("SELECT count(DISTINCT source_sha256) FROM scored_files").fetchall()[0][0])
    return 0


def judge(home: Path, dropped: Sequence[Dropped], samples: Sequence[Sample]) -> list[str]:
    """Return a message for each failed check: files, rows, `reviews verify`, and the growth of memory."""
    with duckdb.connect(str(home / "reviews.duckdb"), read_only=True) as database:
        ledger = {
            uri: (status, rows)
            for uri, status, rows in database.sql(
                "SELECT uri, status, CASE WHEN status = 'scored' THEN rows_read ELSE 0 END FROM scored_files"
            ).fetchall()
        }
        scored = database.sql(
            "SELECT count(*), count(DISTINCT (source_sha256, row_number)) FROM scored_reviews"
        ).fetchall()
    expected = {file.name: (file.status, file.rows) for file in dropped}
    trouble = [
        f"{name}: {ledger.get(name)}, not {expected[name]}"
        for name in expected
        if ledger.get(name) != expected[name]
    ]
    rows = sum(file.rows for file in dropped)
    if scored != [(rows, rows)]:
        trouble.append(f"{scored} rows are scored, not {rows}")
    proof = subprocess.run([REVIEWS, "--home", home, "verify"], capture_output=True, text=True, check=False)
    if proof.returncode:
        trouble.append(proof.stdout)
    second, last = quarters(samples)
    if abs(last / second - 1) > MOST_GROWTH:
        trouble.append(
            f"memory went from {second:.0f} MiB in the second quarter to {last:.0f} MiB in the last"
        )
    return trouble


def quarters(samples: Sequence[Sample]) -> tuple[float, float]:
    """Return the median memory of the second and of the last quarter of the samples, in MiB."""
    size = max(len(samples) // 4, 1)
    second, last = samples[size : 2 * size] or samples, samples[-size:]
    return (
        statistics.median(each.memory_mib for each in second),
        statistics.median(each.memory_mib for each in last),
    )


def describe(dropped: Sequence[Dropped], samples: Sequence[Sample], trouble: Sequence[str]) -> str:
    """Return the results as a Markdown table."""
    second, last = quarters(samples)
    bad = sum(file.status == "refused" for file in dropped)
    rows = [
        ("files dropped, in nine formats", f"{len(dropped):,} in {samples[-1].seconds / 60:.0f} minutes"),
        ("of those bad, refused", f"{bad:,}"),
        ("reviews scored, each once", f"{sum(file.rows for file in dropped):,}"),
        (
            "memory of server, worker and `up`, second and last quarter",
            f"{second:.0f} and {last:.0f} MiB ({last / second - 1:+.1%})",
        ),
        ("largest memory of a scoring run", f"{max(each.run_mib for each in samples):.0f} MiB"),
        (
            "open files, second quarter and end",
            f"{samples[len(samples) // 4].open_files} and {samples[-1].open_files}",
        ),
        ("`reviews.duckdb` at the end", f"{samples[-1].warehouse_mib:.1f} MiB"),
        ("Prefect's database at the end", f"{samples[-1].server_mib:.1f} MiB"),
        ("lost, doubled, or failed in `reviews verify`", "; ".join(trouble[:5]) or "none"),
    ]
    return "\n".join(
        ["| what | figure |", "| --- | ---: |", *(f"| {name} | {figure} |" for name, figure in rows)]
    )


def draw(samples: Sequence[Sample]) -> None:
    """Draw memory, databases and files over time into `CHART`."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "soak"  # the same figures give the same file
    minutes = [each.seconds / 60 for each in samples]
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    left.plot(minutes, [each.memory_mib for each in samples], color="#0072b2", label="server, worker, up")
    left.plot(
        minutes, [each.run_mib for each in samples], color="#e69f00", linewidth=0.8, label="scoring run"
    )
    left.set_title("Memory, MiB")
    middle.plot(minutes, [each.warehouse_mib for each in samples], color="#009e73", label="reviews.duckdb")
    middle.plot(minutes, [each.server_mib for each in samples], color="#cc79a7", label="Prefect's database")
    middle.set_title("Databases, MiB")
    right.plot(minutes, [each.dropped for each in samples], color="#56b4e9", label="dropped")
    right.plot(
        minutes, [each.scored for each in samples], color="#d55e00", linestyle="--", label="in the ledger"
    )
    right.set_title("Files")
    for axes in (left, middle, right):
        axes.set_xlabel("minutes")
        axes.set_ylim(bottom=0)
        axes.legend(fontsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    CHART.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(CHART, metadata={"Date": None})


if __name__ == "__main__":
    sys.exit(main())
