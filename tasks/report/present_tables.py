"""Requires that the published copy has the tables of this version."""

from data_contracts.errors import WarehouseError
from data_contracts.warehouse import list_migrations
from tasks.queries.run_query import Ask

_READ_VERSION = "SELECT max(version) AS version FROM schema_migrations"


def require_present_tables(ask: Ask) -> None:
    """Raise `WarehouseError` if an older version of this program made the published copy, with fewer columns."""
    if ask(_READ_VERSION)[0]["version"] < list_migrations()[-1].version:
        raise WarehouseError(
            "The published copy is of an older version of this program. Next: run `reviews score`, which publishes a "
            "new one, then this command again."
        )
