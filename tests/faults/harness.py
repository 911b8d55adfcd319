"""Kills real commands and runs them again; the result must equal that of an undisturbed run.

A scenario is one command on a home that is prepared once; each trial uses a copy of that home.
"""

import csv
import os
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow.parquet as pq

from data_contracts.errors import ReviewsError
from data_contracts.reviews_parquet import SPLITS
from data_contracts.storage.faults import FAULT_POINTS, VARIABLE
from data_contracts.storage.home import Home
from tasks.archive.sample import put_demo_files
from tasks.maintenance.verification import verify_home
from tasks.snapshots.manifests import list_numbers, read_snapshot
from tasks.snapshots.places import CHUNKS, open_place
from tasks.snapshots.restoring import unpack_snapshot
from tasks.warehouse.publishing import publish
from tests.support.command import PATIENCE_SECONDS, Call, Finished, start_command
from tests.support.small_archive import list_learnable_files, write_archive
from tests.support.small_home import promote_small_model, start_small_shadow

TEXT_FILES, GROUP_FILES = 60, 50
"""So that scoring takes two groups of files, and a kill may fall between two commits."""
SAME_SCORE = 1e-6
_EXPORTED = """
SELECT source_sha256, row_number, model_id, sentiment, text
FROM read_parquet('{home}/exports/**/*.parquet', hive_partitioning = true) ORDER BY ALL
"""
_PROFILE = """
[columns]
text = "review"
"""
_NOT_COMPARED = ("prefect", "archive", "reports", "backups")
"""Folders of a home whose files are not compared: Prefect's own, the archive as it was given, reports, which are named
by their run and can be written again, and backups: their content is compared."""
_QUERIES = {
    "source_reviews": "source_sha256, row_number, member, review_id, movie_id, text_sha256, given_label, given_rating, "
    "extra::VARCHAR",
    "scored_reviews": "source_sha256, row_number, model_id, sentiment, token_count, oov_rate, truncated",
    "scored_files": "source_sha256, model_id, status, rule, uri, format, bytes, rows_read, profile_version, "
    "superseded_at IS NULL",
    "quarantined_rows": "source_sha256, row_number, uri, raw, rule, released_by",
    "forgotten_rows": "source_sha256, row_number, was_quarantined",
    "inbox_files": "uri, size, source_sha256",
    "models": "model_id, variant, seed, test_accuracy",
    "promotions": "number, action, model_id, compared_with",
    "gate_checks": "decision, name, model_id, compared_with, mode, promoted, passed",
    "shadow_files": "source_sha256, model_id, rows",
    "shadow_scores": "source_sha256, row_number, model_id, sentiment, token_count, oov_rate, truncated",
}
"""What is compared of each table: all but run ids and times."""


@dataclass(frozen=True)
class Scenario:
    """A command, and the home on which it starts."""

    name: str
    command: tuple[str, ...]
    template: Path
    server: Mapping[str, str] | None = None
    """The environment that names the Prefect server of all its runs; without one every run starts its own."""

    def run(self, home: Path, fault: str = "", kill_after: float = PATIENCE_SECONDS) -> Finished:
        """Run the command in a home, as `run_command` does."""
        return run_command(home, self.command, self.server, fault, kill_after)


@dataclass(frozen=True)
class Reference:
    """The time and the result of an undisturbed run."""

    seconds: float
    state: Mapping[str, Any]


@dataclass(frozen=True)
class Trial:
    """The result of one kill; `trouble` lists the differences, none if all is correct."""

    scenario: str
    killed_at: str
    was_killed: bool
    trouble: tuple[str, ...]


def prepare_scenarios(folder: Path, server: Mapping[str, str] | None = None) -> dict[str, Scenario]:
    """Create the homes: empty; with reviews, a champion and a full inbox; with all files scored; with a backup too.

    In one more, the files in no folder were scored without the profile that there is now; in the last, a shadow is to
    score all of them.

    `server` is the environment that names a Prefect server for all runs.
    """
    archive = write_archive(folder / "small.tar.gz", list_learnable_files())
    names = ("empty", "filled", "scored", "backed-up", "misread", "shadowed")
    empty, filled, scored, backed_up, misread, shadowed = (folder / name for name in names)
    ingest = ("ingest", "--archive", str(archive), "--accept-unverified")
    train = ("train", "--variant", "cnn_lstm", "--epochs", "1", "--promote", "always")
    empty.mkdir()
    shutil.copytree(empty, filled)
    _require_success(run_command(filled, ingest, server))
    promote_small_model(Home(filled))
    _fill_inbox(filled / "inbox")
    shutil.copytree(filled, scored)
    _require_success(run_command(scored, ("score",), server))
    shutil.copytree(scored, backed_up)
    _require_success(run_command(backed_up, ("backup",), server))
    promote_small_model(Home(backed_up), seed=1)
    publish(Home(backed_up))
    shutil.copytree(scored, misread)
    (misread / "sources").mkdir()
    (misread / "sources/default.toml").write_text(_PROFILE, "utf-8")
    shutil.copytree(scored, shadowed)
    start_small_shadow(Home(shadowed))
    publish(Home(shadowed))
    scenarios = (
        Scenario("ingest", ingest, empty, server),
        Scenario("train", train, filled, server),
        Scenario("score", ("score",), filled, server),
        Scenario("shadow", ("score",), shadowed, server),
        Scenario("rescan", ("sources", "rescan", "default"), misread, server),
        Scenario("deliver", ("export", "--new"), scored, server),
        Scenario("snapshot", ("backup",), backed_up, server),
    )
    return {scenario.name: scenario for scenario in scenarios}


def _fill_inbox(inbox: Path) -> None:
    """Fill the inbox with the demo's files, dozens of plain texts, and a file that will be refused."""
    texts = [f"a {'good' if number % 2 else 'bad'} film, the plot {number}" for number in range(TEXT_FILES)]
    rows = [
        {"text": text, "movie_id": f"tt{number % 50:07}", "rating": 9 if number % 2 else 2}
        for number, text in enumerate(texts)
    ]
    put_demo_files(inbox, rows)
    (inbox / "texts").mkdir()
    for number, text in enumerate(texts):
        (inbox / "texts" / f"{number:04}.txt").write_text(f"{number} {text}", "utf-8")
    with (inbox / "bad.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([["review"], *[[" "]] * 40, *[["a good film"]] * 10])


def run_command(
    home: Path,
    command: tuple[str, ...],
    server: Mapping[str, str] | None = None,
    fault: str = "",
    kill_after: float = PATIENCE_SECONDS,
) -> Finished:
    """Run `reviews` in a home to its end, or until it is killed at a fault point or after some seconds."""
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"},
        "REVIEWS_HOME": str(home),
        "REVIEWS_REPORTS": "false",  # named by their runs, so they are not compared
        "REVIEWS_KEEP_BACKUPS": "1",
        "PREFECT_HOME": str(home / "prefect"),
        VARIABLE: fault,
        **(server or {}),
    }
    return start_command(Call(command, environment, home.parent, group_files=GROUP_FILES)).wait(kill_after)


def _require_success(done: Finished) -> None:
    if done.status != 0:
        raise RuntimeError(f"A command ended with {done.status}:\n{done.out}{done.err}")


def run_undisturbed(scenario: Scenario, folder: Path) -> Reference:
    """Run a scenario to its end."""
    home = folder / f"{scenario.name}-undisturbed"
    shutil.copytree(scenario.template, home)
    started = time.monotonic()
    _require_success(scenario.run(home))
    reference = Reference(time.monotonic() - started, read_state(home))
    shutil.rmtree(home)
    return reference


def try_point(scenario: Scenario, reference: Reference, point: str, folder: Path) -> Trial:
    """Kill a run at a fault point, run it again, and compare."""
    trial = _try(scenario, reference, point, folder, lambda home: scenario.run(home, fault=point))
    if not trial.was_killed:
        return Trial(scenario.name, point, False, (*trial.trouble, "the run did not come to this point"))
    return trial


def try_moment(scenario: Scenario, reference: Reference, seconds: float, folder: Path) -> Trial:
    """Kill a run after some seconds, or earlier if it ends before that; run it again, and compare."""

    def kill(home: Path) -> Finished:
        killed, moment = scenario.run(home, kill_after=seconds), seconds
        while killed.status != -signal.SIGKILL:
            moment /= 2
            shutil.rmtree(home)
            shutil.copytree(scenario.template, home)
            killed = scenario.run(home, kill_after=moment)
        return killed

    return _try(scenario, reference, f"after {seconds:.2f} s", folder, kill)


def _try(
    scenario: Scenario,
    reference: Reference,
    name: str,
    folder: Path,
    kill: Callable[[Path], Finished],
) -> Trial:
    home = folder / "trial"
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(scenario.template, home)
    killed = kill(home)
    again = scenario.run(home)
    trouble = []
    if again.status != 0:
        trouble.append(f"the second run ended with {again.status}: {(again.out + again.err)[-2000:]}")
    trouble += compare(reference.state, read_state(home))
    trouble += _verify(Home(home))
    return Trial(scenario.name, name, killed.status == -signal.SIGKILL, tuple(trouble))


def _verify(home: Home) -> list[str]:
    """Return what `reviews verify` says if a promise is broken."""
    said: list[str] = []
    try:
        if home.warehouse.exists():
            verify_home(home, said.append)
    except ReviewsError as error:
        return [f"reviews verify: {error} {' '.join(said)}"]
    return []


def read_state(home: Path) -> dict[str, Any]:
    """Read the result of a run: tables, scores, the published copy, the Parquet, bundles, and all file names."""
    state: dict[str, Any] = {"files": _list_files(home)}
    for name, path in (
        ("warehouse", home / "reviews.duckdb"),
        ("published", home / "published" / "reviews.duckdb"),
    ):
        if path.exists():
            state |= {f"{name}: {table}": rows for table, rows in _read_tables(path).items()}
    state["backups"] = _read_backups(home / "backups")
    for split in SPLITS:
        path = home / "reviews" / f"{split}.parquet"
        if path.exists():
            state[f"parquet: {split}"] = sha256(repr(pq.read_table(path).to_pylist()).encode()).hexdigest()
    if list(home.glob("exports/*/*.parquet")):
        state["exported"] = duckdb.execute(_EXPORTED.format(home=home)).fetchall()
    return state


def _read_tables(path: Path) -> dict[str, Any]:
    """Read what is compared of a database."""
    with duckdb.connect(str(path), read_only=True) as connection:
        tables: dict[str, Any] = {
            table: connection.sql(f"SELECT {columns} FROM {table} ORDER BY ALL").fetchall()
            for table, columns in _QUERIES.items()
        }
        scores = connection.sql("SELECT source_sha256, row_number, model_id, score FROM scored_reviews")
        return {**tables, "scores": {tuple(key): score for *key, score in scores.fetchall()}}


def _read_backups(folder: Path) -> list[Any]:
    """Read the tables and the names of the files of all backups, and whether there is a chunk that none names."""
    place, found = open_place(folder), list[Any]()
    named = set[str]()
    for number in list_numbers(place):
        try:
            snapshot = read_snapshot(place, number)
            with TemporaryDirectory() as name:
                unpack_snapshot(place, snapshot, Path(name), "reviews.duckdb")
                found.append((_read_tables(Path(name, "reviews.duckdb")), sorted(snapshot.files)))
        except ReviewsError as error:
            found.append(str(error))
            continue
        named |= {chunk for chunk, _ in snapshot.list_chunks()}
    there = {path.name for path in (folder / CHUNKS).glob("*")}
    return [*found, f"{len(there - named)} chunks that no backup names"]


def _list_files(home: Path) -> list[str]:
    names = (path.relative_to(home) for path in home.rglob("*") if path.is_file())
    # That a run was killed is published once more, and what was published before stays beside it.
    return sorted(
        name.as_posix() for name in names if name.parts[0] not in _NOT_COMPARED and name.suffix != ".standby"
    )


def compare(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Describe the differences in words."""
    trouble = []
    for name in sorted(wanted.keys() | found.keys()):
        mine, other = wanted.get(name), found.get(name)
        if (
            name.endswith(": scores")
            and mine is not None
            and other is not None
            and mine.keys() == other.keys()
        ):
            if mine and max(abs(mine[key] - other[key]) for key in mine) > SAME_SCORE:
                trouble.append(f"{name} differ by more than {SAME_SCORE:g}")
        elif mine != other:
            trouble.append(f"{name} differ{_describe_difference(mine, other)}")
    return trouble


def _describe_difference(wanted: Any, found: Any) -> str:
    if not (isinstance(wanted, list) and isinstance(found, list)):
        return ""
    less = [row for row in wanted if row not in found][:3]
    more = [row for row in found if row not in wanted][:3]
    return f" ({len(wanted)} and {len(found)}; lost {less}; gained {more})"


def points_of(scenario: str) -> list[str]:
    """Return the fault points of a scenario, by the first word of their names."""
    return [point for point in FAULT_POINTS if point.startswith(f"{scenario}:")]
