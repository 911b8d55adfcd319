"""Delivers scores to a folder of Parquet or CSV files, on disk or in an object store, each row in one file.

Every score lies in the folder of the UTC day on which it was given, `day=2026-11-24/reviews-000001.parquet`. The
current scores are one file, so that a reader finds those of one moment. The folder's ledger, `_delivered.json`, has the
state of each source file that was delivered, and for each file the source files whose rows it has.

A file is written as a whole, in place of the one with its name. Before the first one is written, the ledger forgets the
states of the source files concerned; after each it has those that are complete. So what a killed delivery has begun is
written again by the next one. What the ledger does not list is deleted first, so that no row is ever there twice.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from data_contracts.errors import DestinationError
from data_contracts.storage.faults import pass_fault_point
from tasks.delivery.changes import BATCH_ROWS, FileState, find_changes
from tasks.delivery.columns import Layout, list_columns, make_arrow_schema
from tasks.delivery.destinations import Destination
from tasks.delivery.places import FilePlace
from tasks.delivery.results import Delivered, Sender, StartProgress, refuse_newer, require_own
from tasks.delivery.rows import choose_every_current, choose_rows, count_days, read_rows
from tasks.queries.answer_formats import escape_formulas, format_answer

if TYPE_CHECKING:
    import pyarrow as pa

LEDGER = "_delivered.json"
"""Readers of data folders, such as Spark and Hive, ignore names that begin with an underscore."""
LEDGER_VERSION = 2
"""Of the ledger, the names of files, their columns and what a row means; after a change all is delivered again."""
OLD_EXPORT = "_exported.json"
"""The ledger of an export that an earlier version made."""
SMALL_ROWS = 20_000
"""Rows below which the last file of a day gets new ones too, by being written anew, so that files are not too many."""
_DIFFERING = {
    "review",
    "row_number",
    "review_id",
    "score",
    "predicted_rating",
    "text_sha256",
    "extra",
    "text",
}
"""Columns of which a dictionary would take time and save nothing."""
_NAME = re.compile(r"(day=\d{4}-\d\d-\d\d)/reviews-(\d{6})\.(?:parquet|csv)|latest_scores\.(?:parquet|csv)")
_OLD_NAME = re.compile(rf"scores(-\d{{6}})?\.parquet|{OLD_EXPORT}")
"""The names in the folder of a destination that an earlier version filled, and the ledger of an old export."""


@dataclass(frozen=True)
class DataFile:
    """What the ledger says of a file."""

    rows: int
    sources: Collection[str]
    """The source files whose rows it has."""


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
    outdated: Collection[str] = ()
    """Files of another format or an earlier version, which are deleted when all rows are in others."""


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
    differing = {file.source_sha256: file.rows for file in find_changes(states, ledger.states)}
    if ledger.layout.rows == "current":
        name, days = f"latest_scores.{ledger.kind}", {}
        plan = {name: [*states]} if differing or name not in ledger.files else {}
    else:
        days = count_days(published, [name for name in states if name in differing], ledger.layout.since)
        plan = _plan_days(ledger, differing.keys(), days)
    if not (differing or plan or ledger.outdated) and LEDGER in found:
        return Delivered()
    with start_progress(sum(states[each].rows for sources in plan.values() for each in sources)) as report:
        write = partial(_write, published, place, report)
        written, removed = _write_files(
            write, place, ledger, plan, {name: file.state for name, file in states.items()}
        )
    rows = sum(sum(sources.values()) for sources in days.values())
    return Delivered(written if ledger.layout.rows == "current" else rows, removed, len(differing))


def read_ledger(place: FilePlace, found: Collection[str], sender: Sender) -> Ledger:
    """Return the ledger as a delivery goes on with it, of a folder where files of these names were `found`.

    Raises `DestinationError` if it can't go on. Of a file that somebody has deleted, the rows are delivered again.
    """
    destination, ours = place.destination, {*filter(_NAME.fullmatch, found)}
    begun = Ledger(sender.home_id, sender.place, LEDGER_VERSION, destination.kind, destination.layout, {}, {})
    content = place.read(LEDGER)
    if content is None:
        return replace(begun, outdated=_list_exported(place, ours, sender))
    ledger = parse_ledger(content, destination)
    require_own(destination, sender, ledger.home, ledger.home_place, ledger.layout.rows)
    if ledger.version > LEDGER_VERSION:
        raise refuse_newer(destination)
    if ledger.version < LEDGER_VERSION:
        return replace(begun, outdated=sorted(filter(_OLD_NAME.fullmatch, found)))
    # A ledger may list anything; only files with the names that a delivery gives are written or deleted.
    outdated = {
        name for name in ledger.outdated if name in ours or (name in found and _OLD_NAME.fullmatch(name))
    }
    if ledger.kind != destination.kind:
        return replace(begun, outdated=sorted(outdated | (ours & ledger.files.keys())))
    lost = {source for name, file in ledger.files.items() if name not in ours for source in file.sources}
    unknown = ledger.states if sender.repeats or ledger.layout != destination.layout else lost
    files = {name: file for name, file in ledger.files.items() if name in ours}
    states = {**ledger.states, **dict.fromkeys(unknown, "")}
    return replace(begun, files=files, states=states, outdated=sorted(outdated))


def _list_exported(place: FilePlace, ours: Collection[str], sender: Sender) -> list[str]:
    """Return the files in a folder without our ledger that a delivery replaces: the export of an earlier version.

    Raises `DestinationError` if nobody knows who made `ours`, or if rows are to be added to that export.
    """
    destination, exported = place.destination, place.read(OLD_EXPORT)
    if exported is None and not ours:
        return []
    if exported is None:
        raise DestinationError(
            f"{destination.name}: {destination.place} has a file {min(ours)}, but no {LEDGER}, so it is not known who "
            "made it. Next: name another folder; or, if it was delivered, delete it and the others of its kind."
        )
    if not sender.repeats:
        raise DestinationError(
            f"{destination.name}: {destination.place} has an export of an earlier version, to which nothing is added. "
            "Next: name another folder, or replace it by `reviews export` without --new."
        )
    try:
        rows = "current" if json.loads(exported)["manner"].get("current") else "all"
    except _DAMAGED as error:
        raise _refuse_damaged(destination, OLD_EXPORT) from error
    require_own(destination, sender, sender.home_id, sender.place, rows)
    return [*ours, OLD_EXPORT]


def _plan_days(
    ledger: Ledger, differing: Set[str], days: Mapping[str, Mapping[str, int]]
) -> dict[str, list[str]]:
    """Return the files to be written, in order, each with its source files; without any, it is to be deleted.

    They are those with source files that differ, and those with scores of `days`, which are the rows by day and source.
    On each day a source file stays in the file that has it; a new one joins the last file as long as that is small.
    """
    plan: dict[str, list[str]] = {}
    sizes = {name: file.rows for name, file in ledger.files.items()}
    placed = set()
    for name, file in ledger.files.items():
        day = name.partition("/")[0]
        kept = [each for each in file.sources if each not in differing or each in days.get(day, ())]
        placed |= {(day, each) for each in kept}
        if len(kept) < len(file.sources) or not differing.isdisjoint(kept):
            plan[name] = kept
    for day, sources in days.items():
        taken = [match for name in (*ledger.files, *ledger.outdated) if (match := _NAME.fullmatch(name))]
        number = max((int(match[2]) for match in taken if match[1] == day), default=0)
        name = f"{day}/reviews-{number:06}.{ledger.kind}"
        is_full = sizes.get(name, SMALL_ROWS) >= SMALL_ROWS
        for source, rows in sources.items():
            if (day, source) in placed:
                continue
            if is_full or sizes[name] + rows > BATCH_ROWS:
                number, is_full = number + 1, False
                name = f"{day}/reviews-{number:06}.{ledger.kind}"
                sizes[name] = 0
            plan.setdefault(name, [*ledger.files[name].sources] if name in ledger.files else []).append(
                source
            )
            sizes[name] += rows

    def order(name: str) -> tuple[bool, bool, str]:
        before, after = {*ledger.files[name].sources} if name in ledger.files else set(), {*plan[name]}
        return not after <= before, before <= after, name

    # Files that get no further source file come first, first those that lose one: so no row is in two meanwhile.
    return {name: plan[name] for name in sorted(plan, key=order)}


def _write_files(
    write: Callable[[str, Sequence[str]], int],
    place: FilePlace,
    ledger: Ledger,
    plan: Mapping[str, Sequence[str]],
    wanted: Mapping[str, str],
) -> tuple[int, int]:
    """Write files, and the ledger before them and after each; return the rows written, and those that went.

    At the end it has the `wanted` states, and what is outdated is deleted.
    """
    before = {name: ledger.files.get(name, DataFile(0, ())) for name in plan}
    concerned = {name: {*sources, *before[name].sources} for name, sources in plan.items()}
    waiting = Counter(chain.from_iterable(concerned.values()))
    begun = {
        name: DataFile(ledger.files[name].rows, sorted(concerned[name]))
        for name in plan
        if name in ledger.files
    }
    ledger = replace(ledger, files={**ledger.files, **begun}, states={**wanted, **dict.fromkeys(waiting, "")})
    _write_ledger(place, ledger)
    pass_fault_point("deliver: a ledger begun")
    written = removed = 0
    for name, sources in plan.items():
        is_kept = bool(sources) or ledger.layout.rows == "current"
        rows = write(name, sources) if is_kept else 0
        pass_fault_point("deliver: a file in place")
        waiting.subtract(concerned[name])
        done = {source for source in concerned[name] if not waiting[source]}
        states = {source: state for source, state in ledger.states.items() if source not in done}
        files = {each: file for each, file in ledger.files.items() if each != name}
        ledger = replace(
            ledger,
            files={**files, name: DataFile(rows, sources)} if is_kept else files,
            states=states | {source: wanted[source] for source in done if source in wanted},
        )
        _write_ledger(place, ledger)
        pass_fault_point("deliver: a ledger written")
        if not is_kept:
            place.delete([name])
        written, removed = written + rows, removed + max(0, before[name].rows - rows)
    if ledger.outdated:
        place.delete({*ledger.outdated} - ledger.files.keys())
        _write_ledger(place, replace(ledger, outdated=()))
    return written, removed


def _write(
    published: duckdb.DuckDBPyConnection,
    place: FilePlace,
    report: Callable[[int], None],
    name: str,
    sources: Sequence[str],
) -> int:
    """Write a file with the rows of its source files; return their number."""
    kind, layout = place.destination.kind, place.destination.layout
    expected = None
    if layout.rows == "current":
        choose_every_current(published)
    else:
        expected = choose_rows(published, layout, sources, day=name.partition("/")[0])
    write = _write_csv if kind == "csv" else _write_parquet
    with place.write(name) as path:
        rows = 0
        for size in write(read_rows(published, layout, kind), path, layout):
            rows += size
            report(size)
        if expected not in (None, rows):
            raise DestinationError(
                f"{name}: {rows:,} rows were read, but the database counts {expected:,}, so it was not written. Next: "
                "`reviews verify` shows what is wrong with the database."
            )
    return rows


def _write_parquet(tables: Iterator["pa.Table"], path: Path, layout: Layout) -> Iterator[int]:
    """Write tables as Parquet; yield the number of rows of each."""
    import pyarrow.parquet as pq

    schema = make_arrow_schema(layout)
    repeated = [name for name in schema.names if name not in _DIFFERING]
    with pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=repeated) as writer:
        for table in tables:
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


_DAMAGED = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What is raised where a ledger is not as it was written."""


def parse_ledger(content: bytes, destination: Destination) -> Ledger:
    """Return the ledger with this content; raise `DestinationError` if it can't be read."""
    try:
        found = json.loads(content)
        version, home, place = int(found["version"]), str(found["home"]), str(found["home_place"])
        if version != LEDGER_VERSION:
            return Ledger(home, place, version, "parquet", Layout(found["layout"]["rows"]), {}, {})
        layout = Layout(**found["layout"])
        files = {
            str(name): DataFile(int(each["rows"]), [*map(str, each["sources"])])
            for name, each in found["files"].items()
        }
        states = {str(source): str(state) for source, state in found["states"].items()}
        outdated = [*map(str, found["outdated"])]
        return Ledger(home, place, version, str(found["kind"]), layout, files, states, outdated)
    except _DAMAGED as error:
        raise _refuse_damaged(destination, LEDGER) from error


def _refuse_damaged(destination: Destination, name: str) -> DestinationError:
    """Return the error for a ledger that can't be read."""
    return DestinationError(
        f"{destination.name}: {destination.place}/{name} is damaged. Next: delete it, and reviews-* in the "
        "folders day=*, or latest_scores.*, beside it; then all is delivered anew."
    )
