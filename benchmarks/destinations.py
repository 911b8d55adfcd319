"""How long a delivery to PostgreSQL takes beside a bare COPY, and what is left of random kills.

    python -m benchmarks.destinations [--rows 100000] [--turns 5] [--kills 40] [--seed 0]

Starts a PostgreSQL server of its own (`initdb` and `postgres` must be found), which syncs as an ordinary one does.

First, in turns: a home with so many scored rows is delivered to a table that does not exist yet, and the same rows,
ready as CSV, are copied into an empty table: one with the same key and index, and one without. Then, so many times: the
home changes at random, a delivery is begun, and at a random moment the process that delivers is killed, or the server,
or all connections between them are cut, or the table is changed by hand. No row may be in the table twice then; after
another delivery it must equal the home, and no forgotten row may be in it. The exit status is 1 if something does not
hold.
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_contracts.errors import ReviewsError
from data_contracts.storage.home import Home
from tasks.delivery.columns import KEYS, POSTGRES_TYPES, Layout, list_columns
from tasks.delivery.delivering import deliver
from tasks.delivery.destinations import Destination
from tasks.delivery.rows import choose_rows, read_rows
from tasks.warehouse.commit import commit_parts
from tasks.warehouse.published import open_published
from tasks.warehouse.publishing import publish
from tests.support.forked import start
from tests.support.histories import History
from tests.support.lines import Line, run_line
from tests.support.postgres import PostgresServer, run_postgres
from tests.support.stores import find_free_ports
from tests.support.warehouse_parts import write_large_part

FILES = 10
MOST_TRANSACTIONS = 8
TRIAL_ROWS = 3_000
"""Rows of each file that arrives before a kill."""


@dataclass(frozen=True)
class Cost:
    """What something took."""

    seconds: float
    processor: float
    """Seconds of a processor, of this process and the server."""


ROW = {"review_id": "r1", "movie_id": "tt1", "text": "good", "reviewed_at": None, "score": 0.9}
COMPARED = "source_sha256, row_number, model_id, review_id, score, sentiment"
WANTED = {
    "all": "scored_reviews JOIN source_reviews USING (source_sha256, row_number) "
    "ANTI JOIN (FROM scored_files WHERE superseded_at IS NOT NULL) AS gone USING (source_sha256)",
    "current": "latest_scores",
}


def main() -> None:
    """Measure, then kill; print what became of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="destinations-") as made:
        folder = Path(made)
        folder.chmod(0o755)
        [port] = find_free_ports(1)
        with run_postgres(folder / "postgres", port) as server:
            if arguments.turns:
                measure(folder, server, arguments.rows, arguments.turns)
            problems = kill_at_random(folder, server, arguments.kills, random.Random(arguments.seed))
    print("All holds." if not problems else "\n".join(problems))
    sys.exit(1 if problems else 0)


def measure(folder: Path, server: PostgresServer, rows: int, turns: int) -> None:
    """Print how long deliveries take beside a bare COPY of the same rows."""
    history = History(make_folder(folder / "large"))
    commit_parts(history.warehouse, write_large_part(folder / "part", rows // FILES, "model-a", FILES))
    home = make_home(history)
    publish(home)
    for layout in (Layout(), Layout("all"), Layout(texts=True)):
        content = format_rows(home, layout)
        took: dict[str, list[Cost]] = {"delivery": [], "COPY": [], "COPY, no key": []}
        for _ in range(turns):
            took["delivery"].append(measure_delivery(home, server, layout))
            took["COPY"].append(measure_copy(server, layout, content, with_key=True))
            took["COPY, no key"].append(measure_copy(server, layout, content, with_key=False))
        names = ", with texts" if layout.texts else ""
        size = sum(map(len, content)) / 2**20
        print(f"{rows:,} rows, {layout.rows}{names} ({size:.0f} MiB as CSV):", flush=True)
        for name, costs in took.items():
            print(f"  {name:<14} {describe(costs, took['delivery'])}", flush=True)


def describe(costs: Sequence[Cost], deliveries: Sequence[Cost]) -> str:
    """Describe what something costs, and how many times as much a delivery does."""
    pairs = list(zip(deliveries, costs, strict=True))
    seconds = [mine.seconds / other.seconds for mine, other in pairs]
    processor = [mine.processor / other.processor for mine, other in pairs]
    return (
        f"{statistics.median(each.seconds for each in costs):.2f} s, "
        f"{statistics.median(each.processor for each in costs):.2f} s of a processor; a delivery takes "
        f"{statistics.median(seconds):.2f} times as long ({min(seconds):.2f} to {max(seconds):.2f}), "
        f"{statistics.median(processor):.2f} times the processor ({min(processor):.2f} to {max(processor):.2f})"
    )


@contextmanager
def measure_cost(server: PostgresServer) -> Iterator[list[Cost]]:
    """Measure the block, in this process and in the server; the cost is in the list when it has ended."""
    found: list[Cost] = []
    processor, began = read_processor(server), time.perf_counter()
    yield found
    seconds = time.perf_counter() - began
    time.sleep(0.3)  # until the server has collected the process of the connection
    found.append(Cost(seconds, read_processor(server) - processor))


def read_processor(server: PostgresServer) -> float:
    """Return the seconds of a processor that this process and those of the server have used."""
    import psutil

    if server.process is None:
        return time.process_time()
    parent = psutil.Process(server.process.pid)
    own = parent.cpu_times()
    living = [each.cpu_times() for each in parent.children(recursive=True)]
    ended = own.children_user + own.children_system
    return time.process_time() + ended + sum(each.user + each.system for each in (own, *living))


def make_folder(folder: Path) -> Path:
    """Make a folder, and return it."""
    folder.mkdir()
    return folder


def make_home(history: History) -> Home:
    """Return the home of a history."""
    home = Home(history.folder)
    home.destinations.mkdir()
    return home


def make_destination(url: str, layout: Layout) -> Destination:
    """Return a destination of the server at an address."""
    return Destination(f"bi-{layout.rows}", "postgres", layout, f"bi.{layout.rows}", url)


def format_rows(home: Home, layout: Layout) -> list[bytes]:
    """Return all rows as CSV, in pieces."""
    from tasks.delivery.postgres import _format_csv

    with open_published(home.published) as published:
        if layout.rows == "current":
            choose_rows(published, layout, None)
        else:
            sources = published.execute("SELECT DISTINCT source_sha256 FROM scored_files").fetchall()
            choose_rows(published, layout, [source for (source,) in sources])
        return [bytes(_format_csv(rows)) for rows in read_rows(published, layout, "postgres")]


def measure_delivery(home: Home, server: PostgresServer, layout: Layout) -> Cost:
    """Return the cost of a delivery of everything to a new table."""
    drop_all(server)
    with measure_cost(server) as found:
        deliver(home, make_destination(server.url, layout))
    return found[0]


def measure_copy(server: PostgresServer, layout: Layout, content: Sequence[bytes], *, with_key: bool) -> Cost:
    """Return the cost of a COPY of rows that are ready into an empty table."""
    import psycopg

    types = {name: POSTGRES_TYPES[kind] for name, kind in list_columns(layout).items()} | {"review": "uuid"}
    columns = [f'"{name}" {kind}' for name, kind in types.items()]
    key = [f"PRIMARY KEY ({', '.join(KEYS[layout.rows])})"] if with_key else []
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS bare; CHECKPOINT")
        connection.execute(f"CREATE TABLE bare ({', '.join([*columns, *key])})")
        if with_key and layout.rows == "current":
            connection.execute("CREATE INDEX ON bare (source_sha256)")
    with (
        measure_cost(server) as found,
        psycopg.connect(server.url, autocommit=True) as connection,
        connection.cursor() as cursor,
        cursor.copy("COPY bare FROM STDIN (FORMAT csv)") as copy,
    ):
        for piece in content:
            copy.write(piece)
    return found[0]


def drop_all(server: PostgresServer) -> None:
    """Delete what was delivered."""
    import psycopg

    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS bi CASCADE; CHECKPOINT")


def kill_at_random(folder: Path, server: PostgresServer, kills: int, chance: random.Random) -> list[str]:
    """Change a home and kill its deliveries so many times; return what did not hold."""
    history = History(make_folder(folder / "killed"))
    history.promote("model-a")
    home = make_home(history)
    problems: list[str] = []
    drop_all(server)
    seen: Counter[str] = Counter()
    with run_line(server.port) as line:
        url = server.url.replace(str(server.port), str(line.port))
        for number in range(kills):
            layout = Layout(chance.choice(("current", "all")))
            change_home(history, number, chance)
            publish(home)
            how = chance.choice((kill_process, kill_server, cut_line, change_by_hand))
            ended = how(home, server, line, make_destination(url, layout), chance)
            seen[f"{how.__name__}: {ended}"] += 1
            problems += [
                f"kill {number} ({how.__name__}): {what}" for what in check(home, server, layout, done=False)
            ]
            for each in (layout, Layout("all" if layout.rows == "current" else "current")):
                deliver(home, make_destination(url, each))
                problems += [
                    f"kill {number} ({how.__name__}), after it: {what}"
                    for what in check(home, server, each, done=True)
                ]
    for what, times in sorted(seen.items()):
        print(f"  {what}: {times}", flush=True)
    return problems


def change_home(history: History, number: int, chance: random.Random) -> None:
    """Let files arrive, of which some reviews came before, and change some of what was there."""
    ids = [chance.randrange(TRIAL_ROWS * 4) for _ in range(TRIAL_ROWS)]
    rows = [
        {**ROW, "review_id": f"r{each}", "text": f"text {each}", "score": chance.random()} for each in ids
    ]
    size = TRIAL_ROWS // 10
    history.add([rows[first : first + size] for first in range(0, TRIAL_ROWS, size)])
    place = chance.randrange(100)
    model = chance.choice(("model-a", "model-b"))
    changes: list[tuple[str, Any]] = [
        ("forget", place),
        ("rescore", (place, model)),
        ("promote", model),
        ("read again", (place, rows[:100])),
        ("count again", place),
        ("release", (place, {**ROW, "review_id": f"released {number}"})),
    ]
    for change in chance.sample(changes, 2):
        with suppress(ReviewsError):  # such as a row that is forgotten already
            history.apply(change)


def deliver_in_process(home: Home, destination: Destination) -> None:
    """Deliver in small transactions, in a process of its own; what goes wrong is the trial's."""
    from tasks.delivery import changes

    changes.BATCH_ROWS = 300
    with suppress(ReviewsError):
        deliver(home, destination)


def _begin(
    home: Home, server: PostgresServer, destination: Destination, chance: random.Random
) -> tuple[Any, str]:
    """Start a delivery, and wait until a random moment after a random number of its transactions."""
    before, wanted = count_transactions(server, destination), chance.randint(0, MOST_TRANSACTIONS)
    process = start(deliver_in_process, home, destination)
    while process.is_alive() and count_transactions(server, destination) < before + wanted:
        time.sleep(0.005)
    time.sleep(chance.random() * 0.2)
    done = count_transactions(server, destination) - before
    return process, f"after {'some' if done else 'no'} transactions" if process.is_alive() else "at the end"


def count_transactions(server: PostgresServer, destination: Destination) -> int:
    """Return how many transactions have delivered something."""
    import psycopg

    with psycopg.connect(server.url, autocommit=True) as connection:
        if connection.execute("SELECT to_regclass(%s)", [f"{destination.place}_delivery"]).fetchone() == (
            None,
        ):
            return 0
        [(deliveries,)] = connection.execute(
            f"SELECT deliveries FROM {destination.place}_delivery"
        ).fetchall()
    return int(deliveries)


def kill_process(
    home: Home, server: PostgresServer, __: Line, destination: Destination, chance: random.Random
) -> str:
    """Kill the process that delivers."""
    process, ended = _begin(home, server, destination, chance)
    process.kill()
    process.join()
    return ended


def kill_server(
    home: Home, server: PostgresServer, _: Line, destination: Destination, chance: random.Random
) -> str:
    """Kill the server, and start it again."""
    process, ended = _begin(home, server, destination, chance)
    server.kill()
    process.join()
    server.start()
    return ended


def cut_line(
    home: Home, server: PostgresServer, line: Line, destination: Destination, chance: random.Random
) -> str:
    """Cut all connections, and let none through for a moment."""
    process, ended = _begin(home, server, destination, chance)
    line.cut()
    process.join()
    line.mend()
    return ended


def change_by_hand(
    home: Home, server: PostgresServer, _: Line, destination: Destination, chance: random.Random
) -> str:
    """Change the table by hand, see that this is an error, and mend it as the error says."""
    import psycopg

    layout = destination.layout
    with suppress(ReviewsError):
        deliver(home, destination)
    with psycopg.connect(server.url, autocommit=True) as connection:
        if connection.execute("SELECT to_regclass(%s)", [destination.place]).fetchone() == (None,):
            return "nothing there"
        change = chance.choice(("drop column", "add column", "drop table", "delete rows"))
        if change == "drop column":
            connection.execute(f"ALTER TABLE bi.{layout.rows} DROP COLUMN score")
            with suppress(ReviewsError):
                deliver(home, destination)
                return "a dropped column was not noticed"
            connection.execute(f"ALTER TABLE bi.{layout.rows} ADD COLUMN score double precision")
            deliver(home, destination, repeats=True)
        elif change == "add column":
            connection.execute(f"ALTER TABLE bi.{layout.rows} ADD COLUMN IF NOT EXISTS note text")
        elif change == "drop table":
            connection.execute(f"DROP TABLE bi.{layout.rows}")
        else:
            connection.execute(f"DELETE FROM bi.{layout.rows} WHERE row_number % 7 = 0")
            deliver(home, destination, repeats=True)
    return change


def check(home: Home, server: PostgresServer, layout: Layout, *, done: bool) -> list[str]:
    """Return what does not hold of a table: rows twice and, once a delivery is done, what differs from the home."""
    import duckdb
    import psycopg

    with psycopg.connect(server.url, autocommit=True) as connection:
        if connection.execute("SELECT to_regclass(%s)", [f"bi.{layout.rows}"]).fetchone() == (None,):
            return ["there is no table"] if done else []
        found = connection.execute(f"SELECT {COMPARED} FROM bi.{layout.rows}").fetchall()
    with duckdb.connect(str(home.published), read_only=True) as published:
        wanted = published.execute(f"SELECT {COMPARED} FROM {WANTED[layout.rows]}").fetchall()
        forgotten = set(published.execute("SELECT source_sha256, row_number FROM forgotten_rows").fetchall())
    problems = []
    keys = Counter(row[:3] for row in found) if layout.rows == "all" else Counter(row[3] for row in found)
    if twice := sum(times > 1 for times in keys.values()):
        problems.append(f"{twice} rows twice")
    if done and Counter(found) != Counter(wanted):
        missing, more = Counter(wanted) - Counter(found), Counter(found) - Counter(wanted)
        problems.append(f"{missing.total()} rows missing, {more.total()} too many, of {len(wanted)}")
    if done and (kept := forgotten & {row[:2] for row in found}):
        problems.append(f"{len(kept)} forgotten rows are still there")
    return problems


if __name__ == "__main__":
    main()
