"""The places of snapshots: folders, and folders of object stores, which know the same few actions.

A place has small files at its root, and chunks of at most some MiB in one folder. A file comes whole or not at all.
"""

import os
import stat
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from data_contracts.errors import ObjectMissingError, StoreError, StoreUnreachableError
from data_contracts.storage.durable import (
    create_whole,
    make_durable,
    make_folder,
    remove_leftovers,
    write_synced,
    write_whole,
)
from data_contracts.storage.store_uris import is_store_uri, parse_inbox_store
from tasks.store import object_operations
from tasks.store.connecting import Store, open_store
from tasks.support.wording import quote_word

CHUNKS = "chunks"
AT_ONCE = 8
"""Chunks that are written or read at once."""
_FILE = "file://"
_SECOND = 10**9
"""In the nanoseconds of the file system."""


@dataclass(frozen=True)
class FolderPlace:
    """A folder with snapshots."""

    name: str
    """As a user names it: a path, or a URI that begins with file://."""
    folder: Path

    def prepare(self) -> None:
        """Make what is missing, and delete what killed writers left. The caller keeps others out."""
        with self._naming_errors():
            make_folder(self.folder / CHUNKS)
            for each in (self.folder, self.folder / CHUNKS):
                remove_leftovers(each, held=True)

    def list_names(self) -> list[str]:
        """Return the names of the files at the root."""
        with self._naming_errors():
            found = self.folder.iterdir() if self.folder.is_dir() else iter(())
            return sorted(path.name for path in found if path.is_file() and not path.name.startswith("."))

    def list_chunks(self) -> dict[str, int]:
        """Return the bytes of each chunk, by its name."""
        return {name: found.st_size for name, found in self._look().items()}

    def list_unchanged(self) -> dict[str, int]:
        """Return the bytes of each chunk that was not changed since it was written, as far as its time tells.

        None where other users can write.
        """
        with self._naming_errors():
            folder = (self.folder / CHUNKS).stat()
        if folder.st_uid != os.geteuid() or folder.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return {}
        found = self._look().items()
        return {name: each.st_size for name, each in found if each.st_mtime_ns % _SECOND == 0}

    def _look(self) -> dict[str, os.stat_result]:
        """Return what the file system says of each chunk, by its name."""
        with self._naming_errors():
            folder = self.folder / CHUNKS
            found = os.scandir(folder) if folder.is_dir() else ()
            return {each.name: each.stat() for each in found if not each.name.startswith(".")}

    def read(self, name: str, most: int | None = None) -> bytes:
        """Return a file, or its first `most` bytes; raise `ObjectMissingError` if there is none."""
        with self._naming_errors(name), (self.folder / name).open("rb") as file:
            return file.read() if most is None else file.read(most)

    def create(self, name: str, content: bytes) -> bool:
        """Write a file unless there is one; return whether the one that is there has this content."""
        with self._naming_errors(name):
            make_folder(self.folder, 0o700)
            create_whole(self.folder / name, content)
            return (self.folder / name).read_bytes() == content

    def write(self, name: str, content: bytes) -> None:
        """Write a file, in place of one that is there."""
        with self._naming_errors(name), write_whole(self.folder / name) as building:
            building.write_bytes(content)

    def write_chunk(self, name: str, content: bytes) -> None:
        """Write a chunk, which `finish` makes sure to last."""
        path = self.folder / CHUNKS / name
        with self._naming_errors(f"{CHUNKS}/{name}"):
            write_synced(path, content)
            os.utime(
                path, (int(time.time()),) * 2
            )  # whoever changes it later leaves a time with parts of a second

    def finish(self) -> None:
        """Return once all chunks survive a power cut."""
        with self._naming_errors():
            make_durable(self.folder / CHUNKS)

    def delete(self, names: Collection[str]) -> None:
        """Delete files; those that are not there are no error."""
        with self._naming_errors():
            for name in names:
                with suppress(FileNotFoundError):
                    (self.folder / name).unlink()

    @contextmanager
    def _naming_errors(self, name: str = "") -> Iterator[None]:
        """Raise errors of the file system as ours, which name the file."""
        named = f"{self.name}/{name}" if name else self.name
        try:
            yield
        except (FileNotFoundError, NotADirectoryError) as error:
            raise ObjectMissingError(f"{named}: is not there. Next: check its name.") from error
        except PermissionError as error:
            raise StoreError(
                f"{named}: access is refused ({error.strerror}). Next: give yourself the right to read and write there."
            ) from error
        except OSError as error:
            raise StoreUnreachableError(
                f"{named}: can't be used ({error.strerror or error}). Next: see that its disk is there, and has room."
            ) from error


@dataclass(frozen=True)
class StorePlace:
    """A folder of an object store with snapshots."""

    store: Store

    @property
    def name(self) -> str:
        """Its URI."""
        return self.store.uri

    def prepare(self) -> None:
        """Do nothing: a store has no folders, and nothing half written."""

    def list_names(self) -> list[str]:
        """Return the names of the objects at the root."""
        return sorted(found.key for found in object_operations.list_level(self.store, "")[0])

    def list_chunks(self) -> dict[str, int]:
        """Return the bytes of each chunk, by its name."""
        found = object_operations.list_objects(self.store, CHUNKS)
        return {each.key.rpartition("/")[2]: each.size for each in found}

    def list_unchanged(self) -> dict[str, int]:
        """Return the same: a store does not tell what was changed."""
        return self.list_chunks()

    def read(self, name: str, most: int | None = None) -> bytes:
        """Return an object, or its first `most` bytes, again if these are cut off.

        Raises `ObjectMissingError` if there is none.
        """
        for _ in range(object_operations.MOST_CUTS - 1 if most is not None else 0):
            with suppress(StoreUnreachableError):
                return object_operations.read(self.store, name, most)
        return object_operations.read(self.store, name, most)

    def create(self, name: str, content: bytes) -> bool:
        """Write an object unless there is one; return whether the one that is there has this content."""
        return object_operations.put_if_absent(self.store, name, content)

    def write(self, name: str, content: bytes) -> None:
        """Write an object, in place of one that is there."""
        object_operations.put(self.store, name, content)

    def write_chunk(self, name: str, content: bytes) -> None:
        """Write a chunk."""
        object_operations.put(self.store, f"{CHUNKS}/{name}", content)

    def finish(self) -> None:
        """Do nothing: what a store has accepted lasts."""

    def delete(self, names: Collection[str]) -> None:
        """Delete objects; those that are not there are no error."""
        object_operations.delete(self.store, names)


Place = FolderPlace | StorePlace


def open_place(named: Path | str) -> Place:
    """Return the place at a path or URI. Nothing is written or sent yet.

    Raises `UsageError` for a wrong URI, and `StoreError` without obstore, or if the folder above a file:// URI is away.
    """
    if isinstance(named, Path) or not is_store_uri(named):
        return FolderPlace(str(Path(named).absolute()), Path(named).absolute())
    uri = parse_inbox_store(named)
    if not uri.startswith(_FILE):
        return StorePlace(open_store(uri))
    folder = Path(uri.removeprefix(_FILE))
    if not folder.parent.is_dir():  # as of a disk that is not mounted
        raise StoreError(
            f"{uri}: there is no folder {quote_word(str(folder.parent))}. Next: create it, or correct the URI."
        )
    return FolderPlace(uri, folder)
