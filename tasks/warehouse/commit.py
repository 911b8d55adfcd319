"""Commits scored parts to the warehouse, each in one transaction, completely or not at all.

A part is a folder of Parquet files (`data_contracts/part_schemas.py`). The ledger `scored_files` decides which files
are new: a file that the model has scored already is skipped as a whole. So each row is stored once, even if a part is
committed twice, or by two processes at the same time.

A later reading of a file (`tasks/warehouse/row_names.py`) is like a file of its own; with its commit it counts in
place of the one before. So does a full export (`tasks/warehouse/readings/full_exports.py`) in place of all files of its
source, and a file that has grown (`grown_files.py` there) in place of what it was.
"""

import glob
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from data_contracts.errors import ContractError
from data_contracts.part_schemas import CHECKS, LATER_COLUMNS, PART_ONLY, PART_SCHEMAS
from data_contracts.storage.faults import pass_fault_point
from tasks.warehouse.accounting import require_accounted
from tasks.warehouse.database.duckdb_engine import begin_transaction, quote_sql, stream_first
from tasks.warehouse.database.duckdb_errors import shorten_error
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.forgotten_rows import forget_shown
from tasks.warehouse.latest_scores import add_texts, count_reused_ids, settle_scores
from tasks.warehouse.readings.full_exports import find_full_exports, replace_files
from tasks.warehouse.readings.grown_files import FEWEST_ROWS, find_grown, replace_grown, share_of_grown
from tasks.warehouse.readings.superseding import let_count
from tasks.warehouse.row_names import CONTENT, IS_LATER, LAST_COUNTING, NEXT_NUMBER, REFUSED_AS, ROWS_CHOSEN
from tasks.warehouse.shadow.sums import renew_shadow_sums
from tasks.warehouse.tallies.measures import add_measures
from tasks.warehouse.tallies.score_sums import add_sums

_FIND_ACCEPTED = f"""
CREATE TEMP TABLE accepted AS
SELECT * REPLACE (coalesce(source, 'default') AS source) FROM part_scored_files AS part
WHERE NOT EXISTS (
    SELECT 1 FROM scored_files AS known
    WHERE known.source_sha256 = part.source_sha256 AND known.model_id = part.model_id
    AND known.status = 'scored'
)
-- A reading that another has replaced meanwhile is history: no model scores it, and no later one of its file counts.
AND source_sha256 NOT IN (SELECT source_sha256 FROM scored_files WHERE status = 'scored' AND superseded_at IS NOT NULL)
AND NOT (replaces_from_share IS NOT NULL AND {IS_LATER} AND {CONTENT} NOT IN (
    SELECT {CONTENT} FROM scored_files WHERE status = 'scored' AND superseded_at IS NULL
))
AND NOT ({IS_LATER} AND {CONTENT} IN (SELECT {CONTENT} FROM scored_files WHERE grown_into IS NOT NULL))
"""  # noqa: S608 (our own names)
_HAS_SPECIAL = f"""
SELECT
    coalesce(bool_or({IS_LATER}), false), count(replaces_from_share) > 0,
    coalesce(bool_or(len(grown_from) > 0), false), (SELECT count(*) > 0 FROM forgotten_rows)
FROM accepted
"""  # noqa: S608 (our own SQL)
_KNOWN = f"""
arriving AS (SELECT *, {CONTENT} AS content, {ROWS_CHOSEN} AS rows_chosen FROM accepted WHERE status = 'scored'),
known AS (
    SELECT
        {CONTENT} AS content, any_value(grown_into) AS grown_into,
        unnest(arg_max(
            struct_pack(source_sha256, rows_read, profile_version, rows_chosen := {ROWS_CHOSEN}), {LAST_COUNTING}
        ))
    FROM scored_files WHERE status = 'scored' GROUP BY content
)
"""  # noqa: S608 (our own names)
# For each later reading of a file, the forgotten rows of the reading that counts, or did last; for each file that this
# database does not know, those that were forgotten in any reading, in one of before it.
_FIND_FORGOTTEN = f"""
INSERT INTO forgotten_before
WITH {_KNOWN}
SELECT DISTINCT
    later.source_sha256,
    later.rows_read = known.rows_read AND later.rows_chosen = known.rows_chosen AND is_named AS is_numbered_alike,
    forgotten.* EXCLUDE (source_sha256)
FROM (FROM arriving WHERE {IS_LATER}) AS later
JOIN known ON known.content = later.content AND known.source_sha256 <> later.source_sha256
JOIN forgotten_rows AS forgotten ON forgotten.source_sha256 = known.source_sha256
UNION ALL
SELECT DISTINCT
    new.source_sha256,
    coalesce(new.rows_read = forgotten.rows_read, true) AND new.rows_chosen = coalesce(forgotten.rows_chosen, '')
        AND is_named,
    forgotten.* EXCLUDE (source_sha256, content)
FROM (FROM arriving ANTI JOIN known USING (content)) AS new
JOIN (SELECT *, {CONTENT} AS content FROM forgotten_rows) AS forgotten ON forgotten.content = new.content
"""  # noqa: S608 (our own names)
_START_FORGOTTEN = """
CREATE TEMP TABLE forgotten_before AS
SELECT source_sha256, false AS is_numbered_alike, * EXCLUDE (source_sha256) FROM forgotten_rows LIMIT 0
"""
# For each file that begins with all bytes of others, those that were forgotten in these, which the database may lack.
# The last row of such a beginning may have been cut: it is the same where the file has grown, or there are enough rows
# for that not to be chance. One that grew into another one of them shares with that what was forgotten.
_FIND_FORGOTTEN_OF_BEGINNINGS = f"""
INSERT INTO forgotten_before
WITH {_KNOWN}
SELECT
    new.source_sha256,
    coalesce(forgotten.rows_read <= new.rows_read, true) AND CASE WHEN known.content IS NULL
        THEN coalesce(forgotten.rows_chosen, '') = new.rows_chosen
        ELSE known.profile_version IS NOT DISTINCT FROM new.profile_version END AND is_named,
    forgotten.* EXCLUDE (source_sha256, content) REPLACE (new.rows_read AS rows_read, new.bytes AS bytes)
FROM (SELECT *, unnest(grown_from) AS beginning FROM arriving WHERE NOT {IS_LATER}) AS new
JOIN (SELECT *, {CONTENT} AS content FROM forgotten_rows) AS forgotten ON forgotten.content = new.beginning
LEFT JOIN known ON known.content = forgotten.content
WHERE (known.content IS NULL OR known.source_sha256 = forgotten.source_sha256)
AND NOT coalesce(list_contains(new.grown_from, known.grown_into), false) AND (
    forgotten.row_number < forgotten.rows_read OR forgotten.rows_read >= {FEWEST_ROWS}
    OR (new.source_sha256, forgotten.source_sha256) IN (SELECT (source_sha256, earlier) FROM grown_files)
)
"""  # noqa: S608 (our own names)
# Without their numbers the forgotten rows can't be found in a reading, nor where it is not known which were meant.
_REFUSE_RENUMBERED = """
UPDATE accepted SET status = 'refused', rule = $rule, detail = $detail
WHERE source_sha256 IN (SELECT source_sha256 FROM forgotten_before WHERE NOT is_numbered_alike)
"""
_KEEP_FORGOTTEN = """
INSERT INTO forgotten_rows SELECT * EXCLUDE (is_numbered_alike) FROM forgotten_before
WHERE source_sha256 IN (SELECT source_sha256 FROM accepted WHERE status = 'scored')
ON CONFLICT DO NOTHING
"""
_FIND_LATER = f"CREATE TEMP TABLE later_readings AS FROM new_sources WHERE {IS_LATER}"
# A later reading is of a file that was sent before.
_SENT = f"(FROM accepted SEMI JOIN new_sources USING (source_sha256) WHERE NOT {IS_LATER})"
# After the restore of an older backup a file may be scored again; its forgotten rows stay forgotten.
_NOT_FORGOTTEN = "ANTI JOIN forgotten_rows USING (source_sha256, row_number)"
# The texts of a file that another model has scored are stored already.
_FIND_NEW_SOURCES = """
CREATE TEMP TABLE new_sources AS
SELECT DISTINCT source_sha256 FROM accepted WHERE status = 'scored'
AND source_sha256 NOT IN (SELECT source_sha256 FROM scored_files WHERE status = 'scored')
"""
_FIND_NEW_SCORES = f"""
CREATE TEMP VIEW new_scores AS
SELECT {", ".join(PART_SCHEMAS["scored_reviews"].names)}, source
FROM part_scored_reviews JOIN (
    SELECT DISTINCT source_sha256, model_id, source FROM accepted WHERE status = 'scored'
) USING (source_sha256, model_id) {_NOT_FORGOTTEN}
"""  # noqa: S608 (our own names)
_INSERT_BAD_ROWS = f"""
INSERT INTO quarantined_rows BY NAME
SELECT {", ".join(PART_SCHEMAS["quarantined_rows"].names)}
FROM part_quarantined_rows SEMI JOIN new_sources USING (source_sha256) {_NOT_FORGOTTEN}
"""  # noqa: S608 (our own names)
_FIND_NEW_TEXTS = f"""
CREATE TEMP VIEW new_texts AS SELECT {", ".join(PART_SCHEMAS["source_reviews"].names)}
FROM part_source_reviews SEMI JOIN new_sources USING (source_sha256) {_NOT_FORGOTTEN}
"""  # noqa: S608 (our own names)
_FIND_RESCORED = """
CREATE TEMP TABLE rescored_sources AS
SELECT source_sha256 FROM accepted WHERE status = 'scored' AND source_sha256 NOT IN (FROM new_sources)
"""
_GIVEN = "source_sha256, row_number, given_label, given_rating, counts"
_WITH_RESCORED = f"""
(SELECT {_GIVEN} FROM new_texts
UNION ALL SELECT {_GIVEN} FROM source_reviews SEMI JOIN rescored_sources USING (source_sha256))
"""  # noqa: S608 (our own names)
_COUNTED = "(FROM new_scores ANTI JOIN (FROM {texts} WHERE NOT counts) USING (source_sha256, row_number))"
_LIST_COMMITTED = """
SELECT
    accepted.uri, model_id, format, status, rule, detail, coalesce(accepted.rows_read, 0), coalesce(rows_scored, 0),
    coalesce(rows_quarantined, 0), status = 'scored' AND source_sha256 NOT IN (FROM new_sources), run_id
FROM accepted LEFT JOIN counted USING (source_sha256, model_id) ORDER BY accepted.uri
"""
# Those of the files that are committed; a part that is committed again brings none a second time.
_ADD_CHECKS = """
INSERT INTO contract_results BY NAME
FROM read_parquet({checks}) SEMI JOIN accepted USING (run_id, source_sha256)
ANTI JOIN contract_results USING (run_id, source_sha256)
"""
_FORGET_REFUSALS = """
DELETE FROM scored_files AS known USING accepted
WHERE known.source_sha256 = accepted.source_sha256 AND known.model_id <> accepted.model_id
AND known.status = 'refused' AND accepted.status = 'scored'
"""
# A ledger row of a refused file with the same key is overwritten in place: DuckDB reports a conflict if one
# transaction deletes a key and inserts it again.
_OVERWRITE_REFUSAL = "ON CONFLICT (source_sha256, model_id) DO UPDATE SET"
_OF_COMMIT = {"committed_at": "now()", "commit_number": NEXT_NUMBER}


NEXT_STEP = "Nothing of it was committed. Next: delete the folder and score its files again."


@dataclass(frozen=True)
class CommitSummary:
    """Counts of what one commit added. A file that the model had scored already adds nothing."""

    files_scored: int
    """Files that no model had scored before; `rows_scored` and `rows_quarantined` are of these files."""
    files_refused: int
    rows_scored: int
    rows_quarantined: int
    files_rescored: int = 0
    """Files that another model had scored before; `rows_rescored` is of these files."""
    rows_rescored: int = 0
    files_replaced: int = 0
    """Files that count no more, since a full export of their source, or the file that they grew into, did."""
    files: tuple["CommittedFile", ...] = field(default=(), compare=False)
    """The files that were scored, scored again or refused, sorted by uri."""


@dataclass(frozen=True)
class CommittedFile:
    """What a commit did with one file, and its row counts."""

    uri: str
    model_id: str
    format: str | None
    status: str
    """'scored' or 'refused'; `rule` and `detail` give the reason of a refusal."""
    rule: str | None
    detail: str | None
    rows_read: int
    rows_scored: int
    rows_quarantined: int
    """Rows in quarantine, without released ones. It is 0 for a refused file, and so is `rows_scored`."""
    is_rescored: bool
    """Whether another model had scored it before."""
    run_id: str | None = None
    """The run that scored the file: an earlier one if that run was killed before its commit."""
    ids_reused: int = 0
    """Review ids that an earlier file of its source gave to other texts on the same movie."""


def commit_parts(warehouse: Path, part_dir: Path) -> CommitSummary:
    """Commit the part in `part_dir` in one transaction; store only the ledger row of refused files.

    Raises `ContractError` if the part is broken or if the rows of a file are not accounted for
    (`tasks/warehouse/accounting.py`), `WarehouseError` if the database fails. Either way nothing is committed.
    """
    with open_warehouse(warehouse, write=True) as connection:
        return commit_by(connection, part_dir)


def commit_by(connection: duckdb.DuckDBPyConnection, part_dir: Path) -> CommitSummary:
    """Commit a part as `commit_parts` does, by a connection that has committed none before."""
    with _translate_part_errors(part_dir):
        _open_part(connection, part_dir)
        with begin_transaction(connection):
            return _commit(connection, part_dir)


def _commit(connection: duckdb.DuckDBPyConnection, part_dir: Path) -> CommitSummary:
    """Insert the rows of a part into the tables, within the transaction of its commit."""
    connection.execute(_FIND_ACCEPTED)
    checks = part_dir / f"{CHECKS}.parquet"
    if checks.is_file():  # an older version recorded them before the commit
        connection.execute(_ADD_CHECKS.format(checks=quote_sql(glob.escape(str(checks.absolute())))))
    [(has_later, has_full_exports, has_beginnings, has_forgotten)] = connection.execute(
        _HAS_SPECIAL
    ).fetchall()
    if has_beginnings:
        find_grown(connection)
    if has_forgotten:
        _keep_forgotten(connection, has_beginnings)
    if has_full_exports:
        find_full_exports(connection)
    connection.execute(_FIND_NEW_SOURCES)
    connection.execute(_FIND_NEW_SCORES)
    connection.execute("INSERT INTO scored_reviews BY NAME FROM new_scores")
    with stream_first(connection):
        connection.execute(_INSERT_BAD_ROWS)
    connection.execute(_FORGET_REFUSALS)
    _enter_in_ledger(connection)
    if has_later and connection.execute(_FIND_LATER).fetchall() != [(0,)]:
        let_count(connection, "later_readings")
    replaced = replace_grown(connection) if has_beginnings else 0
    if has_full_exports:
        replaced += replace_files(connection, "full_exports")
    reused = _add_texts(connection)
    if has_beginnings:
        share_of_grown(connection)
    require_accounted(connection, "accepted", part_dir, NEXT_STEP)
    pass_fault_point("score: inside commit")
    committed = connection.execute(_LIST_COMMITTED).fetchall()
    files = [replace(CommittedFile(*row), ids_reused=reused.get(row[0], 0)) for row in committed]
    return replace(_summarise(files), files_replaced=replaced)


def _summarise(files: Sequence[CommittedFile]) -> CommitSummary:
    """Return the counts of the committed `files`."""
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
    """Create a temporary view `part_TABLE` for each Parquet file of the part.

    Raises `ContractError` if a file or a column is missing.
    """
    for table, schema in PART_SCHEMAS.items():
        path = part_dir / f"{table}.parquet"
        if not path.is_file():
            raise ContractError(f"{path}: is missing, so the part is incomplete. {NEXT_STEP}")
        pattern = quote_sql(glob.escape(str(path.absolute())))
        found = connection.sql(f"FROM read_parquet({pattern})").columns
        missing = [name for name in schema.names if name not in found]
        if not {*missing} <= {*LATER_COLUMNS}:
            raise ContractError(f"{path}: has no column {', '.join(missing)}. {NEXT_STEP}")
        # An older version wrote files without the columns that came later.
        nulls = "".join(f", NULL::{LATER_COLUMNS[name]} AS {name}" for name in missing)
        connection.execute(f"CREATE TEMP VIEW part_{table} AS SELECT *{nulls} FROM read_parquet({pattern})")  # noqa: S608


def _keep_forgotten(connection: duckdb.DuckDBPyConnection, has_beginnings: bool) -> None:
    """Let the rows that were forgotten in a file's reading stay forgotten in the arriving one, or refuse that.

    So do those of the files that an arriving one begins with.
    """
    connection.execute(_START_FORGOTTEN)
    connection.execute(_FIND_FORGOTTEN)
    if has_beginnings:
        connection.execute(_FIND_FORGOTTEN_OF_BEGINNINGS)
    if connection.execute("SELECT count(*) FROM forgotten_before").fetchall() == [(0,)]:
        return
    from data_contracts.rules_and_limits import FILE_RULES

    rule = "rows_renumbered"
    connection.execute(_REFUSE_RENUMBERED, {"rule": rule, "detail": FILE_RULES[rule]})
    connection.execute(_KEEP_FORGOTTEN)
    forget_shown(connection, "forgotten_before")


def _add_texts(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Insert the texts of the new sources, then choose the score that counts for each row of the others.

    Return how many of their review ids stood for other texts before, by uri.
    """
    connection.execute(_FIND_NEW_TEXTS)
    has_earlier = add_texts(connection, "new_sources", "new_texts", "part_scored_reviews")
    has_rescored = connection.execute(_FIND_RESCORED).fetchall() != [(0,)]
    texts = _WITH_RESCORED if has_rescored else "new_texts"
    add_measures(connection, _COUNTED.format(texts=texts))
    add_sums(connection, "new_scores", texts)
    if has_rescored:
        renew_shadow_sums(connection, "rescored_sources")
        settle_scores(connection, "rescored_sources")
    return count_reused_ids(connection, _SENT) if has_earlier else {}


def _enter_in_ledger(connection: duckdb.DuckDBPyConnection) -> None:
    """Insert the ledger rows of the committed files."""
    names = [name for name in PART_SCHEMAS["scored_files"].names if name not in PART_ONLY]
    values = _OF_COMMIT | {"refused_as": REFUSED_AS}
    keys = ("source_sha256", "model_id")
    updates = ", ".join(f"{name} = excluded.{name}" for name in (*names, *_OF_COMMIT) if name not in keys)
    updates += ", refused_as = list_distinct(list_concat(scored_files.refused_as, excluded.refused_as))"
    updates += ", superseded_at = NULL, superseded_number = NULL"
    columns = ", ".join(names)
    connection.execute(
        f"INSERT INTO scored_files ({columns}, {', '.join(values)}) "  # noqa: S608 (our own names)
        f"SELECT {columns}, {', '.join(values.values())} FROM accepted {_OVERWRITE_REFUSAL} {updates}"
    )


@contextmanager
def _translate_part_errors(part_dir: Path) -> Iterator[None]:
    """Turn DuckDB's errors about the part's rows or files into a `ContractError` that names the part."""
    try:
        yield
    except (duckdb.DataError, duckdb.ConstraintException, duckdb.InvalidInputException) as error:
        raise ContractError(f"{part_dir}: is broken ({shorten_error(error)}). {NEXT_STEP}") from error
