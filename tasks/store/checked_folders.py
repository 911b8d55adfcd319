"""Copies folders of files to a store and back: each file checked by the size and sha256 that a manifest has of it.

Objects can't be renamed, so the manifest is written last, and only where none is: what has none is not complete.
"""

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_contracts.errors import ObjectDamagedError, StoreUnreachableError
from tasks.store.connecting import Store
from tasks.store.object_operations import StoredObject, fetch, find_object, read, upload
from tasks.support.checksums import compute_sha256

FETCHED_AT_ONCE = 8
_QUOTED = 80
"""Most characters of what was found instead that a message quotes."""


@dataclass(frozen=True)
class CopiedFile:
    """What a manifest says of a file."""

    bytes: int
    sha256: str


def measure_folder(folder: Path) -> dict[str, CopiedFile]:
    """Return size and sha256 of every file in a folder, by its name there."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): _measure(path) for path in paths}


def _measure(path: Path) -> CopiedFile:
    """Return size and sha256 of a file, which is read."""
    return CopiedFile(path.stat().st_size, compute_sha256(path))


def upload_folder(store: Store, prefix: str, folder: Path, files: Mapping[str, CopiedFile]) -> None:
    """Write the files of a folder as objects below a prefix."""
    upload(store, {f"{prefix}/{name}": folder / name for name in files})


def fetch_folder(store: Store, prefix: str, files: Mapping[str, CopiedFile], folder: Path) -> None:
    """Fetch objects below a prefix into an empty folder.

    Raises `ObjectDamagedError` if one has another size or sha256 than the manifest says, `ObjectMissingError` if one is
    gone.
    """

    def copy(name: str) -> None:
        key, target = f"{prefix}/{name}", folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            fetch(store, StoredObject(key, files[name].bytes, 0, None), target)
        except StoreUnreachableError:  # so a read past the end of an object ends too
            if find_object(store, key).size == files[name].bytes:
                raise
        if _measure(target) != files[name]:
            raise ObjectDamagedError(f"{store.name(key)}: is not what its manifest says.")

    with ThreadPoolExecutor(FETCHED_AT_ONCE) as pool:
        list(pool.map(copy, files))


@contextmanager
def reading_manifest(store: Store, key: str) -> Iterator[Any]:
    """Yield a manifest, parsed, to a block that takes it apart.

    Raises `ObjectMissingError` if there is none, `ObjectDamagedError`, which says what is wrong, if it can't be read.
    """
    with parsing_manifest(store, key, read(store, key)) as stated:
        yield stated


@contextmanager
def parsing_manifest(store: Store, key: str, content: bytes) -> Iterator[Any]:
    """Yield the content of a manifest, parsed, to a block that takes it apart.

    Raises `ObjectDamagedError`, which says what is wrong, if it can't be read.
    """
    try:
        yield json.loads(content)
    except KeyError as error:
        raise ObjectDamagedError(f"{store.name(key)}: is no manifest (it lacks {error}).") from None
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        reason = ascii(str(error)[:_QUOTED])[1:-1]
        raise ObjectDamagedError(f"{store.name(key)}: is no manifest ({reason}).") from None


def parse_files(stated: Any) -> dict[str, CopiedFile]:
    """Return the files that a parsed manifest lists; raise `ValueError` for names outside the folder and odd facts."""
    files = {str(name): CopiedFile(int(each["bytes"]), str(each["sha256"])) for name, each in stated.items()}
    for name in files:
        if {"", ".", ".."} & set(name.split("/")) or not name.isprintable():
            raise ValueError(f"it names a file outside its folder, {name!r}")
    return files
