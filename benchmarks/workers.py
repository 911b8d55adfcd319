"""How much faster two workers of one core each score a store's objects than one, and what each process costs.

    python -m benchmarks.workers HOME [--rows 100000] [--files 30] [--runs 3] [--again]

HOME has the archive's Parquet (`reviews ingest`) and a promoted model. The S3 server, the scheduler, Prefect's server,
the workers and the run that commits share two cores; each worker is bound to one of them. Prefect's server is up
before the runs, as that of `reviews up` is for those of a deployment. Before a run is timed, the workers have
scored a little, so that the model is loaded. With `--again` they score again what a small model has scored, and runs
without workers take their turns too. Prints Markdown tables: reviews a second as ratios, and seconds of a processor for
a thousand reviews.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import duckdb
import psutil

from benchmarks.ratios import spread
from benchmarks.whole_flow import REVIEWS, copy_home, run_command, write_csv
from data_contracts.storage.home import Home
from deployments.local_server.temporary_server import EPHEMERAL, run_server
from tasks.store.connecting import open_store
from tasks.store.object_operations import upload
from tests.support.once import FOLDER
from tests.support.small_home import promote_small_model
from tests.support.stores import find_free_ports, run_s3_server

DASK = Path(sys.executable).with_name("dask")
WORKERS = (1, 2)
WARM_UP = 2
"""Objects of a few reviews, one for each worker."""


STORE = "s3://bench/reviews"


@dataclass(frozen=True)
class Work:
    """What is measured: a home, and the arguments of `reviews score` that come before the objects to score."""

    home: Path
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Taken:
    """What one run took."""

    seconds: float
    cpu: Mapping[str, float]
    """Seconds of a processor by what used them."""


def main() -> None:
    """Fill the store, let one and two workers score it in turns, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("home", type=Path)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--files", type=int, default=30)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--again", action="store_true", help="score again instead, without workers too")
    arguments = parser.parse_args()
    counts = (0, *WORKERS) if arguments.again else WORKERS
    taken: dict[int, list[Taken]] = {count: [] for count in counts}
    with tempfile.TemporaryDirectory() as name, run_s3_server() as server, ExitStack() as stack:
        os.environ.update({**server.environment, FOLDER: name})
        prefect = stack.enter_context(
            run_server({**os.environ, **EPHEMERAL, "PREFECT_HOME": f"{name}/prefect"})
        )
        os.environ.update(prefect.environment)
        fill_store(arguments.home, Path(name), arguments.rows, arguments.files)
        work = Work(arguments.home)
        assert server.process is not None
        servers = {"store": server.process.pid, "Prefect's server": prefect.child.process.pid}
        if arguments.again:
            work = stack.enter_context(make_older(arguments.home))
        for run, count in ((run, count) for run in range(arguments.runs) for count in counts):
            taken[count].append(measure(work, Path(name), servers, count))
            print(f"run {run + 1}, {count} workers: {taken[count][-1]}", file=sys.stderr, flush=True)
    print_tables(taken, arguments.rows)


@contextmanager
def make_older(home: Path) -> Iterator[Work]:
    """Yield the work of the champion of a home to score again what a small model has scored in a copy of it."""
    with copy_home(home) as own:
        champion = find_champion(own / "reviews.duckdb")
        promote_small_model(Home(own))
        score(Work(own), "", {**os.environ, **name_settings(own)})
        yield Work(own, ("--rescore", "--model", str(champion)))


def find_champion(warehouse: Path) -> str:
    """Return the id of the model that was promoted last."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        [(model_id,)] = connection.sql(
            "SELECT model_id FROM promotions ORDER BY number DESC LIMIT 1"
        ).fetchall()
    return str(model_id)


def fill_store(home: Path, folder: Path, rows: int, files: int) -> None:
    """Write reviews of the archive as CSV files of one size into the inbox of a bucket, and a few to warm up with."""
    whole, each = folder / "whole.csv", -(-rows // files)
    write_csv(home, whole, rows)
    found: dict[str, Path] = {}
    for number in range(files + WARM_UP):
        name = f"main/{number:03}.csv" if number < files else f"warm/{number}.csv"
        limit = each if number < files else 50
        found[f"inbox/{name}"] = folder / name.replace("/", "-")
        duckdb.sql(
            f"COPY (SELECT * REPLACE (review || ' {name}' AS review) FROM read_csv('{whole}', header = true) "
            f"LIMIT {limit} OFFSET {number % files * each}) TO '{found[f'inbox/{name}']}' (HEADER)"
        )
    upload(open_store(STORE), found)


def measure(work: Work, folder: Path, servers: Mapping[str, int], count: int) -> Taken:
    """Return what it takes that many workers, or the run alone, to score the objects, in a copy of a home."""
    with copy_home(work.home) as home, run_cluster(folder, count) as (address, processes):
        environment = {**os.environ, **name_settings(home), **({"REVIEWS_DASK": address} if count else {})}
        own = Work(home, work.options)
        score(own, "warm", environment)
        processes |= {name: psutil.Process(pid) for name, pid in servers.items()}
        before = {name: read_cpu(process) for name, process in processes.items()}
        cpu = score(own, "main", environment)
        used = {name: read_cpu(process) - before[name] for name, process in processes.items()}
        with duckdb.connect(str(home / "reviews.duckdb"), read_only=True) as connection:
            query = "SELECT epoch(ended_at - started_at) FROM runs ORDER BY started_at DESC LIMIT 1"
            [(seconds,)] = connection.sql(query).fetchall()
    workers = sum(used.pop(name) for name in list(used) if name.startswith("worker"))
    return Taken(seconds, {"workers": workers, "run": cpu, **used})


def name_settings(home: Path) -> dict[str, str]:
    """Return the settings of a run in a home."""
    return {"REVIEWS_HOME": str(home), "REVIEWS_REPORTS": "false", "REVIEWS_STORE": STORE}


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


def score(work: Work, part: str, environment: Mapping[str, str]) -> float:
    """Score the objects of a folder of the inbox; return the seconds of a processor of the run and its server."""
    started = perf_counter()
    usage = run_command([str(REVIEWS), "score", *work.options, f"{STORE}/inbox/{part}"], environment)
    print(f"{part}: {perf_counter() - started:.1f} s from process start", file=sys.stderr)
    return usage.ru_utime + usage.ru_stime


def print_tables(taken: Mapping[int, Sequence[Taken]], rows: int) -> None:
    """Print the ratios of the throughputs to that of one worker, and what a thousand reviews cost each process."""
    print(
        "| reviews a second, to one worker of one core | median | from | to |\n| --- | ---: | ---: | ---: |"
    )
    for count, runs in taken.items():
        pairs = zip(taken[WORKERS[0]], runs, strict=True)
        if count != WORKERS[0]:
            print(f"| {describe(count)} | {spread([one.seconds / own.seconds for one, own in pairs], 2)} |")
    names = list(taken[WORKERS[0]][0].cpu)
    print(f"\n| CPU seconds for 1,000 reviews | {' | '.join(names)} |\n| --- |{' ---: |' * len(names)}")
    for count, runs in taken.items():
        cells = (statistics.median(run.cpu[name] for run in runs) / rows * 1000 for name in names)
        print(f"| {describe(count)} | {' | '.join(f'{cell:.2f}' for cell in cells)} |")


def describe(count: int) -> str:
    """Return so many workers in words."""
    return f"{count} of one core" if count else "no worker: the run alone, on both cores"


if __name__ == "__main__":
    main()
