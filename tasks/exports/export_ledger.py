"""The ledger of an export folder: it records what was exported, so that no row is exported twice.

The ledger has the keys and row numbers of all exported rows and the names of the folder's files. Writing it commits an
export; recovery makes the folder agree with it. Earlier versions can still be read: version 1 has no row numbers, and
exports of version 2 have no columns `source` and `extra`. The ledger of an export of the current scores has only the
names of its files.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from data_contracts.errors import UsageError
from data_contracts.storage.durable import make_durable, move_all, remove_leftovers, write_whole
from data_contracts.storage.faults import pass_fault_point

if TYPE_CHECKING:
    import duckdb

LEDGER = "_exported.json"
"""Readers of data folders, such as Spark and Hive, ignore names that begin with an underscore."""
LEDGER_VERSION = 3
_WITHOUT_EXTRA = 2
"""The last version of folders whose files have no columns `source` and `extra`."""

_LIST_FORGOTTEN = "SELECT row_number FROM forgotten_rows WHERE source_sha256 = ?"

Key = tuple[str, str, str, str]
"""(day, source_sha256, model_id, run_id). Either all rows of a key are exported, or none."""


@dataclass(frozen=True)
class ExportFormat:
    """How rows are written; all exports to a folder have one format."""

    form: str = "parquet"
    """'parquet' or 'csv'."""
    with_text: bool = True
    raw: bool = False
    """Whether CSV cells that a spreadsheet would run as formulas are written unchanged."""
    with_extra: bool = True
    with_source: bool = True
    """False only in a folder whose export was begun before exports had this column."""
    current: bool = False
    """Whether the export has one row per review, as `latest_scores` has it, instead of every score."""

    def describe(self) -> str:
        """Return the command line options that choose this format."""
        options = {
            "--current": self.current,
            f"--format {self.form}": True,
            "--no-text": not self.with_text,
            "--no-extra": not self.with_extra,
            "--raw": self.raw,
        }
        return " ".join(option for option, is_chosen in options.items() if is_chosen)


@dataclass(frozen=True)
class Ledger:
    """The contents of an export folder: the number of the last export, the files, and the keys of their rows."""

    number: int
    export_format: ExportFormat
    files: tuple[str, ...]
    """Relative paths such as day=2026-11-24/reviews-000001.parquet."""
    keys: Mapping[Key, str]
    """The row numbers by key, such as '1-400,402'; '' if unknown, in a ledger of version 1."""


def read_ledger(folder: Path) -> Ledger | None:
    """Return the ledger of a folder, None if there is none; raise `UsageError` if it can't be read."""
    path = folder / LEDGER
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text("utf-8"))
        if content["version"] > LEDGER_VERSION:
            raise UsageError(
                f"{path}: a newer version of this program made it. Next: update this program, or name another folder."
            )
        keys = dict(map(_parse_key, content["keys"]))
        later = dict.fromkeys(("with_extra", "with_source"), content["version"] > _WITHOUT_EXTRA)
        export_format = ExportFormat(**{**later, **content["manner"]})
        return Ledger(int(content["number"]), export_format, tuple(map(str, content["files"])), keys)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(
            f"{path}: is damaged ({error}). Next: delete that export, or name another folder."
        ) from error


def _parse_key(entry: list[str]) -> tuple[Key, str]:
    """Return the key and the row numbers of an entry; raise `ValueError` if the numbers are malformed."""
    day, source, model, run, *rows = map(str, entry)
    numbers = rows[0] if rows else ""
    list(parse_ranges(numbers))
    return (day, source, model, run), numbers


def write_ledger(folder: Path, ledger: Ledger) -> None:
    """Write the ledger, completely or not at all, which commits the export."""
    with write_whole(folder / LEDGER) as building:
        building.write_text(format_ledger(ledger), "utf-8")
    pass_fault_point("export: after ledger")


def format_ledger(ledger: Ledger) -> str:
    """Return the text of a ledger."""
    content = {
        "version": LEDGER_VERSION,
        "number": ledger.number,
        "manner": asdict(ledger.export_format),
        "files": ledger.files,
        "keys": sorted([*key, rows] for key, rows in ledger.keys.items()),
    }
    return json.dumps(content, indent=0)


def parse_ranges(rows: str) -> Iterator[range]:
    """Yield the ranges of row numbers in a text such as '1-400,402'."""
    for each in filter(None, rows.split(",")):
        first, _, last = each.partition("-")
        yield range(int(first), int(last or first) + 1)


def are_all_among(rows: str, others: Collection[int]) -> bool:
    """Return whether all row numbers in `rows`, such as '1-400,402', are in `others`; False if `rows` is ''."""
    return bool(rows) and all(number in others for each in parse_ranges(rows) for number in each)


_FILE_NAME = re.compile(r"(\.?)(reviews-\d{6}\.(?:parquet|csv))(\.tmp)?")


def holds_export(folder: Path) -> bool:
    """Return whether `folder` has an export, by its ledger."""
    return (folder / LEDGER).is_file()


def recover_export(folder: Path, *, current: bool = False) -> Ledger | None:
    """Rename the finished files of a committed export, delete the files of an uncommitted one, and return the ledger.

    Files of the ledger may be missing, since users move exported files away. Raises `UsageError` if there are exported
    files but no ledger, or if the folder's export is of the other kind than `current` says.
    """
    ledger = read_ledger(folder)
    if ledger:
        _require_kind(folder, ledger, current)
    if current and ledger:
        remove_leftovers(folder, LEDGER, held=True)
        return ledger
    listed = ledger.files if ledger else ()
    files = [
        (day, match)
        for day in sorted(folder.glob("day=????-??-??"))
        for path in day.iterdir()
        if (match := _FILE_NAME.fullmatch(path.name))
    ]
    if ledger is None and (exported := [day / match[0] for day, match in files if not match[3]]):
        raise UsageError(
            f"{exported[0]}: belongs to an export whose {LEDGER} is missing. Next: delete that export, or name another "
            "folder."
        )
    remove_leftovers(folder, LEDGER, held=True)
    # Delete before renaming: a reader may miss rows for a moment, but never sees them twice.
    for day, match in files:
        if f"{day.name}/{match[2]}" not in listed:
            (day / match[0]).unlink()
    for day, match in files:
        if f"{day.name}/{match[2]}" in listed and match[3]:
            move_all([(day / match[0], day / match[2])])
            pass_fault_point("export: a file in place")
    for day in {day for day, _ in files}:
        make_durable(day)
        with suppress(OSError):  # the folder is not empty
            day.rmdir()
    return ledger


def _require_kind(folder: Path, ledger: Ledger, current: bool) -> None:
    """Raise `UsageError` if a folder's export has the current scores and is to have every score, or the reverse."""
    if ledger.export_format.current != current:
        held, option = ("every score", "without") if current else ("the current scores", "with")
        raise UsageError(
            f"{folder}: holds an export of {held}, which is not replaced by one of another kind. Next: name another "
            f"folder, export {option} --current, or delete that export with its {LEDGER}."
        )


def refuse_after_restore(
    connection: "duckdb.DuckDBPyConnection", folder: Path, missing: Mapping[Key, str], new: Iterable[Key]
) -> None:
    """Raise `UsageError` if rows of the ledger would be exported again because a later run scored them again.

    That happens after the restore of a backup that did not have them. Then some exported keys are `missing` from the
    database, and the same file and model have `new` keys. A key is also missing if all its rows were forgotten; that is
    no reason to refuse, since the new rows of its file were not exported before.
    """
    files_with_new_rows = {key[1:3] for key in new}
    for key, rows in missing.items():
        if key[1:3] not in files_with_new_rows:
            continue
        forgotten = {number for (number,) in connection.execute(_LIST_FORGOTTEN, [key[1]]).fetchall()}
        if not are_all_among(rows, forgotten):
            raise UsageError(
                f"{folder}: holds rows of runs that the database does not know, because an older backup was restored "
                "and their files were scored again. Next: export everything again, without --new."
            )
