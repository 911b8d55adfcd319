"""What is done with the objects of a store: list, fetch, read, put, put if absent, delete."""

from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from data_contracts.errors import StoreUnreachableError
from tasks.store.connecting import Store, naming_errors

CHUNK_BYTES = 4 << 20
LISTED_AT_ONCE = 1_000
MOST_CUTS = 5
"""How often a read may be cut off without a byte having come before it fails."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class StoredObject:
    """An object as a store lists it."""

    key: str
    """Its name within the store."""
    size: int
    modified_ns: int
    etag: str | None
    """The mark of its content; None where a store gives none."""


def list_objects(store: Store, folder: str) -> Iterator[StoredObject]:
    """Yield the objects in a folder of the store and in the folders below it, in no order."""
    import obstore

    with naming_errors(store.name(folder)):
        for chunk in obstore.list(store.client, folder, chunk_size=LISTED_AT_ONCE):
            yield from map(_describe, chunk)


def list_level(store: Store, folder: str) -> tuple[list[StoredObject], list[str]]:
    """Return the objects that lie directly in a folder of the store, and the folders in it."""
    import obstore

    with naming_errors(store.name(folder)):
        listed: Any = obstore.list_with_delimiter(store.client, folder)
    return list(map(_describe, listed["objects"])), list(listed["common_prefixes"])


def find_object(store: Store, key: str) -> StoredObject:
    """Return an object as it is now; raise `ObjectMissingError` if there is none."""
    import obstore

    with naming_errors(store.name(key)):
        return _describe(obstore.head(store.client, key))


def fetch(
    store: Store, found: StoredObject, target: Path, report: Callable[[int], None] = lambda size: None
) -> None:
    """Write an object to the new file `target`, whose caller must not use it if an error is raised.

    A read that is cut off goes on where it was, by the object's ETag. Raises `ObjectChangedError` if the object has
    changed since it was found. `report` is called with each number of bytes written.
    """
    with target.open("xb") as file:
        cuts = 0
        while file.tell() < found.size:
            start = file.tell()
            try:
                for chunk in _read_on(store, found, start):
                    file.write(chunk)
                    report(len(chunk))
                if file.tell() != found.size:
                    raise StoreUnreachableError(
                        f"{store.name(found.key)}: {file.tell():,} of its {found.size:,} bytes came. Next: try again."
                    )
            except StoreUnreachableError:
                cuts = 0 if file.tell() > start else cuts + 1
                if cuts == MOST_CUTS:
                    raise


def _read_on(store: Store, found: StoredObject, start: int) -> Iterator[bytes]:
    """Yield the bytes of an object from `start` on; only its errors are turned into ours, not those of the caller."""
    import obstore

    options: Any = {"range": (start, found.size)}
    if found.etag:
        options["if_match"] = found.etag
    with naming_errors(store.name(found.key)):
        yield from obstore.get(store.client, found.key, options=options).stream(CHUNK_BYTES)


def read(store: Store, key: str, most: int | None = None) -> bytes:
    """Return the content of a small object, or its first `most` bytes; raise `ObjectMissingError` if there is none."""
    import obstore

    with naming_errors(store.name(key)):
        if most is not None:
            return bytes(obstore.get_range(store.client, key, start=0, length=most))
        return bytes(obstore.get(store.client, key).bytes())


def put(store: Store, key: str, content: Path | bytes) -> None:
    """Write an object, which takes the place of another one of this name once all of it has arrived."""
    import obstore

    with naming_errors(store.name(key)):
        obstore.put(store.client, key, content)


def put_if_absent(store: Store, key: str, content: bytes) -> bool:
    """Write a small object unless one has this name; return whether the name was free, also if we wrote it before.

    So a write whose answer was lost, and which is sent again, counts as done.
    """
    import obstore
    from obstore.exceptions import AlreadyExistsError

    with naming_errors(store.name(key)):
        try:
            obstore.put(store.client, key, content, mode="create")
        except AlreadyExistsError:
            return read(store, key) == content
        return True


def delete(store: Store, keys: Collection[str]) -> None:
    """Delete objects; those that are not there are no error."""
    import obstore

    if not keys:
        return
    with naming_errors(store.uri):
        try:
            obstore.delete(store.client, sorted(keys))
        except FileNotFoundError:  # a folder says so, a bucket does not
            for key in keys:
                with suppress(FileNotFoundError):
                    obstore.delete(store.client, key)


def _describe(listed: Any) -> StoredObject:
    """Return a listed object as ours."""
    modified = (listed["last_modified"] - _EPOCH).total_seconds()
    return StoredObject(listed["path"], listed["size"], round(modified * 10**6) * 1000, listed["e_tag"])
