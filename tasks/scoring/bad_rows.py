"""Makes the quarantined rows of bad rows, and decides while a file is read whether its bad rows must refuse it.

A file that is refused whatever its other rows are is not read further.
"""

from collections.abc import Mapping
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.part_schemas import CARRIED_COLUMNS, QUARANTINE_SCHEMA
from data_contracts.rules_and_limits import RowLimits, exceeds_bad_rows
from tasks.inbox.source_files import SourceFile
from tasks.reading.reader import format_of
from tasks.reading.rows import ReadOptions
from tasks.support.refusals import refusal

LEAST_ROW_BYTES = {"jsonl": 9, "json": 9, "csv": 2, "tsv": 2}
"""Least bytes of a good row in an uncompressed file, by format: {"t":"a"}, or a letter and a line break."""
UNSUSPECTED_BYTES = 64 << 20
"""Bytes of quarantined rows up to which the size of their file does not matter."""
KEPT_PER_BYTE = 10
"""Most bytes of quarantined rows per byte of their file on disk."""


def can_only_be_refused(
    file: SourceFile, rows_read: int, rows_broken: int, limits: RowLimits, options: ReadOptions
) -> bool:
    """Return whether a file has too many bad rows even if all its other rows, as many as it can have, are good."""
    most = options.limits.count_rows(file.size)
    least = LEAST_ROW_BYTES.get(format_of(file.path))
    if least is not None:
        most = min(most, rows_read + file.size // least + 1)
    return exceeds_bad_rows(max(most, rows_read), rows_broken, limits)


def require_bounded_bad_rows(file: SourceFile, bytes_kept: int) -> None:
    """Refuse a file (bomb_suspected) if its quarantined rows, `bytes_kept` so far, are far larger than the file."""
    most = max(UNSUSPECTED_BYTES, KEPT_PER_BYTE * file.size)
    if bytes_kept > most:
        raise refusal(
            "bomb_suspected", f"its bad rows alone unpack to more than {most:,} bytes, the limit here"
        )


def measure_bad_rows(rows: pa.Table) -> dict[str, int]:
    """Return the bytes of the columns `raw` and `extra` of quarantined rows, summed by the sha256 of their file."""
    sizes = pc.add(
        pc.fill_null(pc.binary_length(rows["raw"]), 0),
        pc.fill_null(pc.binary_length(rows["extra"].cast(pa.string())), 0),
    )
    table = pa.table({"source": rows["source_sha256"], "size": pc.cast(sizes, pa.int64())})
    sums = table.group_by("source").aggregate([("size", "sum")])
    return dict(zip(sums["source"].to_pylist(), sums["size_sum"].to_pylist(), strict=True))


def make_quarantine_rows(
    chunk: pa.Table, broken: Mapping[int, tuple[str, str]], run_id: str, now: datetime
) -> pa.Table:
    """Return bad rows as rows of `QUARANTINE_SCHEMA`; `broken` maps positions in `chunk` to rule and detail.

    `raw` is the reader's raw bytes if there are any, else the text. The other columns are kept for a later release.
    """
    positions = sorted(broken)
    rows = chunk.take(pa.array(positions, pa.int64()))
    raw = pc.coalesce(rows["raw"], rows["text"].cast(pa.binary()))
    columns = {
        **{name: rows[name] for name in ("source_sha256", "row_number", "uri", "member")},
        **{name: rows[name] for name in CARRIED_COLUMNS},
        "raw": raw,
        "rule": [broken[position][0] for position in positions],
        "detail": [broken[position][1] for position in positions],
        "run_id": [run_id] * len(positions),
        "quarantined_at": [now] * len(positions),
        "raw_is_text": pc.or_(
            pc.is_valid(rows["text"]), pc.fill_null(pc.equal(rows["rule"], "text_encoding"), False)
        ),
    }
    return pa.table(columns, schema=QUARANTINE_SCHEMA)
