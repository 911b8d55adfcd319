"""Tests that parts in a store are whole, that the first of several attempts wins, and that nothing of them stays."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from data_contracts.errors import ObjectMissingError, StoreError
from tasks.store import objects, stored_parts
from tasks.store.connecting import Store
from tasks.store.stored_parts import (
    StoredPart,
    collect_parts,
    delete_part,
    fetch_part,
    find_manifest,
    upload_part,
)
from tests.support.stores import make_folder_store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return make_folder_store(tmp_path / "store")


@pytest.fixture
def part(store: Store) -> StoredPart:
    return StoredPart(store, "home-1", "abc")


def make(folder: Path, content: bytes = b"rows") -> Path:
    """Write the files of a part."""
    folder.mkdir()
    (folder / "scored_reviews.parquet").write_bytes(content)
    (folder / "scored_files.parquet").write_bytes(b"ledger")
    return folder


def list_keys(store: Store) -> list[str]:
    return sorted(each.key for each in objects.list_objects(store, ""))


def test_a_part_comes_back_as_it_was_written(part: StoredPart, tmp_path: Path) -> None:
    assert find_manifest(part) is None
    upload_part(part, make(tmp_path / "made"), "run-1", {"a.csv": "profile_wrong"})
    manifest = find_manifest(part)
    assert manifest is not None
    assert (manifest.run_id, manifest.postponed) == ("run-1", {"a.csv": "profile_wrong"})
    fetch_part(part, manifest, tmp_path / "copy")
    for name in ("scored_reviews.parquet", "scored_files.parquet"):
        assert (tmp_path / "copy" / name).read_bytes() == (tmp_path / "made" / name).read_bytes()


def test_of_two_attempts_the_first_wins_and_the_other_drops_its_own(part: StoredPart, tmp_path: Path) -> None:
    first = upload_part(part, make(tmp_path / "1", b"first"), "run-1")
    assert upload_part(part, make(tmp_path / "2", b"later"), "run-2") == first
    assert len(list_keys(part.store)) == len(first.files) + 1


def test_an_attempt_whose_answer_was_lost_knows_that_it_was_first(
    part: StoredPart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = objects.put_if_absent

    def lose_the_first_answer(store: Store, key: str, content: bytes) -> bool:
        create(store, key, content)
        return create(store, key, content)

    monkeypatch.setattr(stored_parts, "put_if_absent", lose_the_first_answer)
    ours = upload_part(part, make(tmp_path / "1"), "run-1")
    fetch_part(part, ours, tmp_path / "copy")


def test_an_attempt_that_ended_before_its_manifest_is_no_part(
    part: StoredPart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(stored_parts, "put_if_absent")
    with pytest.raises(NameError):
        upload_part(part, make(tmp_path / "1"), "run-1")
    assert find_manifest(part) is None
    assert list_keys(part.store)


@pytest.mark.parametrize("damage", [b"rowz", b"row", b""])
def test_a_part_that_is_not_what_its_manifest_says_is_not_fetched(
    part: StoredPart, tmp_path: Path, damage: bytes
) -> None:
    manifest = upload_part(part, make(tmp_path / "1"), "run-1")
    objects.put(part.store, f"{part.folder}/{manifest.attempt}/scored_reviews.parquet", damage)
    with pytest.raises(StoreError):
        fetch_part(part, manifest, tmp_path / "copy")


def test_a_part_of_which_a_file_is_gone_is_not_fetched(part: StoredPart, tmp_path: Path) -> None:
    manifest = upload_part(part, make(tmp_path / "1"), "run-1")
    objects.delete(part.store, [f"{part.folder}/{manifest.attempt}/scored_reviews.parquet"])
    with pytest.raises(ObjectMissingError):
        fetch_part(part, manifest, tmp_path / "copy")


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"attempt": "a", "run_id": "r", "files": {"x": 1}, "postponed": {}}']
)
def test_what_is_no_manifest_is_named_with_what_to_delete(part: StoredPart, content: str) -> None:
    objects.put(part.store, part.manifest, content.encode())
    with pytest.raises(StoreError, match="Next: delete "):
        find_manifest(part)


@pytest.mark.parametrize("name", ["../x", "/x", "a//b", "a/../../x", ""])
def test_a_manifest_names_no_file_outside_its_folder(part: StoredPart, name: str) -> None:
    files = {name: {"bytes": 1, "sha256": "f"}}
    content = json.dumps({"attempt": "a", "run_id": "r", "files": files, "postponed": {}})
    objects.put(part.store, part.manifest, content.encode())
    with pytest.raises(StoreError, match="is no manifest"):
        find_manifest(part)


def test_a_deleted_part_leaves_nothing_of_any_attempt(part: StoredPart, tmp_path: Path) -> None:
    other = StoredPart(part.store, "home-1", "abcd")
    for each in (part, other):
        upload_part(each, make(tmp_path / each.key), "run-1")
    objects.put(part.store, f"{part.folder}/of-a-killed-worker/scored_reviews.parquet", b"rows")
    delete_part(part)
    assert {key.split("/")[2] for key in list_keys(part.store)} == {"abcd"}


def test_old_parts_of_the_home_alone_are_collected(store: Store, part: StoredPart, tmp_path: Path) -> None:
    upload_part(part, make(tmp_path / "1"), "run-1")
    upload_part(StoredPart(store, "home-2", "abc"), make(tmp_path / "2"), "run-2")
    assert collect_parts(store, "home-1") == 0
    assert collect_parts(store, "home-1", unused_for=timedelta(0)) == 3
    assert {key.split("/")[1] for key in list_keys(store)} == {"home-2"}
