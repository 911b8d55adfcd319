"""Tests that parts in a store are whole, that the first of several attempts wins, and that nothing of them stays."""

import json
import math
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import ObjectDamagedError, ObjectMissingError
from tasks.store import object_operations, stored_parts
from tasks.store.connecting import Store
from tasks.store.stored_parts import (
    StoredPart,
    collect_parts,
    delete_part,
    drop_damaged,
    fetch_part,
    find_manifest,
    upload_part,
)


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
    return sorted(each.key for each in object_operations.list_objects(store, ""))


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
    create = object_operations.put_if_absent

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
    object_operations.put(part.store, f"{part.folder}/{manifest.attempt}/scored_reviews.parquet", damage)
    with pytest.raises(ObjectDamagedError, match="is not what its manifest says"):
        fetch_part(part, manifest, tmp_path / "copy")


def test_a_part_of_which_a_file_is_gone_is_not_fetched(part: StoredPart, tmp_path: Path) -> None:
    manifest = upload_part(part, make(tmp_path / "1"), "run-1")
    object_operations.delete(part.store, [f"{part.folder}/{manifest.attempt}/scored_reviews.parquet"])
    with pytest.raises(ObjectMissingError):
        fetch_part(part, manifest, tmp_path / "copy")


def write_manifest(part: StoredPart, **stated: Any) -> None:
    """Write a manifest of nothing, with these members instead of its own."""
    whole = {"attempt": "f" * 32, "run_id": "r", "files": {}, "postponed": {}}
    object_operations.put(part.store, part.manifest, json.dumps(whole | stated).encode())


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "Expecting value"),
        (b"{}", "it lacks 'attempt'"),
        (b"[]", "list indices"),
        (b"\xff", "can't decode"),
        (b"[" * 100_000, "recursion"),
    ],
)
def test_what_is_no_manifest_is_named_with_what_is_wrong(
    part: StoredPart, content: bytes, problem: str
) -> None:
    object_operations.put(part.store, part.manifest, content)
    with pytest.raises(ObjectDamagedError, match=f"is no manifest .*{problem}"):
        find_manifest(part)


@pytest.mark.parametrize("name", ["../x", "/x", "a//b", "a/../../x", "", "a\0b"])
def test_a_manifest_names_no_file_outside_its_folder(part: StoredPart, name: str) -> None:
    write_manifest(part, files={name: {"bytes": 1, "sha256": "f"}})
    with pytest.raises(ObjectDamagedError, match=r"is no manifest .it names a file outside its folder"):
        find_manifest(part)


@pytest.mark.parametrize("facts", [1, {"bytes": math.inf, "sha256": "f"}, {"sha256": "f"}])
def test_a_manifest_has_size_and_sha256_of_each_file(part: StoredPart, facts: Any) -> None:
    write_manifest(part, files={"x": facts})
    with pytest.raises(ObjectDamagedError, match="is no manifest"):
        find_manifest(part)


@pytest.mark.parametrize("attempt", ["../../../secret", "", "f" * 31, 7])
def test_an_attempt_is_a_name_of_hexadecimal_digits(part: StoredPart, attempt: Any) -> None:
    write_manifest(part, attempt=attempt)
    with pytest.raises(ObjectDamagedError, match="its attempt is"):
        find_manifest(part)


def test_a_manifest_that_cannot_be_read_is_dropped_and_the_part_is_made_anew(
    part: StoredPart, tmp_path: Path
) -> None:
    write_manifest(part, attempt="../../../secret")
    with pytest.raises(ObjectMissingError, match="Next: run again"):
        upload_part(part, make(tmp_path / "1"), "run-1")
    assert "secret" in drop_damaged(part)
    ours = upload_part(part, make(tmp_path / "2"), "run-1")
    assert (drop_damaged(part), find_manifest(part)) == ("", ours)


def test_a_deleted_part_leaves_nothing_of_any_attempt(part: StoredPart, tmp_path: Path) -> None:
    other = StoredPart(part.store, "home-1", "abcd")
    for each in (part, other):
        upload_part(each, make(tmp_path / each.key), "run-1")
    object_operations.put(part.store, f"{part.folder}/of-a-killed-worker/scored_reviews.parquet", b"rows")
    delete_part(part)
    assert {key.split("/")[2] for key in list_keys(part.store)} == {"abcd"}


def test_old_parts_of_the_home_alone_are_collected(store: Store, part: StoredPart, tmp_path: Path) -> None:
    upload_part(part, make(tmp_path / "1"), "run-1")
    upload_part(StoredPart(store, "home-2", "abc"), make(tmp_path / "2"), "run-2")
    assert collect_parts(store, "home-1") == 0
    assert collect_parts(store, "home-1", unused_for=timedelta(0)) == 3
    assert {key.split("/")[1] for key in list_keys(store)} == {"home-2"}


def test_what_killed_workers_left_of_files_in_a_folder_is_collected_too(
    store: Store, part: StoredPart, tmp_path: Path
) -> None:
    upload_part(part, make(tmp_path / "1"), "run-1")
    [written] = (tmp_path / "store" / part.folder).glob("*/scored_reviews.parquet")
    (left := written.with_name("source_reviews.parquet#1")).write_bytes(b"rows")
    collect_parts(store, "home-1")
    assert left.exists()
    collect_parts(store, "home-1", unused_for=timedelta(0))
    assert not left.exists()
