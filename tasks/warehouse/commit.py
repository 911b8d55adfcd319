"""Scored parts into the warehouse: everything of a group of files in one transaction, whole or not at all.

A part is a folder of four Parquet files (`data_contracts/parts.py`). The ledger `scored_files` decides what is
new: a file that it holds for the model is left out whole, so a part may be committed twice, or by two processes
at once, and its rows are there once.
"""

import glob
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from data_contracts.errors import ContractError
from data_contracts.parts import PART_SCHEMAS
from data_contracts.storage.faults import pass_fault_point
from tasks.warehouse.accounting import require_accounted
from tasks.warehouse.connection import begin_transaction, first_line, open_warehouse, quote

_FIND_ACCEPTED = """
CREATE TEMP TABLE accepted AS
SELECT * FROM part_scored_files AS part
WHERE NOT EXISTS (
    SELECT 1 FROM scored_files AS known
    WHERE known.source_sha256 = part.source_sha256 AND known.model_id = part.model_id
    AND known.status = 'scored'
)
"""
# The texts of a file that another model has scored are there already.
_FIND_NEW_SOURCES = """
CREATE TEMP TABLE new_sources AS
SELECT DISTINCT source_sha256 FROM accepted WHERE status = 'scored'
AND source_sha256 NOT IN (SELECT source_sha256 FROM scored_files WHERE status = 'scored')
"""
_LIST_COMMITTED = """
SELECT
    accepted.uri, model_id, format, status, rule, detail, coalesce(accepted.rows_read, 0), coalesce(rows_scored, 0),
    coalesce(rows_quarantined, 0), status = 'scored' AND source_sha256 NOT IN (FROM new_sources), run_id
FROM accepted LEFT JOIN counted USING (source_sha256, model_id) ORDER BY accepted.uri
"""
_FORGET_REFUSALS = """
DELETE FROM scored_files AS known USING accepted
WHERE known.source_sha256 = accepted.source_sha256 AND known.model_id <> accepted.model_id
AND known.status = 'refused' AND accepted.status = 'scored'
"""
# A refused row of the same key is overwritten in place: deleting and inserting one key in one transaction
# makes DuckDB see a conflict where there is none.
_OVERWRITE_REFUSAL = "ON CONFLICT (source_sha256, model_id) DO UPDATE SET"


NEXT_STEP = "Nothing of it was committed. Next: delete the folder and score its files again."


@dataclass(frozen=True)
class CommitSummary:
    """What one commit added: nothing of a file that the ledger had for the model."""

    files_scored: int
    """Those that no model had scored before; likewise the rows scored and quarantined."""
    files_refused: int
    rows_scored: int
    rows_quarantined: int
    files_rescored: int = 0
    """Those that another model had scored before; likewise the rows."""
    rows_rescored: int = 0
    files: tuple["CommittedFile", ...] = field(default=(), compare=False)
    """Those scored, scored again and refused, by name."""


@dataclass(frozen=True)
class CommittedFile:
    """What the ledger holds of one file."""

    uri: str
    model_id: str
    format: str | None
    status: str
    """'scored' or 'refused'; `rule` and `detail` say why where it is refused."""
    rule: str | None
    detail: str | None
    rows_read: int
    rows_scored: int
    rows_quarantined: int
    """Not released since; 0 where the file is refused, as the rows scored."""
    is_rescored: bool
    """Whether another model had scored it before."""
    run_id: str | None = None
    """The run that scored it: an earlier one where that was killed before its commit."""


def commit_parts(warehouse: Path, part_dir: Path) -> CommitSummary:
    """Commit the part in `part_dir` in one transaction; of refused files only the ledger row is kept.

    Raises `ContractError` if the part is broken or if the rows of any file are not accounted for
    (`tasks/warehouse/accounting.py`); `WarehouseError` if the database fails. Both leave nothing of the part.
    """
    with open_warehouse(warehouse, write=True) as connection, _translate_part_errors(part_dir):
        _open_part(connection, part_dir)
        with begin_transaction(connection):
            return _commit(connection, part_dir)


def _commit(connection: duckdb.DuckDBPyConnection, part_dir: Path) -> CommitSummary:
    connection.execute(_FIND_ACCEPTED)
    connection.execute(_FIND_NEW_SOURCES)
    _insert(connection, "source_reviews", "SEMI JOIN new_sources USING (source_sha256)")
    scored_files = "(SELECT * FROM accepted WHERE status = 'scored') AS files"
    _insert(connection, "scored_reviews", f"SEMI JOIN {scored_files} USING (source_sha256, model_id)")
    _insert(connection, "quarantined_rows", "SEMI JOIN new_sources USING (source_sha256)")
    connection.execute(_FORGET_REFUSALS)
    _enter_in_ledger(connection)
    require_accounted(connection, "accepted", part_dir, NEXT_STEP)
    pass_fault_point("score: inside commit")
    committed = connection.execute(_LIST_COMMITTED).fetchall()
    return _summarise([CommittedFile(*row) for row in committed])


def _summarise(files: Sequence[CommittedFile]) -> CommitSummary:
    """Add up what became of files."""
    first = [file for file in files if file.status == "scored" and not file.is_rescored]
    again = [file for file in files if file.is_rescored]
    return CommitSummary(
        files_scored=len(first),
        files_refused=len(files) - len(first) - len(again),
        rows_scored=sum(file.rows_scored for file in first),
        rows_quarantined=sum(file.rows_quarantined for file in first),
        files_rescored=len(again),
        rows_rescored=sum(file.rows_scored for file in again),
        files=tuple(files),
    )


def _open_part(connection: duckdb.DuckDBPyConnection, part_dir: Path) -> None:
    """Make each file of the part a view, `part_` and the table's name; all must be there with their columns."""
    for table, schema in PART_SCHEMAS.items():
        path = part_dir / f"{table}.parquet"
        if not path.is_file():
            raise ContractError(f"{path}: is missing, so the part is not whole. {NEXT_STEP}")
        pattern = quote(glob.escape(str(path.absolute())))
        connection.execute(f"CREATE TEMP VIEW part_{table} AS FROM read_parquet({pattern})")
        found = {name for name, *_ in connection.execute(f"DESCRIBE part_{table}").fetchall()}
        missing = [name for name in schema.names if name not in found]
        if missing:
            raise ContractError(f"{path}: has no column {', '.join(missing)}. {NEXT_STEP}")


def _insert(connection: duckdb.DuckDBPyConnection, table: str, choice: str) -> None:
    """Insert the rows of a part's file that `choice` leaves and no one had forgotten."""
    columns = ", ".join(PART_SCHEMAS[table].names)
    # A file that a restored database did not hold yet is scored anew; what was forgotten of it stays out.
    query = (
        f"INSERT INTO {table} ({columns}) SELECT {columns} FROM part_{table} {choice} "  # noqa: S608
        "ANTI JOIN forgotten_rows USING (source_sha256, row_number)"
    )
    connection.execute(query)


def _enter_in_ledger(connection: duckdb.DuckDBPyConnection) -> None:
    names = PART_SCHEMAS["scored_files"].names
    keys = ("source_sha256", "model_id")
    renewed = ", ".join(f"{name} = excluded.{name}" for name in (*names, "committed_at") if name not in keys)
    columns = ", ".join(names)
    connection.execute(
        f"INSERT INTO scored_files ({columns}, committed_at) SELECT {columns}, now() FROM accepted "  # noqa: S608
        f"{_OVERWRITE_REFUSAL} {renewed}"
    )


@contextmanager
def _translate_part_errors(part_dir: Path) -> Iterator[None]:
    """Blame the part for what DuckDB finds wrong with its rows or files."""
    try:
        yield
    except (duckdb.DataError, duckdb.ConstraintException, duckdb.InvalidInputException) as error:
        raise ContractError(f"{part_dir}: is broken ({first_line(error)}). {NEXT_STEP}") from error
