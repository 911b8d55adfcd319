"""The proof that `reviews verify` leaves in the home: up to which change the database was checked.

The next check reads only the rows of the files that changed since: whose rows were scored, by the shadow too, released
or forgotten, or whose model was promoted again. Of reviews Parquet with the same bytes it reads no row.
"""

import json
from collections.abc import Collection
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import duckdb

from data_contracts.storage.durable import remove, write_whole
from data_contracts.storage.home import Home
from data_contracts.storage.listing import list_paths
from tasks.support.checksums import compute_sha256
from tasks.warehouse.database.block_copy import read_identity
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.tallies.repeated_texts import note_texts

MOST_ROWS = 1_000_000
"""Most rows of changed files that are checked by themselves; to check more, everything is read."""

_CHANGES = """
SELECT source_sha256, rows_read, committed_at AS changed_at FROM scored_files WHERE status = 'scored'
UNION ALL SELECT source_sha256, rows_read, superseded_at FROM scored_files WHERE superseded_at IS NOT NULL
UNION ALL SELECT source_sha256, 1, released_at FROM quarantined_rows WHERE released_at IS NOT NULL
UNION ALL SELECT source_sha256, 1, forgotten_at FROM forgotten_rows
UNION ALL SELECT source_sha256, rows, committed_at FROM shadow_files
"""
"""SQL: each change of a file, with the number of its rows that it changed. Only `reviews forget` deletes any, and it
writes the database anew."""
_COUNT_CHANGES = f"""
SELECT count(*), max(changed_at)::VARCHAR FROM ({_CHANGES}) WHERE changed_at <= $until::TIMESTAMPTZ
"""  # noqa: S608 (our own query)
# A promotion changes which scores count, of all files that the model has scored by then.
_FIND_CHANGED_FILES = f"""
CREATE TEMP TABLE changed_files AS
SELECT source_sha256, sum(rows_read)::BIGINT AS rows FROM (
    {_CHANGES}
    UNION ALL SELECT source_sha256, rows_read, "at" FROM scored_files JOIN promotions USING (model_id)
    WHERE status = 'scored'
) WHERE changed_at > $until::TIMESTAMPTZ GROUP BY source_sha256
"""  # noqa: S608 (our own query)
_COUNT_CHANGED = "SELECT count(*), coalesce(sum(rows), 0)::BIGINT FROM changed_files"
_NARROW = """
CREATE TEMP TABLE {table} AS
SELECT rows.rowid AS rowid, rows.* FROM main.{table} AS rows SEMI JOIN {keys} USING ({key})
"""
_TABLES_OF_FILES = (
    "source_reviews",
    "scored_reviews",
    "flipped_scores",
    "score_sums",
    "scored_files",
    "quarantined_rows",
    "shadow_scores",
    "shadow_files",
    "shadow_sums",
)


@dataclass(frozen=True)
class Proof:
    """What a check of the database has proven."""

    database: str
    """Which database: a digest of the part of its file that never changes."""
    changes: int
    """The number of changes that were checked, all up to `until`; another number now means another history."""
    until: str
    checked_at: str
    """When the check was made."""
    all_checked_at: str
    """When every row was checked for the last time."""
    parquet: str | None = None
    """The digest of the reviews Parquet that was found right; None if it was not."""


@dataclass(frozen=True)
class Verified:
    """What is known of the last checks of a home, without reading its tables: None where there was no such check."""

    checked_at: str | None = None
    all_checked_at: str | None = None
    """When every row was found right for the last time."""
    failed_at: str | None = None
    """When the last check found something broken; None if it did not."""
    broken: tuple[str, ...] = ()
    is_replaced: bool = False
    """Whether a database was checked that was written anew since, as `reviews forget` does."""


@dataclass(frozen=True)
class Changed:
    """The files that changed since a proof."""

    until: str
    """The time of the last change that the proof covers."""
    files: int
    parquet: str | None = None
    """`Proof.parquet`."""


def begin_proof(home: Home, before: Proof | None) -> Proof:
    """Return the proof that a check which begins now will give, based on `before` if it reads what changed."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with open_warehouse(home.warehouse, write=False) as connection:
        [(changes, until)] = connection.execute(_COUNT_CHANGES, {"until": "infinity"}).fetchall()
    checked_at = before.all_checked_at if before else now
    return Proof(
        _identify(home), changes, until or "-infinity", now, checked_at, digest_parquet(home.reviews)
    )


def write_proof(home: Home, proof: Proof) -> None:
    """Write the proof into the home, in place of the one before."""
    with write_whole(home.proof) as building:
        building.write_text(json.dumps(asdict(proof), indent=1), "utf-8")


def keep_broken(home: Home, broken: Collection[str], is_proven: bool) -> None:
    """Keep in the home what a check has found broken, for `reviews status`; nothing if that is nothing.

    `is_proven`: the tables are right. If they are not, there is no proof any more, so that the next check reads all.
    """
    if not is_proven:
        remove(home.proof)
    if not broken:
        remove(home.found_broken)
        return
    found = {"failed_at": datetime.now(UTC).isoformat(timespec="seconds"), "broken": sorted(broken)}
    with write_whole(home.found_broken) as building:
        building.write_text(json.dumps(found, indent=1), "utf-8")


def drop_checks(home: Home) -> None:
    """Forget what checks have found, since the database is replaced by one of which it says nothing."""
    remove(home.proof)
    remove(home.found_broken)


def read_verified(home: Home) -> Verified:
    """Return what is known of the last checks of a home that has a database."""
    if proof := _read_own_proof(home):
        verified = Verified(proof.checked_at, proof.all_checked_at)
    else:
        verified = Verified(is_replaced=_read_any_proof(home) is not None)
    try:
        found = json.loads(home.found_broken.read_text("utf-8"))
        return replace(verified, failed_at=str(found["failed_at"]), broken=tuple(map(str, found["broken"])))
    except (OSError, ValueError, TypeError, KeyError):
        return verified


def _read_own_proof(home: Home) -> Proof | None:
    """Return the proof in the home; None if there is none, or if it is of another database."""
    proof = _read_any_proof(home)
    with suppress(OSError):
        return proof if proof and proof.database == _identify(home) else None
    return None


def _read_any_proof(home: Home) -> Proof | None:
    """Return the proof in the home, of whichever database; None if there is none."""
    try:
        return Proof(**json.loads(home.proof.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def read_proof(home: Home) -> Proof | None:
    """Return the proof in the home; None if there is none, or if it is of another database or history."""
    proof = _read_own_proof(home)
    if proof is None:
        return None
    with open_warehouse(home.warehouse, write=False) as connection:
        [(changes, _)] = connection.execute(_COUNT_CHANGES, {"until": proof.until}).fetchall()
    return proof if changes == proof.changes else None


def find_changed(home: Home, proof: Proof) -> Changed | None:
    """Return the files that changed since the proof; None if they have more than `MOST_ROWS` rows."""
    with open_warehouse(home.warehouse, write=False) as connection:
        connection.execute(_FIND_CHANGED_FILES, {"until": proof.until})
        [(files, rows)] = connection.execute(_COUNT_CHANGED).fetchall()
    return Changed(proof.until, files, proof.parquet) if rows <= MOST_ROWS else None


def narrow_to_changed(connection: duckdb.DuckDBPyConnection, changed: Changed) -> None:
    """Make the tables' names mean, in this connection, only the rows of the changed files."""
    connection.execute(_FIND_CHANGED_FILES, {"until": changed.until})
    for table in _TABLES_OF_FILES:
        _narrow(connection, table, "changed_files", "source_sha256")


def narrow_to_reviews(connection: duckdb.DuckDBPyConnection) -> None:
    """After `narrow_to_changed`, make the names mean every row of the reviews in the changed files, in any file."""
    connection.execute("CREATE TEMP TABLE changed_reviews AS SELECT DISTINCT review_key FROM source_reviews")
    for table in _TABLES_OF_FILES:
        connection.execute(f"DROP TABLE temp.{table}")
    _narrow(connection, "source_reviews", "changed_reviews", "review_key")
    connection.execute(
        "CREATE TEMP TABLE files_of_reviews AS SELECT DISTINCT source_sha256 FROM source_reviews"
    )
    _narrow(connection, "scored_reviews", "files_of_reviews", "source_sha256")


def narrow_to_texts(connection: duckdb.DuckDBPyConnection) -> None:
    """After `narrow_to_reviews`, make the names mean every row with a text of those rows, in any file."""
    note_texts(connection, "source_reviews")
    connection.execute("DROP TABLE temp.source_reviews")
    for table, key in (
        ("source_reviews", "text_sha256"),
        ("repeated_texts", "text_sha256"),
        ("text_keys", "text_key"),
    ):
        _narrow(connection, table, "noted_texts", key)


def narrow_to_copies(connection: duckdb.DuckDBPyConnection) -> None:
    """After `narrow_to_texts`, make the names mean every row with a near_key of those rows, in any file."""
    connection.execute("CREATE TEMP TABLE changed_copies AS SELECT DISTINCT near_key FROM source_reviews")
    connection.execute("DROP TABLE temp.source_reviews")
    for table in ("source_reviews", "near_copies"):
        _narrow(connection, table, "changed_copies", "near_key")


def digest_parquet(reviews_dir: Path) -> str | None:
    """Return a digest of the names and bytes of the reviews Parquet files; None if one can't be read."""
    try:
        listed = [f"{path.name} {compute_sha256(path)}\n" for path in list_paths(reviews_dir, "*.parquet")]
    except OSError:
        return None
    return sha256("".join(listed).encode()).hexdigest()


def _narrow(connection: duckdb.DuckDBPyConnection, table: str, keys: str, key: str) -> None:
    """Make the name of a table mean only its rows whose `key` is in the table `keys`."""
    connection.execute(_NARROW.format(table=table, keys=keys, key=key))


def _identify(home: Home) -> str:
    """Return the digest by which the database of the home is told from others."""
    return sha256(read_identity(home.warehouse)).hexdigest()
