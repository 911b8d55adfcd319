"""Checks the rows of a chunk against their contract; bad rows are quarantined and counted for their file."""

from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.limits import RowLimits
from data_contracts.review_files import TEXT_NOT_GIVEN, UNCOUNTED_RULES, check_rows, measure_rows
from models.tokenizer import mark_texts_with_words
from tasks.scoring.bad_rows import make_quarantine_rows, measure_bad_rows
from tasks.scoring.file_outcomes import Tally
from tasks.scoring.parts import Write


def check_chunk(chunk: pa.Table, limits: RowLimits, run_id: str, tally: Tally, write: Write) -> pa.Table:
    """Check one chunk, write its bad rows to the quarantine, and return the good ones."""
    chunk = chunk.combine_chunks()
    measures = measure_rows(chunk, mark_texts_with_words(chunk["text"]))
    checks, broken = check_rows(measures, limits)
    tally.checks.extend(checks)
    bad = np.zeros(len(chunk), dtype=bool)
    bad[list(broken)] = True
    counted = pc.value_counts(chunk["source_sha256"]).to_pylist()
    tally.rows_read.update({each["values"]: each["counts"] for each in counted})
    quarantine_chunk_rows(chunk, broken, run_id, tally, write)
    return chunk.filter(pa.array(~bad)) if broken else chunk


def quarantine_chunk_rows(
    chunk: pa.Table, broken: Mapping[int, tuple[str, str]], run_id: str, tally: Tally, write: Write
) -> None:
    """Write the bad rows of a chunk to the quarantine and count them; `broken` maps positions to rule and detail."""
    if broken:
        rows = make_quarantine_rows(chunk, broken, run_id, datetime.now(UTC))
        write("quarantined_rows", rows)
        tally.bytes_kept.update(measure_bad_rows(rows))
    sources, numbers = chunk["source_sha256"], chunk["row_number"]
    for position, (rule, detail) in broken.items():
        source = sources[position].as_py()
        tally.rows_quarantined[source] += 1
        if rule == TEXT_NOT_GIVEN:
            tally.rows_not_given[source] += 1
        if rule in UNCOUNTED_RULES:
            continue
        tally.rows_broken[source][rule] += 1
        tally.first_bad.setdefault(source, f"row {numbers[position].as_py()}: {rule}, {detail}")
