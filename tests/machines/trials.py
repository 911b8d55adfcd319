"""What happens to the machines in a trial, and what is compared afterwards with a run on one machine."""

import os
import random
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import duckdb

from data_contracts.errors import StoreError
from data_contracts.storage.faults import VARIABLE
from data_contracts.storage.home import Home
from tasks.store.connecting import open_store
from tasks.store.object_operations import list_objects, upload
from tests.machines.network import STORE_HOST, plug
from tests.machines.processes import SCHEDULER_PORT, start_run, start_scheduler, start_worker
from tests.support.bad_proxy import run_bad_proxy
from tests.support.scoring_runs import prove
from tests.support.stores import S3Server

MACHINES = ("hub", "one", "two")
"""The first has the scheduler, the home and the runs, the others a worker each."""
PATIENCE_SECONDS = 300
SAME_SCORE = 1e-6
_COMPARED = {
    "source_reviews": "source_sha256, row_number, review_id, movie_id, text_sha256, given_rating, is_latest",
    "scored_reviews": "source_sha256, row_number, model_id, sentiment, token_count",
    "scored_files": "source_sha256, model_id, status, rule, replace(uri, '{store}', ''), bytes, rows_read, source",
    "quarantined_rows": "source_sha256, row_number, replace(uri, '{store}', ''), raw, rule",
    "inbox_files": "replace(uri, '{store}', ''), size, source_sha256",
}
_SCORES = "SELECT source_sha256 || row_number || model_id, score FROM scored_reviews"


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
            scratch = {"SCRATCH": f"{self.environment['SCRATCH']}-{name}"}
            self.running[name] = start_worker(
                name, self.addresses[name], self.scheduler, {**self.environment, **scratch, **more}
            )

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
    upload(open_store(store), {f"inbox/{name}": path for name, path in files.items()})


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


def drop_answers(place: Place) -> None:
    """Let the first worker write through a proxy that drops answers to conditional writes."""
    with run_bad_proxy(place.server.port, STORE_HOST) as (port, trouble):
        trouble.drop = 3
        place.start_machines(AWS_ENDPOINT=f"http://{STORE_HOST}:{port}")
        end_run(place.start_run())
        place.stop()


KILLED_WORKERS = {
    "a worker is killed when it has read its objects": "engine: objects fetched",
    "a worker is killed while it scores": "score: batch scored",
    "a worker is killed before it writes the manifest": "engine: files uploaded",
    "a worker is killed after it has written the manifest": "engine: part uploaded",
    "a worker is killed when it has read texts to score again": "engine: texts fetched",
}
"""The fault points at which a worker is killed, by what happens."""
KILLED_RUNS = {
    "the run is killed when it has fetched a part": "engine: part fetched",
    "the run is killed when it has joined parts": "engine: parts joined",
    "the run is killed inside a commit": "score: inside commit",
    "the run is killed after a commit": "score: after commit",
    "the run is killed before it deletes a part": "engine: part committed",
    "the run is killed when it has stored texts to score again": "engine: texts stored",
    "the run is killed when it has the scores of such texts": "engine: scores joined",
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
    "answers to conditional writes are lost": drop_answers,
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
        trouble += check_more(place, len(found["scores"]))
    return trouble


def check_more(place: Place, rows: int) -> list[str]:
    """Return what is wrong besides: with the proof, with parts that stay, or with what a further run scores."""
    trouble = []
    try:
        prove(Home(place.home))
    except Exception as error:
        trouble.append(f"reviews verify: {error}")
    end_run(place.start_run())
    if len(describe(place)["scores"]) != rows:
        trouble.append("a further run scored something")
    manifests = [key for key in list_parts(place.store) if key.endswith("/manifest.json")]
    if len({key.rsplit("/", 1)[0] for key in manifests}) != len(manifests):
        trouble.append("a part has two manifests")
    if any("/texts/" in key for key in list_parts(place.store)):
        trouble.append("texts stayed in the store")
    return trouble


def list_parts(store: str) -> list[str]:
    """Return the objects of parts in a store."""
    with suppress(StoreError):
        return [each.key for each in list_objects(open_store(store), "parts")]
    return []


def describe(place: Place) -> dict[str, Any]:
    """Return what is compared of a home."""
    path = place.home / "reviews.duckdb"
    with duckdb.connect(str(path), read_only=True) as connection:
        found: dict[str, Any] = {
            table: connection.sql(
                f"SELECT {columns.format(store=place.store)} FROM {table} ORDER BY ALL"
            ).fetchall()
            for table, columns in _COMPARED.items()
        }
        scores = connection.sql(_SCORES).fetchall()
    return {**found, "scores": Scores(dict(scores))}


class Scores(dict[str, float]):
    """Scores by row, which are equal if none differs by more than `SAME_SCORE`."""

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Scores)
            and self.keys() == other.keys()
            and all(abs(self[key] - other[key]) <= SAME_SCORE for key in self)
        )

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None


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
