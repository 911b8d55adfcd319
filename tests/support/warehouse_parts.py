"""Writes parts to disk for tests of the warehouse, as the scorer would for a few files."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts.part_schemas import PART_SCHEMAS
from tasks.warehouse.row_names import name_reading

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class PartFile:
    """One source file of a part; `rows` holds the differences from an ordinary row, in order from row 1."""

    name: str
    rows: Sequence[dict[str, Any]] = ()
    bad_rows: Sequence[int] = ()
    """Row numbers of the quarantined rows, after those of `rows`."""
    status: str = "scored"
    ledger: dict[str, Any] = field(default_factory=dict)
    version: str | None = None
    """The version of the profile by which it is read again; None for its first reading."""

    @property
    def source_sha256(self) -> str:
        """The name of the reading."""
        content = hash_text(self.name)
        return name_reading(content, self.version) if self.version else content


def hash_text(text: str) -> str:
    """Return the sha256 of a text in hex."""
    return sha256(text.encode()).hexdigest()


def write_part(folder: Path, files: Sequence[PartFile], model_id: str = "model-a") -> Path:
    """Write the four Parquet files of a part into `folder`, and return it."""
    folder.mkdir(parents=True)
    for name, table in make_part(files, model_id).items():
        pq.write_table(table, folder / f"{name}.parquet")
    return folder


def make_part(files: Sequence[PartFile], model_id: str = "model-a") -> dict[str, pa.Table]:
    """Return the four tables of a part, by their names."""
    rows = {
        "source_reviews": [row for file in files for row in _source_rows(file)],
        "scored_reviews": [row for file in files for row in _scored_rows(file, model_id)],
        "quarantined_rows": [row for file in files for row in _quarantined_rows(file)],
        "scored_files": [_ledger_row(file, model_id) for file in files],
    }
    return {name: pa.Table.from_pylist(each, schema=PART_SCHEMAS[name]) for name, each in rows.items()}


def write_large_part(folder: Path, rows: int) -> Path:
    """Write a part of a file with this many rows; each text has about 700 characters and differs from the others."""
    words = [hash_text(str(number)) for number in range(1000)]
    large = [
        {
            "text": " ".join((*(words[(row * 7 + k * k) % 1000] for k in range(10)), str(row))),
            "review_id": f"r{row}",
            "movie_id": f"tt{row % 500}",
        }
        for row in range(rows)
    ]
    return write_part(folder, [PartFile("large", large)])


def _source_rows(file: PartFile) -> list[dict[str, Any]]:
    names = PART_SCHEMAS["source_reviews"].names
    rows = []
    for number, given in enumerate(file.rows, start=1):
        text = given.get("text", f"text {number} of {file.name}")
        row = {"source_sha256": file.source_sha256, "row_number": number, "text": text}
        rows.append({**row, "text_sha256": hash_text(text or ""), **_choose(given, names)})
    return rows


def _scored_rows(file: PartFile, model_id: str) -> list[dict[str, Any]]:
    names = PART_SCHEMAS["scored_reviews"].names
    rows = []
    for number, given in enumerate(file.rows, start=1):
        score = given.get("score", 0.75)
        row = {
            "source_sha256": file.source_sha256,
            "row_number": number,
            "model_id": model_id,
            "score": score,
            "sentiment": "positive" if score >= 0.5 else "negative",
            "predicted_rating": 1 + 9 * score,
            "token_count": 4,
            "oov_rate": 0.25,
            "truncated": False,
            "run_id": "run-1",
            "scored_at": NOON,
        }
        rows.append({**row, **_choose(given, names)})
    return rows


def _quarantined_rows(file: PartFile) -> list[dict[str, Any]]:
    row = {"source_sha256": file.source_sha256, "uri": file.name, "raw": b"\xff", "rule": "text_encoding"}
    same = {"detail": "byte 1", "run_id": file.ledger.get("run_id", "run-1"), "quarantined_at": NOON}
    return [{**row, **same, "row_number": number} for number in file.bad_rows]


def _ledger_row(file: PartFile, model_id: str) -> dict[str, Any]:
    row = {
        "source_sha256": file.source_sha256,
        "profile_version": file.version,
        "model_id": model_id,
        "status": file.status,
        "uri": file.name,
        "format": "csv",
        "bytes": 1000,
        "rows_read": len(file.rows) + len(file.bad_rows),
        "run_id": "run-1",
    }
    refused = {"rule": "csv_broken", "detail": "line 3"} if file.status == "refused" else {}
    return {**row, **refused, **file.ledger}


def _choose(given: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name in names}
