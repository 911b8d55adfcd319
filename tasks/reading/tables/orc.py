"""Reads the rows of ORC files, stripe after stripe; runs in a process of its own (`separate_process`)."""

from collections.abc import Iterator
from typing import IO

import pyarrow as pa
import pyarrow.orc as pa_orc

from tasks.reading.columns import MAX_COLUMNS
from tasks.reading.options import ReadOptions, require_rows
from tasks.reading.raw_rows import RawRows
from tasks.reading.tables.arrow_columns import read_arrow_rows
from tasks.support.refusals import refusal, refusing
from tasks.support.wording import count


def read(file: IO[bytes], first_row: int, options: ReadOptions) -> Iterator[RawRows]:
    """Yield the rows of an ORC file; the first one gets the number `first_row`.

    Raises `FileRefusedError`: orc_broken, bomb_suspected, and the rules of `read_arrow_rows`.
    """
    rows = 0
    with refusing("orc_broken", lambda: f"it can't be read after row {rows:,}"):
        source = pa_orc.ORCFile(file)
        require_rows(first_row - 1 + source.nrows, options.most_rows)
        if len(source.schema) > MAX_COLUMNS:
            raise refusal("bomb_suspected", f"it has more than {MAX_COLUMNS:,} columns")
        for raw in read_arrow_rows(source.schema, _read_stripes(source), file, first_row, options):
            rows += len(raw.row_numbers)
            yield raw
        if rows != source.nrows:
            raise refusal("orc_broken", f"it states {count(source.nrows, 'row')} and has {rows:,}")


def _read_stripes(source: "pa_orc.ORCFile") -> Iterator[pa.RecordBatch]:
    """Yield the stripes of a file."""
    for number in range(source.nstripes):
        yield source.read_stripe(number)
