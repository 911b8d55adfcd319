"""Finds the files whose rows a destination lacks, has differently, or has too many of.

A file has a *state*: a digest of what decides which rows it has for a destination, and with which values. That is known
from small tables: the ledger, promotions, releases and forgotten rows. A destination keeps the state of each file that
it has in the transaction that delivered it, so what is new is found without a clock, and without reading rows.
"""

from collections.abc import Iterator, Mapping, Sequence
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


@dataclass(frozen=True)
class Batch:
    """Files that are delivered in one transaction."""

    files: tuple[FileState, ...] = ()
    """New or changed ones, in their order of arrival."""
    held: tuple[str, ...] = ()
    """Those of which the destination may have rows: the changed ones, and those that count no more."""
    gone: tuple[str, ...] = ()
    """Those of `held` that count no more."""

    @property
    def sources(self) -> list[str]:
        """The files whose rows are to be delivered."""
        return [file.source_sha256 for file in self.files]

    @property
    def rows(self) -> int:
        """Rows at most."""
        return sum(file.rows for file in self.files)


def read_states(connection: duckdb.DuckDBPyConnection, rows: str) -> dict[str, FileState]:
    """Return the state of every file that counts, by its name, in the order of arrival; `rows` is one of `KEYS`."""
    query = _READ_STATES.format(scored_by=_SCORED_BY[rows], rows=_ROWS[rows])
    return {
        source: FileState(source, state, count)
        for source, state, count in connection.execute(query).fetchall()
    }


def find_changes(states: Mapping[str, FileState], delivered: Mapping[str, str]) -> list[Batch]:
    """Return what a destination lacks, in transactions; `delivered` are the states that it has, by file.

    If that is little, it is one transaction, so that readers see what a run did at once. Else what counts no more goes
    first, so that no row is there twice meanwhile.
    """
    gone = tuple(sorted(delivered.keys() - states.keys()))
    changed = [file for name, file in states.items() if name in delivered and delivered[name] != file.state]
    new = [file for name, file in states.items() if name not in delivered]
    held = (*(file.source_sha256 for file in changed), *gone)
    if held and sum(file.rows for file in (*changed, *new)) <= BATCH_ROWS:
        return [Batch((*changed, *new), held, gone)]
    batches = [Batch((), gone, gone)] if gone else []
    for files in _group(changed):
        batches.append(Batch(files, tuple(file.source_sha256 for file in files)))
    return [*batches, *map(Batch, _group(new))]


def _group(files: Sequence[FileState]) -> Iterator[tuple[FileState, ...]]:
    """Yield files in groups of about `BATCH_ROWS` rows."""
    group: list[FileState] = []
    rows = 0
    for file in files:
        if group and rows + file.rows > BATCH_ROWS:
            yield tuple(group)
            group, rows = [], 0
        group.append(file)
        rows += file.rows
    if group:
        yield tuple(group)
