"""Delivers scores to a folder of Parquet or CSV files, on disk or in an object store, each row in one file.

Every score lies in the folder of the UTC day on which it was given, `day=2026-11-24/reviews-000001.parquet`. The
current scores are one file, so that a reader finds those of one moment. The folder's ledger, `_delivered.json`, has the
state of each source file that was delivered, and for each file the source files whose rows it has.

A file is written as a whole, in place of the one with its name. Before a batch of source files, the ledger forgets
their states; after it, it has them. So what a killed delivery has begun is written again by the next one. What the
ledger does not list is deleted first, so that no row is ever there twice.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
from pydantic import TypeAdapter

from data_contracts.errors import DestinationError
from data_contracts.storage.faults import pass_fault_point
from tasks.delivery.changes import FileState, find_changes, group_files
from tasks.delivery.columns import Layout, list_columns
from tasks.delivery.destinations import Destination
from tasks.delivery.places import FilePlace
from tasks.delivery.results import Delivered, Sender, StartProgress, require_own
from tasks.delivery.rows import choose_rows, count_days, read_rows
from tasks.queries.answer_formats import escape_formulas, format_answer

if TYPE_CHECKING:
    import pyarrow as pa

LEDGER = "_delivered.json"
"""Readers of data folders, such as Spark and Hive, ignore names that begin with an underscore."""
LEDGER_VERSION = 2
"""Of the ledger, the names of files, their columns and what a row means."""
SMALL_ROWS = 20_000
"""Rows below which the last file of a day gets new ones too, by being written anew, so that files are not too many."""
_NAME = re.compile(r"(day=\d{4}-\d\d-\d\d)/reviews-(\d{6})\.(?:parquet|csv)|latest_scores\.(?:parquet|csv)")
_Write = Callable[[str, Sequence[str]], int]
"""Writes a file with the rows of these source files; returns their number."""
_Days = Mapping[str, Mapping[str, int]]
"""The number of rows of each day, as its folder is called, and of each source file."""


@dataclass(frozen=True)
class DataFile:
    """What the ledger says of a file."""

    rows: int
    sources: Sequence[str]
    """The source files whose rows it has; not kept of the current scores, which are those of all."""


@dataclass(frozen=True)
class Ledger:
    """What a folder holds, and for whom."""

    home: str
    home_place: str
    version: int
    kind: str
    layout: Layout
    files: Mapping[str, DataFile]
    states: Mapping[str, str]
    """The state of each source file that was delivered; '' while its rows are written."""
    outdated: Sequence[str] = ()
    """Files of another format, which are deleted when all rows are in others."""


def deliver(
    published: duckdb.DuckDBPyConnection,
    place: FilePlace,
    sender: Sender,
    states: Mapping[str, FileState],
    start_progress: StartProgress,
) -> Delivered:
    """Deliver what a folder lacks of the files with these states.

    Raises `DestinationError` or `StoreError`; what was delivered until then stays.
    """
    found = place.list_names()
    ledger = read_ledger(place, found, sender)
    if unlisted := {*filter(_NAME.fullmatch, found)} - ledger.files.keys() - {*ledger.outdated}:
        place.delete(unlisted)
    files = find_changes(states, ledger.states)
    ledger = replace(ledger, states={**ledger.states, **{file.source_sha256: "" for file in files}})
    current = f"latest_scores.{ledger.kind}" if ledger.layout.rows == "current" else None
    days: _Days = {}
    if current is None:
        batches = [*group_files(files)]
        days = count_days(
            published, [file.source_sha256 for file in files if file.state], ledger.layout.since
        )
    else:
        batches = [files] if files or current not in ledger.files else []
    if LEDGER in found and not (batches or ledger.outdated):
        return Delivered()
    done = Delivered()
    with start_progress(sum(file.rows for file in (states.values() if current else files))) as report:
        write = partial(_write, published, place, report)
        for batch in batches:
            plan = {current: []} if current else _plan_days(ledger, batch, days)
            ledger, sent = _deliver_batch(write, place, ledger, plan, batch)
            done = done.add(sent)
    if ledger.outdated or not batches:
        place.delete({*ledger.outdated} - ledger.files.keys())
        _write_ledger(place, replace(ledger, outdated=()))
    if current is None:  # else what was written beside is counted too
        done = replace(done, rows=sum(sum(sources.values()) for sources in days.values()))
    return done


def read_ledger(place: FilePlace, found: Collection[str], sender: Sender) -> Ledger:
    """Return the ledger as a delivery goes on with it, of a folder where files of these names were `found`.

    Raises `DestinationError` if it can't go on. Of a file that somebody has deleted, the rows are delivered again.
    """
    destination, ours = place.destination, {*filter(_NAME.fullmatch, found)}
    begun = Ledger(sender.home_id, sender.place, LEDGER_VERSION, destination.kind, destination.layout, {}, {})
    content = place.read(LEDGER)
    if content is None:
        if ours:
            raise DestinationError(
                f"{destination.name}: {destination.place} has a file {min(ours)}, but no {LEDGER}, so it is not known "
                "who made it. Next: name another folder; or, if it was delivered, delete it and the others of its kind."
            )
        return begun
    ledger = parse_ledger(content, destination)
    require_own(destination, sender, ledger.home, ledger.home_place, ledger.layout.rows)
    # A ledger may list anything; only files with the names that a delivery gives are written or deleted.
    if ledger.kind != destination.kind:
        return replace(begun, outdated=sorted(ours & {*ledger.outdated, *ledger.files}))
    files = {name: file for name, file in ledger.files.items() if name in ours}
    lost = {source for name, file in ledger.files.items() if name not in ours for source in file.sources}
    unknown = ledger.states if sender.repeats or ledger.layout != destination.layout else lost
    states = {**ledger.states, **dict.fromkeys(unknown, "")}
    return replace(begun, files=files, states=states, outdated=sorted(ours & {*ledger.outdated}))


def _plan_days(ledger: Ledger, batch: Sequence[FileState], days: _Days) -> dict[str, list[str]]:
    """Return the files to be written for a batch, in order, each with its source files; without any, it is deleted.

    On each day a source file stays in the file that has it. New ones join the last file as long as that is small.
    """
    names = {file.source_sha256: file for file in batch}
    plan: dict[str, list[str]] = {}
    placed = set()
    for name, file in ledger.files.items():
        if not names.keys().isdisjoint(file.sources):
            day = name.partition("/")[0]
            plan[name] = [each for each in file.sources if each not in names or each in days.get(day, ())]
            placed |= {(day, each) for each in plan[name]}
    for day, sources in days.items():
        if not (new := [each for each in names if each in sources and (day, each) not in placed]):
            continue
        taken = [match for name in (*ledger.files, *ledger.outdated) if (match := _NAME.fullmatch(name))]
        number = max((int(match[2]) for match in taken if match[1] == day), default=0)
        last = ledger.files.get(name := _name_file(day, number, ledger.kind))
        if last is None or last.rows >= SMALL_ROWS:
            name, last = _name_file(day, number + 1, ledger.kind), DataFile(0, ())
        plan[name] = [*plan.get(name, last.sources), *new]

    def order(name: str) -> tuple[bool, bool]:
        before, after = {*ledger.files[name].sources} if name in ledger.files else set(), {*plan[name]}
        return not after <= before, before <= after

    # Files that get no further source file come first, first those that lose one: so no row is in two meanwhile.
    return {name: plan[name] for name in sorted(plan, key=order)}


def _name_file(day: str, number: int, kind: str) -> str:
    """Return the name of a file in the folder of a day."""
    return f"{day}/reviews-{number:06}.{kind}"


def _deliver_batch(
    write: _Write,
    place: FilePlace,
    ledger: Ledger,
    plan: Mapping[str, Sequence[str]],
    batch: Sequence[FileState],
) -> tuple[Ledger, Delivered]:
    """Write the planned files, and the ledger before and after; return the ledger, and what was changed."""
    before = {name: ledger.files[name] for name in plan if name in ledger.files}
    begun = {name: replace(file, sources=[*{*file.sources, *plan[name]}]) for name, file in before.items()}
    _write_ledger(place, replace(ledger, files={**ledger.files, **begun}))
    pass_fault_point("deliver: a ledger begun")
    files = {name: file for name, file in ledger.files.items() if name not in plan}
    written = removed = 0
    for name, sources in plan.items():
        rows = 0
        if sources or ledger.layout.rows == "current":
            rows = write(name, sources)
            files[name] = DataFile(rows, sources)
        else:
            place.delete([name])
        pass_fault_point("deliver: a file in place")
        written, removed = written + rows, removed + max(0, before.get(name, DataFile(0, ())).rows - rows)
    states = {**ledger.states, **{file.source_sha256: file.state for file in batch}}
    for file in batch:
        if not file.state:
            del states[file.source_sha256]
    ledger = replace(ledger, files=files, states=states)
    _write_ledger(place, ledger)
    pass_fault_point("deliver: a ledger written")
    return ledger, Delivered(written, removed, len(batch))


def _write(
    published: duckdb.DuckDBPyConnection,
    place: FilePlace,
    report: Callable[[int], None],
    name: str,
    sources: Sequence[str],
) -> int:
    """Write a file with the rows of its source files; return their number."""
    kind, layout = place.destination.kind, place.destination.layout
    if layout.rows == "current":
        expected = choose_rows(published, layout, None)
    else:
        expected = choose_rows(published, layout, sources, day=name.partition("/")[0])
    write = _write_csv if kind == "csv" else _write_parquet
    with place.write(name) as path:
        rows = 0
        for size in write(read_rows(published, layout, kind), path, layout):
            rows += size
            report(size)
        if rows != expected:
            raise DestinationError(
                f"{name}: {rows:,} rows were read, but the database counts {expected:,}, so it was not written. Next: "
                "`reviews verify` shows what is wrong with the database."
            )
    return rows


def _write_parquet(tables: Iterator["pa.Table"], path: Path, layout: Layout) -> Iterator[int]:
    """Write tables as Parquet; yield the number of rows of each."""
    import pyarrow.parquet as pq

    first = next(tables)
    with pq.ParquetWriter(path, first.schema, compression="zstd") as writer:
        for table in chain([first], tables):
            if len(table):
                writer.write_table(table)
            yield len(table)


def _write_csv(tables: Iterator["pa.Table"], path: Path, layout: Layout) -> Iterator[int]:
    """Write tables as CSV; yield the number of rows of each."""
    columns = list(list_columns(layout).items())
    with path.open("w", newline="", encoding="utf-8") as stream:
        stream.writelines(format_answer(columns, iter([]), "csv"))
        for table in tables:
            cells = zip(*(column.to_pylist() for column in table.columns), strict=True)
            rows = list(cells) if layout.raw else [escape_formulas(row) for row in cells]
            _, lines = format_answer(columns, iter([rows]), "csv")
            stream.write(lines)
            yield len(rows)


def _write_ledger(place: FilePlace, ledger: Ledger) -> None:
    """Write the ledger of a folder."""
    with place.write(LEDGER) as path:
        path.write_text(json.dumps(asdict(ledger), indent=0), "utf-8")


def parse_ledger(content: bytes, destination: Destination) -> Ledger:
    """Return the ledger with this content; raise `DestinationError` if it can't be read."""
    try:
        version = json.loads(content)["version"]
        if version == LEDGER_VERSION:
            return TypeAdapter(Ledger).validate_json(content)
    except (ValueError, KeyError, TypeError, RecursionError):
        version = None
    what = "is damaged" if version is None else "is of another version of this program"
    raise DestinationError(
        f"{destination.name}: {destination.place}/{LEDGER} {what}. Next: delete it, and reviews-* in the folders "
        "day=*, or latest_scores.*, beside it; then all is delivered anew."
    )
