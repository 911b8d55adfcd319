"""Tests of object stores by function, on folders at file:// URIs."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from data_contracts.errors import ObjectChangedError, ObjectMissingError, StoreError, UsageError
from data_contracts.storage.home import Home
from data_contracts.storage.store_uris import name_by_uri, parse_inbox_store, parse_store_uri
from tasks.inbox.source_files import SkippedFile, SourceFile
from tasks.sources.catalogue import Catalogue
from tasks.store import inbox_objects, object_operations
from tasks.store.connecting import Store, open_store
from tasks.store.inbox_objects import Arrivals, fetch_arrivals, find_arrivals
from tasks.warehouse.file_ledger import record_seen


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a store."""
    (tmp_path / "store" / "inbox").mkdir(parents=True)
    return tmp_path / "store"


@pytest.fixture
def store(folder: Path) -> Store:
    return open_store(f"file://{folder}")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.make()
    return made


def drop(folder: Path, name: str, content: str = "text\ngood film\n") -> Path:
    path = folder / "inbox" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, "utf-8")
    return path


def find(home: Home, store: Store, *named: str) -> Arrivals:
    return find_arrivals(home, store.uri, named, None)


def fetch(store: Store, found: Arrivals) -> list[SourceFile | SkippedFile]:
    return fetch_arrivals(store.uri, found.unread, lambda size: None)


@pytest.mark.parametrize(
    "uri",
    ["/mnt/x", "http://host/x", "s3:///x", "file://host/x", "file:/mnt/x", "S3://bucket", "s3://b/../c"],
)
def test_what_is_no_store_is_refused_by_name(uri: str) -> None:
    with pytest.raises(UsageError, match="Next"):
        parse_store_uri(uri)


def test_a_password_in_the_uri_is_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError) as raised:
        parse_store_uri("s3://key:secret@bucket/x")
    assert "secret" not in str(raised.value)


def test_a_store_above_whose_inbox_is_another_is_refused() -> None:
    assert parse_inbox_store("s3://inbox/prod") == "s3://inbox/prod"
    with pytest.raises(UsageError, match="inbox"):
        parse_inbox_store("s3://bucket/inbox/prod")


def test_the_folder_of_an_object_in_the_inbox_is_its_source() -> None:
    assert Catalogue().find("s3://bucket/p/inbox/shop-a/inbox/today.csv").name == "shop-a"
    assert Catalogue().find("s3://bucket/p/inbox/today.csv").name == "default"


def test_a_folder_that_is_not_there_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such bucket or folder"):
        open_store(f"file://{tmp_path}/nothing")


def test_objects_are_found_with_their_uris_and_copied_whole(home: Home, folder: Path, store: Store) -> None:
    drop(folder, "shop-a/ä b%20.csv")
    drop(folder, "top.csv", "text\nbad plot\n")
    found = find(home, store)
    assert [file.uri for file in found.unread] == [
        f"file://{folder}/inbox/shop-a/ä b%20.csv",
        f"file://{folder}/inbox/top.csv",
    ]
    copies = fetch(store, found)
    assert [each.path.read_text("utf-8") for each in copies if isinstance(each, SourceFile)] == [
        "text\ngood film\n",
        "text\nbad plot\n",
    ]


def test_a_name_that_can_t_be_read_holds_up_its_source_alone(home: Home, folder: Path, store: Store) -> None:
    for name in ("top.csv", "shop-a/a.csv", "shop-a/b.csv", "shop-b/\n.csv", "shop-b/c.csv"):
        drop(folder, name)
    found = find(home, store)
    assert [file.path.name for file in found.unread] == ["a.csv", "b.csv", "top.csv"]
    [skipped] = found.skipped
    assert skipped.uri == f"{store.uri}/inbox/shop-b"
    assert "rename" in skipped.reason


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("alias/inbox/shop/a.csv", "store/inbox/shop/a.csv"),
        ("straight/a.csv", "store/inbox/shop/a.csv"),
        ("store/inbox/out/a.csv", "store/inbox/out/a.csv"),
        ("store/inbox/../inbox/shop/a.csv", "store/inbox/shop/a.csv"),
        ("store/inbox/../a.csv", None),
        ("store/inbox2/a.csv", None),
        ("outside/a.csv", None),
    ],
)
def test_a_file_in_the_inbox_of_a_store_that_is_a_folder_is_its_object_through_dots_and_links_too(
    tmp_path: Path, path: str, name: str | None
) -> None:
    for folder in ("store/inbox/shop", "outside"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "a.csv").write_text("text")
    links = {"alias": "store", "straight": "store/inbox/shop", "store/inbox/out": "outside"}
    for link, target in links.items():
        (tmp_path / link).symlink_to(tmp_path / target)
    expected = f"file://{tmp_path}/{name}" if name else f"{tmp_path}/{path}"
    assert name_by_uri(f"{tmp_path}/{path}", f"file://{tmp_path}/store") == expected
    assert name_by_uri(f"{tmp_path}/{path}", "s3://store") == f"{tmp_path}/{path}"


def test_objects_with_labels_are_no_reviews_however_old_they_are(
    home: Home, folder: Path, store: Store
) -> None:
    drop(folder, "labels/a.csv")
    found = find_arrivals(home, store.uri, (), time.time_ns())
    assert ([file.uri for file in found.labels], found.unread) == ([f"{store.uri}/inbox/labels/a.csv"], ())
    assert (found.files_found, found.skipped) == (0, ())


def test_a_named_object_of_labels_is_found_and_not_skipped(home: Home, folder: Path, store: Store) -> None:
    drop(folder, "labels/a.csv")
    found = find(home, store, f"{store.uri}/inbox/labels/a.csv")
    assert (found.files_found, len(found.labels), found.unread, found.skipped) == (1, 1, (), ())


def test_hidden_and_unfinished_objects_and_signs_of_folders_are_passed_over(
    home: Home, folder: Path, store: Store
) -> None:
    for name in (".hidden.csv", ".trash/a.csv", "big.csv.part", "~lock.xlsx"):
        drop(folder, name)
    drop(folder, "shop-a", "")
    assert find(home, store) == Arrivals()
    assert (
        inbox_objects._inspect(store, object_operations.StoredObject("inbox", 0, 1, None), home.spool) is None
    )


def test_an_object_is_known_while_its_size_time_and_etag_are_the_same(
    home: Home, folder: Path, store: Store
) -> None:
    drop(folder, "a.csv")
    [copy] = fetch(store, find(home, store))
    assert isinstance(copy, SourceFile)
    for etag, is_unchanged in ((copy.etag, True), ("another", False), (None, False)):
        record_seen(home.warehouse, [replace(copy, etag=etag)])
        seen = find(home, store).seen[copy.uri]
        assert (seen.is_unchanged, seen.source_sha256) == (is_unchanged, copy.source_sha256)


def test_an_object_that_changes_before_it_is_read_is_read_anew(
    home: Home, folder: Path, store: Store
) -> None:
    drop(folder, "a.csv")
    found = find(home, store)
    drop(folder, "a.csv", "text\nanother film\n")
    [copy] = fetch(store, found)
    assert isinstance(copy, SourceFile)
    assert copy.path.read_text("utf-8") == "text\nanother film\n"


def test_an_object_that_is_gone_before_it_is_read_is_skipped(home: Home, folder: Path, store: Store) -> None:
    path = drop(folder, "a.csv")
    found = find(home, store)
    path.unlink()
    [skipped] = fetch(store, found)
    assert isinstance(skipped, SkippedFile)
    assert "deleted" in skipped.reason


def test_an_object_for_which_the_disk_has_no_room_waits(
    home: Home, folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(folder, "a.csv")
    monkeypatch.setattr(inbox_objects, "FREE_BYTES", 1 << 60)
    [skipped] = fetch(store, find(home, store))
    assert isinstance(skipped, SkippedFile)
    assert "room" in skipped.reason
    assert not home.spool.exists()


def test_named_objects_and_folders_are_found(home: Home, folder: Path, store: Store) -> None:
    for name in ("a.csv", "shop-a/b.csv", "shop-b/c.csv"):
        drop(folder, name)
    found = find(home, store, f"{store.uri}/inbox/a.csv", f"{store.uri}/inbox/shop-a/")
    assert [file.path.name for file in found.unread] == ["a.csv", "b.csv"]


@pytest.mark.parametrize("name", ["exports/a.csv", "inbox/missing.csv", "inboxes/a.csv"])
def test_a_named_object_that_is_elsewhere_or_missing_is_a_wrong_use(
    home: Home, store: Store, name: str
) -> None:
    with pytest.raises(UsageError, match="Next"):
        find(home, store, f"{store.uri}/{name}")


def test_a_fetched_object_that_has_changed_is_told_from_one_that_is_missing(
    folder: Path, store: Store, tmp_path: Path
) -> None:
    path = drop(folder, "a.csv")
    found = object_operations.find_object(store, "inbox/a.csv")
    drop(folder, "a.csv", "text\nanother film\n")
    with pytest.raises(ObjectChangedError):
        object_operations.fetch(store, found, tmp_path / "1")
    path.unlink()
    with pytest.raises(ObjectMissingError):
        object_operations.fetch(store, found, tmp_path / "2")


def test_of_two_writers_of_a_name_the_first_wins_and_knows_it_on_a_second_try(store: Store) -> None:
    assert object_operations.put_if_absent(store, "manifest.json", b"first")
    assert not object_operations.put_if_absent(store, "manifest.json", b"second")
    assert object_operations.put_if_absent(store, "manifest.json", b"first")
    assert object_operations.read(store, "manifest.json") == b"first"
