"""Scores on three machines, while things happen to them, new and again: `python -m tests.machines [--trials 60]`.

The machines are network namespaces, so it needs root, `ip` and the S3 server of the tests. With --home HOME they first
score 40,000 reviews of the archive, in 30 files of six formats, with its champion. Then each trial lets something
happen to a run, of files in the home and in a store, runs once more, and compares with one machine. Prints a Markdown
table. Exit status 1 if anything differs.
"""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from data_contracts.storage.home import Home
from tests.machines.network import STORE_HOST, make_machines
from tests.machines.processes import start_run
from tests.machines.real_reviews import write_formats
from tests.machines.trials import (
    HAPPENINGS,
    MACHINES,
    Place,
    describe,
    end_run,
    fill,
    make_place,
    score_on_one_machine,
    set_clients,
    try_happening,
)
from tests.support.once import FOLDER
from tests.support.scoring_runs import drop
from tests.support.small_home import copy_scoring_home, promote_small_model
from tests.support.stores import run_s3_server

OBJECTS = 16
OLDER = 8
OWN = 6


def main() -> int:
    """Run all trials and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--home", type=Path, help="a home with the archive's Parquet and a champion")
    parser.add_argument("--only", default="", help="only what has this in its name")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that nothing of the machines stays
    with (
        tempfile.TemporaryDirectory(prefix="machines-") as name,
        make_machines(MACHINES) as addresses,
        run_s3_server(STORE_HOST) as server,
    ):
        set_clients(server)
        os.environ[FOLDER] = name
        place = Place(Path(name) / "trial" / "home", "", server, addresses, random.Random(arguments.seed))
        if arguments.home:
            compare_real(arguments.home, Path(name), place)
        names = [name for name in HAPPENINGS if arguments.only in name]
        found = list(try_all(Path(name), place, arguments.trials, names))
    print(format_table(found))
    return 1 if any(trouble for _, trouble in found) else 0


def compare_real(home: Path, folder: Path, place: Place) -> None:
    """Let three machines score real reviews in six formats, and compare with one machine."""
    files = write_formats(home / "reviews", folder / "real")
    template = folder / "template"
    template.mkdir()
    shutil.copytree(home / "bundles", template / "bundles")
    shutil.copy(home / "reviews.duckdb", template)
    for kind in ("alone", "machines"):
        fill(f"s3://machines/real-{kind}", files)
    started = time.monotonic()
    alone = Place(place.home, "s3://machines/real-alone", place.server, place.addresses, place.chance)
    reference = score_on_one_machine(template, alone)
    between = time.monotonic()
    together = Place(place.home, "s3://machines/real-machines", place.server, place.addresses, place.chance)
    with make_place(template, together):
        together.start_machines()
        status, found = end_run(together.start_run()), describe(together)
    same = status == 0 and found == reference
    print(
        f"{len(found['scored_reviews']):,} reviews of {len(files)} files on three machines: "
        f"{'equal' if same else 'DIFFERENT'} (status {status}; {between - started:.0f} s alone, "
        f"{time.monotonic() - between:.0f} s on three)",
        file=sys.stderr,
        flush=True,
    )
    if not same:
        raise SystemExit(1)


def try_all(folder: Path, place: Place, trials: int, names: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Try what can happen, in turns; yield what happened and what differs."""
    template = make_older(Home(folder / "small"), place)
    files = write_small(folder / "objects")
    for number in range(-1, trials):
        place.store = f"s3://machines/trial-{number}"
        fill(place.store, files)
        if number < 0:
            reference: Mapping[str, object] = score_on_one_machine(template, place)
            continue
        name = names[number % len(names)]
        started = time.monotonic()
        trouble = try_happening(template, place, name, reference)
        words = "; ".join(trouble) or "equal"
        print(
            f"{number + 1}: {name}: {words} ({time.monotonic() - started:.0f} s)", file=sys.stderr, flush=True
        )
        yield name, trouble


def make_older(home: Home, place: Place) -> Path:
    """Fill a home with new files, and others that an earlier champion has scored; return its folder."""
    copy_scoring_home(home)
    for number in range(OLDER):
        rows = "".join(f"an older film {number} {row}\n" for row in range(300 if number == 3 else 20))
        drop(home, f"old/{number:02}.csv", f"text\n{rows}")
    settings = {"REVIEWS_HOME": str(home.folder), "REVIEWS_REPORTS": "false"}
    if end_run(start_run("hub", {**settings, "FAILURE": str(home.folder / "failure")})) != 0:
        raise SystemExit((home.folder / "failure").read_text("utf-8"))
    promote_small_model(home, seed=1)
    for number in range(OWN):
        rows = "".join(f"good film of mine {number} {row}\n" for row in range(40))
        drop(home, f"own/{number:02}.csv", f"text\n{rows} \n")
    return home.folder


def write_small(folder: Path) -> dict[str, Path]:
    """Write small files: some have copies, bad rows or no text."""
    folder.mkdir()
    found = {}
    for number in range(OBJECTS):
        name = f"shop-{number % 3}/{number:02}.csv"
        rows = "".join(f"r{number}-{row},good film {number} {row},{row % 10 + 1}\n" for row in range(30))
        content = "stars\n8\n" if number == 5 else f"review_id,text,stars\n{rows}x{number}, ,3\n"
        found[name] = folder / f"{number}.csv"
        found[name].write_text(content, "utf-8")
    found["copy-of-a-later-one.csv"] = found["shop-1/10.csv"]
    return found


def format_table(found: list[tuple[str, list[str]]]) -> str:
    """Return a Markdown table with a row for each kind of trial."""
    rows = ["| what happened | trials | after the next run |", "| --- | ---: | --- |"]
    for name in dict.fromkeys(name for name, _ in found):
        troubles = [trouble for each, trouble in found if each == name]
        broken = sum(map(bool, troubles))
        rows.append(f"| {name} | {len(troubles)} | {f'**{broken} differ**' if broken else 'equal'} |")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
