"""Carries over, to the database of another machine, what this one records outside its turns: trainings and models."""

import os
from contextlib import ExitStack
from pathlib import Path

import duckdb

from data_contracts.errors import WarehouseBusyError, WarehouseError
from data_contracts.storage.home import Home
from tasks.backups.restoring import link_replaced
from tasks.warehouse.database.duckdb_engine import quote_sql
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.run_log import list_going_on

_TRAININGS = """
SELECT run_id FROM runs AS own LEFT JOIN newer.runs AS known USING (run_id)
WHERE own.flow = 'train-model' AND (
    known.run_id IS NULL OR (known.status = 'running' AND own.status <> 'running')
    OR run_id = ANY($going_on::VARCHAR[])
)
ORDER BY run_id
"""
"""SQL: the trainings of which this machine knows more: new ones, those that ended since, and those that go on here."""
_MODELS = "SELECT model_id FROM models EXCEPT SELECT model_id FROM newer.models ORDER BY ALL"


def carry_over(home: Home, building: Path, held: ExitStack, *, keeps: bool) -> None:
    """Add to a new database what only this machine knows. The present one is kept open until `held` ends.

    So nothing can be recorded there that would be lost. `keeps`: it is kept under another name, as a damaged one is,
    which has nothing to carry over.
    """
    try:
        connection = held.enter_context(open_warehouse(home.warehouse, write=True))
        connection.execute("CHECKPOINT")
    except WarehouseBusyError:
        raise
    except WarehouseError:
        link_replaced(home.warehouse)
        return
    if keeps:
        link_replaced(home.warehouse)
    connection.execute(f"ATTACH {quote_sql(os.fspath(building))} AS newer")
    going_on = {"going_on": list_going_on(home)}
    trainings = [name for (name,) in connection.execute(_TRAININGS, going_on).fetchall()]
    _copy(connection, ("runs", "contract_results"), "run_id", trainings)
    models = [name for (name,) in connection.execute(_MODELS).fetchall()]
    _copy(connection, ("models", "reference_measures", "reference_bins"), "model_id", models)
    connection.execute("DETACH newer")


def _copy(
    connection: duckdb.DuckDBPyConnection, tables: tuple[str, ...], column: str, names: list[str]
) -> None:
    """Make the rows of some runs or models in the newer database those of this one."""
    for table in tables:
        named = f"WHERE {column} = ANY($names::VARCHAR[])"
        connection.execute(f"DELETE FROM newer.{table} {named}", {"names": names})  # noqa: S608 (our own names)
        connection.execute(f"INSERT INTO newer.{table} BY NAME FROM {table} {named}", {"names": names})
