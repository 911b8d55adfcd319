"""The folders of a home in which something is made before it goes to a store, or lies after it came from one."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from data_contracts.errors import FileRefusedError, SourceError, UsageError
from data_contracts.storage.durable import make_folder, remove
from data_contracts.storage.home import Home
from data_contracts.storage.listing import list_paths
from tasks.store.connecting import open_store
from tasks.store.object_operations import fetch, find_object
from tasks.support.locking import hold_folder, refuse_to_wait


@contextmanager
def hold_workplace(home: Home, uri: str) -> Iterator[Path]:
    """Yield an empty folder for work on `uri`, locked against other processes; delete it at the end.

    Raises `SourceError` if another process of the home works on it. What a killed one left is deleted.
    """
    home.make()
    place = home.uploads / sha256(uri.rstrip("/").encode()).hexdigest()[:32]
    make_folder(place)
    with hold_folder(place, refuse_to_wait):
        work = place / "work"
        remove(work)
        make_folder(work)
        try:
            yield work
        finally:
            remove(work)


def clear_workplaces(home: Home) -> None:
    """Delete what killed commands left in their folders for work, such as the database of a restore."""
    for place in list_paths(home.uploads, "*"):
        with suppress(SourceError), hold_folder(place, refuse_to_wait):  # a command at work deletes its own
            remove(place / "work")


@contextmanager
def borrow_file(home: Home, named: Path | str) -> Iterator[Path]:
    """Yield the path of a file; of an object in a store, which is a text, the path of a copy for as long as needed."""
    if isinstance(named, Path):
        yield named
        return
    folder, _, name = named.rpartition("/")
    store = open_store(folder)
    found = find_object(store, name)
    with hold_workplace(home, named) as work:
        fetch(store, found, work / name)
        try:
            yield work / name
        except UsageError as error:
            raise UsageError(str(error).replace(str(work / name), named)) from None
        except FileRefusedError as error:
            raise FileRefusedError(error.rule, error.detail.replace(str(work / name), named)) from None


def clear_spool(home: Home) -> None:
    """Delete what was copied from a store, by this run or by one that was killed. The caller keeps other runs out."""
    if home.spool.exists():
        shutil.rmtree(home.spool)
