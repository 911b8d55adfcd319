"""Whether two homes share a Prefect server on PostgreSQL without disturbing each other.

    python -m benchmarks.two_homes [--minutes 15] [--seed 0]

A day of arrivals in so many minutes: each of 96 times, where a quarter of an hour is a few seconds, some files come to
each home, a few of them with bad rows or unreadable. Both homes score by a schedule as quick. Then all files must be
scored once, by runs in their own home, no run may have failed, and the metrics of each home must equal SQL's figures.
Starts a PostgreSQL server of its own (`initdb` and `postgres` must be found), `reviews up` for one home, and for the
other a worker, as docs/operations.md says. The exit status is 1 if something does not hold.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.queued_runs import count_ends, read_runs
from data_contracts.storage.home import Home
from tasks.warehouse.published import open_published
from tests.support.postgres import run_postgres
from tests.support.prefect_client import use_server
from tests.support.stores import find_free_ports

BIN = Path(sys.executable).parent
NAMES = ("shop-a", "shop-b")
TIMES = 96
"""Arrivals: a day has so many quarters of an hour."""
MOST_ROWS = 60
PATIENCE_SECONDS, LOOK_SECONDS = 240, 0.5
WORDS = ("wonderful", "terrible", "long", "film", "plot", "people", "talk", "walk", "house", "music")


@dataclass
class Shop:
    """A home, the environment of its commands, and what was put into its inbox."""

    name: str
    home: Path
    environment: dict[str, str]
    metrics_port: int
    expected: Counter[str] = field(default_factory=Counter)

    def ask(self, query: str) -> Any:
        """Return the one value that a query of the published copy gives."""
        with open_published(Home(self.home).published) as connection:
            return connection.execute(query).fetchall()[0][0]


def main() -> None:
    """Run the day, and print what became of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="two-homes-")))
        folder.chmod(0o755)
        shops = bring_up(stack, folder)
        stack.enter_context(use_server(shops[1].environment))
        problems = spend_day(shops, arguments.minutes * 60 / TIMES, random.Random(arguments.seed))
    print("All holds." if not problems else "\n".join(problems))
    sys.exit(1 if problems else 0)


def bring_up(stack: ExitStack, folder: Path) -> list[Shop]:
    """Start the database, the server with the first home, and the worker and the metrics of the second one."""
    postgres, port, *metrics = find_free_ports(4)
    clean = {name: text for name, text in os.environ.items() if not name.startswith(("PREFECT_", "REVIEWS_"))}
    shops = []
    for name, own in zip(NAMES, metrics, strict=True):
        home = make_home(folder / name, folder)
        settings = {"REVIEWS_NAME": name, "REVIEWS_HOME": str(home), "REVIEWS_METRICS_PORT": str(own)}
        shops.append(Shop(name, home, {**clean, **settings}, own))
    first, second = shops
    database = stack.enter_context(run_postgres(folder / "postgres", postgres))
    first.environment["REVIEWS_DATABASE_URL"] = database.url
    up = stack.enter_context(
        run([BIN / "reviews", "up", "--port", port], first.environment, folder / "up.log")
    )
    wait_until(lambda: "Next, in another" in (folder / "up.log").read_text() or up.poll() is not None)
    second.environment |= {
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_API_AUTH_STRING": (first.home / "prefect" / "password").read_text().strip(),
        "PREFECT_HOME": str(second.home / "prefect"),
    }
    subprocess.run([BIN / "reviews", "deploy"], env=second.environment, check=True)
    worker = [BIN / "prefect", "worker", "start", "--pool", f"reviews-{second.name}"]
    stack.enter_context(run(worker, second.environment, folder / "worker.log"))
    serve = [sys.executable, "-m", "deployments.metrics"]
    stack.enter_context(run(serve, second.environment, folder / "metrics.log"))
    return shops


def make_home(home: Path, shared: Path) -> Path:
    """Make a home with a promoted small model."""
    from data_contracts.storage.home import Home
    from tests.support.once import FOLDER
    from tests.support.small_home import copy_scoring_home

    os.environ[FOLDER] = str(shared)
    return copy_scoring_home(Home(home)).folder


@contextmanager
def run(
    command: Sequence[object], environment: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command while the block runs; its output goes into a file."""
    with (
        log.open("wb") as said,
        subprocess.Popen([*map(str, command)], env=environment, stdout=said, stderr=said) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()


def spend_day(shops: Sequence[Shop], quarter: float, chance: random.Random) -> list[str]:
    """Let files arrive for a day, and return what does not hold at its end."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.schedules import IntervalSchedule

    every = IntervalSchedule(interval=timedelta(seconds=quarter))
    with get_client(sync_client=True) as client:
        ids = [
            client.read_deployment_by_name(f"score-reviews/score-reviews-{shop.name}").id for shop in shops
        ]
        quick = [
            (
                each,
                client.create_deployment_schedules(
                    each, [DeploymentScheduleCreate(schedule=every, active=True)]
                ),
            )
            for each in ids
        ]
        began = time.monotonic()
        for number in range(TIMES):
            for shop in shops:
                receive(shop, number, chance)
            time.sleep(max(0, began + (number + 1) * quarter - time.monotonic()))
        for each, (schedule,) in quick:
            client.delete_deployment_schedule(each, schedule.id)
            client.create_flow_run_from_deployment(each)  # for what arrived after the last run had looked
        wait_until(lambda: all(run.end_time for each in ids for run in read_runs(client, each)))
        problems = []
        for shop, each in zip(shops, ids, strict=True):
            ends = count_ends(read_runs(client, each))
            print(f"{shop.name}: {dict(shop.expected)}; its runs: {ends}", flush=True)
            problems += [
                f"{shop.name}: runs ended {state}" for state in ends.keys() - {"Completed", "coalesced"}
            ]
            problems += check(shop)
    return problems


def receive(shop: Shop, number: int, chance: random.Random) -> None:
    """Put some files into the inbox of a home, each complete at once, and note what they hold."""
    for part in range(chance.choice((0, 0, 1, 1, 2))):
        name, rows = f"{number:02}-{part}", chance.randint(1, MOST_ROWS)
        kind = chance.choices(("good", "bad row", "unreadable"), (8, 1, 1))[0]
        lines = ["review_id,movie_id,text"]
        for row in range(rows):
            lines.append(
                f"{shop.name}-{name}-{row},tt{row % 9},a film: {' '.join(chance.choices(WORDS, k=12))} {name} {row}"
            )
        if kind == "bad row":
            lines.append(f"{shop.name}-{name}-none,tt1,...")
        content = "\n".join(lines) + "\n" if kind != "unreadable" else "no,known,column\n1,2,3\n" + name
        building = shop.home / "inbox" / f".{name}"
        building.write_text(content)
        building.rename(building.with_name(f"{name}.csv"))
        shop.expected["rows"] += rows if kind != "unreadable" else 0
        shop.expected["quarantined"] += kind == "bad row"
        shop.expected["refused"] += kind == "unreadable"


def check(shop: Shop) -> Iterator[str]:
    """Yield what does not hold of a home: its rows, whose they are, and its metrics."""
    import httpx
    from prometheus_client.parser import text_string_to_metric_families

    found = {
        "rows": shop.ask("SELECT count(*) FROM scored_reviews"),
        "quarantined": shop.ask("SELECT count(*) FROM open_quarantine"),
        "refused": shop.ask("SELECT count(*) FROM scored_files WHERE status = 'refused'"),
    }
    if found != {name: shop.expected[name] for name in found}:
        yield f"{shop.name}: {found} instead of {dict(shop.expected)}"
    strange = shop.ask(
        f"SELECT count(*) FROM source_reviews WHERE NOT starts_with(review_id, '{shop.name}-')"
    )
    once = shop.ask("SELECT count(DISTINCT review_id) FROM latest_scores")
    if strange or once != found["rows"]:
        yield f"{shop.name}: {strange} rows of the other home, {once} different reviews of {found['rows']}"
    time.sleep(1)
    text = httpx.get(f"http://127.0.0.1:{shop.metrics_port}/metrics", timeout=60).raise_for_status().text
    served = {
        each.name: sum(sample.value for sample in each.samples)
        for each in text_string_to_metric_families(text)
    }
    for name, metric in (
        ("rows", "reviews_rows_scored"),
        ("quarantined", "reviews_rows_quarantined"),
        ("refused", "reviews_files_refused"),
    ):
        if served.get(metric, 0) != found[name]:
            yield f"{shop.name}: the metric {metric} is {served.get(metric, 0)}, SQL gives {found[name]}"
    for metric, value in (
        ("reviews_unscored_files", 0),
        ("reviews_server_up", 1),
        ("reviews_workers_online", 1),
    ):
        if served.get(metric) != value:
            yield f"{shop.name}: the metric {metric} is {served.get(metric)} instead of {value}"


def wait_until(holds: Any) -> None:
    """Wait until something holds; end the program if that takes too long."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            sys.exit("It took too long.")
        time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    main()
