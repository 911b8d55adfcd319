"""The folder of a destination's files, on disk or in an object store: what is done with it is the same in both.

A file takes the place of one with its name as a whole, in a rename or an upload. One process at a time has the folder.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from data_contracts.errors import DestinationError, DestinationUnreachableError, ObjectMissingError
from data_contracts.storage.durable import make_durable, make_folder, remove_leftovers, write_whole
from data_contracts.storage.home import Home
from data_contracts.storage.store_uris import is_store_uri
from tasks.delivery.destinations import Destination
from tasks.store.connecting import Store, open_store
from tasks.store.folder_claim import hold_store
from tasks.store.object_operations import delete, list_objects, put, read
from tasks.store.work_folders import hold_workplace
from tasks.support.locking import hold_folder, refuse_to_wait


@dataclass(frozen=True)
class FilePlace:
    """A folder, and what can be done with the files in it and in its folders of days; names are relative paths."""

    destination: Destination
    list_names: Callable[[], set[str]]
    read: Callable[[str], bytes | None]
    """Returns the content of a small file; None if there is none."""
    write: Callable[[str], AbstractContextManager[Path]]
    """The block writes to the path that it gets; at its end that is the file of this name."""
    delete: Callable[[Collection[str]], None]


@contextmanager
def open_place(home: Home, destination: Destination, *, to_write: bool = True) -> Iterator[FilePlace]:
    """Yield the folder of a destination; raise `DestinationError` or `StoreError` if it can't be reached.

    To be written it is created, held against other processes, and rid of what killed ones left.
    """
    if is_store_uri(destination.place):
        store = open_store(destination.place)
        if not to_write:
            yield _make_stored(destination, store, home.uploads)
            return
        with hold_workplace(home, store.uri) as work, hold_store(store, home):
            yield _make_stored(destination, store, work)
        return
    folder = Path(destination.place)
    try:
        if not folder.parent.is_dir():
            raise DestinationUnreachableError(
                f"{destination.name}: {folder.parent}: there is no such folder. Next: make it, or mount its disk."
            )
        if not to_write:
            yield _make_local(destination, folder)
            return
        make_folder(folder, mode=0o700 if destination.is_export else 0o750)
        with hold_folder(folder, refuse_to_wait):
            remove_leftovers(folder, held=True)
            yield _make_local(destination, folder)
    except OSError as error:
        raise DestinationError(
            f"{destination.name}: {folder}: {error.strerror or error}. Next: see that it can be written, and has room."
        ) from error


def _make_local(destination: Destination, folder: Path) -> FilePlace:
    """Return a folder on disk."""

    def list_files() -> set[str]:
        paths = (path for pattern in ("*", "day=*/*") for path in folder.glob(pattern))
        return {path.relative_to(folder).as_posix() for path in paths if path.is_file()}

    def read_file(name: str) -> bytes | None:
        path = folder / name
        return path.read_bytes() if path.is_file() else None

    def delete_files(names: Collection[str]) -> None:
        for path in (folder / name for name in names):
            path.unlink(missing_ok=True)
            with suppress(OSError):  # it is not empty
                if path.parent != folder:
                    path.parent.rmdir()
            if path.parent.is_dir():
                make_durable(path.parent)

    return FilePlace(
        destination, list_files, read_file, lambda name: write_whole(folder / name), delete_files
    )


def _make_stored(destination: Destination, store: Store, work: Path) -> FilePlace:
    """Return a folder of a store; its files are made in the folder `work`."""

    def read_object(name: str) -> bytes | None:
        try:
            return read(store, name)
        except ObjectMissingError:
            return None

    @contextmanager
    def write_object(name: str) -> Iterator[Path]:
        made = work / Path(name).name
        yield made
        put(store, name, made)
        made.unlink()

    return FilePlace(
        destination,
        lambda: {found.key for found in list_objects(store, "")},
        read_object,
        write_object,
        lambda names: delete(store, names),
    )
