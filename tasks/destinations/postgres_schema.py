"""Creates, checks and migrates the tables of a destination in PostgreSQL.

Beside the table of scores, `NAME`, lie its ledger: `NAME_delivery`, one row, says which home delivers and what;
`NAME_files` has the state of each file that was delivered; `NAME_removed` the rows that were deleted.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from data_contracts.errors import DestinationError
from tasks.destinations.columns import COLUMNS, KEYS, SCHEMA_VERSION, Column, list_columns
from tasks.destinations.configuration import Destination
from tasks.destinations.results_and_errors import Sender, refuse_newer, refuse_other_home, refuse_other_rows

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Any]

MIGRATIONS: Mapping[int, Sequence[str]] = {}
"""The statements that bring the table `{table}` to each version after the first, such as
`ALTER TABLE {table} ALTER COLUMN token_count TYPE bigint`. A column that is new in `COLUMNS` is added without one."""
DELIVERED_AT = "delivered_at"
"""The column that a table has besides: when the row was written or changed."""

_CREATE_LEDGER = """
CREATE TABLE IF NOT EXISTS {delivery} (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    home text NOT NULL,
    home_place text NOT NULL,
    schema_version integer NOT NULL,
    rows text NOT NULL,
    columns text[] NOT NULL,
    deliveries bigint NOT NULL DEFAULT 0,
    delivered_at timestamp with time zone
);
CREATE TABLE IF NOT EXISTS {files} (
    source_sha256 text PRIMARY KEY,
    state text NOT NULL,
    delivered_at timestamp with time zone NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS {removed} (
    review uuid NOT NULL,
    source_sha256 text NOT NULL,
    row_number bigint NOT NULL,
    model_id text NOT NULL,
    removed_at timestamp with time zone NOT NULL DEFAULT now()
);
"""
_READ_DELIVERY = (
    "SELECT home, home_place, schema_version, rows, columns, deliveries FROM {delivery} FOR UPDATE"
)
_START = (
    "INSERT INTO {delivery} (home, home_place, schema_version, rows, columns) VALUES (%s, %s, %s, %s, %s)"
)
_LIST_COLUMNS = """
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
"""

_FIND_KEY = """
SELECT 1 FROM pg_index WHERE indrelid = %s::regclass AND indisunique AND indisvalid AND indimmediate
AND indpred IS NULL AND indexprs IS NULL AND %s::text[] = (
    SELECT array_agg(attname::text ORDER BY attname) FROM pg_attribute
    WHERE attrelid = indrelid AND attnum = ANY(indkey)
)
"""


@dataclass(frozen=True)
class Tables:
    """The names of a destination's tables, each quoted with its schema."""

    schema: str
    name: str

    @property
    def table(self) -> str:
        """The table of scores."""
        return f'"{self.schema}"."{self.name}"'

    def name_all(self) -> dict[str, str]:
        """Return all names, as the queries of this package use them."""
        others = {each: f'"{self.schema}"."{self.name}_{each}"' for each in ("delivery", "files", "removed")}
        return {"table": self.table, "schema": f'"{self.schema}"', **others}


@dataclass(frozen=True)
class _Begun:
    """What the ledger says of a destination."""

    home: str
    home_place: str
    version: int
    rows: str
    columns: Sequence[str]
    deliveries: int


def name_tables(destination: Destination) -> Tables:
    """Return the names of a destination's tables."""
    schema, _, name = destination.place.partition(".")
    return Tables(schema, name)


def prepare(connection: "Connection", destination: Destination, sender: Sender) -> int:
    """Create what is missing, check what is there, and migrate it; return the number of deliveries so far.

    Raises `DestinationError`, which names the table, the column and the next step, if it can't be delivered to.
    """
    names = name_tables(destination).name_all()
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"reviews {destination.place}"])
        if not _has_schema(connection, names["schema"].strip('"')):
            connection.execute(f"CREATE SCHEMA {names['schema']}")
        if not _has(connection, names["delivery"]):
            _refuse_tables_of_others(connection, destination, names, ("files", "removed"))
        connection.execute(_CREATE_LEDGER.format(**names))
        begun = _begin(connection, destination, sender, names)
        if not _has(connection, names["table"]):
            _create(connection, destination, names)
        _migrate(connection, destination, begun, names)
        _require_columns(connection, destination)
        if sender.repeats:
            connection.execute(f"UPDATE {names['files']} SET state = ''")  # noqa: S608 (our own names)
    return begun.deliveries


def _has(connection: "Connection", table: str) -> bool:
    return connection.execute("SELECT to_regclass(%s)", [table]).fetchone() != (None,)


def _refuse_tables_of_others(
    connection: "Connection", destination: Destination, names: Mapping[str, str], wanted: Iterable[str]
) -> None:
    """Raise `DestinationError` if, before the first delivery, a table has a name that is wanted for one of ours."""
    for table in (names[each] for each in wanted):
        if _has(connection, table):
            shown = table.replace('"', "")
            raise DestinationError(
                f"{destination.name}: there is a table {shown} already, which no delivery has made. Next: name another "
                "table, or rename that one."
            )


def _begin(
    connection: "Connection", destination: Destination, sender: Sender, names: Mapping[str, str]
) -> _Begun:
    """Return what the ledger says, which this home begins if there is none; refuse another home, or other rows."""
    found = connection.execute(_READ_DELIVERY.format(**names)).fetchone()
    columns = [column.name for column in list_columns(destination.layout)]
    if found is None:
        _refuse_tables_of_others(connection, destination, names, ("table",))
        begun = _Begun(sender.home_id, sender.place, SCHEMA_VERSION, destination.layout.rows, columns, 0)
        connection.execute(
            _START.format(**names), [begun.home, begun.home_place, begun.version, begun.rows, columns]
        )
        return begun
    begun = _Begun(*found)
    if begun.home != sender.home_id and not sender.takes_over:
        raise refuse_other_home(destination, begun.home_place)
    if begun.rows != destination.layout.rows:
        raise refuse_other_rows(destination, begun.rows)
    if begun.version > SCHEMA_VERSION:
        raise refuse_newer(destination, begun.version)
    connection.execute(
        f"UPDATE {names['delivery']} SET home = %s, home_place = %s",  # noqa: S608 (our own names)
        [sender.home_id, sender.place],
    )
    return begun


def _create(connection: "Connection", destination: Destination, names: Mapping[str, str]) -> None:
    """Create the table of scores, with what each column means; whatever was delivered before is not there."""
    columns = list_columns(destination.layout)
    lines = [_define(column) for column in columns]
    lines.append(f"{DELIVERED_AT} timestamp with time zone NOT NULL DEFAULT now()")
    lines.append(f"PRIMARY KEY ({', '.join(KEYS[destination.layout.rows])})")
    connection.execute(f"CREATE TABLE {names['table']} ({', '.join(lines)})")
    if destination.layout.rows == "current":  # else the primary key begins with it
        connection.execute(f"CREATE INDEX ON {names['table']} (source_sha256)")
    for column in columns:
        _comment(connection, column, names)
    connection.execute(f"DELETE FROM {names['files']}")  # noqa: S608 (our own names)


def _migrate(
    connection: "Connection", destination: Destination, begun: _Begun, names: Mapping[str, str]
) -> None:
    """Apply the missing migrations and add new columns; after that everything is to be delivered again."""
    wanted = list_columns(destination.layout)
    new = [column for column in wanted if column.name not in begun.columns]
    for version in range(begun.version + 1, SCHEMA_VERSION + 1):
        for statement in MIGRATIONS.get(version, ()):
            connection.execute(statement.format(**names))
    for column in new:
        nullable = Column(column.name, column.postgres, column.parquet, column.meaning)
        connection.execute(f"ALTER TABLE {names['table']} ADD COLUMN IF NOT EXISTS {_define(nullable)}")
        _comment(connection, column, names)
    if new or begun.version < SCHEMA_VERSION:
        connection.execute(f"UPDATE {names['files']} SET state = ''")  # noqa: S608 (our own names)
    connection.execute(
        f"UPDATE {names['delivery']} SET schema_version = %s, columns = %s",  # noqa: S608 (our own names)
        [SCHEMA_VERSION, [column.name for column in wanted]],
    )


def _require_columns(connection: "Connection", destination: Destination) -> None:
    """Raise `DestinationError` if the table lacks a column, has one of another type, or one that it may not have.

    Columns that somebody has added are left alone.
    """
    table = name_tables(destination).table
    found = dict(connection.execute(_LIST_COLUMNS, [table]).fetchall())
    wanted = {column.name: column for column in list_columns(destination.layout)}
    needed = {
        **{name: column.postgres for name, column in wanted.items()},
        DELIVERED_AT: "timestamp with time zone",
    }
    again = f"then `reviews destinations backfill {destination.name}`"
    for name, kind in needed.items():
        if name not in found:
            default = " NOT NULL DEFAULT now()" if name == DELIVERED_AT else ""
            raise DestinationError(
                f"{destination.name}: {destination.place} has no column {name}, which was there. Nothing was "
                f"delivered. Next: ALTER TABLE {table} ADD COLUMN {name} {kind}{default}; {again}."
            )
        if found[name] != kind:
            raise DestinationError(
                f"{destination.name}: the column {name} of {destination.place} is {found[name]}, and was {kind}. "
                f"Nothing was delivered. Next: ALTER TABLE {table} ALTER COLUMN {name} TYPE {kind} USING "
                f"{name}::{kind}; {again}."
            )
    if not connection.execute(_FIND_KEY, [table, sorted(KEYS[destination.layout.rows])]).fetchall():
        raise DestinationError(
            f"{destination.name}: {destination.place} has lost its primary key. Nothing was delivered. Next: ALTER "
            f"TABLE {table} ADD PRIMARY KEY ({', '.join(KEYS[destination.layout.rows])})."
        )
    for column in COLUMNS:
        if column.name in found and column.name not in wanted and column.name in ("text", "extra"):
            key = "texts" if column.name == "text" else column.name
            raise DestinationError(
                f"{destination.name}: {destination.place} has a column {column.name}, but {key} = false. Next: "
                f"ALTER TABLE {table} DROP COLUMN {column.name}, or set {key} = true."
            )


def _define(column: Column) -> str:
    """Return a column's part of CREATE TABLE."""
    return f'"{column.name}" {column.postgres}{" NOT NULL" if column.is_required else ""}'


def _comment(connection: "Connection", column: Column, names: Mapping[str, str]) -> None:
    """Write into the database what a column means."""
    meaning = column.meaning.replace("'", "''").replace("`", "")
    connection.execute(f"COMMENT ON COLUMN {names['table']}.\"{column.name}\" IS '{meaning}'")


def _has_schema(connection: "Connection", name: str) -> bool:
    """Return whether the database has a schema of this name."""
    found = connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [name]).fetchone()
    return found is not None
