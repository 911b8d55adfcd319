"""Checks the result of reading any file: valid rows, or a refusal by a known rule."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import patch

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.errors import FileRefusedError
from data_contracts.review_files import READ_SCHEMA
from data_contracts.rules_and_limits import FILE_RULES, ROW_RULES
from data_contracts.sources.profile import Profile
from tasks.reading import containers, streams
from tasks.reading.reader import ReadOptions, read_review_file

BATCH_BYTES = 64 << 20
"""Of one batch at most: eight times what `ReadOptions` asks for, since one row may be long."""
DETAIL_CHARACTERS = 20_000
READ_AGAIN_BYTES = 1 << 16
"""Files up to this size, of no more than `KEPT_BYTES` of rows, are read again in short pieces, as if they were long."""
PLAIN, PIECE_BYTES, PACKED_PIECE_BYTES = {".csv", ".tsv", ".jsonl", ".json", ".txt"}, 61, 1 << 16
"""What others unpack to may be long, so that their pieces are longer: an open quote is tried anew at each."""
KEPT_BYTES = 8 << 20
"""Of the rows that are kept to be compared."""
PROFILE = Profile.model_validate(
    {
        "columns": {
            **{
                "text": ["source", "text"],
                "review_id": "review_id",
                "movie_id": "movie_id",
                "author": "label",
            },
            **{"reviewed_at": "date", "given_rating": "stars"},
        },
        "dates": {"format": "day-first", "time_zone": "Asia/Tokyo"},
        "rating": {"lowest": -1, "highest": 11, "decimal_comma": True, "words": {"pos": 11}},
        "rows": {"no_text": ["web"], "never": {"label": ["neg"]}},
    }
)
"""It reads most of the files to start from in other ways than our own names do."""


def judge(path: Path) -> str:
    """Read a file to its end; return the outcome: 'rows', 'bad rows', 'no rows' or the rule that refused it.

    Raises `AssertionError` for an invalid result, and any error of the reader except a refusal.
    """
    outcome, rows, size = _read(path, ReadOptions())
    is_small = path.stat().st_size < READ_AGAIN_BYTES and size <= KEPT_BYTES
    if is_small and b"PAR1" not in path.read_bytes():
        _require_same(path, outcome, rows)
    if is_small:
        _read(path, ReadOptions(profile=PROFILE))
    return outcome


def _read(path: Path, options: ReadOptions) -> tuple[str, list[pa.RecordBatch], int]:
    """Read a file; return the outcome, the rows up to `KEPT_BYTES`, and the bytes of all rows."""
    kept: list[pa.RecordBatch] = []
    rules: set[str | None] = set()
    size = 0
    try:
        for batch in _check_batches(path, options):
            rules.update(pc.unique(batch["rule"]).to_pylist())
            size += batch.nbytes
            if size <= KEPT_BYTES:
                kept.append(batch)
    except FileRefusedError as error:
        _require_refusal(error)
        return error.rule, [], size
    return "no rows" if not rules else "rows" if None in rules else "bad rows", kept, size


def _check_batches(path: Path, options: ReadOptions) -> Iterator[pa.RecordBatch]:
    next_row = 1
    for batch in read_review_file(path, options):
        _require_batch(batch, next_row, options)
        next_row += batch.num_rows
        yield batch


def _require_same(path: Path, outcome: str, rows: list[pa.RecordBatch]) -> None:
    """Read a file again in short pieces and require the same rows; of two defects, either may be found first."""
    size = PIECE_BYTES if path.suffix in PLAIN else PACKED_PIECE_BYTES
    with ExitStack() as stack:
        for module in (containers, streams):
            stack.enter_context(patch.object(module, "CHUNK_BYTES", size))
        again, others, _ = _read(path, ReadOptions())
    assert (outcome in FILE_RULES) == (again in FILE_RULES), f"Read in pieces, it is {again}, not {outcome}."
    same = pa.Table.from_batches(rows, READ_SCHEMA).equals(pa.Table.from_batches(others, READ_SCHEMA))
    assert same, "Read in pieces, its rows are others."


def _require_refusal(error: FileRefusedError) -> None:
    assert error.rule in FILE_RULES, f"The rule {error.rule} is not known."
    assert error.detail.endswith(FILE_RULES[error.rule]), "The refusal does not say what to do."
    assert len(error.detail.encode()) < DETAIL_CHARACTERS, "The refusal is too long to be shown."


def _require_batch(batch: pa.RecordBatch, first_row: int, options: ReadOptions) -> None:
    assert batch.schema.equals(READ_SCHEMA), "A batch is not of READ_SCHEMA."
    batch.validate(full=True)
    assert 0 < batch.num_rows <= options.batch_rows, f"A batch has {batch.num_rows} rows."
    assert batch.nbytes <= BATCH_BYTES, f"A batch has {batch.nbytes:,} bytes."
    numbers = pa.array(range(first_row, first_row + batch.num_rows), pa.int64())
    assert batch["row_number"].equals(numbers), "The rows are not numbered one after the other."
    _require_rules(batch)
    _require_values(batch)


def _require_rules(batch: pa.RecordBatch) -> None:
    rules, texts = batch["rule"], batch["text"]
    unknown = set(pc.unique(rules).to_pylist()) - {None, *ROW_RULES}
    assert not unknown, f"Row rules that are not known: {unknown}."
    assert pc.is_null(texts).equals(pc.is_valid(rules)), "A row has both a text and a defect, or neither."


def _require_values(batch: pa.RecordBatch) -> None:
    assert {*pc.unique(batch["given_label"]).to_pylist()} <= {None, "positive", "negative"}, (
        "A label is not known."
    )
    ratings = [rating for rating in pc.unique(batch["given_rating"]).to_pylist() if rating is not None]
    assert all(1 <= rating <= 10 for rating in ratings), "A rating is not in 1 to 10."
    for extra in pc.unique(batch["extra"]).to_pylist():
        if extra is not None:
            assert isinstance(json.loads(extra, parse_constant=_fail), dict), (
                "The further columns are no object."
            )


def _fail(name: str) -> None:
    raise AssertionError(f"The further columns hold {name}, which is not JSON.")
