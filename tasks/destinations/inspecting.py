"""Looks at a destination without changing it: whether it can be delivered to, what it has and what it lacks."""

import socket
from dataclasses import dataclass
from pathlib import Path

from data_contracts.errors import DestinationUnreachableError, ObjectMissingError
from data_contracts.storage.home import Home
from data_contracts.storage.home_id import ensure_home_id
from data_contracts.storage.store_uris import is_store_uri
from tasks.destinations.changes import FileState, find_changes
from tasks.destinations.configuration import Destination
from tasks.destinations.delivery import read_wanted
from tasks.destinations.parquet import LEDGER, accept_ledger, parse_ledger, require_no_file
from tasks.destinations.postgres import connect
from tasks.destinations.postgres_schema import name_tables, prepare
from tasks.destinations.results_and_errors import Sender
from tasks.store.connecting import open_store
from tasks.store.object_operations import list_level, read


@dataclass(frozen=True)
class Inspected:
    """What a destination has, and what it should have."""

    rows_held: int | None
    """None if nothing was delivered yet."""
    rows_wanted: int
    files_lacking: int
    """Source files that are new, changed or gone."""


def inspect(home: Home, destination: Destination) -> Inspected:
    """Return what a destination has and lacks; raise a `ReviewsError` if it can't be delivered to."""
    states, rows_wanted = read_wanted(home, destination)
    sender = Sender(ensure_home_id(home), f"{socket.gethostname()}:{home.folder}")
    look = _inspect_table if destination.kind == "postgres" else _inspect_folder
    rows_held, delivered = look(destination, sender)
    return Inspected(rows_held if delivered else None, rows_wanted, _count_lacking(states, delivered))


def _count_lacking(states: dict[str, FileState], delivered: dict[str, str]) -> int:
    """Return how many files differ between the home and a destination."""
    return sum(len(batch.files) + len(batch.gone) for batch in find_changes(states, delivered))


def _inspect_table(destination: Destination, sender: Sender) -> tuple[int, dict[str, str]]:
    """Return the rows of a table and the files that were delivered; whatever is prepared for that is rolled back."""
    with connect(destination) as connection, connection.transaction(force_rollback=True):
        prepare(connection, destination, sender)
        names = name_tables(destination).name_all()
        [(rows,)] = connection.execute(f"SELECT count(*) FROM {names['table']}").fetchall()  # noqa: S608
        files = connection.execute(f"SELECT source_sha256, state FROM {names['files']}").fetchall()  # noqa: S608
        return int(rows), dict(files)


def _inspect_folder(destination: Destination, sender: Sender) -> tuple[int, dict[str, str]]:
    """Return the rows of a folder's files and the source files that were delivered, by the ledger."""
    content, names = _read_folder(destination)
    if content is None:
        require_no_file(destination, names)
        return 0, {}
    ledger = accept_ledger(parse_ledger(content, destination), destination, sender, names)
    delivered = {source: state for file in ledger.files.values() for source, state in file.sources.items()}
    return sum(file.rows for file in ledger.files.values()), delivered


def _read_folder(destination: Destination) -> tuple[bytes | None, set[str]]:
    """Return the content of a folder's ledger, None without one, and the names of the files beside it."""
    if is_store_uri(destination.place):
        store = open_store(destination.place)
        names = {found.key for found in list_level(store, "")[0]}
        try:
            return read(store, LEDGER), names
        except ObjectMissingError:
            return None, names
    folder = Path(destination.place)
    if not folder.parent.is_dir():
        raise DestinationUnreachableError(
            f"{destination.name}: {folder.parent}: there is no such folder. Next: make it, or mount its disk."
        )
    path = folder / LEDGER
    names = {each.name for each in folder.iterdir()} if folder.is_dir() else set()
    return path.read_bytes() if path.is_file() else None, names
