"""Texts in a store: what the home hands to the workers of an engine: rows of a large object, or what is scored again.

The texts of a task are one Parquet object below `parts/HOME/texts/`, named by its sha256: they go with the parts, when
these are collected or a row is forgotten. The run deletes them as soon as their scores are back.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from data_contracts.errors import ObjectMissingError
from data_contracts.storage.faults import pass_fault_point
from tasks.store.checked_folders import CopiedFile, fetch_folder, measure_folder
from tasks.store.connecting import Store
from tasks.store.object_operations import StoredObject, delete, find_object, list_objects, put
from tasks.store.stored_parts import PARTS, find_end_of_use

TEXTS = "texts"


@dataclass(frozen=True)
class StoredTexts:
    """Texts of a home in a store."""

    home_id: str
    file: CopiedFile

    @property
    def folder(self) -> str:
        """The name below which all texts of the home lie."""
        return f"{PARTS}/{self.home_id}/{TEXTS}"

    @property
    def name(self) -> str:
        """The name of the object in that folder."""
        return f"{self.file.sha256}.parquet"

    @property
    def key(self) -> str:
        """The name of the object."""
        return f"{self.folder}/{self.name}"


def put_texts(store: Store, home_id: str, folder: Path) -> StoredTexts:
    """Write the only file of a folder as texts of a home, also over an object of this name, which may be damaged."""
    [(name, facts)] = measure_folder(folder).items()
    texts = StoredTexts(home_id, facts)
    put(store, texts.key, folder / name)
    pass_fault_point("engine: texts stored")
    return texts


def fetch_texts(store: Store, texts: StoredTexts, folder: Path) -> Path:
    """Fetch texts into an empty folder, checked by their size and sha256; return the path of the file.

    Raises `ObjectMissingError` if they are there no more, `ObjectDamagedError` if they were altered.
    """
    folder.mkdir(parents=True, exist_ok=True)
    fetch_folder(store, texts.folder, {texts.name: texts.file}, folder)
    return folder / texts.name


def has_texts(store: Store, texts: StoredTexts) -> bool:
    """Return whether texts are still in the store."""
    try:
        find_object(store, texts.key)
    except ObjectMissingError:
        return False
    return True


def delete_texts(store: Store, texts: Collection[StoredTexts]) -> None:
    """Delete texts whose group has ended."""
    delete(store, {each.key for each in texts})


def delete_all_texts(store: Store, home_id: str) -> None:
    """Delete all texts of a home."""
    delete(store, [each.key for each in list_objects(store, f"{PARTS}/{home_id}/{TEXTS}")])


def list_left(store: Store, home_id: str) -> list[StoredObject]:
    """Return what is of no use while no run is at work, by name: texts, and parts that no run will commit any more."""
    folder, before_ns = f"{PARTS}/{home_id}", find_end_of_use()
    found = sorted(list_objects(store, folder), key=lambda each: each.key)
    return [
        each for each in found if each.key.startswith(f"{folder}/{TEXTS}/") or each.modified_ns < before_ns
    ]
