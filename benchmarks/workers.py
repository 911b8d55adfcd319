"""How much faster two workers of one core each score files than one, and what each process costs.

    python -m benchmarks.workers HOME [--rows 400000] [--files 1] [--words 20] [--runs 3]

HOME has a promoted model, such as the one of `make demo`; the reviews are invented. The scheduler, Prefect's server,
the workers and the run share two cores; each worker is bound to one of them. Prefect's server is up before the runs,
as that of `reviews up` is for those of a deployment. Before a run is timed, the workers have scored a little, so that
the model is loaded. Prints Markdown tables: reviews a second as ratios, and seconds of a processor for a thousand
reviews.
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import duckdb
import psutil

from benchmarks.commands import REVIEWS, copy_home, run_command
from benchmarks.pairs import find_ratios, list_spread, take_turns
from deployments.local_server.server_process import EPHEMERAL, run_server
from docs.markdown import format_table
from tests.support.stores import find_free_ports

DASK = Path(sys.executable).with_name("dask")
WORKERS = (1, 2)
WARM_UP_ROWS = 100
WORDS = (
    "a the of and this that film movie plot scene acting story ending cast script music good bad great dull slow "
    "funny boring lovely awful fresh weak strong never always very quite not loved hated liked watched again"
)


@dataclass(frozen=True)
class Taken:
    """What one run took."""

    seconds: float
    cpu: Mapping[str, float]
    """Seconds of a processor by what used them."""


def main() -> None:
    """Let one and two workers score the same files in turns, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("home", type=Path)
    parser.add_argument("--rows", type=int, default=400_000)
    parser.add_argument("--files", type=int, default=1)
    parser.add_argument("--words", type=int, default=20, help="words of a review")
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        prefect = stack.enter_context(
            run_server({**os.environ, **EPHEMERAL, "PREFECT_HOME": f"{name}/prefect"})
        )
        os.environ.update(prefect.environment)
        each = -(-arguments.rows // arguments.files)
        for part, rows, files in (("warm", WARM_UP_ROWS, 1), ("main", each, arguments.files)):
            (folder / part).mkdir()
            for number in range(files):
                write_reviews(folder / part / f"{number:03}.csv", rows, arguments.words)
        server = prefect.child.process.pid
        sides = {str(count): partial(measure, arguments.home, folder, server, count) for count in WORKERS}
        taken = take_turns(sides, arguments.runs)
    print_tables(taken, arguments.rows)


def write_reviews(path: Path, rows: int, words: int) -> None:
    """Write a CSV file of invented reviews of about so many words."""
    draw, known = random.Random(path.name), WORDS.split()
    with path.open("w", encoding="utf-8") as file:
        file.write("review_id,movie_id,text\n")
        for row in range(rows):
            text = " ".join(draw.choices(known, k=draw.randint(words // 2, words * 3 // 2)))
            file.write(f"{path.stem}-{row},tt{row % 500},{text} {row}\n")


def measure(home: Path, folder: Path, server: int, count: int) -> Taken:
    """Return what it takes that many workers to score the files, in a copy of a home."""
    with copy_home(home) as own, run_cluster(folder, count) as (address, processes):
        environment = {
            **os.environ,
            "REVIEWS_HOME": str(own),
            "REVIEWS_REPORTS": "false",
            "REVIEWS_DASK": address,
        }
        score(folder / "warm", environment)
        processes["Prefect's server"] = psutil.Process(server)
        before = {name: read_cpu(process) for name, process in processes.items()}
        cpu = score(folder / "main", environment)
        used = {name: read_cpu(process) - before[name] for name, process in processes.items()}
        with duckdb.connect(str(own / "reviews.duckdb"), read_only=True) as connection:
            query = "SELECT epoch(ended_at - started_at) FROM runs ORDER BY started_at DESC LIMIT 1"
            [(seconds,)] = connection.sql(query).fetchall()
    workers = sum(used.pop(name) for name in list(used) if name.startswith("worker"))
    return Taken(seconds, {"workers": workers, "run": cpu, **used})


@contextmanager
def run_cluster(folder: Path, count: int) -> Iterator[tuple[str, dict[str, psutil.Process]]]:
    """Run a scheduler and workers, each bound to a core; yield the scheduler's address and all processes."""
    [port] = find_free_ports(1)
    address = f"tcp://127.0.0.1:{port}"
    with ExitStack() as stack:
        cores = sorted(os.sched_getaffinity(0))
        commands = {"scheduler": [str(DASK), "scheduler", "--host", "127.0.0.1", "--port", str(port)]}
        for number in range(count):
            worker = ["taskset", "-c", str(cores[number % len(cores)]), str(DASK), "worker", address]
            commands[f"worker {number}"] = [*worker, "--nthreads", "1", "--no-nanny", "--memory-limit", "0"]
            commands[f"worker {number}"] += ["--local-directory", str(folder / "scratch")]
        processes = {}
        for name, command in commands.items():
            process = subprocess.Popen(
                [*command, "--no-dashboard"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder
            )
            stack.callback(end, process)
            processes[name] = psutil.Process(process.pid)
        yield address, processes


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process of the cluster."""
    process.kill()
    process.wait()


def read_cpu(process: psutil.Process) -> float:
    """Return the seconds of a processor that a process and its children have used."""
    own = sum(process.cpu_times()[:4])
    return float(own + sum(sum(child.cpu_times()[:2]) for child in process.children(recursive=True)))


def score(folder: Path, environment: Mapping[str, str]) -> float:
    """Score the files of a folder; return the seconds of a processor of the run."""
    usage = run_command([str(REVIEWS), "score", str(folder)], environment)
    return usage.ru_utime + usage.ru_stime


def print_tables(taken: Mapping[str, Sequence[Taken]], rows: int) -> None:
    """Print the ratios of the throughputs to that of one worker, and what a thousand reviews cost each process."""
    one, two = ([run.seconds for run in runs] for runs in taken.values())
    ratios = list_spread(find_ratios(one, two), 2)
    print(format_table(["reviews/s, to one worker of one core", "ratio", "from", "to"], [["two", *ratios]]))
    names = list(taken["1"][0].cpu)
    cells = [
        [count, *(f"{statistics.median(run.cpu[name] for run in runs) / rows * 1000:.2f}" for name in names)]
        for count, runs in taken.items()
    ]
    print("", format_table(["workers: CPU seconds for 1,000 reviews", *names], cells), sep="\n")


if __name__ == "__main__":
    main()
