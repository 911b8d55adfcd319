"""What happens to the machines in a trial, and what is compared afterwards with a run on one machine."""

import os
import random
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import duckdb

from data_contracts.storage.faults import VARIABLE
from data_contracts.storage.home import Home
from tasks.store.connecting import open_store
from tasks.store.object_operations import list_objects, put
from tests.machines.network import plug
from tests.machines.processes import SCHEDULER_PORT, start_run, start_scheduler, start_worker
from tests.support.scoring_runs import prove
from tests.support.stores import S3Server

MACHINES = ("hub", "one", "two")
"""The first has the scheduler, the home and the runs, the others a worker each."""
PATIENCE_SECONDS = 300
_COMPARED = {
    "source_reviews": "source_sha256, row_number, review_id, movie_id, text_sha256, given_rating, is_latest",
    "scored_reviews": "source_sha256, row_number, model_id, score, sentiment, token_count",
    "scored_files": "source_sha256, model_id, status, rule, replace(uri, '{store}', ''), bytes, rows_read, source",
    "quarantined_rows": "source_sha256, row_number, replace(uri, '{store}', ''), raw, rule",
    "inbox_files": "replace(uri, '{store}', ''), size, source_sha256",
}


@dataclass
class Place:
    """A home, a part of the store, and the machines of one trial."""

    home: Path
    store: str
    server: S3Server
    addresses: Mapping[str, str]
    chance: random.Random
    with_workers: bool = True
    machine: str = "hub"
    """On which the runs are."""
    running: dict[str, ForkServerProcess] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """What all processes of the trial need."""
        settings = {
            "REVIEWS_HOME": str(self.home),
            "REVIEWS_STORE": self.store,
            "REVIEWS_REPORTS": "false",
            "FAILURE": str(self.home.parent / "failure"),
            "SCRATCH": str(self.home.parent / "scratch"),
            VARIABLE: "",
        }
        if self.with_workers:
            settings["REVIEWS_DASK"] = self.scheduler
        return {**self.server.environment, **settings}

    @property
    def scheduler(self) -> str:
        """The address of the scheduler."""
        return f"tcp://{self.addresses['hub']}:{SCHEDULER_PORT}"

    def start_machines(self, **environment: str) -> None:
        """Start the scheduler and the workers; `environment` is of the first worker."""
        self.running["scheduler"] = start_scheduler("hub", self.addresses["hub"])
        for name in MACHINES[1:]:
            more = environment if name == "one" else {}
            own = {"SCRATCH": f"{self.environment['SCRATCH']}-{name}", **more}
            self.running[name] = start_worker(name, self.addresses[name], self.scheduler, own)

    def stop(self) -> None:
        """Kill what runs."""
        for process in self.running.values():
            process.kill()
            process.join()
        self.running.clear()

    def start_run(self, **environment: str) -> ForkServerProcess:
        """Start a run."""
        return start_run(self.machine, {**self.environment, **environment})

    def wait_some(self, seconds: float = 4) -> None:
        """Wait for a random moment of a run."""
        time.sleep(self.chance.uniform(0.2, seconds))


@contextmanager
def make_place(template: Path, place: Place) -> Iterator[Place]:
    """Yield a place with a copy of a home; stop its machines at the end and delete its files."""
    folder = place.home.parent
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(template, place.home)
    try:
        yield place
    finally:
        place.stop()
        shutil.rmtree(folder, ignore_errors=True)


def fill(store: str, files: Mapping[str, Path]) -> None:
    """Put files into the inbox of a store."""
    for name, path in files.items():
        put(open_store(store), f"inbox/{name}", path)


def end_run(process: ForkServerProcess) -> int | None:
    """Wait until a run has ended; return its status."""
    process.join(PATIENCE_SECONDS)
    if process.is_alive():
        process.kill()
        process.join()
        return None
    return process.exitcode


def kill_worker_at(point: str) -> Callable[[Place], None]:
    """Return what kills the first worker at a fault point, at one of the first passings."""

    def happen(place: Place) -> None:
        place.start_machines(**{VARIABLE: f"{point}#{place.chance.randint(1, 2)}"})
        end_run(place.start_run())

    return happen


def kill_run_at(point: str) -> Callable[[Place], None]:
    """Return what kills the run at a fault point."""

    def happen(place: Place) -> None:
        place.start_machines()
        end_run(place.start_run(**{VARIABLE: f"{point}#{place.chance.randint(1, 3)}"}))

    return happen


def kill_at_random(name: str) -> Callable[[Place], None]:
    """Return what kills the scheduler, the first worker or the run at a random moment."""

    def happen(place: Place) -> None:
        place.start_machines()
        process = place.start_run()
        place.wait_some()
        (process if name == "run" else place.running[name]).kill()
        end_run(process)

    return happen


def kill_store(place: Place) -> None:
    """Kill the store at a random moment, and start it again after some seconds."""
    place.start_machines()
    process = place.start_run()
    place.wait_some()
    place.server.kill()
    time.sleep(3)
    place.server.start()
    end_run(process)


def cut_network(place: Place) -> None:
    """Cut the first worker off for ten seconds."""
    place.start_machines()
    process = place.start_run()
    place.wait_some(2)
    plug("one", connected=False)
    time.sleep(10)
    plug("one", connected=True)
    end_run(process)


def run_twice_at_once(place: Place) -> None:
    """Start two runs of one home at once."""
    place.start_machines()
    processes = [place.start_run() for _ in range(2)]
    for process in processes:
        end_run(process)


KILLED_WORKERS = {
    "a worker is killed when it has got a batch": "engine: batch taken",
    "a worker is killed when it has scored a batch": "engine: batch scored",
}
"""The fault points at which a worker is killed, by what happens."""
KILLED_RUNS = {
    "the run is killed when it has the scores of a batch": "score: batch scored",
    "the run is killed when it has written a part": "score: part written",
    "the run is killed inside a commit": "score: inside commit",
    "the run is killed after a commit": "score: after commit",
}
HAPPENINGS: dict[str, Callable[[Place], None]] = {
    **{name: kill_worker_at(point) for name, point in KILLED_WORKERS.items()},
    **{name: kill_run_at(point) for name, point in KILLED_RUNS.items()},
    "a worker is killed at a random moment": kill_at_random("one"),
    "the run is killed at a random moment": kill_at_random("run"),
    "the scheduler is killed at a random moment": kill_at_random("scheduler"),
    "the store is killed at a random moment, and starts again": kill_store,
    "a worker is cut off for ten seconds": cut_network,
    "two runs start at once": run_twice_at_once,
}


def try_happening(template: Path, place: Place, name: str, reference: Mapping[str, Any]) -> list[str]:
    """Let something happen to a run, run once more, and return what then differs from a run on one machine."""
    with make_place(template, place):
        HAPPENINGS[name](place)
        place.stop()
        failure = Path(place.environment["FAILURE"])
        failure.unlink(missing_ok=True)
        place.start_machines()
        status = end_run(place.start_run())
        trouble = [] if status == 0 else [f"the next run ended with {status}: {read_failure(failure)}"]
        found = describe(place)
        trouble += [f"{key} differs" for key in reference if found.get(key) != reference[key]]
        trouble += check_more(place, len(found["scored_reviews"]))
    return trouble


def check_more(place: Place, rows: int) -> list[str]:
    """Return what is wrong besides: with the proof, with the store, or with what a further run scores."""
    trouble = []
    try:
        prove(Home(place.home))
    except Exception as error:
        trouble.append(f"reviews verify: {error}")
    end_run(place.start_run())
    if len(describe(place)["scored_reviews"]) != rows:
        trouble.append("a further run scored something")
    if not all(each.key.startswith("inbox/") for each in list_objects(open_store(place.store), "")):
        trouble.append("something was written to the store")
    return trouble


def describe(place: Place) -> dict[str, Any]:
    """Return what is compared of a home."""
    path = place.home / "reviews.duckdb"
    with duckdb.connect(str(path), read_only=True) as connection:
        return {
            table: connection.sql(
                f"SELECT {columns.format(store=place.store)} FROM {table} ORDER BY ALL"
            ).fetchall()
            for table, columns in _COMPARED.items()
        }


def score_on_one_machine(template: Path, place: Place) -> dict[str, Any]:
    """Return what a run without workers makes of the objects."""
    alone = replace(place, with_workers=False)
    with make_place(template, alone):
        if end_run(alone.start_run()) != 0:
            raise RuntimeError(read_failure(Path(alone.environment["FAILURE"])))
        return describe(alone)


def read_failure(path: Path) -> str:
    """Return the end of a file that may not be there."""
    return path.read_text("utf-8")[-1500:] if path.exists() else "no error was written"


def set_clients(server: S3Server) -> None:
    """Let this process reach the store."""
    os.environ.update(server.environment)
