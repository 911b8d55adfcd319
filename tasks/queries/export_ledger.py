"""The ledger of an export: what its folder holds, so that no row comes into it twice.

It has the keys of all rows that were exported, with the numbers of the rows, and the names of the files that belong
into the folder. Writing it commits an export. Version 1, without the numbers of the rows, is still read.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from data_contracts.errors import UsageError
from data_contracts.storage.durable import write_whole
from data_contracts.storage.faults import pass_fault_point

LEDGER = "_exported.json"
"""The underscore keeps it away from those who read folders of data, as it does for Spark and Hive."""
LEDGER_VERSION = 2

Key = tuple[str, str, str, str]
"""(day, source_sha256, model_id, run_id): its rows are exported all, or not at all."""


@dataclass(frozen=True)
class ExportFormat:
    """How rows are written; all exports to a folder have one format."""

    form: str = "parquet"
    """'parquet' or 'csv'."""
    with_text: bool = True
    raw: bool = False
    """CSV with cells as they are, also those that a spreadsheet would run."""

    def describe(self) -> str:
        """Say it in the words of the command's options."""
        return f"--format {self.form}{'' if self.with_text else ' --no-text'}{' --raw' if self.raw else ''}"


@dataclass(frozen=True)
class Ledger:
    """What a folder holds: the number of its last export, its files, and the keys of their rows."""

    number: int
    export_format: ExportFormat
    files: tuple[str, ...]
    """As day=2026-11-24/reviews-000001.parquet."""
    keys: Mapping[Key, str]
    """With the numbers of the rows, as '1-400,402'; '' where version 1 did not keep them."""


def read_ledger(folder: Path) -> Ledger | None:
    """Read the ledger of a folder, None where there is none; raises `UsageError` where it can't be read."""
    path = folder / LEDGER
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text("utf-8"))
        if found["version"] > LEDGER_VERSION:
            raise UsageError(
                f"{path}: a newer version made it. Next: update this program, or name another folder."
            )
        keys = dict(map(_read_key, found["keys"]))
        return Ledger(
            int(found["number"]), ExportFormat(**found["manner"]), tuple(map(str, found["files"])), keys
        )
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path}: is damaged ({error}). Next: remove that export, or name another folder."
        ) from error


def _read_key(entry: list[str]) -> tuple[Key, str]:
    day, source, model, run, *rows = map(str, entry)
    numbers = rows[0] if rows else ""
    list(list_numbers(numbers))  # raises where they can't be read
    return (day, source, model, run), numbers


def write_ledger(folder: Path, ledger: Ledger) -> None:
    """Put the ledger in place, whole or not at all: this commits the export."""
    content = {
        "version": LEDGER_VERSION,
        "number": ledger.number,
        "manner": asdict(ledger.export_format),
        "files": ledger.files,
        "keys": sorted([*key, rows] for key, rows in ledger.keys.items()),
    }
    with write_whole(folder / LEDGER) as building:
        building.write_text(json.dumps(content, indent=0), "utf-8")
    pass_fault_point("export: after ledger")


def list_numbers(rows: str) -> Iterator[range]:
    """Give the ranges of row numbers that '1-400,402' means."""
    for each in filter(None, rows.split(",")):
        first, _, last = each.partition("-")
        yield range(int(first), int(last or first) + 1)


def are_all_among(rows: str, others: Collection[int]) -> bool:
    """Tell whether all rows of a key are among `others`; where they are not known, nothing tells that they are."""
    return bool(rows) and all(number in others for each in list_numbers(rows) for number in each)
