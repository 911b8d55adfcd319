"""The files of exports: their columns, and how rows are written as Parquet or CSV, some thousand rows at a time.

Only Parquet needs pyarrow.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from tasks.exports.export_ledger import ExportFormat
from tasks.queries.answer_formats import format_answer

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = ("parquet", "csv")
CHUNK_ROWS = 10_000
"""Source rows in memory at a time."""
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", *"\uff1d\uff0b\uff0d\uff20")
"""First characters by which a spreadsheet takes a cell for a formula; by the full-width ones where it is Japanese."""
COLUMNS = {
    "source_sha256": "VARCHAR",
    "row_number": "BIGINT",
    "review_id": "VARCHAR",
    "movie_id": "VARCHAR",
    "reviewed_at": "TIMESTAMPTZ",
    "given_label": "VARCHAR",
    "given_rating": "DOUBLE",
    "model_id": "VARCHAR",
    "score": "DOUBLE",
    "sentiment": "VARCHAR",
    "predicted_rating": "DOUBLE",
    "token_count": "INTEGER",
    "oov_rate": "FLOAT",
    "truncated": "BOOLEAN",
    "scored_at": "TIMESTAMPTZ",
    "run_id": "VARCHAR",
    "uri": "VARCHAR",
    "member": "VARCHAR",
    "source": "VARCHAR",
    "extra": "VARCHAR",
    "text": "VARCHAR",
}
"""The columns of an export in their order, each with the type that DuckDB reads from Parquet."""

StartProgress = Callable[[int], AbstractContextManager[Callable[[int], None]]]
"""Takes the number of rows to export; the block's value is a function to call with each number of rows done."""
Chunks = Iterator[duckdb.DuckDBPyRelation]
"""Relations with a chunk of rows each; fetch the rows of one before you ask for the next."""


@dataclass(frozen=True)
class ExportRequest:
    """Which rows to export, and how."""

    form: str | None = None
    """'parquet' or 'csv'; None for the format of the folder or, for a new one, Parquet."""
    no_text: bool = False
    raw: bool = False
    since: date | None = None
    """The first day, in UTC, whose scores are exported."""
    only_new: bool = False
    """Whether to add only the rows that are not exported yet, instead of replacing earlier exports."""
    no_extra: bool = False
    current: bool = False
    """Whether to export one row per review, as `latest_scores` has it, instead of every score."""

    def choose_format(self) -> ExportFormat:
        """Return the format of an export that is made anew."""
        return ExportFormat(
            self.form or FORMATS[0], not self.no_text, self.raw, not self.no_extra, current=self.current
        )


@dataclass(frozen=True)
class Exported:
    """The result of an export."""

    rows: int
    files: int
    """One file per day, or the only one of an export of the current scores."""
    bytes: int
    export_format: ExportFormat


def list_columns(export_format: ExportFormat) -> list[str]:
    """Return the columns of an export's files in their order."""
    absent = {
        "text": not export_format.with_text,
        "extra": not export_format.with_extra,
        "source": not export_format.with_source,
        # A row of the current scores may have been scored by several runs.
        "run_id": export_format.current,
    }
    return [name for name in COLUMNS if not absent.get(name)]


def select_columns(export_format: ExportFormat) -> str:
    """Return the columns of an export's files as a SELECT list."""
    # For CSV, DuckDB converts times to text: they may lie outside the years that Python's datetime supports.
    is_csv = export_format.form == "csv"
    return ", ".join(
        f"{name}::VARCHAR AS {name}" if is_csv and COLUMNS[name] == "TIMESTAMPTZ" else name
        for name in list_columns(export_format)
    )


def write_chunks(chunks: Chunks, target: Path, export_format: ExportFormat) -> Iterator[int]:
    """Write chunks of rows to the file `target`; yield the number of rows of each."""
    write = _write_parquet if export_format.form == "parquet" else _write_csv
    yield from write(chunks, target, export_format)


def _write_parquet(chunks: Chunks, target: Path, export_format: ExportFormat) -> Iterator[int]:
    """Write chunks of an export as Parquet; yield the number of rows of each."""
    import pyarrow.parquet as pq

    schema = make_schema({name: COLUMNS[name] for name in list_columns(export_format)})
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        for chunk in chunks:
            table = chunk.to_arrow_table().cast(schema)
            if len(table):
                writer.write_table(table)
            yield len(table)


def make_schema(columns: Mapping[str, str]) -> "pa.Schema":
    """Return the schema of Parquet files with these columns, given by name with DuckDB's type."""
    import pyarrow as pa

    types = {
        "VARCHAR": pa.string(),
        "BIGINT": pa.int64(),
        "INTEGER": pa.int32(),
        "DOUBLE": pa.float64(),
        "FLOAT": pa.float32(),
        "BOOLEAN": pa.bool_(),
        "TIMESTAMPTZ": pa.timestamp("us", tz="UTC"),
    }
    return pa.schema([(name, types[type_name]) for name, type_name in columns.items()])


def _write_csv(chunks: Chunks, target: Path, export_format: ExportFormat) -> Iterator[int]:
    """Write chunks of an export as CSV; yield the number of rows of each."""
    columns = [(name, COLUMNS[name]) for name in list_columns(export_format)]
    with target.open("w", newline="", encoding="utf-8") as stream:
        stream.writelines(format_answer(columns, iter([]), "csv"))
        for chunk in chunks:
            rows = [row if export_format.raw else escape_formulas(row) for row in chunk.fetchall()]
            _, lines = format_answer(columns, iter([rows]), "csv")
            stream.write(lines)
            yield len(rows)


def escape_formulas(row: Iterable[Any]) -> list[Any]:
    """Return `row` with an apostrophe before each text that a spreadsheet would take for a formula."""
    return [f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) else cell for cell in row]
