"""Rescores sources that other models have scored: reads their texts from the published copy and writes parts.

The source files may be gone, so their texts come from the database: from its published copy, so that the database is
not locked meanwhile. A few chunks of rows are in memory at a time. Older scores stay: a scored row belongs to one
model. The scorer needs ONNX Runtime; finding the sources does not.
"""

import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import duckdb

from data_contracts.errors import WorkerKilledError
from tasks.warehouse.accounting import ROWS_WITHOUT_SCORE
from tasks.warehouse.database.duckdb_engine import open_read_only
from tasks.warehouse.database.duckdb_errors import translate_errors
from tasks.warehouse.database.warehouse_connection import WAIT_SECONDS, open_warehouse
from tasks.warehouse.row_names import name_content

if TYPE_CHECKING:
    import pyarrow as pa

    from tasks.scoring.group_to_part import GroupOutcome, ScoringJob

_Work = TypeVar("_Work")

BATCH_ROWS = 1024
"""Rows that are read from the published copy at a time; texts may be long."""
READER_MEMORY = "256MB"
"""DuckDB's memory limit while it reads the published copy."""

_FIND_OLDER = """
WITH standing AS (SELECT model_id FROM promotions ORDER BY number DESC LIMIT 1),
chosen AS (SELECT coalesce($model_id, (FROM standing)) AS model_id)
SELECT
    source_sha256, arg_max(uri, commit_number) AS uri, arg_max(format, commit_number),
    arg_max(bytes, commit_number), arg_max(rows_read, commit_number), arg_max(source, commit_number),
    arg_max(profile_version, commit_number), max(aspects_version)
FROM scored_files
WHERE status = 'scored' AND superseded_at IS NULL GROUP BY source_sha256
HAVING NOT bool_or(model_id = (FROM chosen))
    AND ($since::TIMESTAMPTZ IS NULL OR min(committed_at) >= $since::TIMESTAMPTZ)
ORDER BY min(commit_number), uri
"""
_MEASURE_TEXTS = """
SELECT source_sha256, sum(strlen(text))::BIGINT, count(*) FROM source_reviews
WHERE source_sha256 IN (SELECT unnest(?::VARCHAR[])) GROUP BY source_sha256
"""
_READ_TEXTS = """
SELECT source_sha256, row_number, text, file_source AS source FROM source_reviews
WHERE source_sha256 IN (SELECT unnest(?::VARCHAR[]))
"""
_COUNT_LEFT_OUT = f"""
SELECT source_sha256, count(*) FROM ({ROWS_WITHOUT_SCORE})
WHERE source_sha256 IN (SELECT unnest(?::VARCHAR[])) GROUP BY source_sha256
"""  # noqa: S608 (no outside text in it)

_LEDGER_FIELDS = (
    *("source_sha256", "uri", "format", "bytes", "rows_read", "source"),
    *("profile_version", "aspects_version"),
)
"""The columns of the ledger that are copied from a source's earlier rows."""


@dataclass(frozen=True)
class OlderSource:
    """A row of the ledger on a source that another model has scored and the chosen one has not."""

    source_sha256: str
    uri: str
    format: str | None
    bytes: int | None
    rows_read: int
    source: str = "default"
    profile_version: str | None = None
    aspects_version: str | None = None
    size: int = 0
    """Bytes of its texts, used to group sources; 0 before `measure_rescorable`."""
    texts: int = 0
    """How many there are: what was quarantined or forgotten has none; 0 before `measure_rescorable`."""


def find_rescorable(
    warehouse: Path,
    model_id: str | None,
    since: datetime | None = None,
    among: Collection[str] | None = None,
) -> list[OlderSource]:
    """Return the sources to rescore, oldest first: another model has scored them, and `model_id` has not.

    A `model_id` of None is the champion. With `since`, only sources first committed at or after it; with `among`, only
    sources whose sha256 is in it. Empty if there is no database, or no champion where `model_id` is None.
    """
    if not warehouse.exists():
        return []
    with open_warehouse(warehouse, write=False) as connection:
        values = {"model_id": model_id, "since": since}
        rows = connection.execute(_FIND_OLDER, values).fetchall()
    return [OlderSource(*row) for row in rows if among is None or name_content(row[0]) in among]


def take_in_time(
    groups: Iterator[_Work], seconds: float | None, clock: Callable[[], float] = time.monotonic
) -> Iterator[_Work]:
    """Yield groups until so many seconds from the first one, one at least; all of them if that is None.

    What is not taken stays in `groups`.
    """
    until = math.inf if seconds is None else clock() + seconds
    for group in groups:
        yield group
        if clock() >= until:
            return


def measure_rescorable(published: Path, sources: Sequence[OlderSource]) -> list[OlderSource]:
    """Return the sources to rescore in the same order, with the bytes and the number of their texts."""
    digests = [source.source_sha256 for source in sources]
    with _open_copy_for_rescoring(published) as connection:
        rows = connection.execute(_MEASURE_TEXTS, [digests]).fetchall()
    found = {digest: (size, texts) for digest, size, texts in rows}
    measured = ((source, *found.get(source.source_sha256, (0, 0))) for source in sources)
    return [replace(source, size=size, texts=texts) for source, size, texts in measured]


def rescore_group(
    job: "ScoringJob",
    sources: Sequence[OlderSource],
    report: Callable[[int], None] = lambda size: None,
    folder: Path | None = None,
) -> "GroupOutcome":
    """Score the texts of a group of sources into one part; `report` is called with the bytes of text scored.

    The part is made in `folder`, by default where leftover parts are committed. As with new files, the caller judges
    the checks, then calls `keep_part`. Raises `WorkerKilledError` for a source whose texts ended several workers.
    """
    from tasks.scoring.group_to_part import GroupOutcome
    from tasks.scoring.part_folders import check_part, open_part, start_part
    from tasks.scoring.part_rows import make_ledger_rows

    scorer, run_id, home = job.load_scorer(), job.run.run_id, job.run.home
    uris = {source.source_sha256: source.uri for source in sources}
    part = start_part(folder or home.parts, scorer.model_id, list(uris))
    with open_part(part) as write, _open_copy_for_rescoring(home.published) as connection:
        batches: Any = connection.sql(_READ_TEXTS, params=[list(uris)]).to_arrow_reader(BATCH_ROWS)
        for chunk in job.score_chunks(scorer, run_id, _join_batches(batches), every_row=True):
            for killer in chunk.killers:
                raise WorkerKilledError(uris[killer])
            write("scored_reviews", chunk.scored)
            report(chunk.rows["text"].nbytes)
        entries = [
            {"status": "scored", **{name: getattr(source, name) for name in _LEDGER_FIELDS}}
            for source in sources
        ]
        write("scored_files", make_ledger_rows(entries, scorer.model_id, run_id))
        # Rows that were quarantined or forgotten have no text to be scored.
        left_out = dict(connection.execute(_COUNT_LEFT_OUT, [list(uris)]).fetchall())
    rows_read = {source.source_sha256: source.rows_read for source in sources}
    return GroupOutcome(part, (), (), tuple(check_part(part, rows_read, left_out)))


def _join_batches(batches: Iterable["pa.RecordBatch"]) -> Iterator["pa.Table"]:
    """Yield batches of texts joined to chunks, of which one is in memory at a time."""
    import pyarrow as pa

    from tasks.scoring.chunks import ChunkTable, is_full_chunk, join_chunk, measure_table

    waiting: list[ChunkTable] = []
    for batch in batches:
        waiting.append(measure_table(pa.Table.from_batches([batch])))
        if is_full_chunk(waiting):
            yield join_chunk(waiting).combine_chunks()
            waiting = []
    if waiting:
        yield join_chunk(waiting).combine_chunks()


@contextmanager
def _open_copy_for_rescoring(published: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the published copy, from which texts are read to be scored again in any order."""
    with (
        translate_errors(published),
        open_read_only(published.absolute(), {"memory_limit": READER_MEMORY}, WAIT_SECONDS) as connection,
    ):
        connection.execute("SET preserve_insertion_order = false")
        yield connection
