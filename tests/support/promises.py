"""Asks a database which promises on its tables do not hold."""

from pathlib import Path

from tasks.maintenance.data_promises import PROMISES
from tasks.warehouse.database.warehouse_connection import open_warehouse


def find_broken(warehouse: Path) -> list[str]:
    """Return the promises on the tables that do not hold, but those on promotions: models score without one here."""
    with open_warehouse(warehouse, write=False) as connection:
        return [
            promise
            for promise, query in PROMISES.items()
            if "promoted" not in promise and connection.execute(query).fetchall()
        ]
