"""Finds the files whose rows a destination lacks, has differently, or has too many of.

A file has a *state*: a digest of what decides which rows it has for a destination, and with which values. That is known
from small tables: the ledger, promotions, releases and forgotten rows. A destination keeps the state of each file that
it has in the transaction that delivered it, so what is new is found without a clock, and without reading rows.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import duckdb

from tasks.warehouse.row_names import SUPERSEDED

BATCH_ROWS = 100_000
"""About how many rows are delivered in one transaction; a larger file has one of its own."""

_SCORED_BY = {
    # The model whose score counts, and the run that gave it. Other models' promotions don't change that.
    "current": "arg_max(model_id || ' ' || coalesce(run_id, ''), model_rank)",
    "all": "string_agg(model_id || ' ' || coalesce(run_id, ''), ',' ORDER BY model_id)",
}
_ROWS = {"current": "max(rows_read)", "all": "sum(rows_read)"}
_READ_STATES = f"""
WITH model_ranks AS (
    SELECT model_id, max(number) AS model_rank FROM promotions GROUP BY model_id
),
files AS (
    SELECT
        source_sha256, min(commit_number) AS first_number, {{scored_by}} AS scored_by,
        coalesce({{rows}}, 0)::BIGINT AS rows
    FROM scored_files LEFT JOIN model_ranks USING (model_id)
    WHERE status = 'scored' AND source_sha256 NOT IN {SUPERSEDED}
    GROUP BY source_sha256
),
released AS (
    SELECT source_sha256, count(*) || ' ' || epoch_us(max(released_at)) AS rows
    FROM quarantined_rows WHERE released_at IS NOT NULL GROUP BY source_sha256
),
forgotten AS (
    SELECT source_sha256, count(*) AS rows FROM forgotten_rows GROUP BY source_sha256
)
SELECT
    source_sha256,
    left(sha256(concat_ws(chr(30), scored_by, coalesce(released.rows, ''), coalesce(forgotten.rows, 0))), 16) AS state,
    files.rows
FROM files LEFT JOIN released USING (source_sha256) LEFT JOIN forgotten USING (source_sha256)
ORDER BY first_number, source_sha256
"""  # noqa: S608 (our own names)


@dataclass(frozen=True)
class FileState:
    """What decides which rows of a file a destination should have."""

    source_sha256: str
    state: str
    rows: int
    """At most; quarantined ones are counted too."""


def read_states(connection: duckdb.DuckDBPyConnection, rows: str) -> dict[str, FileState]:
    """Return the state of every file that counts, by its name, in the order of arrival; `rows` is one of `KEYS`."""
    query = _READ_STATES.format(scored_by=_SCORED_BY[rows], rows=_ROWS[rows])
    return {
        source: FileState(source, state, count)
        for source, state, count in connection.execute(query).fetchall()
    }


def find_changes(states: Mapping[str, FileState], delivered: Mapping[str, str]) -> list[FileState]:
    """Return the files that differ in a destination that has the states `delivered`: what is gone, changed, and new.

    In this order no row is there twice meanwhile. Those that count no more have no rows, and '' as their state.
    """
    gone = [FileState(name, "", 0) for name in sorted(delivered.keys() - states.keys())]
    differing = [file for name, file in states.items() if delivered.get(name) != file.state]
    return [*gone, *sorted(differing, key=lambda file: file.source_sha256 not in delivered)]


def group_files(files: Iterable[FileState]) -> Iterator[list[FileState]]:
    """Yield files in groups of about `BATCH_ROWS` rows."""
    group: list[FileState] = []
    rows = 0
    for file in files:
        if group and rows + file.rows > BATCH_ROWS:
            yield group
            group, rows = [], 0
        group.append(file)
        rows += file.rows
    if group:
        yield group
