"""Delivers scores to a folder of Parquet files, on disk or in an object store, each row in one file.

The folder's ledger, `_delivered.json`, says which source files are in which Parquet file, and with which state. A file
is written as a whole, in place of the one with its name, and then the ledger. What the ledger does not list is deleted
by the next delivery before anything else is written; what it lists in another state is written again. So no row is ever
there twice, and a killed delivery is completed by the next one.

Of every score, changed source files are changed by writing the Parquet file anew that has them. The current scores are
one file, so that a reader finds those of one moment.
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import duckdb

from data_contracts.errors import DestinationError
from data_contracts.storage.faults import pass_fault_point
from tasks.destinations.changes import BATCH_ROWS, FileState
from tasks.destinations.columns import SCHEMA_VERSION, Layout, make_arrow_schema
from tasks.destinations.configuration import Destination
from tasks.destinations.file_places import FilePlace
from tasks.destinations.results_and_errors import (
    Delivered,
    Sender,
    StartProgress,
    refuse_newer,
    refuse_other_home,
    refuse_other_rows,
)
from tasks.destinations.rows import choose_every_current, choose_rows, read_rows

LEDGER = "_delivered.json"
"""Readers of data folders ignore names that begin with an underscore."""
CURRENT = "scores.parquet"
SMALL_ROWS = 20_000
"""Rows below which new ones are added to the last file, by writing that anew, so that files are not too many."""
_FILES = "scores*.parquet"
_NAMES = re.compile(r"scores(-\d{6})?\.parquet")


@dataclass(frozen=True)
class Folder:
    """A destination that is a folder, and where its files lie."""

    destination: Destination
    place: FilePlace


@dataclass(frozen=True)
class DataFile:
    """What the ledger says of a Parquet file."""

    rows: int
    sources: Mapping[str, str]
    """The state of each source file whose rows it has."""


@dataclass(frozen=True)
class Ledger:
    """What a folder holds, and for whom."""

    home: str
    home_place: str
    version: int
    layout: Layout
    number: int
    """Of the last file that was begun."""
    files: Mapping[str, DataFile]


@dataclass(frozen=True)
class _Task:
    """A file to be written, with the source files that it is to have; without any it is deleted."""

    name: str
    sources: tuple[FileState, ...]

    @property
    def rows(self) -> int:
        """Rows at most."""
        return sum(file.rows for file in self.sources)


def deliver(
    published: duckdb.DuckDBPyConnection,
    folder: Folder,
    sender: Sender,
    states: dict[str, FileState],
    start_progress: StartProgress,
) -> Delivered:
    """Deliver what a folder lacks of the files with these states.

    Raises `DestinationError` or `StoreError`; what was delivered until then stays.
    """
    ledger = _recover(folder, sender)
    tasks, done = _plan(ledger, ledger.layout, states), Delivered()
    if not tasks:
        return done
    with start_progress(sum(task.rows for task in tasks)) as report:
        for task in tasks:
            before = ledger.files.get(task.name, DataFile(0, {}))
            ledger, rows = _deliver_file(published, folder.place, ledger, task)
            done = done.add(_count(before, task, rows))
            report(task.rows)
            pass_fault_point("deliver: a ledger written")
    return done


def _deliver_file(
    published: duckdb.DuckDBPyConnection, place: FilePlace, ledger: Ledger, task: _Task
) -> tuple[Ledger, int]:
    """Write one file, or delete it; return the ledger with it, and its rows.

    A file that is written anew has no state until it is in place: whoever goes on after a kill can't know which of the
    two files is there.
    """
    if task.name in ledger.files:
        _write_ledger(place, _mark_unknown(ledger, {task.name}))
    rows = _write(published, place, ledger.layout, task) if task.sources else 0
    pass_fault_point("deliver: a file in place")
    ledger = _enter(ledger, task, rows)
    _write_ledger(place, ledger)
    if not task.sources:
        place.delete([task.name])
    return ledger, rows


def _mark_unknown(ledger: Ledger, names: Collection[str]) -> Ledger:
    """Return the ledger without states of the source files in these Parquet files, which are to be written again."""
    files = {
        name: DataFile(each.rows, dict.fromkeys(each.sources, "")) if name in names else each
        for name, each in ledger.files.items()
    }
    return replace(ledger, files=files)


def _recover(folder: Folder, sender: Sender) -> Ledger:
    """Return the ledger of a folder, begun if there is none; delete files that it does not list.

    A listed file that somebody has deleted is not in it: its rows are delivered again. That all is to be delivered
    again is in it from here on, so that a killed delivery is gone on with.
    """
    destination, place = folder.destination, folder.place
    found = {name for name in place.list_names() if _NAMES.fullmatch(name)}
    content = place.read(LEDGER)
    if content is None:
        require_no_file(destination, found)
        ledger = Ledger(sender.home_id, sender.place, SCHEMA_VERSION, destination.layout, 0, {})
        _write_ledger(place, ledger)
        return ledger
    ledger = accept_ledger(parse_ledger(content, destination), destination, sender, found)
    if unlisted := found - ledger.files.keys():
        place.delete(unlisted)
    if sender.repeats:
        _write_ledger(place, ledger)
    return ledger


def require_no_file(destination: Destination, names: Collection[str]) -> None:
    """Raise `DestinationError` if a folder without a ledger has a file that a delivery would replace or delete."""
    if found := sorted(filter(_NAMES.fullmatch, names)):
        raise DestinationError(
            f"{destination.name}: {destination.place} has a file {found[0]}, but no {LEDGER}, so it is not known "
            f"who made it. Next: name another folder; or, if it was delivered, delete {_FILES} there: the next run "
            "delivers all of it."
        )


def accept_ledger(ledger: Ledger, destination: Destination, sender: Sender, found: Collection[str]) -> Ledger:
    """Return the ledger as a delivery goes on with it, of the files that were `found`; refuse what it can't go on with.

    Files that have other columns than they should are to be written again.
    """
    if ledger.home != sender.home_id and not sender.takes_over:
        raise refuse_other_home(destination, ledger.home_place)
    if ledger.layout.rows != destination.layout.rows:
        raise refuse_other_rows(destination, ledger.layout.rows)
    if ledger.version > SCHEMA_VERSION:
        raise refuse_newer(destination, ledger.version)
    files = {name: each for name, each in ledger.files.items() if name in found}
    if sender.repeats or ledger.version < SCHEMA_VERSION or ledger.layout != destination.layout:
        files = dict(_mark_unknown(replace(ledger, files=files), files).files)
    return Ledger(sender.home_id, sender.place, SCHEMA_VERSION, destination.layout, ledger.number, files)


def _plan(ledger: Ledger, layout: Layout, states: Mapping[str, FileState]) -> list[_Task]:
    """Return the files to be written: first those with rows that have changed or count no more, then new ones."""
    if layout.rows == "current":
        held = ledger.files[CURRENT].sources if CURRENT in ledger.files else None
        wanted = {name: file.state for name, file in states.items()}
        return [_Task(CURRENT, tuple(states.values()))] if held != wanted and (states or held) else []
    tasks, held_at = {}, {}
    for name, file in ledger.files.items():
        kept = tuple(states[source] for source in file.sources if source in states)
        held_at.update(dict.fromkeys((each.source_sha256 for each in kept), name))
        if {each.source_sha256: each.state for each in kept} != file.sources:
            tasks[name] = _Task(name, kept)
    new = [file for name, file in states.items() if name not in held_at]
    return [*tasks.values(), *_add_new(ledger, tasks, new, states)]


def _add_new(
    ledger: Ledger, tasks: Mapping[str, _Task], new: Sequence[FileState], states: Mapping[str, FileState]
) -> list[_Task]:
    """Return the files to be written for new source files: the last file as long as it is small, then further ones."""
    added: list[_Task] = []
    number, last = ledger.number, f"scores-{ledger.number:06}.parquet"
    kept = (
        [states[source] for source in ledger.files[last].sources if source in states]
        if last in ledger.files
        else []
    )
    if last in tasks:
        kept = list(tasks[last].sources)
    sources, name = kept, last
    if not kept or sum(file.rows for file in kept) >= SMALL_ROWS:
        number, sources = number + 1, []
        name = f"scores-{number:06}.parquet"
    begun = len(sources)
    for file in new:
        if sources and sum(each.rows for each in sources) + file.rows > BATCH_ROWS:
            added.append(_Task(name, tuple(sources)))
            number, sources, begun = number + 1, [], 0
            name = f"scores-{number:06}.parquet"
        sources = [*sources, file]
    return [*added, _Task(name, tuple(sources))] if len(sources) > begun else added


def _write(published: duckdb.DuckDBPyConnection, place: FilePlace, layout: Layout, task: _Task) -> int:
    """Write a Parquet file with the rows of its source files; return their number."""
    import pyarrow.parquet as pq

    if layout.rows == "current":
        choose_every_current(published)
    else:
        choose_rows(published, layout, [file.source_sha256 for file in task.sources])
    rows = 0
    with (
        place.write(task.name) as path,
        pq.ParquetWriter(path, make_arrow_schema(layout), compression="zstd") as writer,
    ):
        for table in read_rows(published, layout):
            if len(table):
                writer.write_table(table)
            rows += len(table)
    return rows


def _enter(ledger: Ledger, task: _Task, rows: int) -> Ledger:
    """Return the ledger with a file as it was written; without one that is to be deleted."""
    others = {name: file for name, file in ledger.files.items() if name != task.name}
    own = {task.name: DataFile(rows, {file.source_sha256: file.state for file in task.sources})}
    found = _NAMES.fullmatch(task.name)
    number = int(found[1][1:]) if found and found[1] else ledger.number
    return replace(
        ledger, number=max(ledger.number, number), files={**others, **(own if task.sources else {})}
    )


def _count(before: DataFile, task: _Task, rows: int) -> Delivered:
    """Return what the writing of a file has changed."""
    states = {file.source_sha256: file.state for file in task.sources}
    changed = {
        name for name in states.keys() | before.sources.keys() if states.get(name) != before.sources.get(name)
    }
    return Delivered(rows, max(0, before.rows - rows), len(changed))


def _write_ledger(place: FilePlace, ledger: Ledger) -> None:
    """Write the ledger of a folder."""
    with place.write(LEDGER) as path:
        path.write_text(json.dumps(asdict(ledger), indent=0), "utf-8")


def parse_ledger(content: bytes, destination: Destination) -> Ledger:
    """Return the ledger with this content; raise `DestinationError` if it can't be read."""
    try:
        found = json.loads(content)
        files = {
            str(name): DataFile(
                int(each["rows"]), {str(key): str(state) for key, state in each["sources"].items()}
            )
            for name, each in found["files"].items()
        }
        layout = Layout(**found["layout"])
        return Ledger(
            str(found["home"]),
            str(found["home_place"]),
            int(found["version"]),
            layout,
            int(found["number"]),
            files,
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DestinationError(
            f"{destination.name}: {destination.place}/{LEDGER} is damaged. Next: delete it and {_FILES} there; the "
            "next run delivers all of it."
        ) from error
