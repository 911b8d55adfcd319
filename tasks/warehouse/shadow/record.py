"""Records which model is the shadow, from when until when, and why it could not score.

The table `shadows` has one row for each time that a model was started. At most one of them is on.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from data_contracts.errors import UsageError
from tasks.warehouse.database.duckdb_engine import begin_transaction
from tasks.warehouse.database.warehouse_connection import open_warehouse

PROMOTION = "promotion"
"""What stands in `ended_by` where the shadow became the champion."""

_COLUMNS = (
    "number, model_id, started_at, started_by, since, until, ended_at, ended_by, trouble, trouble_since"
)
_IS_ON = "ended_at IS NULL AND (until IS NULL OR until > now())"
_FIND_LAST = f"""
SELECT {_COLUMNS}, {_IS_ON}, bundle_fingerprint
FROM shadows JOIN models USING (model_id) ORDER BY number DESC LIMIT 1
"""  # noqa: S608 (our own names)
_START = """
INSERT INTO shadows (number, model_id, started_at, started_by, since, until)
SELECT
    coalesce(max(number), 0) + 1, $model_id, now(), $by, coalesce($since::TIMESTAMPTZ, now()), $until::TIMESTAMPTZ
FROM shadows
"""
_CHANGE_END = f"UPDATE shadows SET until = $until::TIMESTAMPTZ WHERE {_IS_ON}"  # noqa: S608 (our own names)
_END = f"UPDATE shadows SET ended_at = now(), ended_by = $by WHERE {_IS_ON}"  # noqa: S608 (our own names)
_END_PROMOTED = f"{_END} AND model_id = $model_id"
_NOTE_TROUBLE = """
UPDATE shadows SET trouble = $trouble::VARCHAR, trouble_since = CASE WHEN $trouble::VARCHAR IS NOT NULL THEN now() END
WHERE number = $number
"""


@dataclass(frozen=True)
class Shadow:
    """One row of `shadows`: a model that was made the shadow."""

    number: int
    model_id: str
    started_at: datetime
    started_by: str
    since: datetime
    """It scores files that were first committed from then on."""
    until: datetime | None
    ended_at: datetime | None
    ended_by: str | None
    trouble: str | None
    """Why it could not score in the last run that had rows for it; None where it could."""
    trouble_since: datetime | None
    is_on: bool
    """Whether it scores at this moment: it was not stopped, and its time is not over."""
    bundle_fingerprint: str


@dataclass(frozen=True)
class ShadowStart:
    """What `reviews models shadow start` asks for."""

    model_id: str
    by: str
    until: datetime | None = None
    """When it ends by itself; None: it does not."""
    since: datetime | None = None
    """It scores files that were first committed from then on; None: from now on."""


def find_last_shadow(warehouse: Path) -> Shadow | None:
    """Return the shadow that was started last, on or not; None if there never was one."""
    if not warehouse.exists():
        return None
    with open_warehouse(warehouse, write=False) as connection:
        return read_last_shadow(connection)


def read_last_shadow(connection: duckdb.DuckDBPyConnection) -> Shadow | None:
    """Look up the shadow that was started last, through an open connection."""
    rows = connection.execute(_FIND_LAST).fetchall()
    return Shadow(*rows[0]) if rows else None


def find_shadow(warehouse: Path) -> Shadow | None:
    """Return the shadow that is on; None if there is none."""
    last = find_last_shadow(warehouse)
    return last if last is not None and last.is_on else None


def start_shadow(warehouse: Path, asked: ShadowStart) -> bool:
    """Make a recorded model the shadow, or change the end of one that is on; return whether it was not on before.

    Raises `UsageError` if another model is the shadow.
    """
    with open_warehouse(warehouse, write=True) as connection, begin_transaction(connection):
        last = read_last_shadow(connection)
        if last is None or not last.is_on:
            connection.execute(_START, dict(vars(asked)))
            return True
        if last.model_id != asked.model_id:
            raise UsageError(
                f"{last.model_id} is the shadow, and there is one at a time. Next: `reviews models shadow stop`, then "
                "this command again."
            )
        if asked.since is not None:
            raise UsageError(
                f"{last.model_id} is the shadow already, since {last.since:%Y-%m-%d %H:%M} UTC. Next: leave out "
                "--since, or `reviews models shadow stop` first."
            )
        connection.execute(_CHANGE_END, {"until": asked.until})
        return False


def stop_shadow(warehouse: Path, by: str) -> Shadow | None:
    """End the shadow that is on, and return it; None if there is none. Its scores stay."""
    with open_warehouse(warehouse, write=True) as connection, begin_transaction(connection):
        last = read_last_shadow(connection)
        if last is None or not last.is_on:
            return None
        connection.execute(_END, {"by": by})
        return last


def end_promoted(connection: duckdb.DuckDBPyConnection, model_id: str) -> None:
    """End the shadow in the transaction that makes its model the champion."""
    connection.execute(_END_PROMOTED, {"by": PROMOTION, "model_id": model_id})


def note_trouble(warehouse: Path, shadow: Shadow, trouble: str | None) -> bool:
    """Record why a shadow could not score, or that it can again; return whether that is news."""
    if trouble == shadow.trouble:
        return False
    with open_warehouse(warehouse, write=True) as connection:
        connection.execute(_NOTE_TROUBLE, {"number": shadow.number, "trouble": trouble})
    return True
